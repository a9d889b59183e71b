"""Outcomes with known rates: errors of rates by label, coverage of intervals, largest difference.

If an outcome depends on the label alone, the audit's assumption holds. If it also depends on a
face's appearance, the assumption is violated; the tables show the resulting errors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.audit.pools import REPLICATES, Pool, answers_to, percent, percents
from ethnicity.audit.differences import differences
from ethnicity.audit.figures import FEWEST
from ethnicity.audit.prevalence import Reference, interval
from ethnicity.audit.rates import outcome_rates
from ethnicity.labels import LABELS
from training.markdown import table
from training.metrics import Floats

SIZE = 2000

Rates = Callable[[np.random.Generator], Floats]
Hardness = Callable[[Pool], Floats]

NO_DEPENDENCE = "on the label alone"


def _none(pool: Pool) -> Floats:
    return np.zeros(len(pool.label))


@dataclass(frozen=True)
class Design:
    """A design of outcomes.

    ``rates``: draws the rates of the labels, shape (5,). ``hardness``: of each picture, shape (n,);
    within a label, the odds of the outcome are multiplied by ``odds`` to this power, while the
    label's rate stays the same.
    """

    name: str
    rates: Rates
    dependence: str = NO_DEPENDENCE
    hardness: Hardness = _none
    odds: float = 1.0
    sets: int = 100


def _unlikeness(pool: Pool) -> Floats:
    """How unlike its label a face looks to the classifier; standard normal within the label."""
    own = pool.probabilities[np.arange(len(pool.label)), pool.label]
    score = np.zeros(len(own))
    for index in range(len(LABELS)):
        rows = np.flatnonzero(pool.label == index)
        ranks = (-own[rows]).argsort().argsort()
        score[rows] = _normal_quantiles(len(rows))[ranks]
    return score


def _normal_quantiles(count: int) -> Floats:
    draws = np.sort(np.random.default_rng(0).standard_normal((200, count)), axis=1)
    return np.asarray(draws.mean(axis=0))


def _dark(pool: Pool) -> Floats:
    return _in_lowest_third(pool.pictures.light)


def _blurred(pool: Pool) -> Floats:
    return _in_lowest_third(pool.pictures.detail)


def _children(pool: Pool) -> Floats:
    return (pool.pictures.age <= 1).astype(np.float64)


def _in_lowest_third(values: Floats) -> Floats:
    """1 for the lowest third of a set's pictures, 0 for the others."""
    return (values < np.quantile(values, 1 / 3)).astype(np.float64)


def _spread_rates(rng: np.random.Generator) -> Floats:
    return np.exp(rng.uniform(np.log(0.02), np.log(0.3), len(LABELS)))


def _alike(rng: np.random.Generator) -> Floats:
    return np.full(len(LABELS), np.exp(rng.uniform(np.log(0.03), np.log(0.3))))


def _one_apart(rng: np.random.Generator) -> Floats:
    return np.where(np.arange(len(LABELS)) == rng.integers(len(LABELS)), 0.3, 0.1)


def _rare(rng: np.random.Generator) -> Floats:
    return rng.uniform(0.01, 0.05, len(LABELS))


INDEPENDENT = (
    Design("2 to 30 %, each label its own", _spread_rates, sets=500),
    Design("one label 30 %, the others 10 %", _one_apart),
    Design("1 to 5 %, each label its own", _rare),
    Design("the same for all labels", _alike),
)

DEPENDENT = tuple(
    Design("2 to 30 %, each label its own", _spread_rates, name, hardness, odds)
    for name, hardness, odds in (
        ("darkest third: odds × 3", _dark, 3.0),
        ("least sharp third: odds × 3", _blurred, 3.0),
        ("children below 10: odds × 3", _children, 3.0),
        ("unlike their label: odds × 1.25 a standard deviation", _unlikeness, 1.25),
        ("unlike their label: odds × 1.5", _unlikeness, 1.5),
        ("unlike their label: odds × 2", _unlikeness, 2.0),
        ("unlike their label: odds × 3", _unlikeness, 3.0),
    )
)


@dataclass(frozen=True)
class Tried:
    """The result of one set; arrays of shape (5,), NaN if the audit withholds the label.

    ``gaps``: the largest difference of true rates, of the audit's, of rates by predicted label and
    of rates weighted by probabilities.
    """

    errors: dict[str, Floats]
    covered: Floats
    width: Floats
    gaps: dict[str, float]
    gap_covered: bool
    gap_ends: tuple[float, float]
    called: bool


