"""The HTTP contract, through the function's handler: real pictures in real events."""

import base64
import hashlib
import io
import itertools
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from aws_lambda_powertools.metrics.provider import cold_start
from mangum import Mangum
from PIL import Image
from starlette.routing import Route

from ethnicity import web
from ethnicity.labels import LABELS
from ethnicity.model_files import MODELS
from ethnicity.pipeline import classify
from ethnicity.web.application import create_app
from predict import app
from scripts.events import (
    BOUNDARY,
    FORMS,
    GATEWAYS,
    PICTURES,
    PREFLIGHT,
    claiming,
    fixtures,
    json_text,
    multipart,
    multipart_parts,
    raw,
)
from scripts.gateway import HttpRequest, http_api, load_balancer
from tests.stack import deploy

if TYPE_CHECKING:
    from tests.conftest import Answer, Call, Invoke

ROOT = Path(__file__).parents[2]

MAX_BYTES = 5_000_000

FACE_FIELDS = ["ethnicity", "confidence", "probabilities", "prediction_set", "uncertain", "face"]
PICTURE_FIELDS = ["faces_found", "model", "notice"]

NO_IMAGE = (400, {"error": "No image provided", "code": "no_image"})
NOT_JPEG = (400, {"error": "Only JPG/JPEG images are allowed", "code": "not_jpeg"})
BAD_BASE64 = (400, {"error": "The image is not valid base64", "code": "bad_base64"})
CORRUPT = (400, {"error": "The JPEG is corrupt or truncated", "code": "corrupt_image"})
TOO_LONG = (413, {"error": "The image is larger than 5 MB", "code": "image_too_large"})
TOO_WIDE = (413, {"error": "The image has more than 50 megapixels", "code": "image_too_large"})
NO_FACE = (422, {"error": "No face found in the image", "code": "no_face"})
INTERNAL = (500, {"error": "Internal error", "code": "internal"})

each_form = pytest.mark.parametrize("form", FORMS)
each_gateway = pytest.mark.parametrize("gateway", GATEWAYS)


def outcome(answer: "Answer") -> tuple[int, Any]:
    return answer.status, answer.body


def assert_bad_request(answer: "Answer", says: str = "") -> None:
    assert answer.status == 400
    assert answer.body.keys() == {"error", "code"}
    assert answer.body["code"] == "bad_request"
    assert says in answer.body["error"]


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg)).convert("RGB")


def padded(jpeg: bytes, length: int) -> bytes:
    """Bytes after the end of the image, as many cameras write them."""
    return jpeg + bytes(length - len(jpeg))


class CurrentStdout(io.TextIOBase):
    """The current stdout: the logger keeps an earlier one, which pytest has since replaced."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)


@pytest.fixture
def logs(
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], str]:
    """Everything written since the last call: to stdout and stderr, by native code too, and the
    logs of libraries, which Lambda's own handler would write there."""
    monkeypatch.setattr(app.logger.registered_handler, "stream", CurrentStdout())
    # A cold start has its own line of metrics, which tests/e2e/test_predict.py checks
    monkeypatch.setattr(cold_start, "is_cold_start", False)

    def written() -> str:
        logged = caplog.text
        caplog.clear()
        return "".join([*capfd.readouterr(), logged])

    return written


# ---------------------------------------------------------------- predictions


@each_form
@each_gateway
def test_the_same_bytes_get_the_same_answer_in_every_form_through_every_service(
    call: "Call", portrait: bytes, form: str, gateway: str
) -> None:
    expected = call(raw(portrait))
    assert expected.status == 200

    assert outcome(call(FORMS[form](portrait), GATEWAYS[gateway])) == outcome(expected)


BASE64_SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "standard": lambda data: base64.b64encode(data).decode(),
    "unpadded": lambda data: base64.b64encode(data).decode().rstrip("="),
    "url-safe": lambda data: base64.urlsafe_b64encode(data).decode(),
    "url-safe, unpadded": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "in lines of 76": lambda data: base64.encodebytes(data).decode(),
    "in lines with CRLF": lambda data: base64.encodebytes(data).decode().replace("\n", "\r\n"),
    "data URL": lambda data: f"data:image/jpeg;base64,{base64.b64encode(data).decode()}",
    "data URL, in capitals": lambda data: f"DATA:;BASE64,{base64.b64encode(data).decode()}",
    "data URL, url-safe and unpadded": lambda data: (
        f"data:image/jpeg;base64,{base64.urlsafe_b64encode(data).decode().rstrip('=')}"
    ),
}


@pytest.mark.parametrize("spelled", BASE64_SPELLINGS.values(), ids=BASE64_SPELLINGS)
def test_base64_may_be_spelled_in_every_usual_way(
    call: "Call", portrait: bytes, spelled: Callable[[bytes], str]
) -> None:
    # GIVEN a picture whose base64 has all the characters that differ between the spellings
    assert {"+", "/", "="} <= set(base64.b64encode(portrait).decode())

    answer = call(json_text(json.dumps({"image": spelled(portrait)})))

    assert outcome(answer) == outcome(call(raw(portrait)))


