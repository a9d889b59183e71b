"""The command ``ethnicity audit``: reports on a set of pictures."""

import csv
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click
import numpy as np
from tqdm import tqdm

from ethnicity.audit import compare as comparing
from ethnicity.audit import html, summary
from ethnicity.audit.columns import ColumnOptions, read_columns
from ethnicity.audit.html_comparison import comparison_page
from ethnicity.audit.prevalence import load_reference
from ethnicity.audit.records import Record
from ethnicity.audit.sources import CompressedTar, Listed, Source, SourceError, open_source
from ethnicity.audit.summary import UNIFORM, Target
from ethnicity.audit.tally import Tally
from ethnicity.audit.work import Journal, examine_all
from ethnicity.cli.ending import INTERRUPTED
from ethnicity.labels import LABELS
from ethnicity.model_files import ModelFileError

JOURNAL = "unfinished.jsonl"


class _DefaultCommandGroup(click.Group):
    """A group whose default command is ``run``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default command's name if no command is named."""
        if args[:1] not in ([name] for name in self.commands):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_DefaultCommandGroup)
def audit() -> None:
    """Report how a set of face pictures is composed, and compare two reports."""


@audit.command("run")
@click.argument("where", metavar="DIR")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("audit-report"),
    show_default=True,
    help="Folder for report.json and report.html.",
)
@click.option(
    "--reference",
    "target",
    metavar="uniform|FILE",
    default="uniform",
    show_default=True,
    help="The composition to compare with: equal shares, or a JSON file of label to share.",
)
@click.option("--depth", default=1, show_default=True, help="Folder levels that form a group.")
@click.option(
    "--column", default="file", show_default=True, help="CSV column with the pictures' paths."
)
@click.option(
    "--by", multiple=True, help="CSV column that names groups, such as a split. Repeatable."
)
@click.option(
    "--outcome",
    metavar="COLUMN",
    help="CSV column with a system's outcome, two values. Reports its rate by label.",
)
@click.option("--positive", metavar="VALUE", help="The outcome to count; default: 1, true or yes.")
@click.option(
    "--truth",
    metavar="COLUMN",
    help="CSV column with your own labels. Reports how often the classifier agrees.",
)
@click.option("--title", help="The set's name in the report; default: its file or folder name.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=None,
    help="Number of processes; default: one per core.",
)
@click.option(
    "--per-image",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write each picture's own result to this CSV file. The reports never contain them.",
)
def run(  # noqa: PLR0913, PLR0917 - one argument for each option
    where: str,
    out: Path,
    target: str,
    depth: int,
    column: str,
    by: tuple[str, ...],
    outcome: str | None,
    positive: str | None,
    truth: str | None,
    title: str | None,
    jobs: int | None,
    per_image: Path | None,
) -> None:
    """Report how a set of face pictures is composed, with 95 % intervals.

    DIR is a folder, a .zip or .tar file (read in place), a .csv file that lists pictures, or
    s3://bucket/prefix. Writes report.json and report.html. To resume an interrupted run, give the
    same command again.

    \b
    ethnicity audit photos
    ethnicity audit list.csv --outcome failed
    ethnicity audit list.csv --truth race --by age_band --by camera
    ethnicity audit compare one/report.json two/report.json
    """
    aim = read_target(target)
    options = ColumnOptions(by, outcome, positive, truth)
    try:
        source = open_source(where, depth=depth, column=column, by=by)
        columns = read_columns(source, options)
        reference = load_reference()
        out.mkdir(parents=True, exist_ok=True)
        about = {"source": repr(source), "model": reference.model}
        journal = Journal(out / JOURNAL, about)
        records = examine(source, journal, jobs or _cores())
    except (SourceError, ModelFileError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if not records:
        journal.remove()
        raise click.ClickException(f"{where} contains no pictures")
    report = summary.summarise(
        tallied(records),
        title=title or source.title,
        reference=reference,
        made=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        target=aim,
        outcome=columns.outcome_of(records),
        truth=columns.truth_of(records),
    )
    text = json.dumps(report, indent=2) + "\n"
    (out / "report.json").write_text(text, encoding="utf-8")
    (out / "report.html").write_text(html.page(report), encoding="utf-8", errors="replace")
    if per_image:
        write_per_image(records, per_image)
    journal.remove()
    for section in (report, report["outcome"], report["truth"]):
        if section:
            click.echo(section["verdict"]["text"])
    click.echo(f"{out / 'report.html'}")


@audit.command("compare")
@click.argument("one", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("two", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write comparison.json and comparison.html into this folder.",
)
def compare(one: Path, two: Path, out: Path | None) -> None:
    """Show which differences between two report.json files are more than chance.

    \b
    ethnicity audit compare before/report.json after/report.json
    """
    try:
        comparison = comparing.compare(*(_read_report(each) for each in (one, two)))
    except comparing.NotComparable as error:
        raise click.ClickException(str(error)) from error
    click.echo(comparing.as_text(comparison))
    if out:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(comparison, indent=2) + "\n"
        (out / "comparison.json").write_text(text, encoding="utf-8")
        page = comparison_page(comparison)
        (out / "comparison.html").write_text(page, encoding="utf-8", errors="replace")
        click.echo(f"{out / 'comparison.html'}")


def _read_report(file: Path) -> Any:  # noqa: ANN401 - JSON, checked by the comparison
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file} is not a report.json") from error


def examine(source: Source, journal: Journal, jobs: int) -> list[Record]:
    """All records, including those of an interrupted earlier run, which the journal holds."""
    records = list(journal.records)
    known = {record.name for record in records}
    pictures: Iterable[Listed] = source.list()
    if not isinstance(source, CompressedTar):  # listing it first would read it twice
        pictures = list(pictures)
    total = len(pictures) if isinstance(pictures, list) else None
    left = (picture for picture in pictures if picture.name not in known)
    try:
        with tqdm(
            total=total, initial=len(records), unit="pic", desc=source.title, disable=None
        ) as progress:
            for some in examine_all(source, left, jobs):
                journal.write(some)
                records += some
                progress.update(len(some))
    except KeyboardInterrupt:
        journal.close()
        click.echo("Interrupted. Give the same command again to resume.", err=True)
        sys.exit(INTERRUPTED)
    except BaseException:
        journal.close()
        raise
    return records


def tallied(records: Iterable[Record]) -> dict[str, Tally]:
    """The tally of each group."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for record in sorted(records, key=lambda record: record.name):
        tallies[record.group].add(record)
    return dict(tallies)


def read_target(given: str) -> Target:
    """The composition that a set is compared with; a file's shares need not sum to 1.

    Raises:
        BadParameter: the file does not contain a share for each label.
    """
    if given == UNIFORM.name:
        return UNIFORM
    try:
        shares = json.loads(Path(given).read_text(encoding="utf-8"))
        values = np.array([float(shares[label]) for label in LABELS])
    except (OSError, ValueError, KeyError, TypeError) as error:
        example = json.dumps(dict.fromkeys(LABELS, 0.2))
        raise click.BadParameter(
            f"{given} is neither “uniform” nor a JSON file such as {example}",
            param_hint="--reference",
        ) from error
    if not (np.isfinite(values).all() and values.min() >= 0 and values.sum() > 0):
        raise click.BadParameter(
            "shares must not be negative, and at least one must be above 0",
            param_hint="--reference",
        )
    return Target(Path(given).name, values / values.sum())


def write_per_image(records: Iterable[Record], file: Path) -> None:
    """Write each picture's own result to a file that only its owner can read."""
    with _opened_for_owner(file) as stream:
        rows = csv.writer(stream)
        sizes = ["width", "height", "faces", "face_width"]
        rows.writerow(["file", "group", "fault", *sizes, "label", "uncertain", *LABELS])
        for record in sorted(records, key=lambda record: record.name):
            judged = record.probabilities
            label = LABELS[int(np.argmax(judged))] if judged else ""
            uncertain = record.uncertain if judged else ""
            rows.writerow(
                [
                    record.name,
                    record.group,
                    record.fault or "",
                    *(record.width, record.height, record.faces, record.face_width),
                    label,
                    uncertain,
                    *(judged or [""] * len(LABELS)),
                ]
            )


def _opened_for_owner(file: Path) -> TextIO:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if hasattr(os, "fchmod"):  # not on Windows; an existing file may be readable by all
        os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
