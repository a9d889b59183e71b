"""Logs, metrics, traces and errors contain nothing from a request, an upload or an answer.

Both functions run in Lambda's runtime loop at log level DEBUG, with every event of events/. In each
event, file names, metadata, base64 and keys contain a marker word. The tests read everything that
the processes write: logs, metrics (which are lines of the log), and traces, for which they listen
at the X-Ray daemon's address.
"""

import base64
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from ethnicity.labels import LABELS
from scripts.events import Fixture, fixtures
from scripts.s3_events import BUCKET, S3Fixture, s3_fixtures
from tests import aws
from tests.aws import Relay
from tests.e2e.emulator import Emulator, FunctionError
from tests.hostile import segment
from tests.stack import deploy

CANARY = "Canary5b7e1d"

RESULTS = "results-of-the-tests"

_TIFF = b"II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0" + (len(CANARY) + 1).to_bytes(4, "little")
METADATA = (
    segment(0xE1, b"Exif\0\0" + _TIFF + b"\x1a\0\0\0" + bytes(4) + CANARY.encode() + b"\0")
    + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<dc:creator>" + CANARY.encode())
    + segment(0xFE, CANARY.encode())
)
"""EXIF's description, XMP's author and a comment."""


def tagged(body: bytes) -> bytes:
    """Return the body with marker words in the picture's metadata and the file's name."""
    body = body.replace(b"\xff\xd8\xff\xe0", b"\xff\xd8" + METADATA + b"\xff\xe0", 1)
    body = body.replace(b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + CANARY.encode(), 1)
    return re.sub(rb'filename="[^"]*"', f'filename="../{CANARY}.jpg"'.encode(), body)


def tagged_text(text: str) -> str:
    """Tag the picture in a JSON body, or put the marker word into any other text."""
    try:
        picture = base64.b64decode(json.loads(text)["image"], validate=True)
    except ValueError:
        return text.replace('"image": ', f'"{CANARY}": "", "image": ').replace("no ", CANARY)
    return json.dumps({"image": base64.b64encode(tagged(picture)).decode(), CANARY: CANARY})


def tagged_event(event: Any) -> Any:
    """Return the event with the marker word in every field that a caller controls."""
    event = json.loads(json.dumps(event).replace("curl/8.5.0", CANARY))
    event = json.loads(json.dumps(event).replace("/no/such/page", f"/{CANARY}"))
    event["headers"] |= {"cookie": CANARY, "x-forwarded-for": CANARY}
    body = event.get("body")
    if body and event["isBase64Encoded"]:
        event["body"] = base64.b64encode(tagged(base64.b64decode(body))).decode()
    elif body:
        event["body"] = tagged_text(body)
    return event


def tagged_notification(fixture: S3Fixture) -> S3Fixture:
    """Return the notification with the marker word in each key and picture."""
    folder = f"uploads/{CANARY}/"
    objects = tuple(
        replace(each, key=each.key.replace("uploads/", folder), content=tagged(each.content))
        for each in fixture.objects
    )
    event = json.loads(json.dumps(fixture.event).replace("uploads/", folder))
    return replace(fixture, event=event, objects=objects)


def assert_nothing_is_revealed(told: str, answers: list[Any]) -> None:
    """Check that the text has no marker word in any encoding, no label and no probability."""
    for start in range(3):
        piece = base64.b64encode(bytes(start) + CANARY.encode()).decode()[4:12]
        assert piece not in told
    assert CANARY.lower() not in told.lower()
    assert not re.search("|".join(rf"\b{label}\b" for label in LABELS), told)
    numbers = set(re.findall(r"0\.\d{4}", json.dumps(answers)))
    assert not [number for number in numbers if number in told]


