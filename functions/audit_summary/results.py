"""Reading and adding up of the map run's results in the bucket."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from common.pictures import name_and_group
from common.s3 import s3_client
from ethnicity.audit.records import NOT_DONE, Record
from ethnicity.audit.tally import Tally


class Refused(Exception):
    """A worker has no permission to read the pictures; the message is S3's error code."""


def tallies_of(manifest_key: str) -> dict[str, Tally]:
    """The tallies of all batches by group; pictures of failed batches count as not judged.

    Raises:
        Refused, and the S3 client's exceptions.
    """
    files = json.loads(_body(manifest_key).read())["ResultFiles"]
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for execution in _executions(files["SUCCEEDED"]):
        batch = json.loads(execution["Output"])
        if "refused" in batch:
            raise Refused(batch["refused"])
        for group, tally in batch["groups"].items():
            tallies[group].merge(Tally.from_json(tally))
    for execution in (*_executions(files["FAILED"]), *_executions(files["PENDING"])):
        batch = json.loads(execution["Input"])
        for item in batch["Items"]:
            picture = name_and_group(batch["BatchInput"]["prefix"], item["key"])
            if picture:
                name, group = picture
                tallies[group].add(Record(name, group, NOT_DONE))
    return dict(tallies)


def _executions(files: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield executions one at a time, because together they may exceed the memory."""
    for file in files:
        for line in _body(file["Key"]).iter_lines():
            yield json.loads(line)


def _body(key: str) -> Any:  # noqa: ANN401 - botocore's StreamingBody, untyped in its lines
    return s3_client().get_object(Bucket=os.environ["RESULTS_BUCKET"], Key=key)["Body"]
