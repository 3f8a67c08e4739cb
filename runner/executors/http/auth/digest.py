"""
Digest authentication (RFC 7616), computed by httpx and sent by us.

    authorize: as it is ──401 WWW-Authenticate──► challenged: once more with the computed answer

httpx's generator is driven with a request and an answer that carry only what it reads. `choose` makes the flow.
"""

from collections.abc import Generator

import httpx

from runner.errors import PermanentError
from runner.executors.http.headers import Fields
from runner.executors.http.outgoing import Outgoing


class DigestFlow:
    """One attempt's digest authentication; what the peer's challenge said is used again for further pages."""

    tokens: tuple[str, ...] = ()

    def __init__(self, username: str, password: str) -> None:
        self._auth = httpx.DigestAuth(username, password)
        self._steps: Generator[httpx.Request, httpx.Response, None] | None = None
        self._sent: httpx.Request | None = None

    async def authorize(self, request: Outgoing) -> Outgoing:
        """As it is, or with the answer to the challenge before."""
        self._sent = httpx.Request(request.method, request.target.url)
        self._steps = self._auth.auth_flow(self._sent)
        return _signed(request, next(self._steps))

    async def challenged(self, request: Outgoing, status: int, headers: Fields) -> Outgoing | None:
        """The answer to the challenge, or None where there is none. Raises PermanentError where it is malformed."""
        assert self._steps is not None
        try:
            return _signed(request, self._steps.send(httpx.Response(status, headers=headers, request=self._sent)))
        except StopIteration:
            return None
        except (httpx.HTTPError, NotImplementedError, KeyError, ValueError):
            message = f"{request.name} answered {status} with a digest challenge that cannot be met"
            raise PermanentError(message, kind="response", effect=request.before) from None


def _signed(request: Outgoing, computed: httpx.Request) -> Outgoing:
    answer = computed.headers.get("Authorization")
    return request if answer is None else request.with_header("Authorization", answer)