def try_one(work: tuple[Design, Pool, Reference], seed: int) -> Tried | None:
    """Draw a set and its outcomes, and estimate rates; ``None`` if all labels are withheld."""
    design, pool, reference = work
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(SIZE, rng.dirichlet(np.ones(len(LABELS))))
    rates = design.rates(rng)
    rows = pool.draw(rng, counts)
    happens = rng.random(SIZE) < _chances(design, pool, rates)[rows]
    if min(happens.sum(), (~happens).sum()) < FEWEST:
        return None
    drawn = pool.probabilities[rows]
    strata = (answers_to(drawn[happens]), answers_to(drawn[~happens]))
    found = outcome_rates(*strata, reference, rng, REPLICATES)
    return judged(found.value, found.draws, found.drawn_faces, drawn, happens, rates)


def judged(  # noqa: PLR0913, PLR0917 - all inputs of a comparison
    value: Floats,
    draws: Floats,
    drawn_faces: Floats,
    probabilities: Floats,
    happens: NDArray[np.bool_],
    rates: Floats,
) -> Tried | None:
    """Compare rates and the largest difference with the truth."""
    least, _ = interval(drawn_faces)
    shown = np.flatnonzero(least >= FEWEST)
    if len(shown) < 2:
        return None
    ways = {
        "counting": _weighted(np.eye(len(LABELS))[probabilities.argmax(axis=1)], happens),
        "probabilities": _weighted(probabilities, happens),
        "audit": value,
    }
    low, high = interval(draws)
    gap = differences(value[shown], draws[:, shown])
    true_gap = float(np.ptp(rates[shown]))
    hidden = np.full(len(LABELS), np.nan)
    hidden[shown] = 0.0
    return Tried(
        errors={name: each - rates + hidden for name, each in ways.items()},
        covered=((low <= rates) & (rates <= high)) + hidden,
        width=high - low + hidden,
        gaps={"true": true_gap} | {name: float(np.ptp(each[shown])) for name, each in ways.items()},
        gap_covered=bool(gap.low - 1e-9 <= true_gap <= gap.high + 1e-9),
        gap_ends=(gap.low, gap.high),
        called=bool(gap.sure),
    )


def _weighted(weights: Floats, happens: NDArray[np.bool_]) -> Floats:
    """Rates by label, each face weighted by its probabilities."""
    return np.asarray(weights[happens].sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-9))


def _chances(design: Design, pool: Pool, rates: Floats) -> Floats:
    """The outcome's probability for each picture; its mean within a label is the label's rate."""
    push = np.log(design.odds) * design.hardness(pool)
    chances = np.zeros(len(push))
    for index, rate in enumerate(rates):
        own = pool.label == index
        low, high = -20.0, 20.0
        for _ in range(60):
            middle = (low + high) / 2
            mean = (1 / (1 + np.exp(-(middle + push[own])))).mean()
            low, high = (middle, high) if mean < rate else (low, middle)
        chances[own] = 1 / (1 + np.exp(-(low + push[own])))
    return chances


def tables(found: Mapping[tuple[str, str, str], Sequence[Tried]]) -> str:
    """Errors, coverage and the largest difference, by set and design."""
    rows = []
    for (pool, rates, dependence), tried in found.items():
        error = {
            way: float(np.nanmean(np.abs([each.errors[way] for each in tried])))
            for way in tried[0].errors
        }
        covered = np.array([each.covered for each in tried])
        gap = {way: np.mean([each.gaps[way] for each in tried]) for way in tried[0].gaps}
        ends = np.mean([each.gap_ends for each in tried], axis=0)
        rows.append(
            [
                pool,
                dependence if dependence != NO_DEPENDENCE else rates,
                str(len(tried)),
                *percents(list(error.values()), 2),
                f"**{percent(float(np.nanmean(covered)))}**",
                percent(float(np.nanmean([each.width for each in tried]))),
                *(percent(float(each)) for each in gap.values()),
                f"**{percent(float(np.mean([each.gap_covered for each in tried])))}**",
                f"{percent(ends[0])}–{percent(ends[1])}",
                percent(float(np.mean([each.called for each in tried]))),
            ]
        )
    head = ["sets from", "rates", "sets", "error: counting", "probabilities", "audit"]
    head += ["covered", "width", "gap: true", "counting", "probabilities", "audit"]
    return table([*head, "gap covered", "its interval", "called different"], rows)


def coverage_by_label(found: Mapping[tuple[str, str, str], Sequence[Tried]]) -> str:
    """Coverage by label for designs that depend on the label alone."""
    rows = []
    for (pool, rates, dependence), tried in found.items():
        if dependence == NO_DEPENDENCE:
            covered = np.array([each.covered for each in tried])
            rows.append([pool, rates, *percents(np.nanmean(covered, axis=0))])
    return table(["sets from", "rates", *LABELS], rows)
