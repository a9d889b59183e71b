"""What Step Functions' ResultWriter has written in, report.json and report.html out."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from audit_summary.reports import write_reports
from audit_summary.results import Refused, tallies_of
from ethnicity.audit.prevalence import load_reference
from ethnicity.logs import kind_and_places

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
reference = load_reference()


class NotDone(Exception):
    """No report was made; the log says why."""


class NoPictures(Exception):
    """There is no picture under the prefix."""


class AccessRefused(Exception):
    """The pictures may not be read; the message says what to grant."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001
    """Make the reports of a finished map run.

    Raises:
        AccessRefused: the workers were not let read the pictures.
        NoPictures: there was nothing to report on.
        NotDone: S3 failed.
    """
    try:
        tallies = tallies_of(event["manifest"])
        answer = write_reports(tallies, reference, event) if tallies else None
    except Refused as refusal:
        raise AccessRefused(
            f"S3 refused the worker a picture ({refusal}). Let its role, AuditWorkerRoleArn in the "
            "stack's outputs, do s3:GetObject by the bucket's policy. For pictures under a KMS key "
            "deploy with its ARN as AuditSourceKmsKeyArn, which grants kms:Decrypt, and let the "
            "key's policy allow it."
        ) from None
    except Exception as error:  # noqa: BLE001 - nothing else may escape
        details = kind_and_places(error)
        logger.error("No report made", extra=details)  # noqa: TRY400 - its message quotes keys
        raise NotDone from None
    if answer is None:
        raise NoPictures("No picture below the prefix that the execution was given: check it")
    return answer
