"""From tallies to the report: everything in it is a sum, a share or a sentence about them.

The report is a JSON object; report.schema.json beside this file describes it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ethnicity.audit.figures import FEW, FEWEST, ends, figure, kept_back, rounded
from ethnicity.audit.outcome import Outcome, outcome_section
from ethnicity.audit.prevalence import (
    REPLICATES,
    Floats,
    Reference,
    Shares,
    estimate,
    interval,
    replicates,
)
from ethnicity.audit.records import CRASHED, NO_FACE, NOT_DONE, UNREADABLE
from ethnicity.audit.tally import EDGES, Tally
from ethnicity.audit.truth import Labelled, truth_section
from ethnicity.errors import CorruptImage, NoImage, NotJpeg, UnsupportedJpeg
from ethnicity.labels import LABELS
from ethnicity.limits import MAX_BYTES

SCHEMA = "apparent-ethnicity-audit/2"

REASONS = {
    UNREADABLE: "It could not be read",
    CRASHED: "Decoding it ended the process",
    NOT_DONE: "The batch that it was in failed at every try",
    NoImage.code: "It is empty",
    NotJpeg.code: "Its content is none of JPEG, PNG and WebP",
    UnsupportedJpeg.code: "It is a JPEG of a kind that is not read",
    CorruptImage.code: "A part of it is missing or damaged",
    "image_too_large": f"It has more than {MAX_BYTES // 1_000_000} MB or 50 megapixels",
}
"""What is wrong with a picture that was not judged."""

_MANY_FACES = 4
"""Pictures with so many faces or more are counted together."""

CAVEATS = (
    (
        "Apparent ethnicity only: what annotators of two data sets would have guessed from a face. "
        "It is no one's ethnicity, origin or nationality, and no picture shows those."
    ),
    (
        "The shares are of pictures, by their largest face. A person in many pictures counts many "
        "times, and in a set of few persons the intervals are too narrow."
    ),
    (
        "Within a label, faces look different to the classifier from set to set. The intervals "
        "allow for differences as large as those between parts of the reference sets (chosen by "
        "age, gender, light, sharpness, pose, source and more). Sets that differ more can still "
        "fall outside."
    ),
    "About 6 to 8 % of the reference sets' own labels are wrong.",
    "Pictures in which no face was found, and those that could not be read, are not in the shares.",
    "A composition says nothing about any person, and must not be used to decide about one.",
)

OUTCOME_CAVEAT = (
    "Rates by label assume that, within a label, the outcome does not depend on how a face looks "
    "to the classifier. Where a system fails on just those faces that look unlike their label, "
    "differences come out wrong: docs/audit.md says by how much."
)

METHOD = (
    "The classifier answers each largest face with probabilities that are calibrated for equally "
    "common labels. The shares are those under which all answers together are most likely, found "
    "by expectation maximisation (Saerens et al. 2002). Intervals hold the middle 95 % of "
    "{replicates} replicates. Each resamples the faces, draws a calibration between those of the "
    "reference sets and departures from it as large as those measured between parts of these sets, "
    "and draws a label for each face. They are for the composition of these pictures, not of a "
    "population from which they may be a sample."
)

OUTCOME_METHOD = (
    "For the outcome the shares are estimated among the faces with it and among those without, and "
    "Bayes' rule turns them into rates for each label. These intervals are for the system's rates, "
    "of which these pictures are a sample."
)

LABEL_NOTES = {
    "White": "White in both reference sets; Middle Eastern and Latino faces are under Others",
    "Black": "Black in both reference sets",
    "Asian": "East and Southeast Asian; Indian faces have a label of their own",
    "Indian": "Indian in both reference sets",
    "Others": "everyone else: Latino, Hispanic, Middle Eastern and more. It has no appearance of "
    "its own and is the label that the classifier knows worst",
}
"""What the five labels stand for in the reference sets."""


@dataclass(frozen=True)
class Target:
    """The composition that the set is held against. ``shares``: shape (5,)."""

    name: str
    shares: Shares


UNIFORM = Target("uniform", np.full(len(LABELS), 1 / len(LABELS)))


@dataclass(frozen=True)
class Composition:
    """The shares of the labels, and what they may be: shapes (5,) and (replicates, 5)."""

    faces: int
    shares: Shares
    draws: Shares


def summarise(  # noqa: PLR0913 - all that a report depends on
    tallies: Mapping[str, Tally],
    *,
    title: str,
    reference: Reference,
    made: str,
    target: Target = UNIFORM,
    outcome: Outcome | None = None,
    truth: Labelled | None = None,
    replicates_each: int = REPLICATES,
) -> dict[str, Any]:
    """The report on a set, from its groups' tallies.

    ``made``: when, in ISO 8601. ``outcome``, ``truth``: the columns of a CSV list.
    """
    whole = _together(tallies.values())
    rng = np.random.default_rng(0)
    composition = _compose(whole, reference, rng, replicates_each)
    groups = {} if set(tallies) <= {""} else dict(sorted(tallies.items()))
    apart = kept_back({name: tally.judged for name, tally in groups.items()})
    others = _together(groups[name] for name in apart)
    method = METHOD.format(replicates=f"{replicates_each:,}")
    return {
        "schema": SCHEMA,
        "title": title,
        "made": made,
        "model": reference.model,
        "labels": dict(LABEL_NOTES),
        "target": {"name": target.name, "shares": _by_label(target.shares)},
        "verdict": verdict(composition, target),
        "whole": _group(whole, composition if whole.judged >= FEWEST else None, target),
        "folders": {
            name: _group(tally, _compose(tally, reference, rng, replicates_each), target)
            for name, tally in groups.items()
            if name not in apart
        },
        "other_folders": {"names": sorted(apart)}
        | _group(
            others,
            _compose(others, reference, rng, replicates_each) if others.judged >= FEWEST else None,
            target,
        )
        if apart
        else None,
        "outcome": outcome_section(outcome, reference, replicates_each) if outcome else None,
        "truth": truth_section(truth) if truth else None,
        "bad": [
            {"name": name, "code": code, "reason": REASONS.get(code, code)}
            for name, code in sorted(whole.bad)
        ],
        "caveats": [*CAVEATS, *([OUTCOME_CAVEAT] if outcome else [])],
        "method": f"{method} {OUTCOME_METHOD}" if outcome else method,
        "reference_sets": list(reference.shifts),
    }


def _together(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.merge(tally)
    return whole


def _compose(
    tally: Tally, reference: Reference, rng: np.random.Generator, number: int
) -> Composition:
    answers = tally.as_answers()
    return Composition(
        answers.faces, estimate(answers), replicates(answers, reference, rng, number)
    )


def _group(tally: Tally, composition: Composition | None, target: Target) -> dict[str, Any]:
    """The figures of a group; without labels if there is no composition."""
    judged = tally.judged
    without = tally.faults[NO_FACE]
    many = sum(count for faces, count in tally.faces.items() if faces >= _MANY_FACES)
    return {
        "pictures": tally.pictures,
        "judged": judged,
        "without_face": without,
        "bad": tally.pictures - judged - without,
        "faces": {
            **{str(faces): tally.faces[faces] for faces in range(_MANY_FACES)},
            f"{_MANY_FACES}+": many,
        },
        "shorter_side": _sizes(tally.shorter_side),
        "face_width": _sizes(tally.face_width),
        "uncertain_share": rounded(tally.uncertain / judged) if composition else None,
        "composition": _shares(tally, composition) if composition else None,
        "balance": balance(composition, target) if composition else None,
    }


def _sizes(counts: Mapping[int, int]) -> dict[str, int]:
    """Counts by the least size in pixels."""
    return {str(edge): counts.get(edge, 0) for edge in (0, *EDGES)}


def _shares(tally: Tally, composition: Composition) -> dict[str, Any]:
    low, high = ends(composition.shares, composition.draws)
    return {
        label: {
            "counted": tally.counted[label],
            "counted_share": rounded(tally.counted[label] / composition.faces),
            "share": rounded(composition.shares[index]),
            "interval_95": [rounded(low[index]), rounded(high[index])],
        }
        for index, label in enumerate(LABELS)
    }


def balance(composition: Composition, target: Target) -> dict[str, Any]:
    """How even the shares are, each with its interval.

    ``effective_labels``: so many equally common labels would be as diverse: the exponential of
    Shannon's entropy (Hill 1973), 1 to 5. ``largest_ratio``: of the largest share to the smallest,
    which is taken for one face if it is less. ``total_variation``: from the target, 0 to 1: the
    share of pictures that would have to be of another label.
    """
    measures: dict[str, Callable[[Shares], Floats]] = {
        "effective_labels": effective_labels,
        "largest_ratio": lambda shares: largest_ratio(shares, composition.faces),
        "total_variation": lambda shares: total_variation(shares, target.shares),
    }
    result = {}
    for name, measure in measures.items():
        value = measure(composition.shares)
        low, high = ends(value, measure(composition.draws))
        result[name] = figure(value, low, high)
    least = least_variation(composition, target.shares)
    # Noise makes a distance longer, so that its replicates alone would exclude the shortest
    result["total_variation"]["interval_95"][0] = min(
        rounded(least), result["total_variation"]["interval_95"][0]
    )
    return result


def effective_labels(shares: Shares) -> Floats:
    """The exponential of Shannon's entropy, over the last axis."""
    logarithms = np.log(np.maximum(shares, 1e-300))
    return np.asarray(np.exp(-(shares * logarithms).sum(axis=-1)))


