"""Figures of how good and how fair the service is, from its logits on the test pictures.

Every figure of the model card comes from here, and from nothing but the committed logits and the
served calibration: whoever doubts one can compute it again.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from ethnicity import LABELS
from ethnicity.classifier import Calibration, calibration_for
from training.data import AGE_BANDS, GENDERS

BINS = 15
_RESAMPLES = 10_000
_INTERVAL = (2.5, 97.5)
_FEW = 10

Floats = NDArray[np.float64]
Calibrations = tuple[Calibration, ...]


@dataclass(frozen=True)
class Predictions:
    """What the service's network said of one set's test pictures.

    ``label``: shape (n,). ``found``: shape (n,): a face was found. A picture without one counts as
    wrong.
    ``logits``: shape (n, 5), uncalibrated; ``detail``: shape (n,), of the aligned face; zeros where
    no face was found. ``degraded_logits``, ``degraded_detail``: of the same faces, blurred or made
    small at random.
    ``prior``: shape (5,): the class shares of the set's training pictures.
    ``age``, ``gender``: shape (n,), indices into AGE_BANDS and GENDERS.
    """

    name: str
    label: NDArray[np.int64]
    found: NDArray[np.bool_]
    logits: Floats
    detail: Floats
    degraded_logits: Floats
    degraded_detail: Floats
    prior: Floats
    age: NDArray[np.int64]
    gender: NDArray[np.int64]


_FIELDS = [field.name for field in fields(Predictions) if field.name != "name"]


def save_predictions(predictions: list[Predictions], file: Path) -> None:
    """Write them to a compressed .npz file."""
    arrays = {
        f"{each.name}/{field}": getattr(each, field) for each in predictions for field in _FIELDS
    }
    np.savez_compressed(file, allow_pickle=False, **arrays)


def load_predictions(file: Path) -> list[Predictions]:
    """Read what `save_predictions` wrote."""
    with np.load(file) as arrays:
        names = sorted({key.partition("/")[0] for key in arrays}, reverse=True)
        return [
            Predictions(name, **{field: arrays[f"{name}/{field}"] for field in _FIELDS})
            for name in names
        ]


def report(predictions: list[Predictions], calibrations: Calibrations) -> dict[str, Any]:
    """All figures, by data set."""
    return {each.name: _set_report(each, calibrations) for each in predictions}


def _set_report(each: Predictions, calibrations: Calibrations) -> dict[str, Any]:
    probabilities, sets = _judged(each.logits, each.detail, calibrations)
    guess = _guess(probabilities, each.found)
    with_prior = _guess(probabilities * each.prior, each.found)
    kept = each.found
    return {
        "pictures": len(each.label),
        "faces_found": _rounded(each.found.mean()),
        **_rates(each.label, guess),
        "accuracy_with_own_prior": _rates(each.label, with_prior)["accuracy"],
        "precision_at_equal_priors": _by_label(_precision(each.label, guess)),
        "groups": _groups(each, guess),
        "confusion": confusion_matrix(each.label, guess, labels=range(len(LABELS))).tolist(),
        "expected_calibration_error": _rounded(
            calibration_error(probabilities[kept], each.label[kept])
        ),
        "calibration_error_by_class": _by_label(
            [
                _rounded(abs(_class_gap(probabilities[kept], each.label[kept], index)))
                for index in range(len(LABELS))
            ]
        ),
        "prediction_sets": {
            "coverage": _by_label(
                [
                    _rounded(sets[kept & (each.label == index), index].mean())
                    for index in range(len(LABELS))
                ]
            ),
            "mean_size": _rounded(sets[kept].sum(axis=1).mean()),
            "uncertain_share": _rounded((sets[kept].sum(axis=1) > 1).mean()),
        },
        "by_detail": _by_detail(each, calibrations),
    }


def _by_detail(each: Predictions, calibrations: Calibrations) -> list[dict[str, Any]]:
    """How well, and how surely, faces of less and less detail are judged, degraded ones too."""
    logits = np.concatenate([each.logits[each.found], each.degraded_logits[each.found]])
    amount = np.concatenate([each.detail[each.found], each.degraded_detail[each.found]])
    label = np.tile(each.label[each.found], 2)
    probabilities, sets = _judged(logits, amount, calibrations)
    rows = []
    for index, calibration in enumerate(calibrations):
        own = amount >= calibration.min_detail
        if index:
            own &= amount < calibrations[index - 1].min_detail
        right = sets[np.arange(len(label)), label]
        counts = np.bincount(label[own], minlength=len(LABELS))
        covered = np.bincount(label[own], weights=right[own], minlength=len(LABELS))
        rows.append(
            {
                "min_detail": calibration.min_detail,
                "pictures": int(own.sum()),
                "accuracy": _mean((probabilities.argmax(axis=1) == label)[own]),
                "mean_confidence": _mean(probabilities.max(axis=1)[own]),
                "lowest_coverage": _rounded((covered / np.maximum(counts, 1)).min()),
                "mean_set_size": _mean(sets.sum(axis=1)[own]),
                "uncertain_share": _mean((sets.sum(axis=1) > 1)[own]),
            }
        )
    return rows


def _mean(values: NDArray[Any]) -> float:
    return _rounded(values.mean()) if len(values) else 0.0


def _judged(
    logits: Floats, amount: Floats, calibrations: Calibrations
) -> tuple[Floats, NDArray[np.bool_]]:
    """Probabilities and, for each label, whether it is in the prediction set; both (n, 5)."""
    probabilities = np.empty_like(logits)
    sets = np.zeros(logits.shape, np.bool_)
    for row, each in enumerate(logits):
        calibration = calibration_for(amount[row], calibrations)
        probabilities[row] = calibration.probabilities(each)
        kept = calibration.prediction_set(probabilities[row])
        sets[row] = [label in kept for label in LABELS]
    return probabilities, sets


def calibration_error(probabilities: Floats, label: NDArray[np.int64]) -> float:
    """Expected calibration error (Guo et al. 2017) of the top label, every class weighing the same.

    15 bins of equal width; 0 is perfect.
    """
    weight = 1 / (len(LABELS) * np.bincount(label, minlength=len(LABELS))[label])
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == label
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=weight * (confidence - right), minlength=BINS)
    return float(np.abs(gaps).sum())


def _class_gap(probabilities: Floats, label: NDArray[np.int64], index: int) -> float:
    """Mean probability of a class less its share, every true class weighing the same."""
    weight = 1 / (len(LABELS) * np.bincount(label, minlength=len(LABELS))[label])
    return float((weight * (probabilities[:, index] - (label == index))).sum())


def _guess(scores: Floats, found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The most probable label; -1, which is never right, where no face was found."""
    return np.where(found, scores.argmax(axis=1), -1)


