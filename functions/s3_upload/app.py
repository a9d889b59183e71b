"""S3's notifications in, result objects out."""

from common import start

# isort: split
import os
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes import SQSRecord

from common.logs import aws_code, kind_and_places
from ethnicity.pipeline import load_models
from s3_upload.classify import write_result
from s3_upload.storage import storage
from s3_upload.uploads import is_batch, uploads_in

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

NAMESPACE = os.getenv("POWERTOOLS_METRICS_NAMESPACE", "ApparentEthnicity")

logger = Logger()
models = load_models()

# A batch that fails as a whole is answered like any other: the error that would be raised instead
# quotes every exception, and the runtime would log it.
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


class NotDone(Exception):
    """A notification has to come again; the log says why."""


def handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse | None":
    """Serve a batch of SQS messages, or one notification of S3 or EventBridge by itself.

    Raises:
        NotDone: for a notification by itself, which Lambda then brings again.
    """
    outcomes: Counter[str] = Counter()

    def serve(record: SQSRecord) -> None:
        with faults_logged(outcomes, record.message_id):
            serve_notification(record.json_body, outcomes)

    try:
        with faults_logged(outcomes):
            if is_batch(event):
                return process_partial_response(event, serve, processor, context)
            serve_notification(event, outcomes)
            return None
    finally:
        report(outcomes)


def serve_notification(notification: Any, outcomes: Counter[str]) -> None:  # noqa: ANN401
    for upload in uploads_in(notification):
        outcomes[write_result(models, storage(), upload)] += 1


@contextmanager
def faults_logged(outcomes: Counter[str], message_id: str | None = None) -> Iterator[None]:
    """Log whatever goes wrong within, and let no more of it out than that it did."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - nothing else may escape
        outcomes["failed"] += 1
        log_fault(error, message_id)
        # They hold the picture, and Powertools would hold them until the next batch
        traceback.clear_frames(error.__traceback__)
        raise NotDone from None


def log_fault(error: Exception, message_id: str | None) -> None:
    """The kind of fault, where it arose and S3's code for it, such as SlowDown or AccessDenied."""
    details = kind_and_places(error) | {"code": aws_code(error), "message_id": message_id}
    logger.error("Not done, to be tried again", extra=details)


def report(outcomes: Counter[str]) -> None:
    """How many there were of each outcome: nothing that leads to a picture or a person."""
    logger.info("Done", extra={"outcomes": dict(outcomes)})
    for outcome, count in outcomes.items():
        with single_metric("Uploads", MetricUnit.Count, count, namespace=NAMESPACE) as metric:
            metric.add_dimension("service", logger.service)
            metric.add_dimension("outcome", outcome)


start.finish()
