"""
What every page has: templates with everything escaped, assets by the hash of their content, errors as pages.

    frame = Frame(redact)
    frame.page(request, "secrets.html", secrets=…) ──► HTML under layout.html, with the caller and the form token
    frame.routes()                                 ──► /static/style.3f2a….css, for a year in every cache

A template may use `asset("style.css")`, `when(iso)`, `span(seconds)` and `{{ form_field }}`; it gets no other function.
"""

import gzip
import hashlib
from collections.abc import Callable
from importlib import resources
from typing import Any, Final, NamedTuple

import jinja2
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from runner import __version__
from runner.clock import iso
from runner.web.caller import caller_of
from runner.web.door import FORM_FIELD

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOREVER: Final = "public, max-age=31536000, immutable"

PLACES: Final = (
    ("/", "Workflows"),
    ("/runs", "Runs"),
    ("/inbox", "Inbox"),
    ("/settings/secrets", "Secrets"),
    ("/settings", "Settings"),
    ("/api", "API"),
)
"""What the navigation leads to: path and word."""


_SENT: Final = frozenset({"form", "error", "name", "detail", "revoked"})
"""Values of pages that may hold what somebody sent: a secret may have been written into the wrong field."""


class Asset(NamedTuple):
    """A file as it is sent."""

    path: str
    content: bytes
    zipped: bytes
    type: str


class Frame:
    """Templates and assets, read once."""

    def __init__(self, redact: Callable[[Any], Any]) -> None:
        """`redact`: a JSON value with the secrets in it masked."""
        self._redact = redact
        self._assets = {asset.path.rpartition("/")[2]: asset for asset in _assets()}
        self._paths = {_plain(name): asset.path for name, asset in self._assets.items()}
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("runner.web.dashboard"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"when": when, "span": span, "lasted": lasted, "iso": iso}
        self._templates.globals = {"asset": self.asset, "version": __version__, "places": PLACES}

    def asset(self, name: str) -> str:
        """Its address. Raises KeyError."""
        return self._paths[name]

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """The page of a template. `title` is one of `values`."""
        caller = caller_of(request)
        token = caller.form_token if caller else ""
        return HTMLResponse(
            self._templates.get_template(template).render(
                caller=caller,
                path=request.url.path,
                here=_here(request.url.path),
                asking=getattr(request.state, "asking", ""),
                form_field=Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, token),
                **{name: self._redact(value) if name in _SENT else value for name, value in values.items()},
            ),
            status,
        )

    def broken(self, request: Request, status: int, title: str, detail: str) -> HTMLResponse:
        """A page that says what went wrong."""
        return self.page(request, "broken.html", status=status, title=title, detail=detail)

    def routes(self) -> list[Route]:
        """Where the assets lie."""
        return [Route("/static/{name}", self._asset)]

    async def _asset(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        headers = {"cache-control": _FOREVER, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.zipped, headers={**headers, "content-encoding": "gzip"}, media_type=asset.type)
        return Response(asset.content, headers=headers, media_type=asset.type)


def when(iso: str | None) -> Markup:
    """A time as `<time>`: to the second in UTC, the exact one in its title."""
    if not iso:
        return Markup("-")
    shown = f"{iso[:10]} {iso[11:19]} UTC"
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso, shown)


def span(seconds: float | None) -> str:
    """Whole days, hours or minutes where it is such a number: `90 days`."""
    if seconds is None:
        return "-"
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            number = int(seconds // size)
            return f"{number} {word}{'' if number == 1 else 's'}"
    return f"{seconds:g} seconds"


def lasted(seconds: float | None) -> str:
    """How long something took: `340 ms`, `2.4 s`, `3 min 12 s`, `2 h 5 min`, `4 d 1 h`."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:  # noqa: PLR2004  what is shown as 60.0 is a minute
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, word, below, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {word}" + (f" {rest} {smaller}" if rest else "")
    raise AssertionError("a minute is the smallest of them")


def to(path: str) -> Response:
    """Go on there by GET, after a form has done its work."""
    return RedirectResponse(path, 303)


def _assets() -> list[Asset]:
    found = []
    for file in sorted(
        resources.files("runner.web.dashboard").joinpath("static").iterdir(), key=lambda file: file.name
    ):
        stem, _, kind = file.name.rpartition(".")
        content = file.read_bytes()
        mark = hashlib.sha256(content).hexdigest()[:12]
        zipped = gzip.compress(content, 9, mtime=0)
        found.append(Asset(f"/static/{stem}.{mark}.{kind}", content, zipped, _TYPES[kind]))
    return found


def _plain(name: str) -> str:
    stem, _, kind = name.rpartition(".")
    return f"{stem.rpartition('.')[0]}.{kind}"


def _here(path: str) -> str:
    """The place of the navigation that a page belongs to: the one that says most of its address."""
    below = {place: "/workflows/" if place == "/" else f"{place}/" for place, _ in PLACES}
    fitting = [place for place in below if path == place or path.startswith(below[place])]
    return max(fitting, key=len, default="")
