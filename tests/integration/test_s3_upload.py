"""The S3 variant's contract, through the function's handler: real objects, HTTP and failures."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethnicity import answers
from ethnicity.labels import LABELS
from ethnicity.pipeline import classify
from s3_upload import app, outcomes
from s3_upload.classify import write_result
from s3_upload.storage import storage
from s3_upload.uploads import Upload, is_batch, uploads_in
from scripts.events import EVENTS, claiming
from scripts.s3_events import (
    BUCKET,
    S3Fixture,
    S3Object,
    announcement,
    event_bridge,
    notification,
    s3_fixtures,
    sqs_batch,
)
from tests import aws
from tests.aws import Call, Relay

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RESULTS = "results-of-the-tests"

MAX_BYTES = 25_000_000

KEY = "uploads/me.jpg"


@dataclass(frozen=True)
class Cloud:
    """Two buckets and the function. The tests call S3 directly, the function through the relay."""

    s3: "S3Client"
    relay: Relay
    context: Any

    def put(self, *uploads: S3Object) -> None:
        for upload in uploads:
            self.s3.put_object(Bucket=upload.bucket, Key=upload.key, Body=upload.content)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=BUCKET, Key=key)

    def keep_versions(self) -> None:
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def results(self) -> dict[str, Any]:
        listed = self.s3.list_objects_v2(Bucket=RESULTS).get("Contents", [])
        return {found["Key"]: self.result(found["Key"]) for found in listed}

    def result(self, key: str) -> Any:
        return json.loads(self.s3.get_object(Bucket=RESULTS, Key=key)["Body"].read())

    def invoke(self, event: Any) -> Any:
        # Events and answers cross the Lambda runtime as JSON
        return json.loads(json.dumps(app.handler(json.loads(json.dumps(event)), self.context)))

    def failed(self, event: Any) -> list[str]:
        """Invoke with a batch, and return the messages that SQS has to deliver again."""
        failures = self.invoke(event)["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in failures]


@pytest.fixture(scope="module")
def region(context: Any) -> Iterator[Cloud]:
    """A cloud shared by all tests, since clients are slow to create."""
    with (
        pytest.MonkeyPatch.context() as patch,
        aws.moto_server() as moto,
        aws.relay(moto) as relay,
        closing(aws.SESSION.client("s3", endpoint_url=moto)) as s3,
    ):
        for name, value in aws.environment(relay.url, RESULTS_BUCKET=RESULTS).items():
            patch.setenv(name, value)
        # Skip the client's waits between its attempts
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        storage.cache_clear()
        yield Cloud(s3, relay, context)
        storage().s3.close()
        storage.cache_clear()


@pytest.fixture
def cloud(region: Cloud) -> Cloud:
    """Two empty buckets."""
    aws.reset(region.s3.meta.endpoint_url)
    region.relay.reset()
    for bucket in (BUCKET, RESULTS):
        aws.create_bucket(region.s3, bucket)
    return region


def messages(*notifications: Any) -> dict[str, Any]:
    return sqs_batch(*(json.dumps(one) for one in notifications))


def batch(*uploads: S3Object) -> dict[str, Any]:
    return messages(*map(notification, uploads))


def each(fixtures: list[S3Fixture]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fixture", fixtures, ids=[one.file for one in fixtures])


# ---------------------------------------------------------------- events and results


@each(s3_fixtures())
def test_every_event_of_the_table_has_its_outcome(cloud: Cloud, fixture: S3Fixture) -> None:
    cloud.put(*fixture.objects)
    event = json.loads((EVENTS / fixture.file).read_text(encoding="utf-8"))

    if is_batch(event):
        failed = [event["Records"][place]["messageId"] for place in fixture.failed]
        assert cloud.failed(event) == failed
    else:
        assert cloud.invoke(event) is None
    results = cloud.results()
    assert {key: result.get("code") for key, result in results.items()} == fixture.outcomes


def test_a_result_is_the_answer_for_all_faces_and_names_its_source(
    cloud: Cloud, portrait: bytes
) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)

    assert cloud.failed(batch(upload)) == []

    expected = answers.all_faces(classify(app.models, portrait, all_faces=True))
    result = cloud.result("results/me.jpg.json")
    assert list(result) == [*expected, "source"]
    assert result == expected | {
        "source": {
            "bucket": BUCKET,
            "key": KEY,
            "version_id": None,
            "etag": upload.etag,
            "size": len(portrait),
        }
    }
    written = cloud.s3.head_object(Bucket=RESULTS, Key="results/me.jpg.json")
    assert written["ContentType"] == "application/json"


def test_a_picture_that_cannot_be_classified_has_its_error_as_the_result(
    cloud: Cloud, portrait: bytes
) -> None:
    upload = S3Object(KEY, claiming(portrait, width=10_000, height=10_000))
    cloud.put(upload)

    assert cloud.failed(batch(upload)) == []

    result = cloud.result("results/me.jpg.json")
    assert result.pop("source")["etag"] == upload.etag
    assert result == {
        "error": "The image has more than 50 megapixels",
        "code": "image_too_large",
    }


def test_twenty_five_megabytes_are_accepted(cloud: Cloud, portrait: bytes) -> None:
    # GIVEN bytes after the end of the image, as many cameras write them
    upload = S3Object(KEY, portrait + bytes(MAX_BYTES - len(portrait)))
    cloud.put(upload)

    assert cloud.failed(batch(upload)) == []

    assert cloud.result("results/me.jpg.json")["faces_found"] == 1


def test_more_than_twenty_five_megabytes_are_refused_before_they_are_read(
    cloud: Cloud, portrait: bytes
) -> None:
    upload = S3Object(KEY, portrait + bytes(MAX_BYTES + 1 - len(portrait)))
    cloud.put(upload)
    # GIVEN a response of S3 of which only the headers arrive
    cloud.relay.fault = fault_at("GET", aws.HEADERS_ALONE)

    assert cloud.failed(batch(upload)) == []

    result = cloud.result("results/me.jpg.json")
    assert result["error"] == "The image is larger than 25 MB"
    assert result["source"]["size"] == MAX_BYTES + 1


@pytest.mark.parametrize(
    "key", ["me.jpg", "Uploads/me.jpg", "results/me.jpg", "uploads/me.png", "uploads/jpg"]
)
def test_objects_other_than_uploaded_pictures_are_ignored(
    cloud: Cloud, portrait: bytes, key: str
) -> None:
    upload = S3Object(key, portrait)
    cloud.put(upload)

    assert cloud.failed(batch(upload)) == []

    assert cloud.results() == {}
    assert cloud.relay.calls == []


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG", ".JPEG", ".Jpg", ".jPeG"])
def test_the_suffix_may_be_in_any_case(cloud: Cloud, portrait: bytes, suffix: str) -> None:
    upload = S3Object(f"uploads/me{suffix}", portrait)
    cloud.put(upload)

    assert cloud.failed(batch(upload)) == []

    assert list(cloud.results()) == [f"results/me{suffix}.json"]


def test_a_key_is_decoded_once_in_s3_notifications_and_never_in_event_bridges(
    cloud: Cloud, portrait: bytes
) -> None:
    # GIVEN keys that decode into each other
    keys = ["uploads/a%2Bb.jpg", "uploads/a+b.jpg", "uploads/a b.jpg"]
    uploads = [S3Object(key, portrait) for key in keys]
    cloud.put(*uploads)
    results = {key: f"results/{key.removeprefix('uploads/')}.json" for key in keys}

    for form in (notification, event_bridge):
        for upload in uploads:
            assert cloud.failed(messages(form(upload))) == []
            assert list(cloud.results()) == [results[upload.key]]
            cloud.s3.delete_object(Bucket=RESULTS, Key=results[upload.key])


@given(st.text(min_size=1))
def test_every_key_survives_encoding_and_decoding(key: str) -> None:
    upload = S3Object(key, b"")

    for form in (notification, event_bridge):
        assert uploads_in(json.loads(json.dumps(form(upload)))) == [Upload(BUCKET, key)]


def test_only_notifications_of_created_objects_count(cloud: Cloud, portrait: bytes) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)
    removed = notification(upload)
    removed["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    deleted = event_bridge(upload) | {"detail-type": "Object Deleted"}

    assert cloud.failed(messages(removed, deleted, announcement())) == []

    assert cloud.relay.calls == []


def test_one_message_may_name_several_objects(cloud: Cloud, portrait: bytes) -> None:
    uploads = [S3Object(f"uploads/{number}.jpg", portrait) for number in range(3)]
    cloud.put(*uploads)

    assert cloud.failed(messages(notification(*uploads))) == []

    assert len(cloud.results()) == 3


# ---------------------------------------------------------------- repeats, versions, races


def test_a_repeated_notification_writes_the_same_bytes(cloud: Cloud, portrait: bytes) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)

    written = []
    for _ in range(2):
        assert cloud.failed(batch(upload, upload)) == []
        found = cloud.s3.get_object(Bucket=RESULTS, Key="results/me.jpg.json")
        written.append(found["Body"].read())

    assert written[0] == written[1]


def test_an_object_that_is_deleted_before_it_is_read_has_no_result(
    cloud: Cloud, portrait: bytes
) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)
    cloud.delete(KEY)

    assert cloud.failed(batch(upload)) == []

    assert cloud.results() == {}


def test_in_a_versioned_bucket_the_result_names_the_version(cloud: Cloud, portrait: bytes) -> None:
    cloud.keep_versions()
    version = cloud.s3.put_object(Bucket=BUCKET, Key=KEY, Body=portrait)["VersionId"]

    assert cloud.failed(batch(S3Object(KEY, portrait, version_id=version))) == []

    assert cloud.result("results/me.jpg.json")["source"]["version_id"] == version


def test_a_deleted_picture_is_not_read_from_its_earlier_versions(
    cloud: Cloud, portrait: bytes
) -> None:
    cloud.keep_versions()
    version = cloud.s3.put_object(Bucket=BUCKET, Key=KEY, Body=portrait)["VersionId"]
    cloud.delete(KEY)

    assert cloud.failed(batch(S3Object(KEY, portrait, version_id=version))) == []

    assert cloud.results() == {}


@pytest.mark.parametrize("versions", [False, True], ids=["no versions", "versions"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 0, 1, 0)], ids=str)
def test_the_final_result_is_for_the_last_picture_in_any_order_of_messages(
    cloud: Cloud, portrait: bytes, no_face: bytes, *, order: tuple[int, ...], versions: bool
) -> None:
    if versions:
        cloud.keep_versions()
    uploads = []
    for content in (no_face, portrait):
        put = cloud.s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)
        uploads.append(S3Object(KEY, content, version_id=put.get("VersionId")))

    for place in order:
        assert cloud.failed(batch(uploads[place])) == []

    source = cloud.result("results/me.jpg.json")["source"]
    assert source["etag"] == uploads[1].etag
    assert source["version_id"] == uploads[1].version_id


def test_a_picture_that_is_replaced_while_it_is_classified_is_classified_again(
    cloud: Cloud, portrait: bytes, no_face: bytes
) -> None:
    old, new = S3Object(KEY, no_face), S3Object(KEY, portrait)
    cloud.put(old)

    # GIVEN a new picture that arrives while the result of the old one is written, and another
    # worker that has already classified the new one
    def overtake(call: Call) -> None:
        if call.method == "PUT" and call.attempt == 0:
            cloud.put(new)
            write_result(app.models, storage(), Upload(BUCKET, KEY))

    cloud.relay.fault = overtake

    assert cloud.failed(batch(old)) == []

    # THEN the stale result, which overwrote the new one, has been replaced
    assert [call.method for call in cloud.relay.calls if call.key.startswith("results/")] == [
        "PUT"
    ] * 3
    assert cloud.result("results/me.jpg.json")["source"]["etag"] == new.etag


def test_a_picture_that_is_deleted_while_it_is_classified_is_not_retried(
    cloud: Cloud, portrait: bytes
) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)

    def delete(call: Call) -> None:
        if call.method == "PUT":
            cloud.delete(KEY)

    cloud.relay.fault = delete

    assert cloud.failed(batch(upload)) == []


def test_a_picture_that_keeps_changing_is_left_for_later(cloud: Cloud, portrait: bytes) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)

    def change(call: Call) -> None:
        if call.method == "PUT":
            cloud.put(S3Object(KEY, portrait + bytes(call.attempt + 1)))

    cloud.relay.fault = change

    assert cloud.failed(batch(upload)) == ["00000000-example"]
    assert sum(call.method == "GET" for call in cloud.relay.calls) < 10


# ---------------------------------------------------------------- faults of the service


def fault_at(
    method: str, fault: str, *, times: int = 1000, key: str = ""
) -> Callable[[Call], str | None]:
    """Inject a fault into the first calls of a method, for one key if it is named."""
    return lambda call: (
        fault if call.method == method and call.attempt < times and key in call.key else None
    )


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
@pytest.mark.parametrize("fault", ["SlowDown", "InternalError", aws.LOST, aws.UNANSWERED])
def test_a_temporary_fault_is_retried_at_once(
    cloud: Cloud, portrait: bytes, method: str, fault: str
) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)
    cloud.relay.fault = fault_at(method, fault, times=2)

    assert cloud.failed(batch(upload)) == []

    assert cloud.relay.faults == {fault: 2}
    assert cloud.result("results/me.jpg.json")["source"]["etag"] == upload.etag


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
@pytest.mark.parametrize("fault", [*aws.REFUSALS, aws.LOST, aws.UNANSWERED])
def test_a_permanent_fault_fails_only_its_own_message(
    cloud: Cloud, portrait: bytes, method: str, fault: str
) -> None:
    uploads = [S3Object(f"uploads/{name}.jpg", portrait) for name in ("one", "two", "three")]
    cloud.put(*uploads)
    cloud.relay.fault = fault_at(method, fault, key="two")

    assert cloud.failed(batch(*uploads)) == ["00000001-example"]
    assert {"results/one.jpg.json", "results/three.jpg.json"} <= cloud.results().keys()

    # WHEN the fault is fixed and the message is delivered again
    cloud.relay.fault = lambda _: None
    assert cloud.failed(batch(uploads[1])) == []
    assert len(cloud.results()) == 3


def test_a_partly_received_picture_is_not_classified(cloud: Cloud, portrait: bytes) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)
    cloud.relay.fault = fault_at("GET", aws.CUT)

    assert cloud.failed(batch(upload)) == ["00000000-example"]

    assert cloud.results() == {}


def test_a_batch_that_fails_as_a_whole_lists_every_message_as_failed(
    cloud: Cloud, portrait: bytes
) -> None:
    uploads = [S3Object(f"uploads/{number}.jpg", portrait) for number in range(3)]
    cloud.put(*uploads)
    cloud.relay.fault = fault_at("GET", "SlowDown")

    assert cloud.failed(batch(*uploads)) == [f"0000000{number}-example" for number in range(3)]


def test_an_object_in_a_missing_bucket_does_not_count_as_deleted(
    cloud: Cloud, portrait: bytes
) -> None:
    upload = S3Object(KEY, portrait, bucket="another-bucket")

    assert cloud.failed(batch(upload)) == ["00000000-example"]


@pytest.mark.parametrize("form", [notification, event_bridge])
def test_a_single_notification_fails_with_an_error_without_details(
    cloud: Cloud, portrait: bytes, form: Callable[[S3Object], Any]
) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)
    cloud.relay.fault = fault_at("GET", "AccessDenied")

    # THEN Lambda retries it, as it does every failed invocation that came without a queue
    with pytest.raises(outcomes.NotDone) as raised:
        cloud.invoke(form(upload))

    assert str(raised.value) == ""
    cloud.relay.fault = lambda _: None
    assert cloud.invoke(form(upload)) is None
    assert list(cloud.results()) == ["results/me.jpg.json"]


@pytest.mark.parametrize(
    "event", [{}, [], None, "uploads/me.jpg", 1, {"Records": {"0": 1}}, {"Records": [{}]}, {"a": 1}]
)
def test_other_events_fail(cloud: Cloud, event: Any) -> None:
    with pytest.raises(outcomes.NotDone):
        cloud.invoke(event)
    # THEN messages of a queue end in the dead-letter queue, where someone may examine them
    assert cloud.failed(messages(event)) == ["00000000-example"]


def test_an_empty_notification_succeeds(cloud: Cloud) -> None:
    assert cloud.invoke({"Records": []}) is None


def test_a_key_that_is_not_text_fails(cloud: Cloud, portrait: bytes) -> None:
    event = notification(S3Object(KEY, portrait))
    event["Records"][0]["s3"]["object"]["key"] = "uploads/%FF.jpg"

    assert cloud.failed(messages(event)) == ["00000000-example"]


# ---------------------------------------------------------------- logs, metrics and memory


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The output of the function's own logger."""
    written = io.StringIO()
    monkeypatch.setattr(outcomes.logger.registered_handler, "stream", written)
    return written


