"""What if other people were in the population, or the picture were different?"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Request, Route, expect

from ethnicity.labels import LABELS
from scripts.events import PICTURES
from tests.browser.actions import asked, choose, percent, picture, violations
from tests.browser.conftest import PHONE

OBAMA = PICTURES / "obama.jpg"

EQUAL = (20.0,) * 5
CENSUS = (81.7, 4, 2.4, 6.9, 5)


@pytest.fixture
def requests(page: Page) -> list[bytes]:
    """The pictures that the page sends, in order."""
    bodies: list[bytes] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            bodies.append(request.post_data_buffer or b"")

    page.on("request", note)
    return bodies


def answered(page: Page, file: Any = OBAMA) -> None:
    choose(page, file)
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page.get_by_role("heading", name="What if")).to_be_visible()


def shifted(page: Page) -> list[float]:
    """The bars' lengths for the chosen shares."""
    return [
        float(bar.evaluate("bar => parseFloat(bar.style.width) / 100"))
        for bar in page.get_by_role("list", name="Probabilities with these shares")
        .locator(".fill")
        .all()
    ]


def posterior(probabilities: dict[str, float], prior: tuple[float, ...]) -> NDArray[np.float64]:
    """Bayes' rule, computed independently."""
    weights = np.multiply([probabilities[label] for label in LABELS], prior, dtype=np.float64)
    return np.asarray(weights / weights.sum())


# ---------------------------------------------------------------- the population


@pytest.mark.parametrize(("preset", "prior"), [("equal", EQUAL), ("census", CENSUS)])
def test_with_the_shares_of_a_population_the_bars_follow_bayes_rule(
    page: Page, obama: bytes, preset: str, prior: tuple[float, ...]
) -> None:
    answered(page)

    page.get_by_label("Shares", exact=True).select_option(preset)

    probabilities = asked(page, obama)["probabilities"]
    expected = posterior(probabilities, prior)
    assert shifted(page) == pytest.approx(expected, abs=0.001)
    # AND the text says which label leads now, and each bar shows its earlier probability
    first = LABELS[int(expected.argmax())]
    expect(page.locator("#shift")).to_contain_text(first)
    expect(page.locator("#shift")).to_contain_text(percent(float(expected.max())))
    bars = page.get_by_role("list", name="Probabilities with these shares").get_by_role("listitem")
    for bar, label in zip(bars.all(), LABELS, strict=True):
        expect(bar).to_contain_text(f"equal {percent(probabilities[label])}")


@pytest.mark.parametrize("preset", ["utkface", "fairface", "census"])
def test_each_preset_names_its_source_and_sets_the_sliders(page: Page, preset: str) -> None:
    answered(page)
    before = page.locator("#source").inner_text()

    page.get_by_label("Shares", exact=True).select_option(preset)

    assert page.locator("#source").inner_text() != before
    values = [int(slider.input_value()) for slider in page.locator("#shares input").all()]
    assert sum(values) == pytest.approx(100, abs=2)
    assert values != [20] * 5


def test_moving_one_slider_keeps_the_proportions_of_the_others(page: Page, obama: bytes) -> None:
    answered(page)
    page.get_by_label("Shares", exact=True).select_option("census")

    page.get_by_label("Share of White").fill("0")

    rest = np.array(CENSUS[1:])
    prior = (0.0, *(100 * rest / rest.sum()))
    expected = posterior(asked(page, obama)["probabilities"], prior)
    assert shifted(page) == pytest.approx(expected, abs=0.001)
    expect(page.get_by_label("Shares", exact=True)).to_have_value("own")
    sliders = page.locator("#shares input").all()
    assert [int(slider.input_value()) for slider in sliders] == [round(each) for each in prior]


def test_a_population_of_one_label_leaves_only_that_label(page: Page) -> None:
    answered(page)
    slider = page.get_by_label("Share of Asian")

    slider.fill("100")

    assert shifted(page) == pytest.approx([0, 0, 1, 0, 0])
    # AND the other labels come back when the share is lowered
    slider.fill("20")
    values = [int(each.input_value()) for each in page.locator("#shares input").all()]
    assert values == [20] * 5


