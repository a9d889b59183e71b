"""The report's section on an outcome: its rate for each label, and a verdict on differences.

An outcome is the result of some system for each picture, given in a CSV file: failed or not, let in
or not. The numbers cannot show whether a difference is unfair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ethnicity.audit.differences import Differences, differences
from ethnicity.audit.figures import FEW, FEWEST, ends, figure, rounded, share_of
from ethnicity.audit.prevalence import REPLICATES, Reference, interval
from ethnicity.audit.rates import Rates, outcome_rates
from ethnicity.audit.records import NO_FACE
from ethnicity.audit.tally import Tally
from ethnicity.labels import LABELS

_LARGEST_RATIO = 100.0
"""Upper ends of a ratio's interval above this are left out of the report."""


@dataclass
class Outcome:
    """The pictures of a set by the system's outcome.

    ``column``: of the CSV file. ``positive``, ``negative``: its values; rates count the first.
    ``with_it``, ``without_it``: the pictures with each value. ``unknown``: number of pictures
    without a value.
    """

    column: str
    positive: str
    negative: str
    with_it: Tally = field(default_factory=Tally)
    without_it: Tally = field(default_factory=Tally)
    unknown: int = 0

    @property
    def name(self) -> str:
        """The counted outcome, in words."""
        return f"{self.column} = {self.positive}"


def outcome_section(
    outcome: Outcome, reference: Reference, number: int = REPLICATES
) -> dict[str, Any]:
    """The section, as report.schema.json describes it."""
    strata = (outcome.with_it, outcome.without_it)
    section: dict[str, Any] = {
        "column": outcome.column,
        "positive": outcome.positive,
        "negative": outcome.negative,
        "unknown": outcome.unknown,
        "overall": _counted(*(each.judged for each in strata)),
        "without_face": _counted(*(each.faults[NO_FACE] for each in strata)),
        "labels": dict.fromkeys(LABELS),
        "largest_difference": None,
        "largest_ratio": None,
        "different": [],
    }
    if min(each.judged for each in strata) >= FEWEST:
        answers, others = (each.as_answers() for each in strata)
        found = outcome_rates(answers, others, reference, np.random.default_rng(0), number)
        shown = _with_enough_faces(found)
        section["labels"] |= {LABELS[i]: _label(found, i, outcome) for i in shown}
        if len(shown) > 1:
            section |= _compared(found, shown)
    section["verdict"] = _verdict(outcome, section)
    return section


def _with_enough_faces(found: Rates) -> list[int]:
    """Indices of the labels that surely have enough faces."""
    least, _ = interval(found.drawn_faces)
    return [index for index in range(len(LABELS)) if least[index] >= FEWEST]


def _counted(positive: int, negative: int) -> dict[str, Any]:
    """Pictures with a known outcome, and its rate if there are enough."""
    pictures = positive + negative
    rate = share_of(positive, pictures) if pictures >= FEWEST else None
    return {"pictures": pictures, "positive": positive, "rate": rate}


def _label(found: Rates, index: int, outcome: Outcome) -> dict[str, Any]:
    low, high = ends(found.value[index], found.draws[:, index])
    fewest, most = ends(found.faces[index], found.drawn_faces[:, index])
    label = LABELS[index]
    counted = _counted(outcome.with_it.counted[label], outcome.without_it.counted[label])
    return {
        "faces": figure(found.faces[index], fewest, most),
        "rate": figure(found.value[index], low, high),
        "counted_rate": counted["rate"] and counted["rate"]["value"],
    }


def _compared(found: Rates, shown: list[int]) -> dict[str, Any]:
    value, draws = found.value[shown], found.draws[:, shown]
    by_points = differences(value, draws)
    # Zero faces count as half a face, as in the draws, because the logarithm is needed
    floor = 0.5 / np.maximum(found.faces[shown], 1)
    by_factors = differences(np.log(np.maximum(value, floor)), np.log(np.maximum(draws, 1e-6)))
    low, high = np.exp((by_factors.low, min(by_factors.high, 700.0)))
    pair = _pair(by_points, shown)
    return {
        "largest_difference": pair | figure(by_points.largest, by_points.low, by_points.high),
        "largest_ratio": pair
        | {
            "value": rounded(np.exp(by_factors.largest)),
            "interval_95": [rounded(low), rounded(high) if high <= _LARGEST_RATIO else None],
        },
        "different": [
            {"higher": LABELS[shown[higher]], "lower": LABELS[shown[lower]]}
            for higher, lower in by_points.sure
        ],
    }


def _pair(found: Differences, shown: list[int]) -> dict[str, str]:
    return {"higher": LABELS[shown[found.higher]], "lower": LABELS[shown[found.lower]]}


def _verdict(outcome: Outcome, section: Mapping[str, Any]) -> dict[str, str]:
    """The conclusion that the intervals support, in words.

    ``level``: different (some labels surely differ), not_shown (all labels may be equal) or unknown
    (too few faces).
    """
    faces, gap = section["overall"]["pictures"], section["largest_difference"]
    if faces < FEW or gap is None:
        text = (
            f"Too few faces to tell whether “{outcome.name}” differs between labels: "
            f"{outcome.with_it.judged:,} faces with it, {outcome.without_it.judged:,} without."
        )
        return {"level": "unknown", "text": text}
    low, high = (100 * end for end in gap["interval_95"])
    if not section["different"]:
        text = (
            f"The pictures show no difference in “{outcome.name}” between labels. The largest true "
            f"difference is at most {high:.1f} percentage points."
        )
        return {"level": "not_shown", "text": text}
    rates = section["labels"]
    sentences = [
        f"“{outcome.name}” is more common for {_list(rates, above)} than for {_list(rates, below)}."
        for above, below in _by_higher(section["different"]).items()
    ]
    sentences.append(
        "The largest true difference between two labels is "
        f"{low:.1f} to {high:.1f} percentage points."
    )
    return {"level": "different", "text": " ".join(sentences)}


def _by_higher(pairs: list[dict[str, str]]) -> dict[tuple[str, ...], list[str]]:
    """The pairs that differ: lower labels, by the labels that are higher than them."""
    higher: dict[str, list[str]] = {}
    for pair in pairs:
        higher.setdefault(pair["lower"], []).append(pair["higher"])
    lower: dict[tuple[str, ...], list[str]] = {}
    for label, above in higher.items():
        lower.setdefault(tuple(sorted(above, key=LABELS.index)), []).append(label)
    return lower


def _list(rates: Mapping[str, Any], labels: Sequence[str]) -> str:
    named = [_named(rates, label) for label in labels]
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


def _named(rates: Mapping[str, Any], label: str) -> str:
    rate = rates[label]["rate"]
    low, high = rate["interval_95"]
    return f"{label} ({100 * rate['value']:.1f} %, {100 * low:.1f}–{100 * high:.1f})"