@pytest.mark.parametrize("name", ["astronaut", "obama", "portrait"])
def test_an_answer_is_complete_and_consistent(
    call: "Call", request: pytest.FixtureRequest, name: str
) -> None:
    picture = request.getfixturevalue(name)
    answer = call(raw(picture))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.body) == [*FACE_FIELDS, *PICTURE_FIELDS]
    assert_is_consistent(answer.body, *opened(picture).size)
    assert answer.body["faces_found"] == 1
    assert answer.body["model"] == json.loads((MODELS / "classifier.json").read_text())["version"]
    notice = answer.body["notice"]
    assert notice.startswith("Apparent ")
    assert "appearance alone" in notice
    assert "research and education only" in notice


def assert_is_consistent(face: dict[str, Any], width: int, height: int) -> None:
    probabilities = face["probabilities"]
    assert tuple(probabilities) == LABELS
    assert sum(probabilities.values()) == pytest.approx(1, abs=0.0003)  # after rounding
    assert face["confidence"] == max(probabilities.values()) == probabilities[face["ethnicity"]]
    kept = face["prediction_set"]
    assert kept[0] == face["ethnicity"]
    assert len(set(kept)) == len(kept)
    assert [probabilities[label] for label in kept] == sorted(
        (probabilities[label] for label in kept), reverse=True
    )
    assert face["uncertain"] is (len(kept) > 1)
    left, top, box_width, box_height = face["face"]["box"]
    assert 0 <= left < left + box_width <= width
    assert 0 <= top < top + box_height <= height
    assert face["face"]["score"] is None or 0 < face["face"]["score"] <= 1


@pytest.mark.parametrize("size", [1, 2, 5])
def test_an_answer_is_uncertain_when_its_prediction_set_holds_more_than_one_label(
    call: "Call", monkeypatch: pytest.MonkeyPatch, portrait: bytes, size: int
) -> None:
    # GIVEN thresholds that keep exactly this number of labels for the picture
    (face,) = classify(app.models, portrait).faces
    thresholds = np.full(len(LABELS), np.sort(face.probabilities)[-size])
    calibration = replace(app.models.classifier.calibrations[0], thresholds=thresholds)
    classifier = replace(app.models.classifier, calibrations=(calibration,))
    models = replace(app.models, classifier=classifier)
    monkeypatch.setattr(app, "adapter", Mangum(create_app(models), lifespan="off"))

    body = call(raw(portrait)).body

    assert len(body["prediction_set"]) == size
    assert body["uncertain"] is (size > 1)
    assert_is_consistent(body, 200, 200)


def test_probabilities_sum_to_one_before_they_are_rounded(astronaut: bytes) -> None:
    (face,) = classify(app.models, astronaut).faces

    assert face.probabilities.sum() == pytest.approx(1, abs=1e-6)


@each_gateway
def test_faces_all_lists_every_face_largest_first(
    call: "Call", astronaut: bytes, obama: bytes, gateway: str
) -> None:
    # GIVEN a picture of two people, the larger one on the right
    both = Image.new("RGB", (512 + 560, 700))
    both.paste(opened(astronaut), (0, 0))
    both.paste(opened(obama), (512, 0))
    request = raw(encoded(both))

    largest = call(request, GATEWAYS[gateway])
    every = call(replace(request, query="faces=all"), GATEWAYS[gateway])

    assert list(every.body) == ["faces", *PICTURE_FIELDS]
    first, second = every.body["faces"]
    for face in (first, second):
        assert list(face) == FACE_FIELDS
        assert_is_consistent(face, *both.size)
    assert first["face"]["box"][2] > second["face"]["box"][2]
    assert first["face"]["box"][0] > 512 > sum(second["face"]["box"][::2])
    # THEN the default answer is for the first of them, with the same facts about the picture
    facts = {name: every.body[name] for name in PICTURE_FIELDS}
    assert facts["faces_found"] == 2
    assert largest.body == {**first, **facts}
    assert call(replace(request, query="faces=largest")).body == largest.body


@pytest.mark.parametrize("side", [64, 200])
def test_a_tight_face_crop_is_taken_whole(call: "Call", astronaut: bytes, side: int) -> None:
    # GIVEN the astronaut's face cut out as UTKFace's chips are
    chip = opened(astronaut).crop((171, 71, 282, 182)).resize((side, side))

    answer = call(raw(encoded(chip, quality=95)))

    assert answer.body["face"] == {"box": [0, 0, side, side], "score": None}
    assert answer.body["faces_found"] == 1