def largest_ratio(shares: Shares, faces: int) -> Floats:
    """The largest share to the smallest, or to one face's if that is more; over the last axis."""
    return np.asarray(shares.max(axis=-1) / np.maximum(shares.min(axis=-1), 1 / faces))


def total_variation(shares: Shares, target: Shares) -> Floats:
    """Half the sum of the absolute differences, over the last axis."""
    return np.asarray(np.abs(shares - target).sum(axis=-1) / 2)


def least_variation(composition: Composition, target: Shares) -> float:
    """The least total variation from the target that the labels' intervals allow."""
    low, high = ends(composition.shares, composition.draws)
    above, below = (np.maximum(each, 0).sum() for each in (low - target, target - high))
    return float(max(above, below))


def verdict(composition: Composition, target: Target) -> dict[str, Any]:
    """In words how the set compares with the target, as far as the intervals allow to say.

    ``level``: unknown (too few faces), balanced (at most a tenth of the pictures would have to be
    of another label), unbalanced (a label surely has less than half or more than double its share,
    or more than a fifth would have to be), uneven (between them) or unclear (the intervals span
    both). ``under_represented``: the labels that surely have less than half their share,
    ``over_represented``: those that surely have more than double.
    """
    if composition.faces < FEW:
        faces = "1 face" if composition.faces == 1 else f"{composition.faces} faces"
        text = f"Too few faces to say how balanced the set is: {faces}, and {FEW} are needed."
        return {"level": "unknown", "text": text, "under_represented": [], "over_represented": []}
    low, high = ends(composition.shares, composition.draws)
    wanted = target.shares > 0
    under = [LABELS[i] for i in np.flatnonzero(wanted & (high < target.shares / 2))]
    over = [LABELS[i] for i in np.flatnonzero(wanted & (low > 2 * target.shares))]
    least = least_variation(composition, target.shares)
    _, most = interval(total_variation(composition.draws, target.shares))
    level = _level(least, float(most), surely_off=bool(under or over))
    return {
        "level": level,
        "text": _in_words(level, composition, target, under, over),
        "under_represented": under,
        "over_represented": over,
    }


