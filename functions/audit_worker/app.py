"""Lambda handler that turns a batch of pictures into tallies by group, without single answers."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from audit_worker.batch import Refused, continued
from common.s3 import aws_code
from ethnicity.logs import kind_and_places
from ethnicity.pipeline import load_models

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_RESERVE = 30_000
"""Milliseconds reserved for one more picture: the slowest takes three seconds, S3 may take more."""

logger = Logger()
models = load_models()


class NotDone(Exception):
    """The batch has to be retried; the log has the reason."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Tally a batch of Step Functions' distributed map, or the rest left by an earlier call.

    If S3 denies access to the pictures, the result has S3's error code in ``refused``, and the
    summary ends the run.

    Raises:
        NotDone: any other failure, such as of S3; Step Functions retries the batch.
    """
    try:
        done = continued(
            models, event, time_is_up=lambda: context.get_remaining_time_in_millis() < _RESERVE
        )
    except Refused as refusal:
        logger.error("The pictures may not be read", extra={"code": str(refusal)})  # noqa: TRY400
        return {"refused": str(refusal), "left": 0}
    except Exception as error:  # noqa: BLE001 - nothing else may escape
        details = kind_and_places(error) | {"code": aws_code(error)}
        logger.error("Batch not done", extra=details)  # noqa: TRY400 - its message quotes keys
        raise NotDone from None
    logger.info("Done", extra={"left": done["left"]})
    return done
