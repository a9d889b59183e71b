"""The pages /docs and /card: the API's reference and the model card."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.actions import violations

HEADINGS = {"/docs": "POST /predict", "/card": "Limits"}

each_document = pytest.mark.parametrize("path", HEADINGS)


def go(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.get_by_role("heading", name=HEADINGS[path], exact=True)).to_be_visible()


@each_document
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_a_document(page: Page, path: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    go(page, path)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")

    assert violations(page) == []


@each_document
@pytest.mark.parametrize("width", [320, 390])
def test_a_document_fits_on_a_phone(page: Page, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    go(page, path)

    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("path", "source"), [("/docs", "openapi.json"), ("/card", "model")])
def test_a_document_without_its_source_says_so(page: Page, path: str, source: str) -> None:
    def refuse(route: Route, _: Request) -> None:
        route.fulfill(status=403, body="{}")

    page.route(f"**/{source}", refuse)

    page.goto(path)

    expect(page.get_by_role("status")).to_contain_text("cannot be read (status 403)")


# ---------------------------------------------------------------- the reference


def test_the_reference_shows_every_operation_and_every_schema(page: Page) -> None:
    page.goto("/docs")
    spec = page.request.get("/openapi.json").json()

    for path, methods in spec["paths"].items():
        for method in methods:
            expect(
                page.get_by_role("heading", name=f"{method.upper()} {path}", exact=True)
            ).to_be_visible()
    for name in spec["components"]["schemas"]:
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_each_operation_has_a_curl_command_for_this_service_and_an_example_of_success(
    page: Page, origin: str
) -> None:
    go(page, "/docs")
    spec = page.request.get("/openapi.json").json()

    for path, methods in spec["paths"].items():
        for method in methods:
            heading = page.get_by_role("heading", name=f"{method.upper()} {path}", exact=True)
            operation = page.get_by_role("article").filter(has=heading)
            command = operation.get_by_role("group", name="curl").first
            expect(command).to_contain_text("curl ")
            expect(command).to_contain_text(f"{origin}{path}")
            expect(operation.get_by_role("group", name="200, ").first).to_be_visible()


# ---------------------------------------------------------------- the model card


def test_the_card_shows_the_same_facts_as_the_api(page: Page) -> None:
    go(page, "/card")
    card = page.request.get("/model").json()

    expect(page.get_by_role("heading", level=1)).to_have_text(card["name"])
    text = page.locator("main")
    expect(text).to_contain_text(card["model"])
    for name in ("intended_uses", "ruled_out_uses", "limits"):
        for sentence in card[name]:
            expect(text).to_contain_text(sentence)
    for label, about in card["labels"].items():
        expect(page.locator("dl > div").filter(has_text=label).first).to_contain_text(about)


@pytest.mark.parametrize("name", ["utkface", "fairface"])
def test_the_card_has_the_figures_of_each_test_set_with_their_intervals(
    page: Page, name: str
) -> None:
    go(page, "/card")
    metrics = page.request.get("/model").json()["metrics"][name]

    section = page.get_by_role("article").filter(
        has=page.get_by_role("heading", name="test pictures")
    )
    section = section.filter(has_text=f"{metrics['pictures']:,} pictures")
    recall = section.get_by_role("table", name="Recall")
    for label, figure in metrics["recall"].items():
        row = recall.get_by_role("row").filter(has=page.get_by_role("rowheader", name=label))
        value, low, high = map(float, re.findall(r"[\d.]+", row.inner_text()))
        expected = [100 * each for each in (figure["value"], *figure["interval_95"])]
        assert [value, low, high] == pytest.approx(expected, abs=0.051)
    confusion = section.get_by_role("table", name="Confusion").get_by_role("cell").all_inner_texts()
    assert list(map(int, confusion)) == [count for row in metrics["confusion"] for count in row]
    dots = section.get_by_role("img", name="Right by confidence").locator("circle")
    expect(dots).to_have_count(len(metrics["reliability"]))
