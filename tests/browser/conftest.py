"""The demo page in a real Chromium, before a real server."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from scripts.events import PICTURES
from scripts.screenshots import CHROMIUM
from tests.browser.actions import encoded, opened

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


expect.set_options(timeout=60_000)  # ms, enough on a busy machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason="NO CHROMIUM: the pages were not tested"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start Chromium with a fake camera that shows the astronaut."""
    film = tmp_path_factory.mktemp("camera") / "astronaut.mjpeg"
    film.write_bytes((PICTURES / "astronaut.jpg").read_bytes() * 2)
    camera = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--use-fake-ui-for-media-stream", *camera],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def two_people() -> bytes:
    """The astronaut on the left, a larger face on the right."""
    both = Image.new("RGB", (512 + 560, 700))
    both.paste(opened(), (0, 0))
    both.paste(opened(PICTURES / "obama.jpg"), (512, 0))
    return encoded(both)


@pytest.fixture
def options() -> dict[str, Any]:
    """Options of the context of `page`."""
    return {"viewport": DESKTOP}


@pytest.fixture
def profile(browser: Browser, origin: str, options: dict[str, Any]) -> Iterator["BrowserContext"]:
    """A fresh profile; checks at the end that it has no cookies and stored nothing."""
    with browser.new_context(base_url=origin, **options) as profile:
        profile.set_default_timeout(60_000)
        yield profile
        state = profile.storage_state(indexed_db=True)
        assert state == {"cookies": [], "origins": []}


@pytest.fixture
def page(profile: "BrowserContext", origin: str) -> Iterator["Page"]:
    """A tab; checks that no request leaves the origin and no error is logged."""
    page = profile.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    elsewhere = [url for url in asked if urlsplit(url).scheme not in ("blob", "data")]
    assert {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in elsewhere} <= {origin}
    # Chromium itself logs statuses of 400 and more
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []
