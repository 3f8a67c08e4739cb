"""
Statements that hold a bound secret go to the secret's own origins: every host that the connection string names.

    Target, queries ──check()──► nothing, or a PermanentError (`refused`) before a connection is made

A secret with `allowed_hosts` is held where the config names it, in the connection string or in a value, and where its
value stands in one of them, wherever that came from. A database file of this machine is the origin `sqlite://`.
`runner.executors.sql.executor` calls this for every attempt, whether the connection is new or pooled.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from runner.errors import PermanentError
from runner.executors.bound import refusal
from runner.executors.sql.config import SqlConfig
from runner.executors.sql.connection_string import Target
from runner.executors.sql.shape import Query
from runner.origins import HostError, Origin, origin_of
from runner.ports import Call
from runner.secret import Secret, names_in, reveal


async def check(target: Target, config: SqlConfig, queries: Sequence[Query], call: Call) -> None:
    """Raises PermanentError (`refused`), which names the secret and, where that is no secret itself, the host."""
    values = [query.values for query in queries]
    names = names_in((config.connection_string, values))
    data = "\n".join(_texts((reveal(config.connection_string), values, [query.shape.pieces for query in queries])))
    bound = await call.bound(names, (data.encode("utf-8", "surrogatepass"),))
    hidden = isinstance(config.connection_string, Secret)
    places = list(_places(target))
    for place in places if bound else ():
        shown = "the host of the connection string" if hidden or place is None else str(place)
        if found := refusal(bound, names, place, shown):
            call.refused(found.secret, found.to)
            raise PermanentError(f"{target.name}: {found.why}", kind="refused")
    for place in places if names or bound else ():
        if place is not None:
            call.sending(names.union(bound), place)


def _places(target: Target) -> Iterator[Origin | None]:
    """Where a connection may be made to; None for a host that is no origin."""
    if target.dialect == "sqlite":
        yield Origin("sqlite", "", 0)
    for host in target.hosts:
        try:
            yield origin_of(target.dialect, host.name, host.port)
        except HostError:
            yield None


def _texts(value: Any) -> Iterator[str]:
    """Every text that a driver would send for a value, as it is."""
    if isinstance(value, Secret):
        yield from _texts(value.reveal())
    elif isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif value is not None:
        yield str(value)
