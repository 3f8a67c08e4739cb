"""
What every kind of authentication is: it prepares a request, and may answer a 401 once.

    authorize(request) ──► the request as it is sent ──401──► challenged() ──► once more, or None

`runner.executors.http.exchange` drives it. A flow belongs to one attempt.
"""

from base64 import b64encode
from typing import Protocol

from runner.executors.http.headers import Fields
from runner.executors.http.outgoing import Outgoing
from runner.executors.http.scalars import FieldError


class Flow(Protocol):
    """One attempt's authentication."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Tokens that Runner was given for this attempt and that no vault knows: secret wherever they come back."""

    async def authorize(self, request: Outgoing) -> Outgoing:
        """The request with its proof. Raises ActionError."""

    async def challenged(self, request: Outgoing, status: int, headers: Fields) -> Outgoing | None:
        """The request once more after a 401, or None where that answer stands. Raises ActionError."""


class Header:
    """`basic`, `bearer` and a user in the URL: one header, the same for each request."""

    tokens: tuple[str, ...] = ()

    def __init__(self, value: str) -> None:
        self._value = value

    async def authorize(self, request: Outgoing) -> Outgoing:
        """The request with `Authorization`."""
        return request.with_header("Authorization", self._value)

    async def challenged(self, request: Outgoing, status: int, headers: Fields) -> Outgoing | None:  # noqa: ARG002  as `Flow`
        """The 401 stands."""
        return None


def basic(username: str, password: str) -> str:
    """The credentials of Basic authentication (RFC 7617), as UTF-8. Raises FieldError."""
    if ":" in username:
        raise FieldError("auth.basic.username: holds a colon, which Basic authentication cannot carry")
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()
