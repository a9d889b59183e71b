"""The columns of a CSV list: an outcome, labels of the user's own, further columns.

All of it is read and checked before the first picture is: an audit may take hours.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ethnicity.audit.outcome import Outcome
from ethnicity.audit.records import Record
from ethnicity.audit.sources import Manifest, Source, SourceError
from ethnicity.audit.truth import Labelled, labelled
from ethnicity.labels import LABELS

_MEANT = ("1", "true", "yes")
"""Values that are the positive ones if nothing else is said, whatever their case."""

_MANY = 8
"""A message names no more values."""


@dataclass(frozen=True)
class Asked:
    """The columns that are wanted: their names, and the ``positive`` value of the outcome."""

    by: tuple[str, ...] = ()
    outcome: str | None = None
    positive: str | None = None
    truth: str | None = None


@dataclass(frozen=True)
class Binary:
    """A column of two values. ``is_positive``: by the pictures' names; those without are not in."""

    column: str
    positive: str
    negative: str
    is_positive: Mapping[str, bool]


@dataclass(frozen=True)
class Columns:
    """What the list says, by the pictures' names.

    ``truth``: a column of labels, as indices into LABELS. ``by``: further columns' values.
    """

    outcome: Binary | None = None
    truth_column: str = ""
    truth: Mapping[str, int] | None = None
    by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def outcome_of(self, records: Sequence[Record]) -> Outcome | None:
        """The pictures by outcome; ``None`` if none was asked for."""
        if self.outcome is None:
            return None
        told = self.outcome
        outcome = Outcome(told.column, told.positive, told.negative)
        for record in sorted(records, key=lambda record: record.name):
            positive = told.is_positive.get(record.name)
            if positive is None:
                outcome.unknown += 1
            else:
                (outcome.with_it if positive else outcome.without_it).add(record)
        return outcome

    def truth_of(self, records: Sequence[Record]) -> Labelled | None:
        """The pictures with their labels; ``None`` if they were not asked for."""
        if self.truth is None:
            return None
        return labelled(records, self.truth_column, self.truth, self.by)


def read_columns(source: Source, asked: Asked) -> Columns:
    """Read the columns that are wanted.

    Raises:
        SourceError: the source is no CSV list, or does not hold what is wanted.
    """
    if asked.positive is not None and asked.outcome is None:
        raise SourceError("--positive needs --outcome: the column whose value it is")
    if asked == Asked():
        return Columns()
    if not isinstance(source, Manifest):
        raise SourceError("--outcome, --truth and --by name columns: give a CSV list of pictures")
    file, names = source.path, source.column
    return Columns(
        outcome=read_outcome(file, names, asked.outcome, asked.positive) if asked.outcome else None,
        truth_column=asked.truth or "",
        truth=read_labels(file, names, asked.truth) if asked.truth else None,
        by={column: read_values(file, names, column) for column in asked.by},
    )


def read_outcome(file: Path, names: str, column: str, positive: str | None) -> Binary:
    """A column of two values; empty cells are unknown.

    ``names``: the column of the pictures' paths. ``positive``: which value is counted.

    Raises:
        SourceError: there is no such column, or it does not hold two values of which one is meant.
    """
    values = {name: value for name, value in _column(file, names, column).items() if value}
    spelled = {value.casefold(): value for value in values.values()}
    if len(spelled) != 2:
        raise SourceError(
            f"Column {column} must hold two values, such as 0 and 1; it holds {_listed(values)}"
        )
    wanted = [positive.strip().casefold()] if positive is not None else list(_MEANT)
    meant = next((value for value in wanted if value in spelled), None)
    if meant is None:
        either = " or ".join(spelled.values())
        raise SourceError(f"Say with --positive which value of {column} is counted: {either}")
    (other,) = spelled.keys() - {meant}
    positives = {name: value.casefold() == meant for name, value in values.items()}
    return Binary(column, spelled[meant], spelled[other], positives)


def read_labels(file: Path, names: str, column: str) -> dict[str, int]:
    """The user's labels as indices into LABELS, by the pictures' names; empty cells are unknown.

    Raises:
        SourceError: there is no such column, or a value is none of the labels.
    """
    indices = {label.casefold(): index for index, label in enumerate(LABELS)}
    values = {name: value for name, value in _column(file, names, column).items() if value}
    wrong = {name: value for name, value in values.items() if value.casefold() not in indices}
    if wrong or not values:
        raise SourceError(
            f"Column {column} must hold {', '.join(LABELS)} or nothing; "
            f"it holds {_listed(wrong) if wrong else 'nothing'}"
        )
    return {name: indices[value.casefold()] for name, value in values.items()}


def read_values(file: Path, names: str, column: str) -> dict[str, str]:
    """A further column, by the pictures' names.

    Raises:
        SourceError: there is no such column.
    """
    return _column(file, names, column)


def _column(file: Path, names: str, column: str) -> dict[str, str]:
    """Its values by the pictures' names; a name that comes again must have the same value."""
    known: dict[str, str] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            for wanted in (names, column):
                if wanted not in (rows.fieldnames or ()):
                    there = ", ".join(rows.fieldnames or ()) or "none"
                    raise SourceError(f"{file.name} has no column {wanted}, but {there}")
            for row in rows:
                name, value = row[names], (row[column] or "").strip()
                if known.setdefault(name, value) != value:
                    raise SourceError(f"{name} is listed twice, with different values of {column}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{file.name} is not a CSV file in UTF-8: {error}") from error
    return known


def _listed(values: Mapping[str, str]) -> str:
    """The values, the most frequent first."""
    counts = Counter(values.values())
    named = [f"{value} ({count:,})" for value, count in counts.most_common(_MANY)]
    more = len(counts) - len(named)
    return (", ".join(named) or "none") + (f" and {more} more" if more else "")
