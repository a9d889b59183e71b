"""The S3 variant as it is deployed: bucket, queue, function in Lambda's runtime loop, results.

moto's server is S3 and SQS, set up like the translated template. The tests put objects and read
results there; the function reaches it through a relay that injects faults.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ethnicity import answers
from ethnicity.errors import PictureError
from ethnicity.labels import LABELS
from ethnicity.pipeline import Models, classify, load_models
from scripts.s3_events import S3Object, notification, sqs_batch
from tests import aws
from tests.aws import Call, Relay
from tests.e2e.emulator import FILE_WRITTEN, PATH, Emulator
from tests.e2e.event_source import EventSource
from tests.e2e.system_calls import needs_strace, opened_for_writing, strace
from tests.stack import Stack, deploy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

PICTURES = Path(__file__).parents[1] / "data"

UPLOADS, RESULTS, QUEUE, DEAD_LETTERS = "uploads", "results", "queue", "dead-letters"

CANARY = "canary"
"""A word that is part of every key in this test and appears nowhere else."""


@pytest.fixture(scope="module")
def stack() -> Stack:
    # The most detailed log level
    return deploy(EnableS3Variant="true", LogLevel="DEBUG")


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


@dataclass(frozen=True)
class Cloud:
    """The resources of the template's S3 variant, except the function."""

    stack: Stack
    s3: "S3Client"
    sqs: "SQSClient"
    queue: str
    dead_letters: str
    relay: Relay

    def put(self, upload: S3Object) -> None:
        self.s3.put_object(Bucket=UPLOADS, Key=upload.key, Body=upload.content)

    def results(self) -> dict[str, Any]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=RESULTS)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {
            key: json.loads(self.s3.get_object(Bucket=RESULTS, Key=key)["Body"].read())
            for key in keys
        }

    def waiting(self, queue: str) -> int:
        """The number of messages in a queue, hidden ones included."""
        answer = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
        attributes = answer["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]) + int(
            attributes["ApproximateNumberOfMessagesNotVisible"]
        )

    def dead(self) -> list[str]:
        """The keys in the dead-letter queue."""
        keys = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.dead_letters, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                (record,) = json.loads(message["Body"])["Records"]
                keys.append(record["s3"]["object"]["key"])
        return keys

    def instance(self, through: tuple[str, ...] = ()) -> Emulator:
        """Start an instance of the function, with the template's variables."""
        function = self.stack.resources["S3UploadFunction"]["Properties"]
        variables = function["Environment"]["Variables"] | {"RESULTS_BUCKET": RESULTS}
        return Emulator(
            "s3_upload.app.handler",
            aws.environment(self.relay.url, **variables),
            timeout=function["Timeout"],
            memory=int(function["MemorySize"]),
            through=through,
        )

    def event_source(self, instances: list[Emulator]) -> EventSource:
        mapping = self.stack.one("AWS::Lambda::EventSourceMapping")
        return EventSource(self.sqs, self.queue, mapping, instances)

    @property
    def max_receive_count(self) -> int:
        queue = self.stack.resources["UploadQueue"]["Properties"]
        return int(queue["RedrivePolicy"]["maxReceiveCount"])


@pytest.fixture
def cloud(stack: Stack) -> Iterator[Cloud]:
    with (
        aws.moto_server() as moto,
        aws.relay(moto) as relay,
        closing(aws.SESSION.client("s3", endpoint_url=moto)) as s3,
        closing(aws.SESSION.client("sqs", endpoint_url=moto)) as sqs,
    ):
        cloud = Cloud(
            stack,
            s3,
            sqs,
            queue=sqs.create_queue(QueueName=QUEUE)["QueueUrl"],
            dead_letters=sqs.create_queue(QueueName=DEAD_LETTERS)["QueueUrl"],
            relay=relay,
        )
        set_up(cloud)
        yield cloud


