"""Take the documentation's screenshots of the current pages: `make screenshots`.

Each file contains a hash of its sources, and a test compares it with the current sources.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from ethnicity.answers import NOTICE
from ethnicity.model_files import MODELS
from ethnicity.web.pages import STATIC
from scripts.server import serving

DOCS = Path(__file__).parents[1] / "docs"

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

SIZE = ViewportSize(width=1120, height=660)

_PATIENCE = 120_000  # ms, enough for a busy machine

GROUND = "#f5f4f0"
"""Background colour of the page."""

MADE_FROM = "Made from"
"""The PNG text field that holds `source`."""


def answer(page: Page) -> Image.Image:
    """Take an example and its answer."""
    _try(page, "Grace Hopper")
    return _image(page.screenshot())


def what_if(page: Page) -> Image.Image:
    """Take What if: another population, and the picture getting darker."""
    _try(page, "Kalpana Chawla")
    page.get_by_label("Shares", exact=True).select_option("census")
    page.get_by_role("button", name="Ask at every step").click()
    expect(page.get_by_role("button", name="Ask at every step")).to_be_disabled()
    page.get_by_label("How much").fill("7")
    expect(page.locator("#trial-status")).to_contain_text("darker: ")
    expect(page.locator("#shift")).not_to_be_empty()
    shown = _image(page.locator("#what-if").screenshot())
    return ImageOps.expand(shown, border=16, fill=GROUND)


SCREENSHOTS: dict[str, Callable[[Page], Image.Image]] = {"page.png": answer, "what-if.png": what_if}
"""The screenshots by their file name in docs/."""


def source() -> str:
    """Return a hash of the screenshots' sources: the pages' files, the model, the notice."""
    files = sorted(
        file for file in STATIC.rglob("*") if file.suffix in (".html", ".css", ".js", ".jpg")
    )
    model = json.loads((MODELS / "classifier.json").read_text(encoding="utf-8"))["version"]
    parts = [*(file.read_bytes() for file in files), model.encode(), NOTICE.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def made_from(file: Path) -> str | None:
    """Return the hash stored in a screenshot."""
    with Image.open(file) as image:
        return image.info.get(MADE_FROM)


def _try(page: Page, example: str) -> None:
    page.goto("/")
    page.get_by_role("button", name=example).click()
    expect(page.get_by_role("article").first).to_be_visible()


def _image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _write(file: Path, image: Image.Image) -> None:
    """Save with 256 colours, at a third of the size."""
    about = PngInfo()
    about.add_text(MADE_FROM, source())
    image.quantize(256).save(file, optimize=True, pnginfo=about)


def main() -> None:
    expect.set_options(timeout=_PATIENCE)
    with serving() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, take in SCREENSHOTS.items():
            with browser.new_context(
                base_url=server.url, viewport=SIZE, reduced_motion="reduce"
            ) as context:
                context.set_default_timeout(_PATIENCE)
                _write(DOCS / name, take(context.new_page()))
        browser.close()


if __name__ == "__main__":
    main()