def test_the_box_is_where_the_face_is_displayed(call: "Call", astronaut: bytes) -> None:
    # GIVEN the picture stored on its side, with the EXIF orientation that sets it upright
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = opened(astronaut).crop((0, 0, 512, 300)).transpose(Image.Transpose.ROTATE_90)

    answer = call(raw(encoded(sideways, quality=95, exif=exif)))

    assert answer.body["face"]["box"] == pytest.approx(
        call(raw(astronaut)).body["face"]["box"], abs=8
    )


def test_the_box_of_a_large_photo_is_in_its_own_pixels(call: "Call", astronaut: bytes) -> None:
    # GIVEN a photo so large that it is decoded at a fraction of its size
    large = opened(astronaut).resize((2048, 2048))

    box = call(raw(encoded(large, quality=80))).body["face"]["box"]

    small = call(raw(astronaut)).body["face"]["box"]
    assert box == pytest.approx([4 * edge for edge in small], abs=32)


# ---------------------------------------------------------------- pictures that get no prediction


GREY = Image.new("RGB", (64, 64), "grey")

NO_JPEGS = {
    "PNG": encoded(GREY, "PNG"),
    "BMP": encoded(GREY, "BMP"),
    "GIF": encoded(GREY, "GIF"),
    "WebP": encoded(GREY, "WEBP"),
    "TIFF": encoded(GREY, "TIFF"),
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
    "text": b"This is no picture.\n",
    "one byte": b"\xff",
    "zeros": bytes(1000),
}


@each_form
@pytest.mark.parametrize("content", NO_JPEGS.values(), ids=NO_JPEGS)
def test_content_other_than_a_jpeg_is_refused_whatever_its_name(
    call: "Call", form: str, content: bytes
) -> None:
    # GIVEN other content, sent as image/jpeg, or in a form as your_face.jpg
    assert outcome(call(FORMS[form](content))) == NOT_JPEG


@each_form
def test_an_empty_picture_gets_the_code_no_image(call: "Call", form: str) -> None:
    assert outcome(call(FORMS[form](b""))) == NO_IMAGE


@each_gateway
@pytest.mark.parametrize(
    "media_type", ["multipart/form-data; boundary=b", "application/json", "image/jpeg", ""]
)
def test_an_empty_body_holds_no_picture(call: "Call", gateway: str, media_type: str) -> None:
    headers = {"content-type": media_type} if media_type else {}

    answer = call(HttpRequest("POST", "/predict", headers), GATEWAYS[gateway])

    assert outcome(answer) == NO_IMAGE


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "half of it": lambda jpeg: jpeg[: len(jpeg) // 2],
    "all but the last 100 bytes": lambda jpeg: jpeg[:-100],
    "half of it, ended properly": lambda jpeg: jpeg[: len(jpeg) // 2] + b"\xff\xd9",
    "its middle missing": lambda jpeg: jpeg[:3000] + jpeg[5000:],
    "the header alone": lambda jpeg: jpeg[: jpeg.index(b"\xff\xda")],
    "the first three bytes": lambda jpeg: jpeg[:3],
    "no width": lambda jpeg: claiming(jpeg, width=0, height=200),
}


@each_form
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_corrupt_or_truncated_jpeg_is_the_clients_fault(
    call: "Call", portrait: bytes, form: str, damage: Callable[[bytes], bytes]
) -> None:
    assert outcome(call(FORMS[form](damage(portrait)))) == CORRUPT


@each_form
def test_five_million_bytes_are_accepted(call: "Call", portrait: bytes, form: str) -> None:
    answer = call(FORMS[form](padded(portrait, MAX_BYTES)))

    assert outcome(answer) == outcome(call(raw(portrait)))


@each_form
@pytest.mark.parametrize("length", [MAX_BYTES + 1, 9_000_000])
def test_more_than_five_million_bytes_are_refused(
    call: "Call", portrait: bytes, form: str, length: int
) -> None:
    assert outcome(call(FORMS[form](padded(portrait, length)))) == TOO_LONG


def test_the_number_of_bytes_is_checked_before_their_content(call: "Call") -> None:
    assert outcome(call(raw(bytes(MAX_BYTES + 1)))) == TOO_LONG


@each_form
def test_more_than_fifty_megapixels_are_refused(call: "Call", portrait: bytes, form: str) -> None:
    # GIVEN a file of 8 KB whose header claims 50 megapixels and one row
    bomb = claiming(portrait, width=10_000, height=5_001)

    assert outcome(call(FORMS[form](bomb))) == TOO_WIDE


def test_fifty_megapixels_are_within_the_limit(call: "Call", portrait: bytes) -> None:
    # GIVEN a header that claims exactly this size, and data for only a corner of the picture
    claims = claiming(portrait, width=10_000, height=5_000)

    assert outcome(call(raw(claims))) == CORRUPT


@each_form
def test_a_picture_without_a_face_is_not_classified(
    call: "Call", no_face: bytes, form: str
) -> None:
    request = FORMS[form](no_face)

    assert outcome(call(request)) == NO_FACE
    assert outcome(call(replace(request, query="faces=all"))) == NO_FACE


# ---------------------------------------------------------------- JSON bodies


@pytest.mark.parametrize(
    "text",
    [
        '{"image": ',
        "image",
        "[" * 100_000,
        "1" * 5_000,
        "[]",
        '["aGVsbG8="]',
        '"aGVsbG8="',
        "null",
        '{"image": 1}',
        '{"image": true}',
        '{"image": ["aGVsbG8="]}',
        '{"image": {"base64": "aGVsbG8="}}',
    ],
    ids=lambda text: text[:24],
)
def test_json_that_is_malformed_or_has_another_structure_is_a_bad_request(
    call: "Call", text: str
) -> None:
    assert_bad_request(call(json_text(text)))


def test_json_that_is_not_utf_8_is_a_bad_request(invoke: "Invoke") -> None:
    # GIVEN bytes that are not UTF-8, which API Gateway passes on as base64
    event = http_api(json_text("{}")) | {
        "body": base64.b64encode(b'{"image": "\xff"}').decode(),
        "isBase64Encoded": True,
    }

    assert_bad_request(invoke(event))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"picture": "aGVsbG8="}',
        '{"image": null}',
        '{"image": ""}',
        '{"image": " \\n"}',
        '{"image": "data:image/jpeg;base64,"}',
    ],
)
def test_json_without_an_image_gets_the_code_no_image(call: "Call", text: str) -> None:
    assert outcome(call(json_text(text))) == NO_IMAGE


