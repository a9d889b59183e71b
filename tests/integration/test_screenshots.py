"""The documentation's screenshots show the pages as they are."""

from pathlib import Path

import pytest

from scripts.screenshots import DOCS, SCREENSHOTS, made_from, source

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_make_screenshots_takes_each_that_is_there_and_no_other() -> None:
    assert {file.name for file in DOCS.glob("*.png")} == set(SCREENSHOTS)


@pytest.mark.parametrize("name", SCREENSHOTS)
def test_a_screenshot_is_shown_and_was_taken_of_what_is_there_now(name: str) -> None:
    assert f"](docs/{name})" in README
    assert made_from(DOCS / name) == source(), "the pages or the model changed: make screenshots"
