"""The report of an audit, computed from tallies: sums, shares, intervals and verdicts.

The report is a JSON object, described by report.schema.json in this folder.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ethnicity.audit.figures import FEW, FEWEST, ends, figure, rounded, withheld
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
    UNREADABLE: "The file could not be read",
    CRASHED: "Decoding the file crashed the process",
    NOT_DONE: "The file's batch failed at every attempt",
    NoImage.code: "The file is empty",
    NotJpeg.code: "The content is not JPEG, PNG or WebP",
    UnsupportedJpeg.code: "This kind of JPEG is not supported",
    CorruptImage.code: "A part of the picture is missing or damaged",
    "image_too_large": f"The file exceeds {MAX_BYTES // 1_000_000} MB or 50 megapixels",
}
"""Reasons for which a picture was not judged, by code."""

_MANY_FACES = 4
"""Pictures with this many faces or more are counted together."""

CAVEATS = (
    (
        "The labels are apparent ethnicity only: annotators' guesses from a face, as the model "
        "predicts them. They are not a person's ethnicity, origin or nationality, which no picture "
        "shows."
    ),
    (
        "The shares count pictures, by their largest face. A person in many pictures counts many "
        "times; in a set of few persons, the intervals are too narrow."
    ),
    (
        "Within a label, faces look different to the classifier from set to set. The intervals "
        "allow for differences as large as those between parts of the reference sets (selected by "
        "age, gender, light, sharpness, pose, source and more). The true shares of sets that "
        "differ more can still fall outside."
    ),
    "About 6 to 8 % of the reference sets' own labels are wrong.",
    "The shares leave out pictures in which no face was found and files that could not be read.",
    "A composition contains no information about any person; do not use it to decide about one.",
)

OUTCOME_CAVEAT = (
    "Rates by label assume that, within a label, the outcome does not depend on how a face looks "
    "to the classifier. If a system fails on exactly the faces that look unlike their label, the "
    "differences are wrong; docs/audit.md shows by how much."
)

METHOD = (
    "The classifier gives each largest face probabilities that are calibrated for equally common "
    "labels. Expectation maximisation (Saerens et al. 2002) finds the shares that maximise the "
    "likelihood of all answers together. The intervals are the middle 95 % of {replicates} "
    "replicates. Each replicate resamples the faces, draws a calibration between those of the "
    "reference sets, draws departures as large as those measured between parts of these sets, and "
    "draws a label for each face. The intervals are for the composition of these pictures, not of "
    "a population that they may be a sample of."
)

OUTCOME_METHOD = (
    "For the outcome, the shares are estimated among the faces with it and among those without, "
    "and Bayes' rule converts them to rates for each label. These intervals are for the system's "
    "rates, with these pictures as a sample."
)

LABEL_NOTES = {
    "White": "White in both reference sets; Middle Eastern and Latino faces are under Others",
    "Black": "Black in both reference sets",
    "Asian": "East and Southeast Asian; Indian faces have a label of their own",
    "Indian": "Indian in both reference sets",
    "Others": "everyone else: Latino, Hispanic, Middle Eastern and more. It has no common "
    "appearance, and the classifier performs worst on it",
}
"""Meanings of the five labels in the reference sets."""


@dataclass(frozen=True)
class Target:
    """The composition that the set is compared with. ``shares``: shape (5,)."""

    name: str
    shares: Shares


UNIFORM = Target("uniform", np.full(len(LABELS), 1 / len(LABELS)))


@dataclass(frozen=True)
class Composition:
    """Estimated shares of the labels, shape (5,), and their draws, shape (replicates, 5)."""

    faces: int
    shares: Shares
    draws: Shares


def summarise(  # noqa: PLR0913 - a report depends on all of these
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
    """Make the report on a set from its groups' tallies.

    ``made``: time in ISO 8601. ``outcome``, ``truth``: from the columns of a CSV list.
    """
    whole = _together(tallies.values())
    rng = np.random.default_rng(0)
    composition = _compose(whole, reference, rng, replicates_each)
    groups = {} if set(tallies) <= {""} else dict(sorted(tallies.items()))
    apart = withheld({name: tally.judged for name, tally in groups.items()})
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
    """Figures of a group; figures of labels are ``None`` if there is no composition."""
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
    """Counts by the lower edge of each range of sizes, in pixels."""
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
    """Measures of balance, each with its interval.

    ``effective_labels``: the number of equally common labels that would be as diverse, 1 to 5: the
    exponential of Shannon's entropy (Hill 1973). ``largest_ratio``: the largest share divided by
    the smallest, which counts as at least one face. ``total_variation``: distance from the target,
    0 to 1: the share of pictures that would have to be of another label.
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
    # Noise lengthens a distance, so its replicates alone would exclude the shortest possible one
    result["total_variation"]["interval_95"][0] = min(
        rounded(least), result["total_variation"]["interval_95"][0]
    )
    return result


def effective_labels(shares: Shares) -> Floats:
    """The exponential of Shannon's entropy, over the last axis."""
    logarithms = np.log(np.maximum(shares, 1e-300))
    return np.asarray(np.exp(-(shares * logarithms).sum(axis=-1)))


def largest_ratio(shares: Shares, faces: int) -> Floats:
    """The largest share divided by the smallest, at least one face's; over the last axis."""
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
    """How the set compares with the target, in words, as far as the intervals support.

    ``level``: unknown (too few faces), balanced (at most 15 % of the pictures would have to be of
    another label), unbalanced (a label surely has less than half or more than double its share
    in the target, or surely more than a fifth would have to be of another label), uneven (surely
    more than a tenth would have to be) or unclear (none of these is certain).
    ``under_represented``: labels that surely have less than half their share,
    ``over_represented``: labels that surely have more than double.
    """
    if composition.faces < FEW:
        faces = "1 face" if composition.faces == 1 else f"{composition.faces} faces"
        text = f"Too few faces to tell how balanced the set is: {faces}, but {FEW} are needed."
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
    if most <= 0.15:
        return "balanced"
    return "uneven" if least > 0.1 else "unclear"


_OPENING = {
    "balanced": "The set is balanced",
    "uneven": "The set is uneven",
    "unbalanced": "The set is unbalanced",
    "unclear": "The intervals are too wide to tell whether the set is balanced",
}


def _in_words(
    level: str,
    composition: Composition,
    target: Target,
    under: list[str],
    over: list[str],
) -> str:
    low, high = ends(composition.shares, composition.draws)
    described = {
        label: f"{label} {_percent(composition.shares[i])} ({100 * low[i]:.0f}–{100 * high[i]:.0f})"
        for i, label in enumerate(LABELS)
    }
    aim = "an even share" if target.name == UNIFORM.name else "its share in the reference"
    sentences = [f"{_OPENING[level]}."]
    if under:
        sentences.append(f"Less than half of {aim}: {_listed(described, under)}.")
    if over:
        sentences.append(f"More than double {aim}: {_listed(described, over)}.")
    largest = LABELS[int(composition.shares.argmax())]
    smallest = LABELS[int(composition.shares.argmin())]
    if largest not in over:
        sentences.append(f"The most common label is {described[largest]}.")
    if smallest not in under:
        sentences.append(f"The least common label is {described[smallest]}.")
    return " ".join(sentences)


def _listed(described: Mapping[str, str], labels: list[str]) -> str:
    return ", ".join(described[label] for label in labels)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _by_label(shares: Shares) -> dict[str, float]:
    return {label: rounded(share) for label, share in zip(LABELS, shares, strict=True)}
