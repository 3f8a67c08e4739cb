"""
The pictures of the README, of the real pages: `make screenshots` writes them into `pictures/`, each in light and in dark.

A daemon in a folder of its own has the examples of `workflows/` and runs of them. What the machine adds (its folders, its
clock) is on none of the pages. No test asks what they look like; `tests/test_house.py` asks that the README's pictures exist.
"""

import io
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from playwright.sync_api import Browser

from tests.acceptance.browser.conftest import DESKTOP, Site, open_chrome, opened_site, wait_until

ROOT: Final = Path(__file__).parents[3]
PICTURES: Final = Path(__file__).with_name("pictures")
MOST_BYTES: Final = 150_000
COLOURS: Final = 128
"""Enough for pages of few colours; the text's soft edges stay soft."""
PORT: Final = "http://127.0.0.1:8080"
"""Where the examples look for Runner's own pages."""
INPUTS: Final[dict[str, dict[str, Any]]] = {
    "price-order": {"items": [{"price": 12, "count": 3}], "country": "DE"},
    "on-failure": {"page": "/healthz"},
}
RUNS: Final = (
    "hello",
    "fan-out",
    "poll-until-ready",
    "stop-when-unchanged",
    "cursor",
    "greet",
    "order-batch",
    "price-order",
)


class Picture(NamedTuple):
    """One page, `height` pixels of it."""

    name: str
    path: str
    height: int


def main() -> None:
    """All of them."""
    folder = Path(tempfile.mkdtemp(prefix="runner-screenshots-"))
    try:
        with open_chrome() as chrome, opened_site(folder, chrome) as site:
            failed = fill(site)
            for picture in (
                Picture("workflows", "/", 1000),
                Picture("run", f"/runs/{failed}", 1000),
                Picture("workflow", "/workflows/fan-out", 1000),
                Picture("secrets", "/settings/secrets", 420),
            ):
                for scheme in ("light", "dark"):
                    take(chrome, site, picture, scheme)
    finally:
        shutil.rmtree(folder)


def fill(site: Site) -> str:
    """The examples, which ask this daemon, secrets, and runs; the id of one that failed."""
    data = site.installation.folder / "data" / "files"
    data.mkdir(parents=True, exist_ok=True)
    site.installation.set_secret("API_KEY", "any-text-does-here")
    site.installation.set_secret("SLACK_WEBHOOK", "https://hooks.example.com/any")
    names = [file.stem for file in (ROOT / "workflows").glob("*.yaml")]
    for name in names:
        text = (ROOT / "workflows" / f"{name}.yaml").read_text()
        text = text.replace("$env.DATABASE_URL", "sqlite://./data/files/demo.db")
        site.installation.write(f"{name}.yaml", text.replace(PORT, f"http://127.0.0.1:{site.port}"))
    wait_until(lambda: len(site.api.get("/api/v1/workflows").json()["items"]) == len(names))
    for _ in range(3):
        for name in RUNS:
            site.start(name, INPUTS.get(name))
    site.start("on-failure", INPUTS["on-failure"])
    return site.start("on-failure")


def take(chrome: Browser, site: Site, picture: Picture, scheme: str) -> None:
    """Write it, with few colours, so that a repository need not mind."""
    context = chrome.new_context(
        base_url=site.origin,
        storage_state=site.state,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": DESKTOP, "height": picture.height},
        locale="en-GB",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.goto(picture.path)
    page.wait_for_load_state("load")
    image = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    context.close()
    file = PICTURES / f"{picture.name}-{scheme}.png"
    PICTURES.mkdir(exist_ok=True)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    assert file.stat().st_size <= MOST_BYTES, f"{file} is too big for a repository"


if __name__ == "__main__":
    main()