@pytest.mark.parametrize(
    "text",
    [
        "no base64!",
        "/9j/4AAQ*",
        "A",
        "AAAAA",
        "=",
        "====",
        "QQ=",
        "QQ===",
        "QQ==QQ==",
        "é",
        "ééé",
        "\udcff",
        "data:image/jpeg,aGVsbG8=",
        "data:image/jpeg;base64,data:image/jpeg;base64,aGVsbG8=",
        "https://example.com/your_face.jpg",
    ],
    ids=ascii,
)
def test_text_that_is_not_base64_is_refused(call: "Call", text: str) -> None:
    assert outcome(call(json_text(json.dumps({"image": text})))) == BAD_BASE64


@pytest.mark.parametrize("media_type", ["Application/JSON", "application/json; charset=utf-8"])
def test_the_media_type_of_json_may_have_parameters_and_capitals(
    call: "Call", portrait: bytes, media_type: str
) -> None:
    request = FORMS["json"](portrait)

    assert call(replace(request, headers={"content-type": media_type})).status == 200


# ---------------------------------------------------------------- forms


FILE = b'Content-Disposition: form-data; name="a"; filename="a"\r\n\r\na'
TEXT = b'Content-Disposition: form-data; name="a"\r\n\r\na'


@pytest.mark.parametrize("name", ["photo.PNG", "photo", "", "../../etc/passwd", "Ä 名前.jpg"])
def test_the_files_name_does_not_matter(call: "Call", portrait: bytes, name: str) -> None:
    assert outcome(call(multipart(portrait, name=name))) == outcome(call(raw(portrait)))


def test_other_fields_do_not_affect_the_picture(call: "Call", portrait: bytes) -> None:
    image = b'Content-Disposition: form-data; name="image"; filename="b"\r\n\r\n' + portrait
    as_text = b'Content-Disposition: form-data; name="image"\r\n\r\nnot this one'

    answer = call(multipart_parts(TEXT, FILE, as_text, image, TEXT))

    assert outcome(answer) == outcome(call(raw(portrait)))


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [TEXT],
        [FILE],
        [b'Content-Disposition: form-data; name="Image"; filename="a.jpg"\r\n\r\na'],
        [b'Content-Disposition: form-data; name="image"\r\n\r\n'],
        [b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'],
    ],
    ids=["no part", "a text", "another file", "another name", "empty text", "empty file"],
)
def test_a_form_without_a_file_named_image_has_no_picture(call: "Call", parts: list[bytes]) -> None:
    assert outcome(call(multipart_parts(*parts))) == NO_IMAGE


def text_field(content: bytes) -> HttpRequest:
    """A form whose picture is a text field."""
    return multipart_parts(b'Content-Disposition: form-data; name="image"\r\n\r\n' + content)


@pytest.mark.parametrize("name", ["astronaut.jpg", "no_face.jpg", "portrait.png"])
def test_a_text_field_may_hold_base64_or_the_picture_itself(call: "Call", name: str) -> None:
    # GIVEN pictures of more and of less than 64 KB
    data = (PICTURES / name).read_bytes()
    expected = call(raw(data))

    for content in (base64.b64encode(data), base64.urlsafe_b64encode(data).rstrip(b"="), data):
        answer = call(text_field(content))
        assert (answer.status, answer.body) == (expected.status, expected.body)


