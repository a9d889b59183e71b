"""What Step Functions' ResultWriter has written in, report.json and report.html out."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from audit import html
from audit.prevalence import load_reference
from audit.records import NOT_DONE, Record
from audit.sources import group_of, is_picture, name_below
from audit.summary import summarise
from audit.tally import Tally
from common.logs import kind_and_places
from common.s3 import s3_client

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

DEPTH = 1

logger = Logger()
reference = load_reference()


class NotDone(Exception):
    """No report was made; the log says why."""


class NoPictures(Exception):
    """There is no picture under the prefix."""


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001
    """Make the reports of a finished map run.

    Raises:
        NoPictures: there was nothing to report on.
        NotDone: S3 failed.
    """
    try:
        tallies = tallies_of(event["manifest"])
        answer = write_reports(tallies, event["title"], event["name"]) if tallies else None
    except Exception as error:  # noqa: BLE001 - nothing else may escape
        details = kind_and_places(error)
        logger.error("No report made", extra=details)  # noqa: TRY400 - its message quotes keys
        raise NotDone from None
    if answer is None:
        raise NoPictures("No picture below the prefix that the execution was given: check it")
    return answer


def tallies_of(manifest_key: str) -> dict[str, Tally]:
    """All batches' tallies by group; the pictures of failed batches count as not judged."""
    files = json.loads(_body(manifest_key).read())["ResultFiles"]
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for execution in _executions(files["SUCCEEDED"]):
        for group, tally in json.loads(execution["Output"])["groups"].items():
            tallies[group].merge(Tally.from_json(tally))
    for execution in (*_executions(files["FAILED"]), *_executions(files["PENDING"])):
        batch = json.loads(execution["Input"])
        for item in batch["Items"]:
            name = name_below(batch["BatchInput"]["prefix"], item["key"])
            if is_picture(name):
                group = group_of(name, DEPTH)
                tallies[group].add(Record(name, group, NOT_DONE))
    return dict(tallies)


def _executions(files: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One at a time: together they may be larger than the memory."""
    for file in files:
        for line in _body(file["Key"]).iter_lines():
            yield json.loads(line)


def _body(key: str) -> Any:  # noqa: ANN401 - botocore's StreamingBody, untyped in its lines
    return s3_client().get_object(Bucket=os.environ["RESULTS_BUCKET"], Key=key)["Body"]


def write_reports(tallies: dict[str, Tally], title: str, name: str) -> dict[str, Any]:
    """Write both reports; returns where they are and the gist of them."""
    made = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    report = summarise(tallies, title=title, reference=reference, made=made)
    bucket, folder = os.environ["RESULTS_BUCKET"], f"audits/{name}"
    for file, kind, content in (
        ("report.json", "application/json", json.dumps(report, indent=2) + "\n"),
        ("report.html", "text/html; charset=utf-8", html.page(report)),
    ):
        s3_client().put_object(
            Bucket=bucket, Key=f"{folder}/{file}", Body=content.encode(), ContentType=kind
        )
    return {
        "verdict": report["verdict"]["level"],
        "pictures": report["whole"]["pictures"],
        "reports": f"s3://{bucket}/{folder}/",
    }
