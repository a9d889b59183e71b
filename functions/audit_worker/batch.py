"""Examination of a batch of objects, one after the other, until the time is up."""

import os
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.pictures import name_and_group
from common.s3 import aws_code, s3_client
from ethnicity.audit.examine import examine
from ethnicity.audit.records import UNREADABLE, Record
from ethnicity.audit.tally import Tally
from ethnicity.errors import PictureError
from ethnicity.images import check_size
from ethnicity.pipeline import Models

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_UNAVAILABLE = {"NoSuchKey", "InvalidObjectState"}
"""S3's codes for a deleted or archived object, which no permission would make readable."""


class Refused(Exception):
    """The worker has no permission to read the pictures; the message is S3's error code."""


def continued(
    models: Models, batch: dict[str, Any], *, time_is_up: Callable[[], bool]
) -> dict[str, Any]:
    """Examine a batch's pictures until the time is up; another call continues with the rest.

    Takes and returns a batch: ``BatchInput`` with the ``prefix``, the remaining ``Items``, their
    number in ``left``, and the tallies of the examined pictures in ``groups``.

    Raises:
        Refused, and the S3 client's exceptions except those about a single object.
    """
    groups = batch.get("groups", {}).items()
    tallies = defaultdict(Tally, {group: Tally.from_json(tally) for group, tally in groups})
    items = deque(batch["Items"])
    while items:
        item = items.popleft()
        picture = name_and_group(batch["BatchInput"]["prefix"], item["key"])
        if picture:
            record = _record(models, s3_client(), item, *picture)
            tallies[record.group].add(record)
        if time_is_up():
            break
    return {
        "BatchInput": batch["BatchInput"],
        "Items": list(items),
        "left": len(items),
        "groups": {group: tally.to_json() for group, tally in tallies.items()},
    }


def _record(models: Models, s3: "S3Client", item: dict[str, Any], name: str, group: str) -> Record:
    try:
        check_size(item["size"])
    except PictureError as fault:
        return Record(name, group, fault.code)
    try:
        data = s3.get_object(Bucket=os.environ["SOURCE_BUCKET"], Key=item["key"])["Body"].read()
    except s3.exceptions.ClientError as error:
        code = aws_code(error) or ""
        if code in _UNAVAILABLE:
            return Record(name, group, UNREADABLE)
        if code == "AccessDenied" or code.startswith("KMS."):
            raise Refused(code) from None
        raise
    return examine(models, name, group, data)
