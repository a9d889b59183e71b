"""Bodies and events as clients may write them: each is read in one way or refused."""

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from ethnicity.errors import ImageTooLarge, NoImage, PictureError
from ethnicity.web.body import read_picture
from ethnicity.web.faults import STATUS, BadBase64, BadRequest, RequestFault
from scripts.events import BOUNDARY, FORMS, GATEWAYS, json_text, multipart, multipart_parts, raw
from scripts.gateway import HttpRequest, http_api

if TYPE_CHECKING:
    from tests.conftest import Answer, Call, Invoke

quickly = settings(deadline=None, max_examples=200)
through_the_function = settings(deadline=None, max_examples=100)


def read(request: HttpRequest, chunk: int = 2**20) -> bytes:
    """The picture in a request whose body arrives in chunks of that size."""
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    scope = {"type": "http", "method": request.method, "path": request.path, "headers": headers}

    def messages() -> Iterator[dict[str, Any]]:
        for start in range(0, len(request.body), chunk):
            part = request.body[start : start + chunk]
            yield {"type": "http.request", "body": part, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    coming = messages()

    async def receive() -> dict[str, Any]:
        return next(coming)

    with closing(asyncio.new_event_loop()) as loop:  # run() would unset the adapter's own loop
        return loop.run_until_complete(read_picture(Request(scope, receive)))


def read_or_fault(request: HttpRequest) -> bytes | PictureError | RequestFault:
    """The picture or one of the contract's faults; anything else fails the test."""
    try:
        return read(request)
    except (PictureError, RequestFault) as fault:
        return fault


def part(headers: str, content: bytes) -> bytes:
    return headers.replace("\n", "\r\n").encode() + b"\r\n\r\n" + content


def file(content: bytes, disposition: str = 'name="image"; filename="a.jpg"') -> bytes:
    return part(f"Content-Disposition: form-data; {disposition}", content)


# ---------------------------------------------------------------- forms, case by case


def test_of_several_files_named_image_the_first_is_taken() -> None:
    assert read(multipart_parts(file(b"one"), file(b"two"))) == b"one"


@pytest.mark.parametrize("field", ["Image", "image ", "images", "file", "image[]", "../image", ""])
def test_a_file_in_another_field_is_not_the_picture(field: str) -> None:
    with pytest.raises(NoImage):
        read(multipart_parts(file(b"one", f'name="{field}"; filename="a.jpg"')))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param('filename=""', id="none"),
        pytest.param("filename=a.jpg", id="no quotes"),
        pytest.param(r'filename="a \"b\" c.jpg"', id="quotes in quotes"),
        pytest.param(r'filename="C:\fakepath\a.jpg"', id="a path of Windows"),
        pytest.param('filename="a;b=c.jpg"', id="what separates parameters"),
        pytest.param('filename="写真 🙂.jpg"', id="other scripts"),
        pytest.param("filename*=UTF-8''%e2%82%ac.jpg; filename=\"a\"", id="RFC 5987"),
        pytest.param('filename="a.jpg\0.exe"', id="a zero byte"),
        pytest.param(f'filename="{"a" * 4000}.jpg"', id="four thousand letters"),
        pytest.param('filename="%s%n{0}${jndi:ldap://x}"', id="other languages"),
    ],
)
def test_a_file_may_have_any_name(name: str) -> None:
    assert read(multipart_parts(file(b"one", f'name="image"; {name}'))) == b"one"


