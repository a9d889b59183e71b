"""Actions of the pages' users, and helpers to inspect pages."""

import io
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page

from scripts.events import PICTURES

ASTRONAUT = PICTURES / "astronaut.jpg"

MAX_BYTES = 4_400_000


def picture(name: str, content: bytes) -> Any:
    return {"name": name, "mimeType": "", "buffer": content}


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(path: Path = ASTRONAUT) -> Image.Image:
    return Image.open(path).convert("RGB")


def choose(page: Page, *files: Any) -> None:
    page.goto("/")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files(*files)


def sent(page: Page, files: Any) -> bytes:
    """Return the body of the page's request for a file."""
    with page.expect_request("**/predict?faces=all*") as request:
        choose(page, files)
    return request.value.post_data_buffer or b""


def asked(page: Page, jpeg: bytes, query: str = "thresholds=true") -> Any:
    """Return the service's own answer for a picture, without the page."""
    headers = {"content-type": "image/jpeg"}
    return page.request.post(f"/predict?{query}", data=jpeg, headers=headers).json()


def percent(probability: float) -> str:
    """Format a value as the page does."""
    rounded = f"{100 * probability:.0f}"
    if probability > 0.995:
        return ">\u00a099\u00a0%"
    return "<\u00a01\u00a0%" if probability < 0.005 else f"{rounded}\u00a0%"


def violations(page: Page) -> list[str]:
    """Return axe-core's findings and the elements that they concern."""
    results = Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}"
        for each in results.response["violations"]
    ]