def test_the_shares_are_kept_for_the_next_picture(page: Page) -> None:
    answered(page)
    page.get_by_label("Shares", exact=True).select_option("census")

    page.get_by_role("button", name="Mae Jemison").click()

    expect(page.locator("#about")).to_be_visible()
    expect(page.locator("#shift")).to_contain_text("Black")
    assert page.get_by_label("Share of White").input_value() == "82"


def test_any_of_several_faces_can_be_chosen(page: Page, two_people: bytes) -> None:
    answered(page, picture("two.jpg", two_people))
    faces = asked(page, two_people, "faces=all")["faces"]

    for index in (1, 0):
        page.get_by_label("Face", exact=True).select_option(str(index))
        expected = posterior(faces[index]["probabilities"], EQUAL)
        assert shifted(page) == pytest.approx(expected, abs=0.001)


# ---------------------------------------------------------------- the picture


def pixels(jpeg: bytes) -> NDArray[np.float64]:
    return np.array(Image.open(io.BytesIO(jpeg)).convert("L"), np.float64)


def sharpness(jpeg: bytes) -> float:
    return float(np.abs(np.diff(pixels(jpeg))).mean())


def difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    assert one.shape == pytest.approx(other.shape, abs=1)
    height, width = np.minimum(one.shape, other.shape)
    return float(np.abs(one[:height, :width] - other[:height, :width]).mean())


DIFFERENCES: dict[str, Callable[[bytes, bytes], bool]] = {
    "Darker": lambda before, after: pixels(after).mean() < 0.6 * pixels(before).mean(),
    "Blurred": lambda before, after: sharpness(after) < 0.6 * sharpness(before),
    "Smaller": lambda before, after: pixels(after).shape[1] < 0.5 * pixels(before).shape[1],
    # step 5 of 10 is a quarter turn to the right
    "Turned": lambda before, after: difference(np.rot90(pixels(before), -1), pixels(after)) < 5,
    "Covered": lambda before, after: 10 > difference(pixels(before), pixels(after)) > 2,
}


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_a_changed_picture_is_classified_again(
    page: Page, requests: list[bytes], kind: str
) -> None:
    answered(page)
    page.get_by_label(kind, exact=True).check()
    requests.clear()

    page.get_by_label("How much").fill("5")

    status = page.locator("#trial-status")
    expect(status).to_contain_text(": ")
    # THEN the page sent the face both unchanged and changed
    before, after = requests
    assert DIFFERENCES[kind](before, after)
    # AND the bars are the service's answer for the changed one
    answer = asked(page, after)
    for bar, (label, probability) in zip(
        page.locator("#trial").get_by_role("listitem").all(),
        answer["probabilities"].items(),
        strict=True,
    ):
        expect(bar).to_contain_text(label)
        length = bar.evaluate("bar => parseFloat(bar.querySelector('.fill').style.width) / 100")
        assert length == pytest.approx(probability, abs=1e-4)
    # AND all texts name the step in the same words
    words = page.locator("#amount-words").inner_text()
    expect(page.get_by_label("How much")).to_have_attribute("aria-valuetext", words)
    expect(page.get_by_role("img", name=f"The face, {words}")).to_be_visible()
    expect(status).to_contain_text(words[1:])


def test_a_moving_slider_asks_the_service_only_where_it_stops(
    page: Page, requests: list[bytes]
) -> None:
    answered(page)
    requests.clear()

    page.get_by_label("How much").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")

    expect(page.locator("#trial-status")).to_contain_text(": ")
    assert len(requests) == 2  # unchanged, and where the slider stopped
    assert page.get_by_label("How much").input_value() == "4"