@pytest.mark.parametrize(
    "name",
    ["../../../../tmp/canary", "/tmp/canary", "..\\..\\canary", "%2e%2e%2fcanary", "\\\\host\\a"],
)
def test_a_name_that_is_a_path_leads_nowhere(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # GIVEN an empty working directory, where a relative path would lead
    monkeypatch.chdir(tmp_path)

    assert read(multipart(b"one" * 1_000_000, name=name)) == b"one" * 1_000_000

    assert list(tmp_path.iterdir()) == []


def test_a_form_in_a_form_is_a_file_like_any_other() -> None:
    inner = multipart_parts(file(b"one")).body.replace(BOUNDARY.encode(), b"inner")
    nested = part(
        'Content-Disposition: form-data; name="image"; filename="a"\n'
        "Content-Type: multipart/mixed; boundary=inner",
        inner,
    )
    assert read(multipart_parts(nested)) == inner


def test_headers_of_a_part_that_never_end_are_a_bad_request() -> None:
    body = f"--{BOUNDARY}\r\nContent-Disposition: form-data".encode()
    request = multipart(b"")
    for tail in (b"", b"; name=", b'; name="image', b'; name="image"; filename="a"\r\nX: y'):
        with pytest.raises(BadRequest):
            read(replace(request, body=body + tail))


def test_a_boundary_may_be_quoted_and_contain_any_allowed_character() -> None:
    boundary = "b'()+_,-./:=?b"
    form = multipart_parts(file(b"one"))
    quoted = {"content-type": f'multipart/form-data; boundary="{boundary}"'}
    body = form.body.replace(BOUNDARY.encode(), boundary.encode())
    assert read(replace(form, headers=quoted, body=body)) == b"one"


def test_text_around_a_form_is_skipped_or_refused() -> None:
    form = multipart_parts(file(b"one"))
    for body in (b"\r\n" + form.body, form.body + b"\r\n", form.body + b"behind"):
        assert read_or_fault(replace(form, body=body)) == b"one"
    assert isinstance(read_or_fault(replace(form, body=b"before\r\n" + form.body)), BadRequest)


def test_a_picture_may_contain_bytes_that_look_like_a_boundary() -> None:
    picture = f"\r\n--{BOUNDARY[:-1]}\r\n--\r\n\r\n--{BOUNDARY}"[:-1].encode() + b"\r\n--"
    assert read(multipart(picture)) == picture


@pytest.mark.parametrize("length", ["0", "1", "999999999999", "-1", "many", "", "7, 8"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_wrong_content_length_changes_nothing(
    call: "Call", portrait: bytes, gateway: str, form: str, length: str
) -> None:
    request = FORMS[form](portrait)
    lying = replace(request, headers=request.headers | {"content-length": length})

    assert call(lying, GATEWAYS[gateway]).status == 200


# ---------------------------------------------------------------- forms with any content

PARTS = st.sampled_from(
    [
        file(b"another", 'name="photo"; filename="b.jpg"'),
        part('Content-Disposition: form-data; name="image"', b"a text"),
        part('Content-Disposition: form-data; name="note"', "é".encode()),
        part('Content-Type: text/plain\ncontent-disposition: form-data; name="x"', b""),
    ]
)


@quickly
@given(
    st.binary(min_size=1, max_size=500),
    st.lists(PARTS, max_size=5),
    st.lists(PARTS, max_size=5),
    st.integers(1, 200),
)
@example(b"\r\n", [], [], 1)
@example(b"--" + BOUNDARY.encode(), [], [], 3)
def test_a_file_is_read_unchanged_whatever_surrounds_it(
    content: bytes, before: list[bytes], after: list[bytes], chunk: int
) -> None:
    assert read(multipart_parts(*before, file(content), *after), chunk) == content


SPLICES = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 60),
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from([b"\r\n", b"--", BOUNDARY.encode(), b'"', b";", b"\0", b": ", b"\xff"]),
        ),
    ),
    min_size=1,
    max_size=4,
)
"""Each splice: its position as a fraction of the body, the bytes to remove, those to insert."""


def spliced(body: bytes, splices: list[tuple[float, int, bytes]]) -> bytes:
    for place, length, bytes_ in splices:
        start = int(place * len(body))
        body = body[:start] + bytes_ + body[start + length :]
    return body


@quickly
@given(SPLICES)
def test_a_damaged_form_is_read_or_refused(splices: list[tuple[float, int, bytes]]) -> None:
    form = multipart_parts(file(b"one"), file(b"two", 'name="photo"; filename="b"'))
    read_or_fault(replace(form, body=spliced(form.body, splices)))


@quickly
@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=60))
@example("boundary=")
@example('boundary="')
@example(f"boundary={BOUNDARY}; charset=utf-16")
@example(f"boundary={BOUNDARY}; charset=idna")
@example(f"boundary={BOUNDARY}; charset=rot13")
def test_any_parameters_of_a_form_are_understood_or_refused(parameters: str) -> None:
    form = multipart_parts(file(b"one"))
    outcome = read_or_fault(
        replace(form, headers={"content-type": f"multipart/form-data;{parameters}"})
    )
    assert outcome == b"one" or isinstance(outcome, BadRequest | NoImage)


@quickly
@given(st.sampled_from(["multipart/form-data; boundary=b", "application/json"]), st.binary())
def test_arbitrary_bytes_get_a_client_error(media_type: str, body: bytes) -> None:
    outcome = read_or_fault(HttpRequest("POST", "/predict", {"content-type": media_type}, body))
    assert isinstance(outcome, BadRequest | NoImage)


# ---------------------------------------------------------------- base64

WHITE_SPACE = st.text(" \t\r\n\f\v", max_size=3)


