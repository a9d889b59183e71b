"""Sets with random compositions: errors of shares, and coverage of their intervals."""

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
    without_departures,
)
from ethnicity.audit.compare import difference
from ethnicity.audit.prevalence import Reference, estimate, interval, replicates
from ethnicity.labels import LABELS
from training.markdown import table
from training.metrics import Floats

_FEWER = 200
"""Replicates for references other than the audit's own."""

_AUDIT = "audit"


@dataclass(frozen=True)
class Setting:
    """A design of random sets, and the references to audit them with.

    ``pools``: two pools are mixed, for each label in a random proportion. ``sets``: number of sets
    of ``size`` pictures each, with compositions from a Dirichlet distribution.
    """

    name: str
    pools: tuple[Pool, ...]
    references: Mapping[str, Reference]
    confusion: Floats
    size: int = 1000
    concentration: float = 1.0
    sets: int = 500


@dataclass(frozen=True)
class Audited:
    """The result of one set: errors of each method, and each reference's intervals.

    Arrays have shape (5,). ``estimated``, ``low``, ``high``: of the audit itself.
    """

    truth: Floats
    errors: dict[str, Floats]
    covered: dict[str, NDArray[np.bool_]]
    widths: dict[str, Floats]
    estimated: Floats
    low: Floats
    high: Floats


def settings(
    pools: Mapping[str, Pool], reference: Reference, confusion: Floats
) -> Iterator[Setting]:
    """The designs of the tables."""
    alone = {_AUDIT: reference}
    for name, pool in pools.items():
        (other,) = reference.shifts.keys() - {name}
        references = {
            _AUDIT: reference,
            "without departures": without_departures(reference),
            "the other set alone": reference.only(other),
            "the other, without departures": without_departures(reference.only(other)),
        }
        yield Setting(name, (pool,), references, confusion)
    both = tuple(pools.values())
    yield Setting("both, mixed", both, alone, confusion, sets=200)
    yield Setting("both, sets of 200", both, alone, confusion, size=200, sets=200)
    yield Setting("both, sets of 5,000", both, alone, confusion, size=5000, sets=200)
    for name, pool in pools.items():
        few = f"{name}, few labels"
        yield Setting(few, (pool,), alone, confusion, concentration=0.2, sets=200)


def audit_one(setting: Setting, seed: int) -> Audited:
    """Draw a set and estimate its composition."""
    rng = np.random.default_rng(seed)
    composition = rng.dirichlet(np.full(len(LABELS), setting.concentration))
    counts = rng.multinomial(setting.size, composition)
    shares = rng.dirichlet(np.ones(len(setting.pools)))
    first = counts if len(setting.pools) == 1 else rng.binomial(counts, shares[0])
    drawn = np.concatenate(
        [
            pool.probabilities[pool.draw(rng, part)]
            for pool, part in zip(setting.pools, (first, counts - first), strict=False)
        ]
    )
    truth = counts / setting.size
    answers = answers_to(drawn)
    estimated = estimate(answers)
    errors = {
        "counting": counted(drawn) - truth,
        "mean probability": drawn.mean(axis=0) - truth,
        "confusion": by_confusion(counted(drawn), setting.confusion) - truth,
        "audit": estimated - truth,
    }
    covered, widths, ends = {}, {}, {}
    for name, reference in setting.references.items():
        number = REPLICATES if name == _AUDIT else _FEWER
        low, high = interval(replicates(answers, reference, rng, number))
        covered[name] = (low - 1e-9 <= truth) & (truth <= high + 1e-9)
        widths[name] = high - low
        ends[name] = (low, high)
    return Audited(truth, errors, covered, widths, estimated, *ends[_AUDIT])


def by_confusion(shares: Floats, confusion: Floats) -> Floats:
    """The composition that maximises the likelihood of the counts, given the confusion rates."""
    found = np.full(len(LABELS), 1 / len(LABELS))
    for _ in range(1000):
        found = found * (confusion @ (shares / np.maximum(found @ confusion, 1e-12)))
    return found


