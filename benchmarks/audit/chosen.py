"""Sets chosen from the test pictures by something other than the label.

Intervals are judged with the kind of choice held out: the spread of the reference is then that of
the other kinds of choice, among validation pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.audit.pools import (
    REPLICATES,
    Pool,
    answers_to,
    counted,
    percent,
    percents,
    unspread,
)
from ethnicity.audit.prevalence import Reference, estimate, interval, replicates
from ethnicity.labels import LABELS
from training.markdown import table
from training.metrics import Floats, Indices
from training.selections import parts, typical

_LEAST = 150
"""Pictures that a part needs."""

_COMPOSITIONS = 5
"""Sets made of each part: one as it is, the others thinned to compositions drawn at random."""

_BEFORE = 20170112
"""UTKFace's pictures until then are its first 46 %: few of them are Black."""

OLD = "collected before 12 January 2017"


@dataclass(frozen=True)
class Chosen:
    """A set: the pool's rows, and by what they were chosen."""

    kind: str
    name: str
    pool: Pool
    rows: Indices


@dataclass(frozen=True)
class Judged:
    """What came of it, all of shape (5,); ``covered`` and ``width`` by reference."""

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
    """All of them, without replacement."""
    rng = np.random.default_rng(0)
    for name, pool in pools.items():
        for part in parts(pool.pictures):
            if part.rows.sum() >= _LEAST:
                for rows in _thinned(pool, np.flatnonzero(part.rows), rng):
                    yield Chosen(part.kind, f"{name}, {part.name}", pool, rows)
        old = pool.pictures.day < _BEFORE
        if pool.pictures.day.any():
            yield Chosen("", f"{name}, {OLD}", pool, np.flatnonzero(old))


def _thinned(pool: Pool, rows: Indices, rng: np.random.Generator) -> Iterator[Indices]:
    yield rows
    own = [rows[pool.label[rows] == index] for index in range(len(LABELS))]
    available = np.array([len(each) for each in own])
    for _ in range(_COMPOSITIONS - 1):
        composition = np.maximum(rng.dirichlet(np.full(len(LABELS), 2.0)), 0.01)
        composition /= composition.sum()
        wanted = (composition * (available / composition).min()).astype(np.int64)
        if wanted.sum() >= _LEAST:
            drawn = [rng.choice(a, n, replace=False) for a, n in zip(own, wanted, strict=True)]
            yield np.concatenate(drawn)


def references(
    reference: Reference, by_kind: Mapping[str, float]
) -> dict[str, dict[str, Reference]]:
    """For each kind of choice, the references to judge it with."""

    def spread(value: float) -> Reference:
        return Reference(reference.shifts, reference.model, value)

    return {
        kind: {
            "held out": spread(typical({k: v for k, v in by_kind.items() if k != kind})),
            "audit": reference,
            "none": unspread(reference),
        }
        for kind in ("", *by_kind)
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


def kinds_table(judged: Sequence[Judged], by_kind: Mapping[str, float]) -> str:
    """What intervals cover, by kind of choice."""
    kinds = dict.fromkeys(each.kind for each in judged if each.kind)
    by_row = [
        _figures([each for each in judged if each.kind == kind], by_kind[kind]) for kind in kinds
    ]
    by_row.append(np.mean(by_row, axis=0))
    names = [*kinds, "mean of kinds"]
    rows = [
        [name, percent(each[0], 2), f"**{percent(each[1])}**", *percents(each[2:])]
        for name, each in zip(names, by_row, strict=True)
    ]
    head = ["chosen by", "spread, %", "covered, held out", *LABELS, "width"]
    return table([*head, "covered, audit", "covered, no departures", "width"], rows)


def _figures(judged: Sequence[Judged], spread: float) -> Floats:
    covered = {name: np.array([each.covered(name) for each in judged]) for name in judged[0].ends}
    width = {name: np.mean([each.width(name) for each in judged]) for name in judged[0].ends}
    return np.array(
        [
            spread,
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
