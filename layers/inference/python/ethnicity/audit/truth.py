"""The report's section that compares the classifier with the user's own labels.

A picture without a face counts as wrong. Unreadable pictures are left out, because the classifier
has not seen them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ethnicity.audit.differences import differences
from ethnicity.audit.figures import FEW, FEWEST, ends, figure, rounded, share_of, withheld
from ethnicity.audit.prevalence import Floats
from ethnicity.audit.records import NO_FACE, Record
from ethnicity.labels import LABELS

_BINS = 5
"""Number of bins of confidence, of equal width from its minimum, 0.2, to 1."""

_JEFFREYS, _REPLICATES = 0.5, 10_000

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Labelled:
    """Pictures with the user's labels.

    ``column``: of the labels. ``label``: shape (n,), indices into LABELS. ``guess``: shape (n,),
    the most probable label; -1 if no face was found. ``probabilities``, ``kept`` (the prediction
    sets): shape (n, 5), zero if no face was found. ``by``: values of further columns, shape (n,).
    ``unlabelled``: number of pictures without a label.
    """

    column: str
    label: Indices
    guess: Indices
    probabilities: Floats
    kept: NDArray[np.bool_]
    by: Mapping[str, NDArray[np.str_]]
    unlabelled: int

    def where(self, chosen: NDArray[np.bool_]) -> "Labelled":
        """The pictures for which ``chosen``, shape (n,), is true."""
        return replace(
            self,
            label=self.label[chosen],
            guess=self.guess[chosen],
            probabilities=self.probabilities[chosen],
            kept=self.kept[chosen],
            by={name: values[chosen] for name, values in self.by.items()},
        )


def labelled(
    records: Sequence[Record],
    column: str,
    label_of: Mapping[str, int],
    by: Mapping[str, Mapping[str, str]],
) -> Labelled:
    """Combine records with the user's labels.

    ``label_of``: the labels' indices by the pictures' names. ``by``: for each further column, its
    values by the pictures' names.
    """
    seen = [each for each in records if each.fault in {None, NO_FACE}]
    known = [each for each in seen if each.name in label_of]
    judged = np.array([bool(each.probabilities) for each in known], np.bool_)
    none = (0.0,) * len(LABELS)
    answers = [each.probabilities or none for each in known]
    probabilities = np.array(answers, np.float64).reshape(-1, len(LABELS))
    kept = [[label in each.prediction_set for label in LABELS] for each in known]
    return Labelled(
        column=column,
        label=np.array([label_of[each.name] for each in known], np.int64),
        guess=np.where(judged, probabilities.argmax(axis=1), -1),
        probabilities=probabilities,
        kept=np.array(kept, np.bool_).reshape(-1, len(LABELS)),
        by={
            name: np.array([values[each.name] for each in known], np.str_)
            for name, values in by.items()
        },
        unlabelled=len(seen) - len(known),
    )


def truth_section(pictures: Labelled) -> dict[str, Any]:
    """The section, as report.schema.json describes it."""
    counts = _confusion(pictures)
    sizes = counts.sum(axis=1)
    shown = [index for index in range(len(LABELS)) if sizes[index] >= FEWEST]
    rng = np.random.default_rng(0)
    draws = _recall_draws(counts, shown, rng)
    recall = _recall(counts, shown)
    enough = len(pictures.label) >= FEWEST
    section: dict[str, Any] = {
        "column": pictures.column,
        "pictures": len(pictures.label),
        "unlabelled": pictures.unlabelled,
        "without_face": int((pictures.guess < 0).sum()),
        "accuracy": share_of(int(np.trace(counts)), int(sizes.sum())) if enough else None,
        "balanced_accuracy": figure(recall.mean(), *ends(recall.mean(), draws.mean(axis=1)))
        if shown
        else None,
        "confusion": {
            label: dict(zip((*LABELS, "no_face"), counts[index].tolist(), strict=True))
            if index in shown
            else None
            for index, label in enumerate(LABELS)
        },
        "labels": {
            label: _label(pictures, counts, index) if index in shown else None
            for index, label in enumerate(LABELS)
        },
        "largest_difference": _largest(recall, draws, [LABELS[i] for i in shown]),
        "prediction_sets": _sets(pictures),
        "calibration": _calibration(pictures),
        "by": {name: _by(pictures, values, rng) for name, values in pictures.by.items()},
    }
    section["verdict"] = _verdict(section)
    return section


def _confusion(pictures: Labelled) -> Indices:
    """Counts by label (rows) and guess (columns, the last one for no face); shape (5, 6)."""
    counts = np.zeros((len(LABELS), len(LABELS) + 1), np.int64)
    np.add.at(counts, (pictures.label, pictures.guess), 1)
    return counts


def _recall(counts: Indices, shown: Sequence[int]) -> Floats:
    right = counts[shown, shown]
    return np.asarray(right / np.maximum(counts[shown].sum(axis=1), 1))


def _recall_draws(counts: Indices, shown: Sequence[int], rng: np.random.Generator) -> Floats:
    """Draws of the recalls, shape (replicates, labels), from Jeffreys' posterior."""
    right, sizes = counts[shown, shown], counts[shown].sum(axis=1)
    wrong = sizes - right
    return rng.beta(right + _JEFFREYS, wrong + _JEFFREYS, (_REPLICATES, len(shown)))


def _label(pictures: Labelled, counts: Indices, index: int) -> dict[str, Any]:
    """Figures of one label."""
    size, given = int(counts[index].sum()), int(counts[:, index].sum())
    right = int(counts[index, index])
    own = pictures.label == index
    found = int((own & (pictures.guess >= 0)).sum())
    return {
        "pictures": size,
        "recall": share_of(right, size),
        "precision": share_of(right, given) if given >= FEWEST else None,
        "set_coverage": share_of(int(pictures.kept[own, index].sum()), found)
        if found >= FEWEST
        else None,
    }


