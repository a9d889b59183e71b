"""The objects named by an S3 notification, in each form in which it can arrive."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.data_classes import S3Event, S3EventBridgeNotificationEvent

from ethnicity.picture_files import JPEG_SUFFIXES

UPLOADS = "uploads/"
RESULTS = "results/"


class UnknownNotification(Exception):
    """The event is not an S3 notification."""


@dataclass(frozen=True)
class Upload:
    """A created object, with its decoded key."""

    bucket: str
    key: str

    @property
    def is_picture(self) -> bool:
        """Whether its key is under uploads/ and has a JPEG suffix."""
        return self.key.startswith(UPLOADS) and self.key.lower().endswith(JPEG_SUFFIXES)

    @property
    def result_key(self) -> str:
        """The key of its result, the same for all versions of the object."""
        return f"{RESULTS}{self.key.removeprefix(UPLOADS)}.json"


def is_batch(event: Any) -> bool:  # noqa: ANN401 - any event
    """Whether the event is a batch of SQS messages instead of a single notification."""
    records = event.get("Records") if isinstance(event, dict) else None
    return bool(records and records[0].get("eventSource") == "aws:sqs")


def uploads_in(notification: Any) -> list[Upload]:  # noqa: ANN401 - any JSON
    """Return the created objects in the order of the notification; none for other kinds of events.

    Accepts S3's form for queues, topics and functions, EventBridge's form, and the s3:TestEvent
    that S3 sends when notifications are set up.

    Raises:
        UnknownNotification: the event has none of these forms.
        KeyError, TypeError: a field is missing or has another type.
        UnicodeDecodeError: a key is not UTF-8.
    """
    if not isinstance(notification, dict):
        raise UnknownNotification
    if notification.get("Event") == "s3:TestEvent":
        return []
    if notification.get("source") == "aws.s3":
        return _from_event_bridge(S3EventBridgeNotificationEvent(notification))
    if "Records" in notification:
        return _from_s3(S3Event(notification))
    raise UnknownNotification


def _from_s3(event: S3Event) -> list[Upload]:
    return [
        # Keys are encoded like form fields: "+" is a space, "%2B" a plus. Powertools keeps that.
        Upload(record.s3.bucket.name, unquote_plus(record.s3.get_object.key, errors="strict"))
        for record in event.records
        if record.event_name.startswith("ObjectCreated:")
    ]


def _from_event_bridge(event: S3EventBridgeNotificationEvent) -> list[Upload]:
    if event.detail_type != "Object Created":
        return []
    # EventBridge does not encode keys. Powertools' property decodes them anyway, and would turn
    # "a+b.jpg" into "a b.jpg", the key of another object.
    return [Upload(event.detail.bucket.name, event.detail.object["key"])]
