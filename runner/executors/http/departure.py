"""
A request that holds a bound secret goes to the secret's own origins, by a way that shows it to nobody else.

    Outgoing, Route ──check()──► nothing, or a PermanentError (`refused`) before a byte has left

Bound is a secret with `allowed_hosts`; the request holds it where its config names it or where its value stands in URL,
headers or body, wherever that came from. Then the origin must be admitted, and the proxy's; the certificate must be
verified; no `Host` may name another origin. `runner.executors.http.exchange` calls this for every request: pages,
redirects and token requests too.
"""

import ssl
from collections.abc import Mapping, Sequence
from typing import Protocol

from runner.errors import PermanentError
from runner.executors.bound import Bound, Refusal, refusal, refused_for
from runner.executors.http.outgoing import Outgoing
from runner.executors.http.target import TargetError, parse
from runner.executors.http.transport import Route
from runner.expressions.labels import Names
from runner.origins import Origin


class Departing(Protocol):
    """The part of a `Call` that knows where secrets may go."""

    async def bound(self, names: Names, data: Sequence[bytes]) -> Mapping[str, Sequence[Origin]]:
        """The bound secrets among `names` or in `data`, each with its origins."""

    def sending(self, names: Names, to: Origin) -> None:
        """What was let go."""

    def refused(self, secret: str, to: str) -> None:
        """What was not."""


async def check(request: Outgoing, route: Route, call: Departing) -> None:
    """Raises PermanentError (`refused`), which names the secret and the origin, or the part of the route."""
    bound = await call.bound(request.names, _sent(request))
    found = _problem(request, route, bound) if bound else None
    if found is None and route.proxy is not None:
        found = await _problem_of_proxy(route, call)
    if found is not None:
        call.refused(found.secret, found.to)
        raise PermanentError(f"{request.name}: {found.why}", kind="refused", effect=request.before)
    if names := request.names.union(bound):
        call.sending(names, request.target.origin)


def _problem(request: Outgoing, route: Route, bound: Bound) -> Refusal | None:
    named, origin = request.names, request.target.origin
    shown = str(origin) if request.peer == request.target.authority else request.peer
    if found := refusal(bound, named, origin, shown):
        return found
    if route.proxy is not None and (found := refusal(bound, named, route.proxy.origin, "its proxy")):
        return found
    if origin.scheme == "https" and route.tls.verify_mode is ssl.CERT_NONE:
        reason = "has allowed_hosts, which nobody can know of a server under `verify: false`"
        return refused_for(reason, bound, named, shown)
    if any(_names_another(value, request) for name, value in request.headers if name.lower() == "host"):
        reason = "has allowed_hosts, and the header Host names another than the url"
        return refused_for(reason, bound, named, shown)
    return None


async def _problem_of_proxy(route: Route, call: Departing) -> Refusal | None:
    """The proxy's own credentials are sent to the proxy."""
    assert route.proxy is not None
    credentials = (route.proxy_authorization or "").encode()
    bound = await call.bound(route.proxy_names, (credentials,))
    if names := route.proxy_names.union(bound):
        call.sending(names, route.proxy.origin)
    return refusal(bound, route.proxy_names, route.proxy.origin, "the proxy") if bound else None


def _names_another(host: str, request: Outgoing) -> bool:
    try:
        return parse(f"{request.target.scheme}://{host}").origin != request.target.origin
    except TargetError:
        return True


def _sent(request: Outgoing) -> Sequence[bytes]:
    """What an observer of the request would see of it, piece by piece."""
    fields = "\n".join(f"{name}: {value}" for name, value in request.headers)
    head = f"{request.method} {request.target.url}\n{fields}".encode("utf-8", "surrogatepass")
    return (head,) if request.content is None else (head, request.content)
