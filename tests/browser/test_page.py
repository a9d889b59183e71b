"""The demo page with mouse, keyboard and camera, on a phone and in dark mode."""

import base64
import io
import json
import subprocess
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Route, expect

from scripts.events import PICTURES
from tests.browser.actions import (
    ASTRONAUT,
    MAX_BYTES,
    asked,
    choose,
    encoded,
    opened,
    picture,
    sent,
    violations,
)
from tests.browser.conftest import PHONE

each_scheme = pytest.mark.parametrize("scheme", ["light", "dark"])


def place_of(page: Page, number: int = 0) -> list[float]:
    """Position of a box on the picture: left, top, width and height, as fractions."""
    photo, box = (
        page.locator("#photo").bounding_box(),
        page.locator(".box").nth(number).bounding_box(),
    )
    assert photo is not None
    assert box is not None
    return [
        (box["x"] - photo["x"]) / photo["width"],
        (box["y"] - photo["y"]) / photo["height"],
        box["width"] / photo["width"],
        box["height"] / photo["height"],
    ]


# ---------------------------------------------------------------- answers


def test_a_chosen_photo_is_sent_unchanged_and_its_answer_is_shown(
    page: Page, astronaut: bytes
) -> None:
    assert sent(page, ASTRONAUT) == astronaut

    answer = asked(page, astronaut)
    card = page.get_by_role("article")
    expect(card.get_by_role("heading", name=answer["ethnicity"])).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text(
        f"One face found. Face 1: {answer['ethnicity']}"
    )
    # THEN the box is where the service says
    assert place_of(page) == pytest.approx([edge / 512 for edge in answer["face"]["box"]], abs=0.01)
    # AND each bar is as long as its probability, and marked at its label's threshold
    bars = card.get_by_role("listitem")
    expect(bars).to_have_count(5)
    for bar, (label, probability) in zip(bars.all(), answer["probabilities"].items(), strict=True):
        expect(bar).to_contain_text(label)
        length, mark = bar.evaluate(
            """(bar) => {
                const [fill, tick] = [".fill", ".tick"].map((each) => bar.querySelector(each));
                return [fill.style.width, tick.style.left].map((each) => parseFloat(each) / 100);
            }"""
        )
        threshold = answer["thresholds"][label]
        assert (length, mark) == pytest.approx((probability, threshold), abs=1e-4)
        kept = "kept" if label in answer["prediction_set"] else "not kept"
        side = "above" if probability >= threshold else "below"
        # Rounded like JavaScript: 16.25 becomes 16.3
        shown = Decimal(100 * threshold).quantize(Decimal("0.1"), ROUND_HALF_UP)
        expect(bar).to_contain_text(f", {kept}, {side} its cut-off {shown}\u00a0%")
    expect(page.locator("#full-notice")).to_have_text(answer["notice"])


def test_every_face_has_a_box_that_leads_to_its_answer(page: Page, two_people: bytes) -> None:
    choose(page, picture("two.jpg", two_people))

    boxes = page.get_by_role("button", name="Go to its answer")
    expect(boxes).to_have_count(2)
    assert place_of(page, 0)[0] > 0.5 > place_of(page, 1)[0]
    # THEN the largest face's answer is open, and the other's can be opened
    first, second = page.locator("article").all()
    expect(first).to_contain_text("Face 1 of 2, the largest")
    expect(second).to_be_hidden()
    expect(page.get_by_text("Face 2 of 2")).to_be_visible()
    boxes.nth(1).click()
    expect(second.get_by_role("heading")).to_be_focused()


KEPT = {
    1: ("One likely label", "Probability"),
    2: ("2 likely labels", "Two labels are kept: the picture does not settle it."),
    3: ("3 likely labels", "Three labels are kept: the picture does not settle it."),
}
"""Badge and start of the text under it, by the number of labels kept."""


