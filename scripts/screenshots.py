"""Take the documentation's screenshots of the current pages: `make screenshots`.

Each file contains a hash of its sources, and a test compares it with the current sources.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from ethnicity.answers import NOTICE
from ethnicity.model_files import MODELS
from ethnicity.web.pages import STATIC
from scripts.server import serving

DOCS = Path(__file__).parents[1] / "docs"
SAMPLE_REPORT = DOCS / "sample-report.html"

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

SIZE = ViewportSize(width=1120, height=660)

_PATIENCE = 120_000  # ms, enough for a busy machine

MADE_FROM = "Made from"
"""The PNG text field that holds `source`."""


def answer(page: Page) -> Image.Image:
    """Take an example and its answer."""
    _try(page, "Grace Hopper")
    return _image(page.screenshot())


def audit(page: Page) -> Image.Image:
    """Take the outcome's chart of the sample report."""
    page.goto(SAMPLE_REPORT.as_uri())
    return _image(page.locator("section", has_text="How often").first.screenshot())


SCREENSHOTS: dict[str, Callable[[Page], Image.Image]] = {
    "page.png": answer,
    "audit.png": audit,
}
"""The screenshots by their file name in docs/."""


def source() -> str:
    """Return a hash of the screenshots' sources.

    They are the pages' files, the sample report, the model and the notice.
    """
    files = sorted(
        file for file in STATIC.rglob("*") if file.suffix in (".html", ".css", ".js", ".jpg")
    )
    files.append(SAMPLE_REPORT)
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
