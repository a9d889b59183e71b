"""Which objects a notification of S3 speaks of, whichever way it came."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.data_classes import S3Event, S3EventBridgeNotificationEvent

from ethnicity.picture_files import JPEG_SUFFIXES

UPLOADS = "uploads/"
RESULTS = "results/"


class UnknownNotification(Exception):
    """The event is no notification of S3."""


@dataclass(frozen=True)
class Upload:
    """An object that was created; its key as it is, not as S3 spells it in notifications."""

    bucket: str
    key: str

    @property
    def is_picture(self) -> bool:
        """Whether its name says that it is to be classified."""
        return self.key.startswith(UPLOADS) and self.key.lower().endswith(JPEG_SUFFIXES)

    @property
    def result_key(self) -> str:
        """Where its result belongs: one place for all versions of the object."""
        return f"{RESULTS}{self.key.removeprefix(UPLOADS)}.json"


def is_batch(event: Any) -> bool:  # noqa: ANN401 - whatever the function is invoked with
    """Whether the event is a batch of SQS messages rather than a notification by itself."""
    records = event.get("Records") if isinstance(event, dict) else None
    return bool(records and records[0].get("eventSource") == "aws:sqs")


def uploads_in(notification: Any) -> list[Upload]:  # noqa: ANN401 - whatever a message holds
    """The objects that were created, in the order in which they are named; other events have none.

    Takes the form in which S3 notifies queues, topics and functions, EventBridge's form, and the
    s3:TestEvent that S3 sends when notifications are set up.

    Raises:
        UnknownNotification, KeyError, TypeError, UnicodeDecodeError
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
        # A form's encoding: "+" is a space and "%2B" a plus. Powertools leaves it to us.
        Upload(record.s3.bucket.name, unquote_plus(record.s3.get_object.key, errors="strict"))
        for record in event.records
        if record.event_name.startswith("ObjectCreated:")
    ]


def _from_event_bridge(event: S3EventBridgeNotificationEvent) -> list[Upload]:
    if event.detail_type != "Object Created":
        return []
    # Here keys come as they are. Powertools' own property decodes them all the same, and would make
    # "a+b.jpg" of one object the "a b.jpg" of another.
    return [Upload(event.detail.bucket.name, event.detail.object["key"])]