def rates(confusions: Sequence[Floats]) -> Floats:
    """The rates of each answer for each label, averaged over both sets."""
    return np.asarray(np.mean([each / each.sum(axis=1, keepdims=True) for each in confusions], 0))


def error_table(found: Mapping[str, Sequence[Audited]]) -> str:
    """Mean absolute errors in points, and the audit's divided by counting's."""
    ways = ["counting", "mean probability", "confusion", "audit"]
    rows = []
    for name, each in found.items():
        mean = {way: float(np.abs([one.errors[way] for one in each]).mean()) for way in ways}
        ratio = f"**{mean['audit'] / mean['counting']:.2f}**"
        rows.append([name, str(len(each)), *percents(list(mean.values()), 2), ratio])
    return table(["sets from", "sets", *ways, "audit / counting"], rows)


def coverage_table(found: Mapping[str, Sequence[Audited]]) -> str:
    """Coverage of intervals, over all labels and for each, and their mean width."""
    rows = []
    for name, each in found.items():
        for reference in each[0].covered:
            covered = np.array([one.covered[reference] for one in each])
            width = float(np.mean([one.widths[reference] for one in each]))
            overall = f"{percent(covered.mean())} %"
            overall = f"**{overall}**" if reference == _AUDIT else overall
            by_label = percents(covered.mean(axis=0))
            rows.append([name, reference, overall, *by_label, percent(width)])
    return table(["sets from", "reference", "covered", *LABELS, "width"], rows)


def comparison_table(found: Mapping[str, Sequence[Audited]]) -> str:
    """Comparisons of pairs of sets: coverage of the differences' intervals, and false alarms.

    A false alarm is a difference that is called more than chance and has the wrong sign.
    """
    rows = []
    for name, each in found.items():
        covered, alarms, called = [], [], []
        for one, two in zip(each[::2], each[1::2], strict=False):
            for index in range(len(LABELS)):
                compared = difference(*(_as_found(audited, index) for audited in (one, two)))
                true = two.truth[index] - one.truth[index]
                low, high = compared["interval_95"]
                covered.append(low <= true <= high)
                called.append(compared["more_than_chance"])
                alarms.append(compared["more_than_chance"] and compared["difference"] * true <= 0)
        shares = [percent(float(np.mean(each))) for each in (covered, called, alarms)]
        rows.append([name, str(len(each) // 2), *shares])
    head = [
        "sets from",
        "pairs",
        "covered, %",
        "called more than chance, %",
        "with a wrong sign, %",
    ]
    return table(head, rows)


def _as_found(audited: Audited, index: int) -> dict[str, float | list[float]]:
    value = float(audited.estimated[index])
    ends = [min(float(audited.low[index]), value), max(float(audited.high[index]), value)]
    return {"value": value, "interval_95": ends}


def whole_table(pools: Mapping[str, Pool], reference: Reference) -> str:
    """The complete test sets: true, audited and counted shares, in percent."""
    columns = []
    for pool in pools.values():
        answers = answers_to(pool.probabilities)
        low, high = interval(replicates(answers, reference, np.random.default_rng(0), 1000))
        truth = np.bincount(pool.label, minlength=len(LABELS)) / len(pool.label)
        found, raw = estimate(answers), counted(pool.probabilities)
        columns.append(
            [
                [
                    percent(truth[i]),
                    f"{percent(found[i])} ({percent(low[i])}–{percent(high[i])})",
                    percent(raw[i]),
                ]
                for i in range(len(LABELS))
            ]
        )
    head = [cell for name in pools for cell in (f"{name}: true", "audit", "counted")]
    rows = [
        [label, *(cell for column in columns for cell in column[i])]
        for i, label in enumerate(LABELS)
    ]
    return table(["", *head], rows)
