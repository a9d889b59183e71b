"""Creation of the two reports, and their upload to the bucket."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from common.s3 import s3_client
from ethnicity.audit import html
from ethnicity.audit.prevalence import Reference
from ethnicity.audit.summary import summarise
from ethnicity.audit.tally import Tally


def write_reports(
    tallies: Mapping[str, Tally], reference: Reference, event: Mapping[str, Any]
) -> dict[str, Any]:
    """Write both reports; returns their location, the verdict and the number of pictures.

    ``event``: contains the ``title`` of the set and the ``name`` of the execution.
    """
    made = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    report = summarise(tallies, title=event["title"], reference=reference, made=made)
    bucket, folder = os.environ["RESULTS_BUCKET"], f"audits/{event['name']}"
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