@pytest.mark.parametrize("count", KEPT)
def test_kept_labels_are_shown_as_an_answer_and_not_as_an_error(page: Page, count: int) -> None:
    # GIVEN an answer with this number of kept labels, independent of the model's own
    def unsure(route: Route) -> None:
        answer = route.fetch().json()
        probabilities = answer["faces"][0]["probabilities"]
        kept = sorted(probabilities, key=probabilities.get, reverse=True)[:count]
        answer["faces"][0] |= {"prediction_set": kept, "uncertain": count > 1}
        labels.extend(kept)
        route.fulfill(json=answer)

    labels: list[str] = []
    page.route("**/predict*", unsure)

    choose(page, ASTRONAUT)

    badge, meaning = KEPT[count]
    card = page.get_by_role("article")
    expect(card.get_by_text(badge, exact=True)).to_be_visible()
    *first, last = labels
    heading = f"{', '.join(first)} or {last}" if first else last
    expect(card.get_by_role("heading")).to_have_text(heading)
    expect(card).to_contain_text(meaning)
    expect(card).to_contain_text("The true label is among the kept ones about 9 times in 10.")
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_label_that_is_kept_below_its_cut_off_is_explained(page: Page) -> None:
    # GIVEN an answer whose labels are all below their thresholds
    def below(route: Route) -> None:
        answer = route.fetch().json()
        answer["faces"][0]["thresholds"] = dict.fromkeys(answer["faces"][0]["probabilities"], 0.999)
        route.fulfill(json=answer)

    page.route("**/predict*", below)

    choose(page, ASTRONAUT)

    card = page.get_by_role("article")
    expect(card).to_contain_text("All five scored below their cut-offs")
    expect(card.get_by_role("listitem").first).to_contain_text(
        ", kept, below its cut-off 99.9\u00a0%"
    )


def test_a_probability_close_to_its_cut_off_is_shown_exactly(page: Page) -> None:
    # GIVEN a probability of 16.6 %, which rounds to the same as its threshold of 16.9 %
    def near(route: Route) -> None:
        answer = route.fetch().json()
        answer["faces"][0]["probabilities"]["Others"] = 0.166
        answer["faces"][0]["thresholds"]["Others"] = 0.169
        route.fulfill(json=answer)

    page.route("**/predict*", near)

    choose(page, ASTRONAUT)

    others = page.get_by_role("article").get_by_role("listitem").last
    expect(others).to_contain_text("16.6\u00a0%, not kept, below its cut-off 16.9\u00a0%")


@pytest.mark.parametrize("number", range(4))
def test_an_example_is_answered_and_described(page: Page, number: int) -> None:
    page.goto("/")
    example = page.get_by_role("group", name="Or try an example").get_by_role("button").nth(number)

    example.click()

    expect(page.get_by_role("article")).to_be_visible()
    expect(page.locator("#about")).to_contain_text(example.inner_text())


def test_a_waiting_page_shows_where_the_answer_will_be(page: Page) -> None:
    # GIVEN a slow service
    held: list[Route] = []
    page.route("**/predict*", lambda route: held.append(route))  # noqa: PLW0108
    with page.expect_request("**/predict*"):
        choose(page, ASTRONAUT)

    expect(page.locator("#waiting")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("status").first).to_have_text("The picture is being classified.")

    held[0].continue_()
    expect(page.get_by_role("article")).to_be_visible()
    expect(page.locator("#waiting")).to_be_hidden()


@pytest.mark.parametrize("options", [{"viewport": PHONE, "is_mobile": True, "has_touch": True}])
@pytest.mark.parametrize("file", [ASTRONAUT, PICTURES / "no_face.jpg"], ids=["face", "no face"])
def test_on_a_phone_the_answer_comes_into_view(page: Page, file: Path) -> None:
    choose(page, file)

    heading = page.locator("#answer .card h3").first
    expect(heading).to_be_in_viewport(ratio=1)


# ---------------------------------------------------------------- which picture is sent


