"""Sets selected from the test pictures by something other than the label.

Intervals are evaluated with the kind of selection held out: the departure is then measured on the
other kinds, among validation pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.audit.pools import (
    REPLICATES,
    Pool,
    answers_to,
    counted,
    percent,
    percents,
    without_departures,
)
from ethnicity.audit.prevalence import Reference, estimate, interval, replicates
from ethnicity.labels import LABELS
from training.markdown import table
from training.metrics import Floats, Indices
from training.selections import Miss, departure, parts, thinned

_BEFORE = 20170112
"""Date before which the first 46 % of UTKFace's pictures were collected; few of them are Black."""

OLD = "collected before 12 January 2017"


@dataclass(frozen=True)
class Chosen:
    """A set: rows of the pool, and the kind of selection."""

    kind: str
    name: str
    pool: Pool
    rows: Indices


@dataclass(frozen=True)
class Judged:
    """The result of a set's audit, arrays of shape (5,); ``covered`` and ``width`` by reference."""

    kind: str
    name: str
    truth: Floats
    estimated: Floats
    counted: Floats
    ends: dict[str, tuple[Floats, Floats]]

    def covered(self, reference: str) -> NDArray[np.bool_]:
        low, high = self.ends[reference]
        return (low - 1e-9 <= self.truth) & (self.truth <= high + 1e-9)

    def width(self, reference: str) -> Floats:
        low, high = self.ends[reference]
        return high - low


def chosen_sets(pools: Mapping[str, Pool]) -> Iterator[Chosen]:
    """All selected sets, drawn without replacement."""
    rng = np.random.default_rng(1)
    for name, pool in pools.items():
        for part in parts(pool.pictures):
            for rows in thinned(pool.label, np.flatnonzero(part.rows), rng):
                yield Chosen(part.kind, f"{name}, {part.name}", pool, rows)
        if pool.pictures.day.any():
            yield Chosen("", f"{name}, {OLD}", pool, np.flatnonzero(pool.pictures.day < _BEFORE))


def references(reference: Reference, found: Sequence[Miss]) -> dict[str, dict[str, Reference]]:
    """The references to evaluate each kind of selection with.

    ``found``: audits' errors on validation pictures.
    """
    kinds = ("", *dict.fromkeys(each.kind for each in found))
    held_out = {
        kind: replace(reference, departure=departure(each for each in found if each.kind != kind))
        for kind in kinds
    }
    return {
        kind: {
            "held out": held_out[kind],
            "audit": reference,
            "none": without_departures(reference),
        }
        for kind in kinds
    }


def judge_one(chosen: Chosen, references: Mapping[str, Mapping[str, Reference]]) -> Judged:
    """Audit a set."""
    rng = np.random.default_rng(len(chosen.rows))
    probabilities = chosen.pool.probabilities[chosen.rows]
    answers = answers_to(probabilities)
    label = chosen.pool.label[chosen.rows]
    return Judged(
        chosen.kind,
        chosen.name,
        np.bincount(label, minlength=len(LABELS)) / len(label),
        estimate(answers),
        counted(probabilities),
        {
            name: interval(replicates(answers, reference, rng, REPLICATES))
            for name, reference in references[chosen.kind].items()
        },
    )


def kinds_table(test: Sequence[Judged], validation: Sequence[Judged]) -> str:
    """Coverage of intervals by kind of selection."""
    kinds = dict.fromkeys(each.kind for each in test if each.kind)
    rows = [_figures(*(_of_kind(each, kind) for each in (test, validation))) for kind in kinds]
    names = [*kinds, "mean of kinds"]
    cells = [
        [name, *percents(each[:1]), f"**{percent(each[1])}**", *percents(each[2:])]
        for name, each in zip(names, [*rows, np.mean(rows, axis=0)], strict=True)
    ]
    head = ["chosen by", "val, held out", "test, held out", *LABELS, "width"]
    return table([*head, "test, audit", "test, no departures", "width"], cells)


def _of_kind(judged: Sequence[Judged], kind: str) -> list[Judged]:
    return [each for each in judged if each.kind == kind]


def _figures(test: Sequence[Judged], validation: Sequence[Judged]) -> Floats:
    covered = {name: np.array([each.covered(name) for each in test]) for name in test[0].ends}
    width = {name: np.mean([each.width(name) for each in test]) for name in test[0].ends}
    return np.array(
        [
            np.mean([each.covered("held out") for each in validation]),
            covered["held out"].mean(),
            *covered["held out"].mean(axis=0),
            width["held out"],
            covered["audit"].mean(),
            covered["none"].mean(),
            width["none"],
        ]
    )


def example_table(judged: Sequence[Judged]) -> str:
    """One set in full: true, audited and counted shares, with the kind "source" held out."""
    (example,) = (each for each in judged if OLD in each.name)
    rows = []
    for index, label in enumerate(LABELS):
        low, high = (ends[index] for ends in example.ends["audit"])
        least, most = (ends[index] for ends in example.ends["none"])
        rows.append(
            [
                label,
                percent(example.truth[index]),
                f"{percent(example.estimated[index])} ({percent(low)}–{percent(high)})",
                f"({percent(least)}–{percent(most)})",
                percent(example.counted[index]),
            ]
        )
    return table(["", "true", "audit", "without departures", "counted"], rows)