def test_the_whole_curve_is_drawn_and_listed_in_a_table(page: Page, requests: list[bytes]) -> None:
    answered(page)
    requests.clear()

    page.get_by_role("button", name="Ask at every step").click()

    expect(page.get_by_role("button", name="Ask at every step")).to_be_disabled()
    expect(page.locator("#trial-status")).to_contain_text(": ")
    assert len(requests) == 11
    page.get_by_text("The chart as a table").click()
    rows = page.get_by_role("table", name="The face").get_by_role("row")
    expect(rows).to_have_count(12)
    # THEN the chart's points and the table's rows are the service's answers
    chart = page.get_by_role("img", name="The five probabilities")
    answers = [asked(page, jpeg) for jpeg in requests]
    seen = [answer for answer in answers if "probabilities" in answer]
    assert seen
    for index, label in enumerate(LABELS):
        heights = chart.locator(f"circle.line-{index}").evaluate_all(
            "dots => dots.map((dot) => Number(dot.getAttribute('cy')))"
        )
        assert heights == pytest.approx(
            [180 - 170 * answer["probabilities"][label] for answer in seen], abs=0.1
        )
    for row, answer in zip(rows.all()[1:], answers, strict=True):
        kept = answer.get("prediction_set", ["no face found"])
        for label in kept:
            expect(row).to_contain_text(label)


def test_the_chart_and_the_text_say_where_no_face_is_found(page: Page) -> None:
    answered(page)
    page.get_by_label("Covered", exact=True).check()

    page.get_by_label("How much").fill("10")

    expect(page.locator("#trial-status")).to_contain_text("no face found")
    expect(page.locator("#trial")).to_contain_text("No face found")
    expect(page.locator("#chart").get_by_text("no face")).to_be_visible()


def test_a_refused_request_gets_a_plain_message_and_can_be_repeated(page: Page) -> None:
    answered(page)

    def refuse(route: Route) -> None:
        route.fulfill(status=429, body="{}", content_type="application/json")

    page.route("**/predict*", refuse)
    page.get_by_label("How much").fill("3")
    expect(page.locator("#trial-status")).to_contain_text(
        "Too many requests just now. The service lets only so many through. Wait"
    )

    page.unroute("**/predict*")
    page.get_by_label("How much").fill("4")
    expect(page.locator("#trial-status")).to_contain_text("darker: ")


def test_a_new_picture_resets_the_slider_and_the_chart(page: Page, requests: list[bytes]) -> None:
    answered(page)
    page.get_by_label("How much").fill("4")
    expect(page.locator("#trial-status")).to_contain_text("darker: ")

    requests.clear()
    page.get_by_role("button", name="Mae Jemison").click()
    expect(page.locator("#about")).to_be_visible()
    expect(page.get_by_role("article").first).to_be_visible()

    assert len(requests) == 1
    assert page.get_by_label("How much").input_value() == "0"
    expect(page.locator("#chart circle")).to_have_count(0)


def test_the_other_face_of_a_picture_can_be_changed_too(
    page: Page, two_people: bytes, requests: list[bytes]
) -> None:
    answered(page, picture("two.jpg", two_people))
    requests.clear()

    page.get_by_label("Face", exact=True).select_option("1")
    page.get_by_label("How much").fill("1")

    expect(page.locator("#trial-status")).to_contain_text(": ")
    assert asked(page, requests[0])["ethnicity"] == "White"  # the astronaut, on the left


def test_only_the_used_part_of_what_if_is_printed(page: Page) -> None:
    answered(page)
    page.get_by_label("Shares", exact=True).select_option("census")

    page.emulate_media(media="print")

    expect(page.get_by_role("list", name="Probabilities with these shares")).to_be_visible()
    expect(page.locator("#changes")).to_be_hidden()


# ---------------------------------------------------------------- for everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("options", [{"viewport": PHONE}, {}], ids=["phone", "desktop"])
def test_axe_finds_nothing_wrong_with_what_if(page: Page, two_people: bytes, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    answered(page, picture("two.jpg", two_people))
    page.get_by_label("Shares", exact=True).select_option("census")
    page.get_by_label("Covered", exact=True).check()
    page.get_by_role("button", name="Ask at every step").click()
    expect(page.get_by_role("button", name="Ask at every step")).to_be_disabled()
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")

    assert violations(page) == []
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] == width[1]
