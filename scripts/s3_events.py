"""S3 notifications as Lambda events: in SQS messages, single, and in EventBridge's form.

`make events` writes the events of the table into events/, with the requests of scripts/events.py.
The tests upload the pictures that the events name, and expect the outcomes in the table.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus

from scripts.gateway import ACCOUNT, ADDRESS, EPOCH_MS, Event

PICTURES = Path(__file__).parents[1] / "tests" / "data"

BUCKET = "uploads-51af3dc0-da77-11e4-872e-1234567db123"

_REGION = "eu-central-1"
_TIME = "2026-11-23T12:00:00.000Z"


@dataclass(frozen=True)
class S3Object:
    """An object as its notification describes it. ``version_id``: set in a bucket with versions."""

    key: str
    content: bytes
    bucket: str = BUCKET
    version_id: str | None = None

    @property
    def etag(self) -> str:
        """The ETag that S3 computes for objects uploaded in one part."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


def record(created: S3Object) -> Event:
    """Return a record in S3's form; the key is encoded like a form field, except its slashes."""
    version = {} if created.version_id is None else {"versionId": created.version_id}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": _REGION,
        "eventTime": _TIME,
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": ADDRESS},
        "responseElements": {"x-amz-request-id": "EXAMPLE123456789", "x-amz-id-2": "EXAMPLE123"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {
                "name": created.bucket,
                "ownerIdentity": {"principalId": "A1EXAMPLE"},
                "arn": f"arn:aws:s3:::{created.bucket}",
            },
            "object": {
                "key": quote_plus(created.key, safe="/"),
                "size": len(created.content),
                "eTag": created.etag,
                **version,
                "sequencer": "0069234D8070A37B5F",
            },
        },
    }


def notification(*created: S3Object) -> Event:
    """Return the event that S3 sends to a queue, a topic or a function."""
    return {"Records": [record(one) for one in created]}


def announcement() -> Event:
    """Return the test event that S3 sends when notifications are set up."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": _TIME,
        "Bucket": BUCKET,
        "RequestId": "EXAMPLE123456789",
        "HostId": "EXAMPLE123",
    }


def event_bridge(created: S3Object) -> Event:
    """Return the event that EventBridge sends to its targets, in which the key is not encoded."""
    version = {} if created.version_id is None else {"version-id": created.version_id}
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": _TIME,
        "region": _REGION,
        "resources": [f"arn:aws:s3:::{created.bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": created.bucket},
            "object": {
                "key": created.key,
                "size": len(created.content),
                "etag": created.etag,
                **version,
                "sequencer": "0069234D8070A37B5F",
            },
            "request-id": "EXAMPLE123456789",
            "requester": ACCOUNT,
            "source-ip-address": ADDRESS,
            "reason": "PutObject",
        },
    }


def sqs_batch(*bodies: str) -> Event:
    """Return the event that Lambda creates from SQS messages with these bodies."""
    return {
        "Records": [sqs_message(f"{index:08x}-example", body) for index, body in enumerate(bodies)]
    }


def sqs_message(message_id: str, body: str) -> Event:
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-of-{message_id}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(EPOCH_MS),
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": str(EPOCH_MS),
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{_REGION}:{ACCOUNT}:uploads",
        "awsRegion": _REGION,
    }


@dataclass(frozen=True)
class S3Fixture:
    """An event, its file in events/, the bucket's objects, and each result's error code by its key.

    ``failed``: the indices of the messages that the function must report as failed.
    """

    file: str
    event: Event
    objects: tuple[S3Object, ...] = ()
    outcomes: dict[str, str | None] = field(default_factory=dict)
    failed: tuple[int, ...] = ()


ODD_KEYS = (
    "uploads/holiday photo (1).jpg",
    "uploads/a+b.jpg",
    "uploads/100%.jpg",
    "uploads/100%25.jpg",
    "uploads/Zoë/写真 🙂.JPEG",
    "uploads/x=1&y=2;z?#'\"!.Jpg",
    "uploads//.jpg",
)


def s3_fixtures() -> list[S3Fixture]:
    """Return the table: each way to deliver notifications, and each fault."""
    portrait = picture("portrait.jpg")
    one = S3Object("uploads/your_face.jpg", portrait)
    ten = tuple(S3Object(f"uploads/album/{number}.jpg", portrait) for number in range(10))
    odd = tuple(S3Object(key, portrait) for key in ODD_KEYS)
    plus = S3Object("uploads/me + you, 100%.jpg", portrait)
    return [
        _in_messages("s3_single.json", one),
        _in_messages("s3_batch.json", *ten),
        _in_messages("s3_odd_keys.json", *odd),
        _in_messages("s3_duplicate.json", one, one),
        _mixed(portrait),
        S3Fixture("s3_test_event.json", sqs_batch(json.dumps(announcement()))),
        S3Fixture("s3_put.json", notification(one), (one,), _classified(one)),
        S3Fixture("s3_event_bridge.json", event_bridge(plus), (plus,), _classified(plus)),
    ]


def _in_messages(file: str, *created: S3Object) -> S3Fixture:
    event = sqs_batch(*(json.dumps(notification(one)) for one in created))
    return S3Fixture(file, event, created, _classified(*created))


def _classified(*created: S3Object) -> dict[str, str | None]:
    return {f"results/{one.key.removeprefix('uploads/')}.json": None for one in created}


def _mixed(portrait: bytes) -> S3Fixture:
    """Return a mixed batch: bad pictures get a result, other objects none, other messages fail."""
    png = picture("portrait.png")
    there = (
        S3Object("uploads/good.jpg", portrait),
        S3Object("uploads/half.jpg", portrait[: len(portrait) // 2]),
        S3Object("uploads/png_renamed.jpg", png),
        S3Object("uploads/hill.jpeg", picture("no_face.jpg")),
        S3Object("uploads/empty.jpg", b""),
        S3Object("uploads/portrait.png", png),
        S3Object("elsewhere/good.jpg", portrait),
    )
    deleted = S3Object("uploads/deleted.jpg", portrait)
    bodies = [json.dumps(notification(one)) for one in (*there, deleted)]
    outcomes = {
        "results/good.jpg.json": None,
        "results/half.jpg.json": "corrupt_image",
        "results/png_renamed.jpg.json": "not_jpeg",
        "results/hill.jpeg.json": "no_face",
        "results/empty.jpg.json": "no_image",
    }
    return S3Fixture(
        "s3_mixed.json",
        sqs_batch(*bodies, '{"hello": "world"}', "no JSON"),
        there,
        outcomes,
        failed=(len(bodies), len(bodies) + 1),
    )


def picture(name: str) -> bytes:
    """Read a picture of tests/data."""
    return (PICTURES / name).read_bytes()
