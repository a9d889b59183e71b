"""The documentation's screenshots show the current pages."""

from pathlib import Path

import pytest

from scripts.screenshots import DOCS, SCREENSHOTS, made_from, source

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_make_screenshots_takes_exactly_the_committed_screenshots() -> None:
    assert {file.name for file in DOCS.glob("*.png")} == set(SCREENSHOTS)


@pytest.mark.parametrize("name", SCREENSHOTS)
def test_a_screenshot_is_in_the_readme_and_shows_the_current_pages(name: str) -> None:
    assert f"](docs/{name})" in README
    assert made_from(DOCS / name) == source(), "the pages or the model changed: make screenshots"
