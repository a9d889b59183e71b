"""A batch of a bucket's pictures in, tallies by group out: nothing about a single picture."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from audit_worker.batch import tallies_of
from common.s3 import aws_code
from ethnicity.logs import kind_and_places
from ethnicity.pipeline import load_models

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
models = load_models()


class NotDone(Exception):
    """The batch has to come again; the log says why."""


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001
    """Tally a batch of Step Functions' distributed map.

    Raises:
        NotDone: S3 failed; Step Functions brings the batch again.
    """
    try:
        tallies = tallies_of(models, event["BatchInput"]["prefix"], event["Items"])
    except Exception as error:  # noqa: BLE001 - nothing else may escape
        details = kind_and_places(error) | {"code": aws_code(error)}
        logger.error("Batch not done", extra=details)  # noqa: TRY400 - its message quotes keys
        raise NotDone from None
    logger.info("Done", extra={"pictures": sum(each.pictures for each in tallies.values())})
    return {"groups": {group: tally.to_json() for group, tally in tallies.items()}}