def test_logs_and_metrics_contain_counts_codes_and_places_and_nothing_about_people(
    cloud: Cloud,
    portrait: bytes,
    log: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # GIVEN every outcome, for objects whose names are secret, and faults whose messages quote them
    caplog.set_level(logging.WARNING)
    names = ("fine", "half", "denied", "lost", "cut", "gone")
    uploads = [S3Object(f"uploads/canary/{name}.jpg", portrait) for name in names]
    uploads[1] = S3Object(uploads[1].key, portrait[:4000])
    cloud.put(*uploads)
    cloud.delete(uploads[-1].key)
    faults = {"denied": "AccessDenied", "lost": aws.LOST, "cut": aws.CUT}
    cloud.relay.fault = lambda call: faults.get(call.key.split("/")[-1].removesuffix(".jpg"))
    mailed = sqs_batch(
        *(json.dumps(notification(upload)) for upload in uploads),
        '"uploads/canary.jpg"',
        "uploads/canary.jpg",
    )

    assert len(cloud.failed(mailed)) == 5
    with pytest.raises(outcomes.NotDone):
        cloud.invoke(notification(uploads[2]))

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    printed = capfd.readouterr()
    everything = log.getvalue() + printed.out + printed.err + caplog.text
    assert "canary" not in everything
    assert BUCKET not in everything
    assert not any(label in everything for label in LABELS)
    # THEN a fault's kind, place and code are logged
    denied = lines[0]
    assert denied["level"] == "ERROR"
    assert denied["message_id"] == "00000002-example"
    assert denied["code"] == "AccessDenied"
    assert any(place.startswith("storage.py:") for place in denied["places"])
    assert [line["fault"] for line in lines[1:5]] == [
        "ConnectionClosedError",
        "ResponseStreamingError",
        "UnknownNotification",
        "JSONDecodeError",
    ]
    # THEN the outcomes are counted, in the log and for CloudWatch
    counts = {"ok": 1, "corrupt_image": 1, "failed": 5, "gone": 1}
    done = [line["outcomes"] for line in lines if line["level"] == "INFO"]
    assert done == [counts, {"failed": 1}]
    metrics = [json.loads(line) for line in printed.out.splitlines() if '"_aws"' in line]
    assert {metric["outcome"]: metric["Uploads"][0] for metric in metrics[:4]} == counts
    assert all(set(metric) == METRIC_FIELDS for metric in metrics)


METRIC_FIELDS = {"_aws", "Uploads", "outcome", "service"}


def test_no_picture_is_kept_once_its_message_has_failed(cloud: Cloud, portrait: bytes) -> None:
    upload = S3Object(KEY, portrait)
    cloud.put(upload)
    cloud.relay.fault = fault_at("PUT", "AccessDenied")

    assert cloud.failed(batch(upload)) == ["00000000-example"]

    # GIVEN that Powertools keeps exceptions until the next batch
    (failure,) = app.processor.exceptions
    error: BaseException | None = failure[1]
    frames = []
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame)
            trace = trace.tb_next
        error = error.__context__
    assert len(frames) > 5
    assert not any(
        isinstance(value, bytes) and len(value) > 100
        for frame in frames
        for value in frame.f_locals.values()
    )


def test_the_function_starts_without_the_sdk_and_without_http_packages() -> None:
    heavy = {"boto3", "botocore.session", "fastapi", "pydantic", "starlette"}
    program = "import sys, s3_upload.app; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert heavy.isdisjoint(done.stdout.split())