def _precision(label: NDArray[np.int64], guess: NDArray[np.int64]) -> list[float]:
    """The precision that each label would have if all five were equally common."""
    rates = confusion_matrix(label, guess, labels=range(-1, len(LABELS)))[1:, 1:]
    rates = rates / np.bincount(label, minlength=len(LABELS))[:, np.newaxis]
    return [_rounded(rates[i, i] / max(rates[:, i].sum(), 1e-12)) for i in range(len(LABELS))]


def _rates(label: NDArray[np.int64], guess: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy, balanced accuracy and each class's recall, with 95 % bootstrap intervals.

    Pictures are drawn with replacement within each class. How many of them are right is then
    binomial, so the resamples need not be made one picture at a time.
    """
    sizes = np.bincount(label, minlength=len(LABELS))
    recalls = np.bincount(label[label == guess], minlength=len(LABELS)) / sizes
    resampled = np.random.default_rng(0).binomial(sizes, recalls, (_RESAMPLES, len(LABELS))) / sizes
    shares = sizes / sizes.sum()
    return {
        "accuracy": _with_bounds(recalls @ shares, resampled @ shares),
        "balanced_accuracy": _with_bounds(recalls.mean(), resampled.mean(axis=1)),
        "recall": _by_label(
            [_with_bounds(recalls[i], resampled[:, i]) for i in range(len(LABELS))]
        ),
    }


def _groups(each: Predictions, guess: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy by age, gender and both, as if every group had the same mix of labels.

    For each label the share that is right, then the mean over the labels: groups differ in which
    labels they hold, and labels in how hard they are. Groups with fewer than `_FEW` pictures of a
    label have no figure.
    """
    groups = {gender: each.gender == index for index, gender in enumerate(GENDERS)}
    groups |= {f"age {band}": each.age == index for index, band in enumerate(AGE_BANDS)}
    groups |= {
        f"{gender}, age {band}": (each.gender == i) & (each.age == j)
        for i, gender in enumerate(GENDERS)
        for j, band in enumerate(AGE_BANDS)
    }
    return {
        name: {
            "pictures": int(rows.sum()),
            "balanced_accuracy": _rates(each.label[rows], guess[rows])["balanced_accuracy"],
        }
        for name, rows in groups.items()
        if np.bincount(each.label[rows], minlength=len(LABELS)).min() >= _FEW
    }


def _with_bounds(value: float, resampled: Floats) -> dict[str, Any]:
    low, high = np.percentile(resampled, _INTERVAL)
    return {"value": _rounded(value), "interval_95": [_rounded(low), _rounded(high)]}


def _by_label(values: list[Any]) -> dict[str, Any]:
    return dict(zip(LABELS, values, strict=True))


def _rounded(value: float) -> float:
    return round(float(value), 4)
