"""Log lines and metrics about uploads, without data that identifies a picture or a person."""

import os
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from common.s3 import aws_code
from ethnicity.logs import kind_and_places

NAMESPACE = os.getenv("POWERTOOLS_METRICS_NAMESPACE", "ApparentEthnicity")

logger = Logger()


class NotDone(Exception):
    """A notification failed and must be delivered again; the log gives the reason."""


@contextmanager
def faults_logged(outcomes: Counter[str], message_id: str | None = None) -> Iterator[None]:
    """Log any exception without its message and raise `NotDone` instead."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - nothing else may escape
        outcomes["failed"] += 1
        details = kind_and_places(error) | {"code": aws_code(error), "message_id": message_id}
        logger.error("Not done, to be tried again", extra=details)  # noqa: TRY400
        # The frames refer to the picture, and Powertools would keep them until the next batch
        traceback.clear_frames(error.__traceback__)
        raise NotDone from None


def report(outcomes: Counter[str]) -> None:
    """Log the number of uploads with each outcome, and publish it as metrics."""
    logger.info("Done", extra={"outcomes": dict(outcomes)})
    for outcome, count in outcomes.items():
        with single_metric("Uploads", MetricUnit.Count, count, namespace=NAMESPACE) as metric:
            metric.add_dimension("service", logger.service)
            metric.add_dimension("outcome", outcome)