def _level(least: float, most: float, *, surely_off: bool) -> str:
    if surely_off or least > 0.2:
        return "unbalanced"
    if most <= 0.1:
        return "balanced"
    return "uneven" if least > 0.1 else "unclear"


_OPENING = {
    "balanced": "The set is balanced, as far as can be told",
    "uneven": "The set is uneven",
    "unbalanced": "The set is unbalanced",
    "unclear": "The intervals are too wide to say whether the set is even",
}


def _in_words(
    level: str,
    composition: Composition,
    target: Target,
    under: list[str],
    over: list[str],
) -> str:
    low, high = ends(composition.shares, composition.draws)
    said = {
        label: f"{label} {_percent(composition.shares[i])} ({100 * low[i]:.0f}–{100 * high[i]:.0f})"
        for i, label in enumerate(LABELS)
    }
    aim = "an even share" if target.name == UNIFORM.name else "its share in the reference"
    sentences = [f"{_OPENING[level]}."]
    if under:
        sentences.append(f"Less than half of {aim}: {_listed(said, under)}.")
    if over:
        sentences.append(f"More than double {aim}: {_listed(said, over)}.")
    largest = LABELS[int(composition.shares.argmax())]
    smallest = LABELS[int(composition.shares.argmin())]
    if largest not in over:
        sentences.append(f"Most common is {said[largest]}.")
    if smallest not in under:
        sentences.append(f"Least common is {said[smallest]}.")
    return " ".join(sentences)


def _listed(said: Mapping[str, str], labels: list[str]) -> str:
    return ", ".join(said[label] for label in labels)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _by_label(shares: Shares) -> dict[str, float]:
    return {label: rounded(share) for label, share in zip(LABELS, shares, strict=True)}