@contextmanager
def daemon() -> Iterator[socket.socket]:
    """A socket to which a tracing library would send its data."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as place:
        place.bind(("127.0.0.1", 0))
        place.setblocking(False)
        yield place


def is_silent(place: socket.socket) -> bool:
    try:
        place.recv(1)
    except BlockingIOError:
        return True
    return False


def variables(function: str, place: socket.socket) -> dict[str, str]:
    """The function's variables, and those with which Lambda marks a traced request."""
    stack = deploy(EnableS3Variant="true", LogLevel="DEBUG")
    own = stack.resources[function]["Properties"]["Environment"]["Variables"]
    return {
        **own,
        "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{place.getsockname()[1]}",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
    }


def test_no_log_metric_trace_or_error_reveals_a_request_or_its_answer() -> None:
    table = fixtures()
    answers = []
    with daemon() as place:
        with Emulator("predict.app.handler", variables("PredictFunction", place)) as function:
            for fixture in table:
                event = tagged_event(fixture.event)
                assert_contains_the_marker(fixture, event)
                answer = function.invoke(event)
                assert answer["statusCode"] == fixture.status, fixture.file
                answers.append(answer)
        assert is_silent(place)

    log = "".join(function.log)
    # THEN the log that was read is complete: it has a line of metrics for each request
    assert log.count('"Requests":[1.0]') == len(table)
    predictions = [each["body"] for each in answers if '"confidence"' in each["body"]]
    assert len(predictions) > 10
    assert_nothing_is_revealed(log, predictions)
    assert CANARY not in json.dumps(answers)


def assert_contains_the_marker(fixture: Fixture, event: Any) -> None:
    text = json.dumps(event)
    assert CANARY in text, fixture.file
    body = event.get("body") or ""
    if event["isBase64Encoded"]:
        body = base64.b64decode(body).decode("latin-1")
    if fixture.status in (200, 422) and body:
        assert CANARY in body or base64.b64encode(METADATA[12:]).decode()[:16] in body


def returned_by(function: Emulator, event: Any) -> Any:
    """Return the function's answer to its caller, or its error."""
    try:
        return function.invoke(event)
    except FunctionError as error:
        return str(error)


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[Any, Relay]]:
    with (
        aws.moto_server() as moto,
        aws.relay(moto) as relay,
        closing(aws.SESSION.client("s3", endpoint_url=moto)) as client,
    ):
        yield client, relay


@pytest.mark.parametrize("fault", [None, "AccessDenied", aws.CUT])
def test_no_log_metric_trace_or_error_reveals_an_upload_or_its_result(
    s3: tuple[Any, Relay], fault: str | None
) -> None:
    client, relay = s3
    relay.reset()
    # GIVEN an S3 that works, or whose error messages quote the key
    relay.fault = lambda call: fault if call.method == "GET" else None
    returned, results = [], []
    with daemon() as place:
        environment = variables("S3UploadFunction", place)
        environment |= aws.environment(relay.url, RESULTS_BUCKET=RESULTS)
        with Emulator("s3_upload.app.handler", environment) as function:
            for fixture in map(tagged_notification, s3_fixtures()):
                aws.reset(client.meta.endpoint_url)
                for bucket in (BUCKET, RESULTS):
                    aws.create_bucket(client, bucket)
                for each in fixture.objects:
                    client.put_object(Bucket=each.bucket, Key=each.key, Body=each.content)
                returned.append(returned_by(function, fixture.event))
                for found in client.list_objects_v2(Bucket=RESULTS).get("Contents", []):
                    body = client.get_object(Bucket=RESULTS, Key=found["Key"])["Body"]
                    results.append(json.loads(body.read()))
        assert is_silent(place)

    log = "".join(function.log)
    assert log.count('"Uploads":[') >= len(s3_fixtures()) - 1  # all except S3's test event
    if fault is None:
        assert CANARY in json.dumps(results)
        assert sum("faces" in each for each in results) > 10
    else:
        assert not any("faces" in each for each in results)
        assert '"fault":' in log
    assert_nothing_is_revealed(log, results)
    assert CANARY not in json.dumps(returned)