def set_up(cloud: Cloud) -> None:
    """Buckets and queues as the template describes them."""
    arn = f"arn:aws:sqs:{aws.REGION}:123456789012"
    queue = cloud.stack.resources["UploadQueue"]["Properties"]
    redrive = queue["RedrivePolicy"] | {"deadLetterTargetArn": f"{arn}:{DEAD_LETTERS}"}
    cloud.sqs.set_queue_attributes(
        QueueUrl=cloud.queue,
        Attributes={
            "VisibilityTimeout": str(queue["VisibilityTimeout"]),
            "RedrivePolicy": json.dumps(redrive),
        },
    )
    for bucket in (UPLOADS, RESULTS):
        aws.create_bucket(cloud.s3, bucket)
    bucket = cloud.stack.resources["UploadBucket"]["Properties"]
    (notified,) = bucket["NotificationConfiguration"]["QueueConfigurations"]
    rules = notified["Filter"]["S3Key"]["Rules"]
    # moto sends its s3:TestEvent now, as S3 does
    cloud.s3.put_bucket_notification_configuration(
        Bucket=UPLOADS,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": f"{arn}:{QUEUE}",
                    "Events": [notified["Event"]],
                    "Filter": {"Key": {"FilterRules": rules}},
                }
            ]
        },
    )


@contextmanager
def instances(cloud: Cloud, count: int) -> Iterator[list[Emulator]]:
    with ExitStack() as stack:
        yield [stack.enter_context(cloud.instance()) for _ in range(count)]


# ---------------------------------------------------------------- pictures and their results


@cache
def picture(name: str) -> bytes:
    return (PICTURES / name).read_bytes()


def upload(number: int, content: bytes, suffix: str = ".jpg") -> S3Object:
    """An upload with a unique odd key, and unique bytes after the end of the image."""
    key = f"uploads/{CANARY} {number % 7}+é/100% № {number}{suffix}"
    return S3Object(key, content + b"upload %d" % number, bucket=UPLOADS)


def result_key(upload: S3Object) -> str:
    return f"results/{upload.key.removeprefix('uploads/')}.json"


def right_result(models: Models, upload: S3Object) -> dict[str, Any]:
    try:
        answer = answers.all_faces(classify(models, upload.content, all_faces=True))
    except PictureError as fault:
        answer = answers.error(fault)
    source = {
        "bucket": UPLOADS,
        "key": upload.key,
        "version_id": None,
        "etag": upload.etag,
        "size": len(upload.content),
    }
    return answer | {"source": source}


def right_results(models: Models, uploads: list[S3Object]) -> dict[str, Any]:
    return {result_key(upload): right_result(models, upload) for upload in uploads}


def assert_private(log: list[str]) -> None:
    """Check that the log names no object, prediction or file."""
    text = "".join(log)
    assert '"outcomes":' in text
    assert CANARY not in text
    assert not re.search("|".join(LABELS), text)
    assert not re.search('confidence|probabilit|ethnicity"', text)
    assert FILE_WRITTEN not in text


# ---------------------------------------------------------------- tests


ANY_FAULT_OF = 0.05


def occasional_fault(call: Call) -> str | None:
    """Return a fault for one call in twenty; a hash of the call makes runs reproducible."""
    seed = hashlib.sha256(f"6 {call}".encode()).digest()
    if int.from_bytes(seed[:4], "big") >= ANY_FAULT_OF * 2**32:
        return None
    return aws.FAULTS[seed[4] % len(aws.FAULTS)]


