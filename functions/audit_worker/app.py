"""A batch of a bucket's pictures in, tallies by group out: nothing of a single picture."""

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from audit.records import UNREADABLE, Record, examine
from audit.sources import group_of, is_picture, name_below
from audit.tally import Tally
from common.logs import aws_code, kind_and_places
from common.s3 import s3_client
from ethnicity.errors import PictureError
from ethnicity.images import MAX_FILE_BYTES, check_size
from ethnicity.pipeline import load_models

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_s3 import S3Client

DEPTH = 1

_ITS_OWN_FAULT = {"NoSuchKey", "AccessDenied", "InvalidObjectState", "404", "403"}
"""S3's codes for an object that will not be had at another try either."""

logger = Logger()
models = load_models()


class NotDone(Exception):
    """The batch has to come again; the log says why."""


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001
    """Tally a batch of Step Functions' distributed map.

    Raises:
        NotDone: S3 failed; Step Functions brings the batch again.
    """
    prefix = event["BatchInput"]["prefix"]
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    try:
        for item in event["Items"]:
            name = name_below(prefix, item["key"])
            if is_picture(name):
                group = group_of(name, DEPTH)
                record = _record(s3_client(), item["key"], item["size"], name, group)
                tallies[group].add(record)
    except Exception as error:  # noqa: BLE001 - nothing else may escape
        details = kind_and_places(error) | {"code": aws_code(error)}
        logger.error("Batch not done", extra=details)  # noqa: TRY400 - its message quotes keys
        raise NotDone from None
    logger.info("Done", extra={"pictures": sum(each.pictures for each in tallies.values())})
    return {"groups": {group: tally.to_json() for group, tally in tallies.items()}}


def _record(s3: "S3Client", key: str, size: int, name: str, group: str) -> Record:
    try:
        check_size(size, MAX_FILE_BYTES)
    except PictureError as fault:
        return Record(name, group, fault.code)
    try:
        data = s3.get_object(Bucket=os.environ["SOURCE_BUCKET"], Key=key)["Body"].read()
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in _ITS_OWN_FAULT:
            return Record(name, group, UNREADABLE)
        raise
    return examine(models, name, group, data)