def _largest(recall: Floats, draws: Floats, names: Sequence[str]) -> dict[str, Any] | None:
    """The largest difference of recalls, with the names of the highest and the lowest."""
    if len(names) < 2:
        return None
    found = differences(recall, draws)
    pair = {"higher": names[found.higher], "lower": names[found.lower]}
    return pair | figure(found.largest, found.low, found.high)


def _sets(pictures: Labelled) -> dict[str, Any] | None:
    """How often the prediction sets contain the user's label, and their mean size."""
    found = pictures.guess >= 0
    if found.sum() < FEWEST:
        return None
    holds = pictures.kept[found, pictures.label[found]]
    return {
        "coverage": share_of(int(holds.sum()), int(found.sum())),
        "mean_size": rounded(pictures.kept[found].sum(axis=1).mean()),
    }


def _calibration(pictures: Labelled) -> dict[str, Any] | None:
    """Mean confidence and accuracy by bin, every label with the same weight.

    ``error``: the expected calibration error (Guo et al. 2017); with few pictures, chance alone
    makes it positive.
    """
    found = pictures.where(pictures.guess >= 0)
    if len(found.label) < FEW:
        return None
    weight = 1 / np.bincount(found.label, minlength=len(LABELS))[found.label]
    weight /= weight.sum()
    confidence = found.probabilities.max(axis=1)
    right = found.guess == found.label
    least = 1 / len(LABELS)
    place = np.minimum(((confidence - least) / (1 - least) * _BINS).astype(int), _BINS - 1)
    bins, error = [], 0.0
    for index in range(_BINS):
        own = place == index
        share = weight[own].sum()
        error += abs((weight * (confidence - right))[own].sum())
        shown = own.sum() >= FEWEST
        bins.append(
            {
                "from": rounded(least + (1 - least) * index / _BINS),
                "pictures": int(own.sum()),
                "confidence": rounded((weight * confidence)[own].sum() / share) if shown else None,
                "right": rounded((weight * right)[own].sum() / share) if shown else None,
            }
        )
    return {"error": rounded(error), "bins": bins}


def _by(pictures: Labelled, values: NDArray[np.str_], rng: np.random.Generator) -> dict[str, Any]:
    """Figures by the values of a column; values with too few pictures form one common row.

    ``balanced_accuracy`` is over the labels of which every value has enough pictures, so values can
    be compared even if their label shares differ.
    """
    counts = {str(name): _confusion(pictures.where(values == name)) for name in np.unique(values)}
    kept = withheld({name: int(each.sum()) for name, each in counts.items()})
    together = sum((counts.pop(name) for name in kept), np.zeros_like(_confusion(pictures)))
    sizes = [each.sum(axis=1) for each in counts.values()]
    common = [i for i in range(len(LABELS)) if sizes and min(size[i] for size in sizes) >= FEWEST]
    draws = [_recall_draws(each, common, rng).mean(axis=1) for each in counts.values() if common]
    means = [_recall(each, common).mean() for each in counts.values() if common]
    rows = {name: _row(each) for name, each in counts.items()}
    for row, mean, drawn in zip(rows.values(), means, draws, strict=bool(common)):
        row["balanced_accuracy"] = figure(mean, *ends(mean, drawn))
    gap = _largest(np.array(means), np.stack(draws, 1), list(rows)) if common else None
    return {
        "values": rows,
        "others": {"values": len(kept), **_row(together)} if together.sum() >= FEWEST else None,
        "labels_compared": [LABELS[i] for i in common],
        "largest_difference": gap,
    }


def _row(counts: Indices) -> dict[str, Any]:
    """Figures of the pictures with one value."""
    right, sizes = counts.diagonal(), counts.sum(axis=1)
    return {
        "pictures": int(sizes.sum()),
        "accuracy": share_of(int(right.sum()), int(sizes.sum())),
        "balanced_accuracy": None,
        "recall": {
            label: share_of(int(right[i]), int(sizes[i])) if sizes[i] >= FEWEST else None
            for i, label in enumerate(LABELS)
        },
    }


def _verdict(section: Mapping[str, Any]) -> dict[str, str]:
    """The conclusion on recalls that the intervals support, in words.

    ``level``: different, not_shown or unknown, as for an outcome.
    """
    gap = section["largest_difference"]
    if section["pictures"] < FEW or gap is None:
        text = f"Too few labelled pictures to judge the classifier: {section['pictures']:,}."
        return {"level": "unknown", "text": text}
    accuracy = 100 * section["accuracy"]["value"]
    right = f"The classifier is right on {accuracy:.1f} % of the pictures that you labelled."
    low, high = (100 * end for end in gap["interval_95"])
    if low == 0:
        text = (
            f"{right} The pictures show no difference between labels; "
            f"the largest true difference is at most {high:.1f} percentage points."
        )
        return {"level": "not_shown", "text": text}
    best, worst = (
        f"{label} ({_percent(section['labels'][label]['recall'])})"
        for label in (gap["higher"], gap["lower"])
    )
    text = (
        f"{right} It is right most often for {best} and least often for {worst}. The largest "
        f"true difference between labels is {low:.1f} to {high:.1f} percentage points."
    )
    return {"level": "different", "text": text}


def _percent(found: Mapping[str, Any]) -> str:
    low, high = found["interval_95"]
    return f"{100 * found['value']:.1f} %, {100 * low:.1f}–{100 * high:.1f}"