def test_a_file_takes_precedence_over_a_text_field(call: "Call", portrait: bytes) -> None:
    text = b'Content-Disposition: form-data; name="image"\r\n\r\nno base64'
    file = b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n' + portrait
    assert call(multipart_parts(text, file)).status == 200


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"not base64!", "bad_base64", id="other text"),
        pytest.param("écriture, 写真".encode(), "bad_base64", id="text that is not ASCII"),
        pytest.param(b"/9j/4AAQSkZJRg==", "corrupt_image", id="the beginning of a picture"),
        pytest.param(base64.b64encode(bytes(5_000_001)), "image_too_large", id="too much base64"),
        pytest.param(b"\xff" * 5_000_001, "image_too_large", id="too many bytes"),
    ],
)
def test_a_picture_in_a_text_field_gets_the_same_errors_as_any_other(
    call: "Call", content: bytes, code: str
) -> None:
    assert call(text_field(content)).body["code"] == code


FORM = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.mark.parametrize(
    "media_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=another",
        f"multipart/form-data; boundary={'b' * 1000}",
        f"{FORM}; charset=undefined",
        f"{FORM}; charset=a\0b",
    ],
    ids=ascii,
)
def test_a_form_whose_header_does_not_match_its_body_is_a_bad_request(
    call: "Call", portrait: bytes, media_type: str
) -> None:
    request = replace(multipart(portrait), headers={"content-type": media_type})

    assert_bad_request(call(request), "form")


@pytest.mark.parametrize(
    "body",
    [
        b"no form at all",
        f"--{BOUNDARY}".encode(),
        multipart(b"picture").body[:60],
        multipart(b"picture").body.removesuffix(f"\r\n--{BOUNDARY}--\r\n".encode()),
        multipart(b"picture").body.replace(b": ", b"", 1),
        multipart(b"picture").body.replace(b'name="image"; ', b""),
        multipart_parts(b"A: a\r\n" * 1000 + FILE).body,
        multipart_parts(b"A: " + b"a" * 100_000 + b"\r\n" + FILE).body,
        multipart_parts(TEXT + b"a" * 100_000).body,
        multipart_parts(*[FILE] * 10_000).body,
        multipart_parts(*[TEXT] * 10_000).body,
    ],
    ids=[
        "no form",
        "a boundary",
        "half a header",
        "never ended",
        "a header without a colon",
        "a part without a name",
        "1,000 headers",
        "a long header",
        "a long text",
        "10,000 files",
        "10,000 texts",
    ],
)
def test_a_malformed_form_is_a_bad_request(call: "Call", body: bytes) -> None:
    request = HttpRequest("POST", "/predict", {"content-type": FORM}, body)

    assert_bad_request(call(request), "form")


def test_a_form_cut_short_is_a_bad_request(call: "Call", portrait: bytes) -> None:
    request = multipart(portrait)

    assert_bad_request(call(replace(request, body=request.body[:4000])), "form")


# ---------------------------------------------------------------- media types, query and routes


@pytest.mark.parametrize(
    "media_type",
    ["image/jpg", "image/png", "image/pjpeg", "image/*", "IMAGE/JPEG", "image/jpeg; q=1"],
)
def test_a_body_declared_as_any_image_type_is_read_as_a_picture(
    call: "Call", portrait: bytes, media_type: str
) -> None:
    assert outcome(call(raw(portrait, media_type))) == outcome(call(raw(portrait)))
    assert outcome(call(raw(NO_JPEGS["PNG"], media_type))) == NOT_JPEG


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "text/plain",
        "application/octet-stream",
        "application/pdf",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=b",
        "imagery/jpeg",
        "jpeg",
    ],
)
def test_other_media_types_get_an_error_that_names_the_accepted_ones(
    call: "Call", media_type: str
) -> None:
    answer = call(raw(b"a picture, perhaps", media_type))

    assert answer.status == 415
    assert answer.body["code"] == "unsupported_media_type"
    for accepted in ("multipart/form-data", "application/json", "image/jpeg"):
        assert accepted in answer.body["error"]


@each_form
@pytest.mark.parametrize("query", ["faces=two", "faces=ALL", "faces=", "faces=all&faces=no"])
def test_an_unknown_value_of_faces_is_a_bad_request(
    call: "Call", portrait: bytes, form: str, query: str
) -> None:
    answer = call(replace(FORMS[form](portrait), query=query))

    assert_bad_request(answer, "faces must be largest or all")


