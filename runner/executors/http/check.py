"""
What is wrong in an `http` action's config though its types are right, found when the file is loaded.

Only what stands there as a constant is judged; a leaf with a template is judged again by `outgoing` when it was
rendered. The loader calls `check` for each action and gives each problem its line.
"""

from collections.abc import Iterator
from typing import Any, Final

from runner.errors import Problem
from runner.executors.http import target
from runner.executors.http.auth.choose import KINDS
from runner.executors.http.headers import problem_of_name
from runner.executors.http.outgoing import method_of
from runner.executors.http.scalars import FieldError
from runner.executors.http.target import TargetError
from runner.ports import WrittenConfig

_BODIES: Final = ("body", "form", "multipart")
_NO_BODY: Final = frozenset({"TRACE"})


def check(config: WrittenConfig) -> Iterator[Problem]:
    """Each problem, with its key path below `config`."""
    raw = config.raw if isinstance(config.raw, dict) else {}
    yield from _method(raw, config)
    yield from _addresses(raw, config)
    yield from _bodies(raw)
    yield from _names(raw)
    yield from _auth(raw)
    yield from _paginate(raw)


def _method(raw: dict[str, Any], config: WrittenConfig) -> Iterator[Problem]:
    method = raw.get("method")
    if not isinstance(method, str) or ("method",) in config.templates:
        return
    try:
        method_of(method)
    except FieldError as error:
        yield Problem(message=str(error).removeprefix("method: "), path="method")


def _addresses(raw: dict[str, Any], config: WrittenConfig) -> Iterator[Problem]:
    for key in ("url", "proxy"):
        text = raw.get(key)
        if not isinstance(text, str) or (key,) in config.templates:
            continue
        try:
            found = target.parse(text)
        except TargetError as error:
            yield Problem(message=f"this {key} {error}", path=key)
        else:
            if found.user and key == "url" and raw.get("auth") is not None:
                yield Problem(message="this url names a user, and so does auth; expected one of them", path=key)


def _bodies(raw: dict[str, Any]) -> Iterator[Problem]:
    given = [key for key in _BODIES if raw.get(key) is not None]
    if len(given) > 1:
        yield Problem(
            message=f"a request carries one of body, form and multipart, found {' and '.join(given)}", path=given[1]
        )
    if given and str(raw.get("method", "GET")).upper() in _NO_BODY:
        yield Problem(message="a TRACE request carries nothing", path=given[0])


def _names(raw: dict[str, Any]) -> Iterator[Problem]:
    headers = raw.get("headers")
    for name in headers if isinstance(headers, dict) else ():
        if problem := problem_of_name(str(name)):
            yield Problem(message=f"{str(name)[:60]!r} {problem}", path=f"headers.{name}")
    seen: dict[str, str] = {}
    for name in headers if isinstance(headers, dict) else ():
        if (other := seen.setdefault(str(name).lower(), str(name))) != name:
            message = f"{name!r} and {other!r} are the same header; a list repeats one"
            yield Problem(message=message, path=f"headers.{name}")


def _auth(raw: dict[str, Any]) -> Iterator[Problem]:
    auth = raw.get("auth")
    if not isinstance(auth, dict):
        return
    given = [key for key in auth if key in KINDS and auth[key] is not None]
    if len(given) != 1:
        yield Problem(
            message=f"expected exactly one of {', '.join(KINDS)}, found {' and '.join(given) or 'none'}", path="auth"
        )
    headers = raw.get("headers")
    for name in headers if isinstance(headers, dict) else ():
        if str(name).lower() == "authorization":
            yield Problem(message="auth sets this header; expected one of them", path=f"headers.{name}")
    google = auth.get("google")
    if isinstance(google, dict) and bool(google.get("scopes")) == (google.get("audience") is not None):
        yield Problem(message="expected one of scopes and audience", path="auth.google")


def _paginate(raw: dict[str, Any]) -> Iterator[Problem]:
    paginate = raw.get("paginate")
    if not isinstance(paginate, dict):
        return
    if ("next" in paginate) == ("link" in paginate):
        yield Problem(message="expected one of next and link: header", path="paginate")
    most = paginate.get("max_pages")
    if isinstance(most, int) and most < 1:
        yield Problem(message="expected a number of pages from 1", path="paginate.max_pages")