@pytest.mark.slow
def test_a_hundred_uploads_get_their_results_despite_many_faults(
    cloud: Cloud, models: Models
) -> None:
    # GIVEN 100 uploads: good ones, and 10 corrupt, 5 PNGs, 5 without a face,
    # 5 deleted before they are read, 3 with access denied, 5 overwritten at once
    good, portrait, png = picture("obama.jpg"), picture("portrait.jpg"), picture("portrait.png")
    kinds = [portrait] * 62 + [good] * 5 + [picture("no_face.jpg")] * 5
    kinds += [portrait[: 2000 + 100 * cut] for cut in range(10)] + [png] * 5
    uploads = [upload(number, content) for number, content in enumerate(kinds)]
    deleted = [upload(number, portrait, ".JPEG") for number in range(100, 105)]
    denied = [upload(number, portrait, ".jpeg") for number in range(105, 108)]
    overwritten = [upload(number, portrait) for number in range(108, 113)]
    overwriting = [S3Object(one.key, good + one.etag.encode(), UPLOADS) for one in overwritten]
    assert len([*uploads, *deleted, *denied, *overwritten]) == 100
    for one in [*overwritten, *uploads, *deleted, *denied, *overwriting]:
        cloud.put(one)
    for one in deleted:
        cloud.s3.delete_object(Bucket=UPLOADS, Key=one.key)
    # GIVEN 10 notifications that come twice, and an object without a JPEG suffix
    for one in uploads[:10]:
        cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=json.dumps(notification(one)))
    cloud.s3.put_object(Bucket=UPLOADS, Key=f"uploads/{CANARY}.txt", Body=b"no picture")
    sent = cloud.waiting(cloud.queue)
    assert sent == 1 + 100 + 5 + 10 + 1  # the first is S3's test event

    # GIVEN faults in one of twenty calls, and access denied at every read of three uploads
    keys = {one.key for one in denied}
    cloud.relay.fault = lambda call: (
        "AccessDenied" if call.method == "GET" and call.key in keys else occasional_fault(call)
    )
    with instances(cloud, 3) as workers:
        source = cloud.event_source(workers)
        source.drain(deadline=120)
    log = [line for worker in workers for line in worker.log]

    # THEN every remaining upload has its correct result, and no other object has one
    assert cloud.results() == right_results(models, [*uploads, *overwriting])
    # THEN no message is lost, and none is delivered more often than allowed
    assert cloud.waiting(cloud.queue) == 0
    assert len(source.deliveries) == sent
    assert source.failed_invocations == 0
    # THEN only messages that failed at every attempt are in the dead-letter queue
    assert sorted(cloud.dead()) == sorted(notified_key(one) for one in denied)
    deliveries = Counter(source.deliveries.values())
    assert deliveries[cloud.max_receive_count] == len(denied)
    assert max(deliveries) == cloud.max_receive_count
    # THEN every kind of fault occurred, and single messages were retried instead of whole batches
    assert set(cloud.relay.faults) == set(aws.FAULTS)
    assert sum(deliveries[count] for count in range(2, cloud.max_receive_count)) < 15
    assert_private(log)
    print(  # noqa: T201 - shown with -s, and if the test fails
        f"{len(cloud.relay.calls)} calls, faults: {dict(cloud.relay.faults)}, "
        f"{source.invocations} invocations, deliveries: {dict(deliveries)}"
    )


def notified_key(upload: S3Object) -> str:
    """The key as S3 encodes it."""
    key = notification(upload)["Records"][0]["s3"]["object"]["key"]
    return str(key).replace("/", "%2F")  # moto encodes slashes too


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle_of_a_batch_loses_nothing(
    cloud: Cloud, models: Models
) -> None:
    uploads = [upload(number, picture("portrait.jpg")) for number in range(10)]
    for one in uploads:
        cloud.put(one)

    with cloud.instance() as worker:
        # GIVEN that it is killed once while it reads, once while it writes and once while it checks
        # the object again, each time in the middle of the batch
        deaths = [("GET", uploads[2]), ("PUT", uploads[4]), ("HEAD", uploads[7])]

        def kill(call: Call) -> str | None:
            for method, one in deaths:
                if call.method == method and call.key in (one.key, result_key(one)):
                    deaths.remove((method, one))
                    worker.kill()
                    return aws.UNANSWERED
            return None

        cloud.relay.fault = kill
        source = cloud.event_source([worker])
        source.drain(deadline=60)

    assert deaths == []
    assert source.failed_invocations == 3
    assert cloud.results() == right_results(models, uploads)
    assert cloud.waiting(cloud.queue) == cloud.waiting(cloud.dead_letters) == 0
    assert_private(worker.log)


@pytest.mark.slow
@needs_strace
def test_no_library_writes_a_file(cloud: Cloud, tmp_path: Path) -> None:
    # GIVEN pictures of all sizes, including the largest that is accepted
    contents = [picture("obama.jpg"), picture("portrait.jpg")[:5000], picture("portrait.png")]
    contents.append(picture("portrait.jpg") + bytes(24_900_000))
    uploads = [upload(number, content) for number, content in enumerate(contents)]
    for one in uploads:
        cloud.put(one)
    trace = tmp_path / "trace"

    with cloud.instance(through=strace(trace)) as worker:
        event = sqs_batch(*(json.dumps(notification(one)) for one in uploads))
        assert worker.invoke(event) == {"batchItemFailures": []}

    assert len(cloud.results()) == len(uploads)
    assert "s3_upload/" in trace.read_text()
    assert opened_for_writing(trace) == []


def test_the_audit_hook_sees_a_temporary_file(tmp_path: Path) -> None:
    """Check that the log would show a temporary file, which the other tests look for."""
    program = "import tempfile; tempfile.TemporaryFile()"

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join(map(str, PATH)), "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert f"{FILE_WRITTEN}open {tmp_path}" in done.stderr