@each_form
@pytest.mark.parametrize("faces", ["largest", "all"])
def test_the_thresholds_are_returned_on_request(
    call: "Call", obama: bytes, form: str, faces: str
) -> None:
    request = replace(FORMS[form](obama), query=f"faces={faces}&thresholds=true")
    without = replace(request, query=f"faces={faces}&thresholds=false")

    answer = call(request).body

    face = answer["faces"][0] if faces == "all" else answer
    thresholds = face.pop("thresholds")
    # THEN they explain the prediction set, and everything else is unchanged
    reached = [label for label in LABELS if face["probabilities"][label] >= thresholds[label]]
    assert set(face["prediction_set"]) == {*reached, face["ethnicity"]}
    assert answer == call(without).body


@pytest.mark.parametrize("query", ["thresholds=yes", "thresholds=", "thresholds=True"])
def test_an_unknown_value_of_thresholds_is_a_bad_request(
    call: "Call", portrait: bytes, query: str
) -> None:
    answer = call(replace(raw(portrait), query=query))

    assert_bad_request(answer, "thresholds must be false or true")


@each_gateway
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("POST", "/predict/"), ("POST", "/Predict"), ("GET", "/predict/a.jpg")],
)
def test_an_unknown_path_gets_404(call: "Call", gateway: str, method: str, path: str) -> None:
    answer = call(HttpRequest(method, path), GATEWAYS[gateway])

    assert outcome(answer) == (404, {"error": "Not Found", "code": "not_found"})


@each_gateway
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_gets_405_and_the_allowed_one(
    call: "Call", gateway: str, method: str
) -> None:
    answer = call(HttpRequest(method, "/predict"), GATEWAYS[gateway])

    expected = {"error": "Method Not Allowed", "code": "method_not_allowed"}
    assert outcome(answer) == (405, expected)
    assert answer.headers["allow"] == "POST"
    assert call(HttpRequest("POST", "/health")).headers["allow"] == "GET"


@each_gateway
@pytest.mark.parametrize("path", ["/predict", "/health", "/", "/no/such/page"])
def test_a_preflight_gets_204_on_any_route(call: "Call", path: str, gateway: str) -> None:
    answer = call(HttpRequest("OPTIONS", path, PREFLIGHT), GATEWAYS[gateway])

    assert outcome(answer) == (204, "")


def test_health_names_the_model_that_predictions_name(call: "Call", portrait: bytes) -> None:
    answer = call(HttpRequest("GET", "/health"))

    model = call(raw(portrait)).body["model"]
    assert outcome(answer) == (200, {"status": "ok", "model": model})


PAGES = {"/": "page.html", "/docs": "docs.html", "/card": "card.html"}

STATIC = Path(web.__file__).with_name("static")

each_page = pytest.mark.parametrize("path", PAGES)


