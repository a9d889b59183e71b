"""Lambda handler that makes report.json and report.html from Step Functions' ResultWriter files."""

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
    """No report was made; the log has the reason."""


class NoPictures(Exception):
    """There are no pictures below the prefix."""


class AccessRefused(Exception):
    """Access to the pictures was denied; the message lists the permissions to grant."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001
    """Make the reports of a finished map run.

    Raises:
        AccessRefused: the workers have no permission to read the pictures.
        NoPictures: there are no pictures below the prefix.
        NotDone: any other failure, such as of S3.
    """
    try:
        tallies = tallies_of(event["manifest"])
        answer = write_reports(tallies, reference, event) if tallies else None
    except Refused as refusal:
        raise AccessRefused(
            f"S3 denied the worker access to a picture ({refusal}). In the bucket's policy, allow "
            "s3:GetObject for the worker's role, AuditWorkerRoleArn in the stack's outputs. If the "
            "pictures are encrypted with a KMS key, deploy with its ARN as AuditSourceKmsKeyArn, "
            "which grants kms:Decrypt, and allow it in the key's policy."
        ) from None
    except Exception as error:  # noqa: BLE001 - nothing else may escape
        details = kind_and_places(error)
        logger.error("No report made", extra=details)  # noqa: TRY400 - its message quotes keys
        raise NotDone from None
    if answer is None:
        raise NoPictures("There are no pictures below the execution's prefix: check the prefix")
    return answer
