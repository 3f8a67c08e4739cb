"""
What a trigger's model cannot say: paths, cron lines, time zones, exactly one of several keys.

    check_trigger("schedule", {"cron": "61 * * * *"}) → (("cron",), "…")

`runner.definitions.load` calls this once the config has its shape. Problems are pairs of the key path below `config`
and the message.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from runner.definitions.fields import Duration
from runner.definitions.paths import Path
from runner.definitions.response_headers import problem_of_header
from runner.expressions.nearest import suggestion

Found = Iterator[tuple[Path, str]]

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%-]+")
_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_PATHS: Final = frozenset({"/healthz", "/readyz"})
_OWN_PREFIX: Final = "/callback/"
_MAX_PATH: Final = 500
_MAX_CRON: Final = 500


def check_trigger(kind: str, config: Mapping[str, Any]) -> Found:
    """Everything that is wrong with a trigger's config; `config` fits the model of its type."""
    return _CHECKS[kind](config)


def path_parameters(path: str) -> tuple[str, ...]:
    """The names of the `{name}` parts."""
    return tuple(match[1] for segment in path.split("/") if (match := _PARAMETER.fullmatch(segment)))


def path_form(path: str) -> str:
    """What paths that match alike have in common: `/a/{x}` and `/a/{y}` are `/a/{}`, `/b` and `/%62` are `/b`."""
    return "/".join("{}" if _PARAMETER.fullmatch(segment) else unquote(segment) for segment in path.split("/"))


def is_own_path(path: str) -> bool:
    """Whether Runner itself answers at this path, so that no trigger can: health and callbacks."""
    return path in _OWN_PATHS or path.startswith(_OWN_PREFIX)


def _http(config: Mapping[str, Any]) -> Found:
    yield from (((("path",), message)) for message in _path_problems(config["path"]))
    auth = config["auth"]
    if isinstance(auth, dict):
        yield from _exactly_one(auth, ("bearer", "basic", "hmac", "jwt"), ("auth",))
        if isinstance(jwt := auth.get("jwt"), dict):
            yield from _exactly_one(jwt, ("secret", "jwks_url"), ("auth", "jwt"))
            url = jwt.get("jwks_url")
            if isinstance(url, str) and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc):
                yield ("auth", "jwt", "jwks_url"), "expected an http or https URL"
        if isinstance(hmac := auth.get("hmac"), dict):
            yield from _hmac(hmac)
    if config.get("response") is not None and config.get("respond") != "result":
        yield ("response",), "a response is sent only to a caller that waits: write respond: result"
    for name in (config.get("response") or {}).get("headers", {}):
        if message := problem_of_header(name):
            yield ("response", "headers", name), f"the header {name[:40]!r} {message}"


def _hmac(hmac: Mapping[str, Any]) -> Found:
    for key in ("header", "timestamp_header"):
        if hmac.get(key) is not None and not _HEADER.fullmatch(hmac[key]):
            yield ("auth", "hmac", key), "expected the name of a header"
    signed = hmac.get("signed", "{body}")
    if signed.count("{body}") != 1:
        yield ("auth", "hmac", "signed"), "expected a text with {body}, as in v0:{timestamp}:{body}"
    if "{timestamp}" not in signed:
        for key in ("timestamp_header", "tolerance"):
            if hmac.get(key) is not None:
                yield ("auth", "hmac", key), "a time counts only where it is signed: write {timestamp} into signed"


def _path_problems(path: str) -> Iterator[str]:
    if not path.startswith("/") or len(path) > _MAX_PATH:
        yield "expected a path that begins with /, as in /orders/{id}"
        return
    if is_own_path(unquote(path)):
        yield f"{path} is Runner's own"
    if path != "/" and path.endswith("/"):
        yield "a path does not end with /: leave it out"
        return
    for segment in path[1:].split("/") if path != "/" else ():
        if not segment:
            yield "a path has no empty part (//)"
        elif "\ufffd" in unquote(segment) or "/" in unquote(segment):
            yield f"the part {segment[:40]!r} has escapes that are no UTF-8, or a /"
        elif not _SEGMENT.fullmatch(segment) and not _PARAMETER.fullmatch(segment):
            yield f"the part {segment[:40]!r} is neither plain nor {{name}}; a query or a # is not written here"
        elif segment in (".", ".."):
            yield "a path has no . and .. parts"
    names = path_parameters(path)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        yield f"the part {{{repeated[0]}}} stands here twice"


def _schedule(config: Mapping[str, Any]) -> Found:
    yield from _exactly_one(config, ("cron", "every"), ())
    if config.get("cron") is not None:
        yield from (((("cron",), message)) for message in _cron_problems(config["cron"]))
    every = Duration.parse(config["every"]) if config.get("every") is not None else None
    if every is not None and every < 1:
        yield ("every",), "expected at least 1s"
    if every is not None and Duration.parse(config.get("jitter", "0s")) >= every:
        yield ("jitter",), "expected less than every"
    if config.get("anchor") is not None:
        if every is None:
            yield ("anchor",), "an anchor belongs to every; a cron line says itself when it fires"
        elif not _is_instant(config["anchor"]):
            yield ("anchor",), "expected a timestamp such as 2026-01-31T09:00:00+01:00, with its zone"
    zone = config.get("timezone", "UTC")
    if not _is_zone(zone):
        near = suggestion(zone, _zones()) or "; expected a name such as Europe/Paris"
        yield ("timezone",), f"unknown time zone {zone[:40]!r}{near}"


def _cron_problems(line: str) -> Iterator[str]:
    fields = line.split()
    if len(fields) != 5 or len(line) > _MAX_CRON or line.startswith("@"):  # noqa: PLR2004  what cron has
        yield f"expected five fields (minute hour day month weekday), as in */15 * * * *, found {len(fields)}"
        return
    try:
        next(CronSim(line, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        yield f"not a cron line: {str(error).lower()}"
    except StopIteration:
        yield "this cron line never fires"


@cache
def _zones() -> frozenset[str]:
    """Every time zone there is; a walk through a folder, so once."""
    return frozenset(available_timezones())


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _is_instant(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _run(config: Mapping[str, Any]) -> Found:
    names = config["workflow"]
    if names in ([], ""):
        yield ("workflow",), "expected a workflow's name, a list of names, or *"
    if isinstance(names, list) and "*" in names:
        yield ("workflow",), "* stands alone: it means every workflow"


def _exactly_one(config: Mapping[str, Any], keys: tuple[str, ...], path: Path) -> Found:
    given = [key for key in keys if config.get(key) is not None]
    if len(given) != 1:
        yield path, f"expected exactly one of {', '.join(keys)}, found {' and '.join(given) or 'none'}"


_CHECKS: Final[dict[str, Callable[[Mapping[str, Any]], Found]]] = {"http": _http, "schedule": _schedule, "run": _run}
