"""The columns of a CSV list: an outcome, the user's own labels, further columns.

All columns are read and checked before the first picture, because an audit may take hours.
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

_DEFAULT_POSITIVES = ("1", "true", "yes")
"""Values that are positive by default, in any case."""

_MOST_NAMED = 8
"""Number of values that a message lists at most."""


@dataclass(frozen=True)
class ColumnOptions:
    """The requested columns' names, and the ``positive`` value of the outcome."""

    by: tuple[str, ...] = ()
    outcome: str | None = None
    positive: str | None = None
    truth: str | None = None


@dataclass(frozen=True)
class Binary:
    """A column of two values.

    ``is_positive``: by the pictures' names, without pictures that have no value.
    """

    column: str
    positive: str
    negative: str
    is_positive: Mapping[str, bool]


@dataclass(frozen=True)
class Columns:
    """The content of the list's requested columns, by the pictures' names.

    ``truth``: the column of labels, as indices into LABELS. ``by``: values of further columns.
    """

    outcome: Binary | None = None
    truth_column: str = ""
    truth: Mapping[str, int] | None = None
    by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def outcome_of(self, records: Sequence[Record]) -> Outcome | None:
        """The pictures by outcome; ``None`` if no outcome was requested."""
        if self.outcome is None:
            return None
        binary = self.outcome
        outcome = Outcome(binary.column, binary.positive, binary.negative)
        for record in sorted(records, key=lambda record: record.name):
            positive = binary.is_positive.get(record.name)
            if positive is None:
                outcome.unknown += 1
            else:
                (outcome.with_it if positive else outcome.without_it).add(record)
        return outcome

    def truth_of(self, records: Sequence[Record]) -> Labelled | None:
        """The pictures with their labels; ``None`` if no labels were requested."""
        if self.truth is None:
            return None
        return labelled(records, self.truth_column, self.truth, self.by)


def read_columns(source: Source, options: ColumnOptions) -> Columns:
    """Read the requested columns.

    Raises:
        SourceError: the source is not a CSV list, or a column is missing or has unsuitable values.
    """
    if options.positive is not None and options.outcome is None:
        raise SourceError("--positive needs --outcome: name the column that has this value")
    if options == ColumnOptions():
        return Columns()
    if not isinstance(source, Manifest):
        raise SourceError("--outcome, --truth and --by need a CSV list of pictures")
    file, names = source.path, source.column
    return Columns(
        outcome=read_outcome(file, names, options.outcome, options.positive)
        if options.outcome
        else None,
        truth_column=options.truth or "",
        truth=read_labels(file, names, options.truth) if options.truth else None,
        by={column: read_values(file, names, column) for column in options.by},
    )


def read_outcome(file: Path, names: str, column: str, positive: str | None) -> Binary:
    """Read a column of two values; empty cells mean unknown.

    ``names``: the column of the pictures' paths. ``positive``: the value to count.

    Raises:
        SourceError: the column is missing, or does not have two values with one to count.
    """
    values = {name: value for name, value in _column(file, names, column).items() if value}
    spelled = {value.casefold(): value for value in values.values()}
    if len(spelled) != 2:
        raise SourceError(
            f"Column {column} must have two values, such as 0 and 1; it has {_listed(values)}"
        )
    wanted = [positive.strip().casefold()] if positive is not None else list(_DEFAULT_POSITIVES)
    chosen = next((value for value in wanted if value in spelled), None)
    if chosen is None:
        either = " or ".join(spelled.values())
        raise SourceError(f"Give the value of {column} to count with --positive: {either}")
    (other,) = spelled.keys() - {chosen}
    positives = {name: value.casefold() == chosen for name, value in values.items()}
    return Binary(column, spelled[chosen], spelled[other], positives)


def read_labels(file: Path, names: str, column: str) -> dict[str, int]:
    """Read the user's labels as indices into LABELS, by the pictures' names.

    Empty cells mean unknown.

    Raises:
        SourceError: the column is missing, or a value is not one of the labels.
    """
    indices = {label.casefold(): index for index, label in enumerate(LABELS)}
    values = {name: value for name, value in _column(file, names, column).items() if value}
    wrong = {name: value for name, value in values.items() if value.casefold() not in indices}
    if wrong or not values:
        raise SourceError(
            f"Column {column} must have the values {', '.join(LABELS)} or be empty; "
            f"it has {_listed(wrong) if wrong else 'no values'}"
        )
    return {name: indices[value.casefold()] for name, value in values.items()}


def read_values(file: Path, names: str, column: str) -> dict[str, str]:
    """Read another column, by the pictures' names.

    Raises:
        SourceError: the column is missing.
    """
    return _column(file, names, column)


def _column(file: Path, names: str, column: str) -> dict[str, str]:
    """Read a column's values by the pictures' names; repeated names must have equal values."""
    known: dict[str, str] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            for wanted in (names, column):
                if wanted not in (rows.fieldnames or ()):
                    there = ", ".join(rows.fieldnames or ()) or "none"
                    raise SourceError(f"{file.name} has no column {wanted}; its columns: {there}")
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
    named = [f"{value} ({count:,})" for value, count in counts.most_common(_MOST_NAMED)]
    more = len(counts) - len(named)
    return (", ".join(named) or "none") + (f" and {more} more" if more else "")
