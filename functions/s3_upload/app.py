"""Handler of the S3 variant: S3 notifications in, result objects out."""

from common import start

# isort: split
from collections import Counter
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from ethnicity.pipeline import load_models
from s3_upload.classify import write_results
from s3_upload.outcomes import faults_logged, logger, report
from s3_upload.uploads import is_batch, uploads_in

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

models = load_models()

# Do not raise when a whole batch fails: that error quotes every exception, and the runtime would
# log it.
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse | None":
    """Serve a batch of SQS messages, or a single notification of S3 or EventBridge.

    Raises:
        NotDone: a single notification failed; Lambda delivers it again.
    """
    outcomes: Counter[str] = Counter()

    def serve(record: "SQSRecord") -> None:
        with faults_logged(outcomes, record.message_id):
            write_results(models, uploads_in(record.json_body), outcomes)

    try:
        with faults_logged(outcomes):
            if is_batch(event):
                return process_partial_response(event, serve, processor, context)
            write_results(models, uploads_in(event), outcomes)
            return None
    finally:
        report(outcomes)


start.finish()
