"""The audit's report in a real Chromium: it fits a phone, prints, and axe finds nothing wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

SAMPLE = Path(__file__).parents[2] / "docs" / "sample-report.html"


@pytest.fixture
def report(browser: Browser, request: pytest.FixtureRequest) -> Iterator["Page"]:
    """The sample report, in the window size and colour scheme that the test names."""
    with browser.new_context(**request.param) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(SAMPLE.as_uri())
        yield page
        assert asked == [SAMPLE.as_uri()]


def window(width: int, scheme: str = "light") -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}


@pytest.mark.parametrize("report", [window(360), window(390), window(1280)], indirect=True)
def test_nothing_is_cut_or_wider_than_the_window(report: "Page") -> None:
    beyond = report.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter(each => !each.closest(".scroll, svg"))
            .filter(each => each.getBoundingClientRect().right > innerWidth)
            .map(each => each.outerHTML.slice(0, 80))"""
    )

    assert beyond == []
    assert report.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("report", [window(390), window(1280), window(1280, "dark")], indirect=True)
def test_axe_finds_nothing_wrong_with_the_report(report: "Page") -> None:
    results = Axe().run(report, options={"resultTypes": ["violations"]})

    assert [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}"
        for each in results.response["violations"]
    ] == []


@pytest.mark.parametrize("report", [window(1280, "dark")], indirect=True)
def test_the_report_prints_in_light_colours_with_its_bars_on_full_pages(report: "Page") -> None:
    report.emulate_media(media="print")

    style = report.evaluate(
        """() => ({
            page: getComputedStyle(document.body).backgroundColor,
            bars: getComputedStyle(document.querySelector(".band")).printColorAdjust,
            break: getComputedStyle(document.querySelector("section")).breakInside,
        })"""
    )
    assert style == {"page": "rgb(255, 255, 255)", "bars": "exact", "break": "auto"}