@pytest.mark.parametrize(
    ("orientation", "large", "density"),
    [(6, False, False), (6, True, False), (6, False, True), (3, False, True), (8, True, True)],
)
def test_the_box_fits_the_displayed_picture_for_any_exif_data(  # noqa: PLR0913
    page: Page, astronaut: bytes, tmp_path: Path, orientation: int, *, large: bool, density: bool
) -> None:
    # GIVEN the upper part of the astronaut, stored turned, perhaps too large to be sent
    turn = {
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }
    stored = opened().crop((0, 0, 512, 300)).transpose(turn[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    if density:  # 144 dots per inch, which makes browsers show the picture at half the size
        exif[0x011A] = exif[0x011B] = 144.0
        exif[0x0128] = 2
        exif.get_ifd(0x8769).update({0xA002: stored.width // 2, 0xA003: stored.height // 2})
    content = encoded(stored, exif=exif, quality=95)
    if large:
        content += bytes(MAX_BYTES)

    (tmp_path / "turned.jpg").write_bytes(content)

    body = sent(page, tmp_path / "turned.jpg")

    assert (body == content) is not large
    left, top, width, height = asked(page, astronaut)["face"]["box"]
    expect(page.get_by_role("article")).to_be_visible()
    expected = [left / 512, top / 300, width / 512, height / 300]
    assert place_of(page) == pytest.approx(expected, abs=0.03)
    shown = page.locator("#photo").bounding_box()
    assert shown is not None
    assert shown["width"] / shown["height"] == pytest.approx(512 / 300, abs=0.02)


def test_a_photo_too_large_for_the_service_is_scaled_down_before_it_is_sent(
    page: Page, tmp_path: Path
) -> None:
    # GIVEN a picture of six megapixels, so noisy that its file exceeds the limit
    large = np.array(opened().resize((2500, 2500)), np.int16)
    noise = np.random.default_rng(0).integers(-60, 60, (500, 500, 3), np.int16)
    noisy = Image.fromarray(np.clip(large + np.tile(noise, (5, 5, 1)), 0, 255).astype(np.uint8))
    noisy.save(tmp_path / "large.jpg", quality=98)
    assert (tmp_path / "large.jpg").stat().st_size > 5_000_000

    body = sent(page, tmp_path / "large.jpg")

    assert len(body) <= MAX_BYTES
    assert Image.open(io.BytesIO(body)).format == "JPEG"
    expect(page.get_by_text("Sent as a JPEG made in this browser")).to_be_visible()
    expect(page.get_by_role("article")).to_be_visible()
    side = Image.open(io.BytesIO(body)).width
    box = asked(page, body)["face"]["box"]
    assert place_of(page) == pytest.approx([edge / side for edge in box], abs=0.01)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP"])
def test_a_picture_in_another_format_is_sent_as_a_jpeg(page: Page, kind: str) -> None:
    content = encoded(opened().resize((256, 256)), kind)

    body = sent(page, picture(f"face.{kind.lower()}", content))

    assert Image.open(io.BytesIO(body)).format == "JPEG"
    expect(page.get_by_role("article")).to_be_visible()


# ---------------------------------------------------------------- ways to choose a picture

HAND_OVER = """([kind, base64]) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "face.jpg", {type: "image/jpeg"}));
    const event = kind === "drop"
        ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
        : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
    document.body.dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photo_may_be_dropped_or_pasted(page: Page, astronaut: bytes, kind: str) -> None:
    page.goto("/")

    page.evaluate(HAND_OVER, [kind, base64.b64encode(astronaut).decode()])

    expect(page.get_by_role("article")).to_be_visible()


def test_the_camera_takes_a_picture_and_is_switched_off(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("button", name="Take the picture")).to_be_focused()
    track = page.evaluate_handle("document.querySelector('video').srcObject.getTracks()[0]")

    page.get_by_role("button", name="Take the picture").click()

    expect(page.get_by_role("article")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert track.evaluate("track => track.readyState") == "ended"


def test_escape_closes_the_camera_and_gives_the_focus_back(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    # The dialog's close event comes a moment after it disappears.
    expect(page.locator("video")).to_have_js_property("srcObject", None)


@pytest.mark.parametrize("options", [{"viewport": PHONE, "is_mobile": True, "has_touch": True}])
def test_on_a_phone_the_phones_own_camera_is_used(page: Page) -> None:
    page.goto("/")

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Use the camera").click()

    assert chooser.value.element.get_attribute("capture") == "user"


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    page.goto("/")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    for name in ("Choose a photo", "Use the camera", "Grace Hopper"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()
        assert page.evaluate(outline) == "solid"

    page.keyboard.press("Enter")
    expect(page.get_by_role("article")).to_be_visible()
    # THEN the focus has stayed, and the new controls are next to it in the tab order
    expect(page.get_by_role("button", name="Grace Hopper")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Choose another photo")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Go to its answer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").get_by_role("heading")).to_be_focused()


def test_the_focus_moves_from_the_drop_zone_to_the_button_for_another_photo(page: Page) -> None:
    # Listen before the page loads: a listener added just before the key press may be too late.
    page.on("filechooser", lambda chooser: chooser.set_files(ASTRONAUT))
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose a photo")).to_be_focused()
    page.keyboard.press("Space")

    expect(page.get_by_role("button", name="Choose another photo")).to_be_focused()
    expect(page.get_by_role("button", name="Choose a photo")).to_be_hidden()


# ---------------------------------------------------------------- error messages


@pytest.mark.parametrize(
    ("file", "headline", "advice"),
    [
        (PICTURES / "no_face.jpg", "No face found", "larger, sharper"),
        (
            picture(
                "damaged.jpg", ASTRONAUT.read_bytes()[:30_000] + ASTRONAUT.read_bytes()[33_000:]
            ),
            "The JPEG is damaged",
            "Save it again",
        ),
        (picture("notes.txt", b"No picture."), "does not open as a picture", "another photo"),
    ],
    ids=["no face", "damaged", "text"],
)
def test_a_picture_without_an_answer_gets_a_plain_message(
    page: Page, file: Any, headline: str, advice: str
) -> None:
    choose(page, file)

    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_contain_text(headline)
    expect(alert).to_contain_text(advice)
    expect(page.get_by_role("article")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "headline", "advice"),
    [
        (401, "Sign in first", "bearer token"),
        (403, "Only signed requests are let in", "make serve"),
        (413, "The picture is too large", "smaller"),
        (429, "Too many requests", "Wait a few seconds"),
        (503, "The service has a fault", "Try again"),
    ],
)
def test_errors_of_api_gateway_itself_get_a_plain_message(
    page: Page, status: int, headline: str, advice: str
) -> None:
    # GIVEN a simulated gateway that answers without calling the function
    def answer(route: Route) -> None:
        route.fulfill(status=status, body='{"message": "…"}', content_type="application/json")

    page.route("**/predict*", answer)

    choose(page, ASTRONAUT)

    expect(page.get_by_role("alert")).to_contain_text(headline)
    expect(page.get_by_role("alert")).to_contain_text(advice)


def test_a_gateway_that_accepts_only_text_gets_the_picture_as_text(page: Page) -> None:
    # GIVEN a gateway like sam local start-api, which answers 502 to bytes
    def refuse_bytes(route: Route) -> None:
        if route.request.headers["content-type"] == "image/jpeg":
            route.fulfill(status=502, body='{"message": "Internal server error"}')
        else:
            route.continue_()

    page.route("**/predict*", refuse_bytes)

    choose(page, ASTRONAUT)

    expect(page.get_by_role("article")).to_be_visible()


def test_an_unreachable_service_gets_a_plain_message(page: Page) -> None:
    page.route("**/predict*", lambda route: route.abort())

    choose(page, ASTRONAUT)

    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached")


def test_only_the_last_of_two_pictures_gets_an_answer(page: Page) -> None:
    # GIVEN a first picture that is still waiting for its answer
    held: list[Route] = []
    page.route("**/predict*", lambda route: held.append(route), times=1)  # noqa: PLW0108
    with page.expect_request("**/predict*"):
        choose(page, PICTURES / "no_face.jpg")

    page.get_by_role("button", name="Grace Hopper").click()

    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("alert")).to_be_empty()


# ---------------------------------------------------------------- for programmers


def test_the_copied_command_gets_the_response_that_is_shown(
    profile: BrowserContext, page: Page, tmp_path: Path, astronaut: bytes
) -> None:
    (tmp_path / "your face.jpg").write_bytes(astronaut)
    profile.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, tmp_path / "your face.jpg")
    page.get_by_text("The same request with curl").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()

    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
    )

    page.get_by_text("The response as JSON").click()
    assert json.loads(done.stdout) == json.loads(page.get_by_label("Response").inner_text())


def test_a_file_name_never_becomes_part_of_a_command(page: Page, astronaut: bytes) -> None:
    choose(page, picture('";$(touch x)`.jpg', astronaut))

    page.get_by_text("The same request with curl").click()
    expect(page.get_by_label("Command")).to_contain_text('"@photo.jpg"')


def test_the_sent_picture_can_be_saved_if_it_differs_from_the_chosen_file(page: Page) -> None:
    body = sent(page, picture("face.png", encoded(opened().resize((256, 256)), "PNG")))
    page.get_by_text("The same request with curl").click()

    with page.expect_download() as download:
        page.get_by_role("link", name="save as-sent.jpg").click()

    assert download.value.suggested_filename == "as-sent.jpg"
    assert Path(download.value.path()).read_bytes() == body


# ---------------------------------------------------------------- for everyone

STATES = {
    "empty": None,
    "answer": ASTRONAUT,
    "error": PICTURES / "no_face.jpg",
}


@pytest.mark.parametrize(
    ("state", "scheme"),
    [("empty", "light"), ("answer", "light"), ("answer", "dark"), ("error", "dark")],
)
def test_axe_finds_nothing_wrong_with_the_page(
    page: Page, two_people: bytes, state: str, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    if state != "empty":
        file = picture("two.jpg", two_people) if state == "answer" else STATES[state]
        choose(page, file)
        expect(page.locator(".card").first).to_be_visible()
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")

    assert violations(page) == []


@pytest.mark.parametrize("width", [320, 360, 390])
def test_nothing_is_cut_off_on_a_phone(page: Page, two_people: bytes, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    choose(page, picture("two.jpg", two_people))
    expect(page.get_by_role("article")).to_be_visible()
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")

    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("options", [{"viewport": PHONE}])
def test_the_notice_stays_in_view_until_the_first_answer(page: Page) -> None:
    to_the_end = "scrollTo({top: document.body.scrollHeight, behavior: 'instant'})"
    page.goto("/")
    page.evaluate(to_the_end)
    expect(page.get_by_label("Notice")).to_be_in_viewport(ratio=1)

    page.get_by_role("button", name="Grace Hopper").click()
    expect(page.get_by_role("article")).to_be_visible()
    page.evaluate(to_the_end)
    expect(page.get_by_label("Notice")).not_to_be_in_viewport()


@each_scheme
def test_the_bars_are_printed_dark_on_white(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    choose(page, ASTRONAUT)
    expect(page.get_by_role("article")).to_be_visible()

    page.emulate_media(color_scheme=scheme, media="print")

    style = """(element) => {
        const { backgroundColor, printColorAdjust } = getComputedStyle(element);
        return [backgroundColor, printColorAdjust];
    }"""
    fill = page.get_by_role("article").locator(".kept .fill").first
    assert fill.evaluate(style) == ["rgb(36, 91, 140)", "exact"]
    assert page.locator("body").evaluate(style)[0] == "rgb(255, 255, 255)"
    expect(page.get_by_role("article")).to_be_visible()
    for name in ("Choose another photo", "Use the camera", "Grace Hopper"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()
    # AND the unused what-if section is left out
    expect(page.locator("#what-if")).to_be_hidden()


def test_nothing_moves_for_users_who_prefer_reduced_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    choose(page, ASTRONAUT)
    expect(page.get_by_role("article")).to_be_visible()

    durations = """[...document.querySelectorAll("*")].map(
        (each) => parseFloat(getComputedStyle(each).transitionDuration))"""
    assert set(page.evaluate(durations)) == {0}
    animations = """[...document.querySelectorAll("*")].map(
        (each) => getComputedStyle(each).animationName)"""
    assert set(page.evaluate(animations)) == {"none"}
