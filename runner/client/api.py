"""
A daemon elsewhere, asked by its API with a token: one request, its answer or one error that says what to do.

    open_api(address, token) ──► Api.ask("GET", "/runs/…") ──► the document as it came, so that no number loses a digit
                                 Api.items("/runs", …)     ──► the items of all pages, up to `most`
                                 Api.events(run, last)     ──► a run's server-sent events

`runner.client.questions` puts on top of it what the control socket answers. Proxies and certificates are those of the
machine: `SSL_CERT_FILE` names further authorities, no proxy of the environment is used.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from runner import __version__
from runner.client.address import Address
from runner.client.lines import split_lines
from runner.client.refusals import refusal
from runner.errors import DefinitionError, RunnerError

PREFIX: Final = "/api/v1"
MOST_OF_A_PAGE: Final = 200

_CONNECT_SECONDS: Final = 10
_ANSWER_SECONDS: Final = 60
_UNKNOWN_PLACES: Final = frozenset({404, 405})


class Message(NamedTuple):
    """A server-sent event."""

    id: str
    kind: str
    data: bytes


class _Page(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw]
    next: str | None = None


class Api:
    """The API of one daemon. Every method raises RefusedError, DefinitionError or RunnerError for what it refuses."""

    def __init__(self, http: httpx.Client, address: Address) -> None:
        self._http = http
        self._shown = address.shown

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The answer's body. A `body` of bytes is YAML, any other is sent as JSON."""
        kind = {} if body is None else {"content-type": "application/yaml" if _is_text(body) else "application/json"}
        content = body if body is None or _is_text(body) else msgspec.json.encode(body)
        try:
            answer = self._http.request(
                method, PREFIX + path, params=query, content=content, headers={**kind, **(headers or {})}
            )
        except httpx.HTTPError as error:
            raise self._unreached(error) from None
        self._check(answer)
        return answer.content

    def document(self, method: str, path: str, **more: Any) -> Any:
        """The answer decoded."""
        data = self.ask(method, path, **more)
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError:
            raise self._not_understood() from None

    def items(self, path: str, query: Mapping[str, Any] | None = None, most: int | None = None) -> Iterator[bytes]:
        """Each item of a list, as it came."""
        asked = dict(query or {})
        left = most
        while left is None or left > 0:
            asked["limit"] = MOST_OF_A_PAGE if left is None else min(left, MOST_OF_A_PAGE)
            data = self.ask("GET", path, query=asked)
            try:
                page = msgspec.json.decode(data, type=_Page)
            except msgspec.DecodeError:
                raise self._not_understood() from None
            yield from map(bytes, page.items)
            left = None if left is None else left - len(page.items)
            if page.next is None or not page.items:
                return
            asked["cursor"] = page.next

    def events(self, run: str, last: str) -> Iterator[Message]:
        """
        The events of a run behind the one whose id is `last`, until the answer ends, by the daemon or by the network.
        """
        headers = {"last-event-id": last} if last else {}
        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        asking = self._http.stream("GET", f"{PREFIX}/events", params={"run": run}, headers=headers, timeout=timeout)
        try:
            with asking as answer:
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    self._check(answer)
                    return
                yield from _messages(split_lines(answer.iter_bytes()))
        except httpx.ConnectError as error:
            raise self._unreached(error) from None
        except httpx.HTTPError:
            return

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        if answer.is_redirect:
            raise RunnerError(f"{self._shown} leads elsewhere: expected the address of the dashboard's port itself")
        try:
            error = refusal(answer.content)
        except (msgspec.MsgspecError, UnicodeError):
            raise RunnerError(
                f"{self._shown} answered {answer.status_code}, and not as the API of Runner does: expected the address "
                "of the dashboard's port"
            ) from None
        if isinstance(error, DefinitionError):
            raise error
        match answer.status_code:
            case httpx.codes.UNAUTHORIZED:
                raise RunnerError(
                    f"{self._shown}: {error}: set RUNNERD_TOKEN or --token-file (`runner tokens create` makes one)"
                )
            case httpx.codes.FORBIDDEN:
                raise RunnerError(f"{self._shown}: {error}")
            case status if status in _UNKNOWN_PLACES and str(error).startswith(
                ("there is nothing at", answer.request.method)
            ):
                raise self._not_understood()
        raise error

    def _not_understood(self) -> RunnerError:
        """Another version answers there, most likely; it says itself which."""
        try:
            found = self._http.get(f"{PREFIX}/health").json()["version"]
            there = f"is version {found}" if isinstance(found, str) else "says no version"
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            there = "says no version"
        return RunnerError(
            f"{self._shown} does not answer what this command asks: the daemon there {there}, this command is version "
            f"{__version__}"
        )

    def _unreached(self, error: httpx.HTTPError) -> RunnerError:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return RunnerError(
                    f"{self._shown}: its certificate is not trusted ({cause.verify_message}): SSL_CERT_FILE names the "
                    "authorities of your own"
                )
            if isinstance(cause, ssl.SSLError):
                return RunnerError(f"{self._shown}: no TLS there: expected the address of the port that speaks it")
            cause = cause.__cause__ or cause.__context__
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return RunnerError(
                f"no daemon answers at {self._shown} ({type(error).__name__}): is the dashboard's port open?"
            )
        return RunnerError(f"{self._shown} hung up in the middle of its answer ({type(error).__name__})")


@contextmanager
def open_api(address: Address, token: str) -> Iterator[Api]:
    """The API at an address; nothing is sent yet."""
    headers = {"user-agent": f"runner/{__version__}"} | ({"authorization": f"Bearer {token}"} if token else {})
    timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
    verify = ssl.create_default_context() if address.url.startswith("https:") else False
    with httpx.Client(base_url=address.url, headers=headers, timeout=timeout, verify=verify, trust_env=False) as http:
        yield Api(http, address)


def _is_text(body: Any) -> bool:
    return isinstance(body, bytes)


def _messages(lines: Iterator[bytes]) -> Iterator[Message]:
    """By the rules of server-sent events; comments keep the connection alive and say nothing."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
            continue
        if b"data" in fields:
            yield Message(fields.get(b"id", b"").decode(), fields.get(b"event", b"").decode(), fields[b"data"])
        fields = {}