class Page(HTMLParser):
    """The parts of a page that its security policy governs, found by Python's own HTML parser."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.code: dict[str, list[str]] = {"script": [], "style": []}
        self.addresses: list[str] = []
        self.pictures: list[bytes] = []
        self.inline: list[str] = []
        self._open: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        for name, value in attrs:
            if name in ("href", "src"):
                self.addresses.append(value or "")
            if (value or "").startswith("data:image/jpeg;base64,"):
                self.pictures.append(base64.b64decode((value or "").partition(",")[2]))
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open in self.code:
            self.code[self._open].append(data)

    def hashes(self, kind: str) -> str:
        digests = [hashlib.sha256(code.encode()).digest() for code in self.code[kind]]
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


@each_gateway
@each_page
def test_every_service_returns_the_whole_page(call: "Call", path: str, gateway: str) -> None:
    answer = call(HttpRequest("GET", path), GATEWAYS[gateway])

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    # THEN the page contains all its parts, in the order in which the file names them
    parts = re.findall(
        r'(?:<script src|<link rel="stylesheet" href)="([^"]+)"',
        (STATIC / PAGES[path]).read_text(encoding="utf-8"),
    )
    texts = ["\n" + (STATIC / part).read_text(encoding="utf-8") for part in parts]
    page = Page(answer.body)
    for kind in ("script", "style"):
        suffix = {"script": ".js", "style": ".css"}[kind]
        wanted = [text for text, part in zip(texts, parts, strict=True) if part.endswith(suffix)]
        assert wanted
        assert [code for code in page.code[kind] if code in texts] == wanted


@each_page
def test_a_page_may_run_only_its_own_code_and_call_only_its_own_origin(
    call: "Call", path: str
) -> None:
    answer = call(HttpRequest("GET", path))

    page = Page(answer.body)
    assert answer.headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        f"script-src {page.hashes('script')}",
        f"style-src {page.hashes('style')}",
        "connect-src 'self'",
        "img-src blob: data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert page.inline == []
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["permissions-policy"].split(", ")[0] == "camera=(self)"
    assert answer.headers["cache-control"] == "max-age=300"
    # THEN its links are relative and lead to existing routes
    routes = {route.path for route in app.app.routes if isinstance(route, Route)}
    for address in page.addresses:
        assert address.startswith(("data:", "#")) or f"/{address.removeprefix('./')}" in routes


def test_the_demo_page_states_its_limits_and_offers_documented_examples(call: "Call") -> None:
    answer = call(HttpRequest("GET", "/")).body

    assert "not a fact about the person" in answer
    examples = {file.name: file.read_bytes() for file in (STATIC / "examples").glob("*.jpg")}
    assert sorted(Page(answer).pictures) == sorted(examples.values())
    about = (STATIC / "examples" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([^`]+)`", about, re.MULTILINE) == [
        f"{name}.jpg" for name in re.findall(r'class="example" value="(\w+)"', answer)
    ]


def test_the_demo_page_is_light(call: "Call") -> None:
    page = call(HttpRequest("GET", "/")).body

    assert len(page) < 120_000
    assert sum(map(len, Page(page).pictures)) < 35_000


def test_the_model_is_uncertain_about_the_first_example(call: "Call") -> None:
    first, *_ = Page(call(HttpRequest("GET", "/")).body).pictures

    assert call(raw(first)).body["uncertain"] is True


def test_the_demo_page_and_the_card_agree_on_the_shares_in_the_sets(
    call: "Call",
) -> None:
    script = (STATIC / "population.js").read_text(encoding="utf-8")
    metrics = call(HttpRequest("GET", "/model")).body["metrics"]

    for name in ("utkface", "fairface"):
        (numbers,) = re.findall(rf"\b{name}: {{.*?shares: \[(.*?)\]", script, re.DOTALL)
        shares = np.array(numbers.split(","), np.float64)
        counts = np.array(metrics[name]["confusion"]).sum(axis=1)
        assert shares.sum() == pytest.approx(100)
        assert shares == pytest.approx(100 * counts / counts.sum(), abs=0.5)


# ---------------------------------------------------------------- events


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        None,
        "text",
        {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "uploads/a.jpg"}}}]},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"Records": [{"cf": {"request": {"uri": "/predict"}}}]},
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "version": "0"},
        {"requestContext": None},
        {"requestContext": {}},
        {"requestContext": {"elb": {"targetGroupArn": "arn"}}},
        {"requestContext": {"eventType": "MESSAGE", "connectionId": "a="}, "body": "{}"},
        {"requestContext": {"http": {}}, "version": "2.0"},
    ],
    ids=lambda event: json.dumps(event)[:40],
)
def test_an_event_that_is_not_an_http_request_is_a_bad_request(
    invoke: "Invoke", event: Any
) -> None:
    assert_bad_request(invoke(event))


@each_gateway
@pytest.mark.parametrize("body", ["no base64!", "QQ", "QQ=", "é"])
def test_a_body_wrongly_marked_as_base64_is_refused(
    invoke: "Invoke", portrait: bytes, gateway: str, body: str
) -> None:
    event = GATEWAYS[gateway](raw(portrait)) | {"body": body}

    assert outcome(invoke(event)) == BAD_BASE64


@each_gateway
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("host", "a:b"),
        ("host", "[2001:db8::1]"),
        ("host", "[::1]:3000"),
        ("host", ""),
        ("x-forwarded-port", "80, 443"),
        ("x-forwarded-port", "443,80"),
        ("x-forwarded-port", "https"),
        ("x-forwarded-proto", "https,http"),
        ("x-forwarded-for", "unknown, [2001:db8::1]:443, 203.0.113.7"),
        ("x-forwarded-host", "a, b:c:d"),
        ("x-forwarded-prefix", "//"),
        ("forwarded", 'for="[2001:db8::1]:4711";proto=https, for=_hidden'),
        ("via", "1.1 \xe9"),
    ],
)
def test_no_header_of_a_proxy_changes_the_answer(
    call: "Call", portrait: bytes, gateway: str, header: str, value: str
) -> None:
    request = raw(portrait)
    passed_on = replace(request, headers=request.headers | {header: value})

    assert outcome(call(passed_on, GATEWAYS[gateway])) == outcome(call(request))


@each_gateway
def test_half_a_surrogate_pair_anywhere_is_a_bad_request(
    invoke: "Invoke", portrait: bytes, gateway: str
) -> None:
    half = "\ud800"
    named = raw(portrait)
    events = [
        GATEWAYS[gateway](named) | {"body": half, "isBase64Encoded": False},
        GATEWAYS[gateway](replace(named, headers=named.headers | {"x-name": half})),
    ]

    for event in events:
        assert_bad_request(invoke(event))


def test_even_an_event_that_no_aws_service_sends_gets_an_answer(
    invoke: "Invoke", logs: Callable[[], str], portrait: bytes
) -> None:
    # GIVEN a request whose body is neither text nor base64
    event = http_api(raw(portrait)) | {"body": 1, "isBase64Encoded": False}

    assert outcome(invoke(event)) == INTERNAL
    assert '"fault":"AttributeError"' in logs()


def test_a_load_balancer_may_send_several_values_of_a_header(context: Any, portrait: bytes) -> None:
    # GIVEN a target group with multi-value headers, which replace the others in its events
    event = load_balancer(raw(portrait))
    event["multiValueHeaders"] = {name: [value] for name, value in event.pop("headers").items()}
    event["multiValueQueryStringParameters"] = {"faces": ["all"]}
    del event["queryStringParameters"]

    response = app.handler(event, context)

    assert response["statusCode"] == 200
    assert "faces" in json.loads(response["body"])
    assert response["multiValueHeaders"]["content-type"] == ["application/json"]


# ---------------------------------------------------------------- faults of the service, and logs


CANARY = "canary-5b7e1d"


def test_a_fault_of_the_service_reveals_neither_the_request_nor_the_code(
    call: "Call", monkeypatch: pytest.MonkeyPatch, logs: Callable[[], str], portrait: bytes
) -> None:
    # GIVEN an internal failure with a message that quotes its input
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"{CANARY} in {__file__}")

    monkeypatch.setattr("ethnicity.web.application.classify", fails)
    for form, gateway in itertools.product(FORMS.values(), GATEWAYS.values()):
        answer = call(form(portrait), gateway)

        assert outcome(answer) == INTERNAL
        # THEN the log has the kind and the place of the fault, for the maintainer, and no more
        written = logs()
        assert '"fault":"RuntimeError"' in written
        assert "test_predict.py:" in written
        for secret in (CANARY, str(ROOT), "/", "Traceback"):
            assert secret not in written


def test_a_line_of_the_access_log_leads_to_the_log_line_of_the_fault(
    context: Any, monkeypatch: pytest.MonkeyPatch, logs: Callable[[], str], portrait: bytes
) -> None:
    # GIVEN two requests that fail, and API Gateway's log lines for them in the template's format
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("ethnicity.web.application.classify", fails)
    form = deploy().one("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]["Format"]
    lines = []
    for number in ("one", "two"):
        invocation = replace(context, aws_request_id=f"invocation-{number}")
        status = app.handler(http_api(raw(portrait)), invocation)["statusCode"]
        line = form.replace("$context.integration.requestId", invocation.aws_request_id)
        lines.append(line.replace("$context.status", str(status)))

    # WHEN someone looks for the second one
    second = json.loads(lines[1])
    assert second["status"] == "500"
    written = [json.loads(line) for line in logs().splitlines() if line.startswith("{")]
    found = [
        line for line in written if line.get("function_request_id") == second["lambdaRequestId"]
    ]

    assert [line["fault"] for line in found] == ["RuntimeError"]


def test_no_part_of_a_request_or_answer_is_logged(
    invoke: "Invoke", logs: Callable[[], str]
) -> None:
    for fixture in fixtures():
        answer = invoke(fixture.event)

        written = logs()
        assert '"Requests":[1.0]' in written  # the metrics, which show that logs would be seen here
        body = fixture.event.get("body") or ""
        assert not any(body[start : start + 16] in written for start in range(0, len(body), 16))
        if fixture.file.startswith("predict"):
            (face,) = answer.body.get("faces", [answer.body])
            numbers = [face["confidence"], *face["probabilities"].values(), face["face"]["score"]]
            assert not any(word in written for word in (*LABELS, *map(str, numbers)))


def test_no_name_text_or_metadata_of_a_request_is_logged(
    call: "Call", logs: Callable[[], str], portrait: bytes
) -> None:
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = CANARY  # description and artist
    tagged = encoded(opened(portrait), exif=exif, comment=CANARY)
    form = multipart(tagged)
    requests = [
        raw(tagged),
        replace(raw(tagged), query=f"{CANARY}=1"),
        replace(raw(tagged), query=f"faces={CANARY}"),
        replace(raw(tagged), headers={"content-type": "image/jpeg", "x-name": CANARY}),
        raw(tagged, f"application/{CANARY}"),
        raw(CANARY.encode()),
        multipart(tagged, name=f"{CANARY}.jpg"),
        multipart(tagged, field=CANARY),
        replace(form, body=form.body[:3000] + CANARY.encode()),
        replace(form, body=CANARY.encode()),
        replace(form, body=form.body.replace(b": form-data", f"{CANARY}: \xe9".encode(), 1)),
        json_text(f'{{"image": "{CANARY}"}}'),
        json_text(f'{{"{CANARY}": '),
        HttpRequest("GET", f"/{CANARY}"),
        HttpRequest(CANARY, "/predict"),
    ]

    for request in requests:
        call(request)

        written = logs()
        assert CANARY not in written
        # THEN the request's metrics are the only line
        assert len(written.splitlines()) == 1
        assert json.loads(written)["Requests"] == [1.0]
