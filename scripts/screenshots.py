"""Every screenshot that the documentation shows, of the pages as they are: `make screenshots`.

Each file names what it was made from, and a test compares that with what is there now.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, expect, sync_playwright

from ethnicity.answers import NOTICE
from ethnicity.model_files import MODELS
from ethnicity.web.pages import STATIC
from scripts.server import serving

DOCS = Path(__file__).parents[1] / "docs"

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

SIZE = {"width": 1120, "height": 900}

MADE_FROM = "Made from"
"""The field of a screenshot that holds `source`."""


def answer(page: Page) -> bytes:
    """An example and its answer."""
    _try(page, "Grace Hopper")
    return page.screenshot(clip={"x": 0, "y": 0, **SIZE, "height": 660})


def what_if(page: Page) -> bytes:
    """The same face in another population, and darker and darker."""
    _try(page, "Kalpana Chawla")
    page.get_by_label("Shares", exact=True).select_option("census")
    page.get_by_role("button", name="Ask at every step").click()
    expect(page.get_by_role("button", name="Ask at every step")).to_be_disabled()
    page.get_by_label("How much").fill("7")
    expect(page.locator("#trial-status")).to_contain_text("darker: ")
    expect(page.locator("#shift")).not_to_be_empty()
    return page.locator("#what-if").screenshot()


SCREENSHOTS: dict[str, Callable[[Page], bytes]] = {"page.png": answer, "what-if.png": what_if}
"""By the name of the file in docs/."""


def source() -> str:
    """What the screenshots depend on: the pages' files, the model, the notice."""
    files = sorted(
        file for file in STATIC.rglob("*") if file.suffix in (".html", ".css", ".js", ".jpg")
    )
    model = json.loads((MODELS / "classifier.json").read_text(encoding="utf-8"))["version"]
    parts = [*(file.read_bytes() for file in files), model.encode(), NOTICE.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def made_from(file: Path) -> str | None:
    """What a screenshot says that it was made from."""
    with Image.open(file) as image:
        return image.info.get(MADE_FROM)


def _try(page: Page, example: str) -> None:
    page.goto("/")
    page.get_by_role("button", name=example).click()
    expect(page.get_by_role("article").first).to_be_visible()


def _write(file: Path, png: bytes) -> None:
    """Save with 256 colours, a third of the weight."""
    about = PngInfo()
    about.add_text(MADE_FROM, source())
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(256)
    image.save(file, optimize=True, pnginfo=about)


def main() -> None:
    with serving() as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, take in SCREENSHOTS.items():
            with browser.new_context(
                base_url=origin, viewport=SIZE, reduced_motion="reduce"
            ) as context:
                _write(DOCS / name, take(context.new_page()))
        browser.close()


if __name__ == "__main__":
    main()