@quickly
@given(
    data=st.binary(min_size=1, max_size=200),
    url_safe=st.booleans(),
    padded=st.booleans(),
    prefix=st.sampled_from(["", "data:image/jpeg;base64,", "DATA:;a=b;Base64,"]),
    gaps=st.lists(st.tuples(st.floats(0, 1), WHITE_SPACE), max_size=5),
)
def test_base64_means_the_same_however_it_is_spelled(
    *, data: bytes, url_safe: bool, padded: bool, prefix: str, gaps: list[tuple[float, str]]
) -> None:
    digits = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
    digits = digits if padded else digits.rstrip("=")
    for place, white in gaps:
        position = int(place * len(digits))
        digits = digits[:position] + white + digits[position:]

    assert read(json_text(json.dumps({"image": prefix + digits}))) == data


@quickly
@given(st.binary(min_size=1, max_size=50), st.integers(1, 9))
def test_excess_padding_is_refused(data: bytes, more: int) -> None:
    digits = base64.b64encode(data).decode()
    with pytest.raises(BadBase64):
        read(json_text(json.dumps({"image": digits + "=" * more})))


@quickly
@given(st.text(max_size=80))
@example("A")
@example("data:;base64")
@example("\ud800")
@example("AAA\u0660")
def test_any_text_is_decoded_or_refused(text: str) -> None:
    outcome = read_or_fault(json_text(json.dumps({"image": text})))
    assert isinstance(outcome, bytes | NoImage | BadBase64)


def test_base64_is_measured_before_it_is_decoded() -> None:
    with pytest.raises(ImageTooLarge):
        read(json_text(json.dumps({"image": "A" * 6_666_670})))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.sampled_from(["image", "Image", "a"]), children, max_size=3)
    ),
    max_leaves=10,
)


@quickly
@given(JSON)
def test_any_json_has_a_picture_or_a_fault(document: Any) -> None:
    outcome = read_or_fault(json_text(json.dumps(document)))
    assert isinstance(outcome, bytes | NoImage | BadBase64 | BadRequest)


# ---------------------------------------------------------------- events

CODES = set(STATUS)


def assert_of_the_contract(answer: "Answer") -> None:
    if answer.status >= 400:
        assert answer.body.keys() == {"error", "code"}
        assert STATUS[answer.body["code"]] == answer.status


HEADER_NAMES = st.sampled_from(
    [
        *("host", "content-type", "content-length", "transfer-encoding", "expect", "range"),
        *("accept", "cookie", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-a"),
    ]
)
HEADER_VALUES = st.text(st.characters(codec="utf-8"), max_size=30)


@through_the_function
@given(
    method=st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "TRACE", "", "PÖST"]),
    path=st.one_of(
        st.sampled_from(["/predict", "/health", "/", "", "//", "/predict%00", "/%zz", "*"]),
        st.text(st.characters(codec="utf-8"), max_size=20).map("/{}".format),
    ),
    headers=st.dictionaries(HEADER_NAMES, HEADER_VALUES, max_size=4),
    query=st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from(["faces=all", "faces", "faces[]=all", "%ff=%", "faces=%61ll"]),
    body=st.binary(max_size=50),
    gateway=st.sampled_from(sorted(GATEWAYS)),
)
def test_no_request_causes_a_fault_of_the_service(
    call: "Call", gateway: str, **request: Any
) -> None:
    # GIVEN a body that its service passes on unchanged, or as base64 if it is not text
    body, headers = request.pop("body"), request.pop("headers")
    event = GATEWAYS[gateway](HttpRequest(**request, headers={}, body=b""))
    event["headers"] |= headers
    if "multiValueHeaders" in event:
        event["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}

    answer = call(HttpRequest("", ""), lambda _: event)

    assert_of_the_contract(answer)
    assert answer.status < 500


@through_the_function
@given(st.sampled_from(sorted(GATEWAYS)), st.data())
def test_an_event_with_any_of_its_values_replaced_gets_an_answer(
    invoke: "Invoke", gateway: str, data: st.DataObject
) -> None:
    event = GATEWAYS[gateway](json_text('{"image": "aGVsbG8="}'))
    for _ in range(data.draw(st.integers(1, 3))):
        replace_somewhere(event, data)

    assert_of_the_contract(invoke(event))


def replace_somewhere(event: Any, data: st.DataObject) -> None:
    """Replace one value of the event, at any depth, with any JSON."""
    while event:
        key = data.draw(st.sampled_from(sorted(event)))
        if not isinstance(event[key], dict) or data.draw(st.booleans()):
            event[key] = data.draw(JSON)
            return
        event = event[key]


@through_the_function
@given(JSON)
def test_any_json_as_an_event_is_a_bad_request(invoke: "Invoke", event: Any) -> None:
    answer = invoke(event)
    assert (answer.status, answer.body["code"]) == (400, "bad_request")


@through_the_function
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_body_marked_as_base64_is_base64_or_refused(invoke: "Invoke", body: str) -> None:
    answer = invoke(http_api(raw(b"picture")) | {"body": body})
    assert answer.body["code"] in {"not_jpeg", "no_image", "bad_base64", "corrupt_image"}
