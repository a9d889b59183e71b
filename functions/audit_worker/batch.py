"""A batch of objects, read and examined one after the other."""

import os
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.pictures import name_and_group
from common.s3 import s3_client
from ethnicity.audit.examine import examine
from ethnicity.audit.records import UNREADABLE, Record
from ethnicity.audit.tally import Tally
from ethnicity.errors import PictureError
from ethnicity.images import check_size
from ethnicity.pipeline import Models

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ITS_OWN_FAULT = {"NoSuchKey", "AccessDenied", "InvalidObjectState", "404", "403"}
"""S3's codes for an object that another try would not bring either."""


def tallies_of(models: Models, prefix: str, items: Iterable[dict[str, Any]]) -> dict[str, Tally]:
    """Examine the pictures among the objects; tallies by group.

    Raises what the S3 client raises, unless it is about a single object.
    """
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for item in items:
        picture = name_and_group(prefix, item["key"])
        if picture:
            record = _record(models, s3_client(), item, *picture)
            tallies[record.group].add(record)
    return dict(tallies)


def _record(models: Models, s3: "S3Client", item: dict[str, Any], name: str, group: str) -> Record:
    try:
        check_size(item["size"])
    except PictureError as fault:
        return Record(name, group, fault.code)
    try:
        data = s3.get_object(Bucket=os.environ["SOURCE_BUCKET"], Key=item["key"])["Body"].read()
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in _ITS_OWN_FAULT:
            return Record(name, group, UNREADABLE)
        raise
    return examine(models, name, group, data)
