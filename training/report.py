"""Accuracy, fairness and calibration of the service, computed from its logits on the test pictures.

Every figure of the model card is computed here from the committed logits and the served
calibration alone, so anyone can reproduce it.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from ethnicity.classifier import Calibration, calibration_for
from ethnicity.labels import LABELS
from training.data import AGE_BANDS, GENDERS
from training.metrics import (
    Estimate,
    Floats,
    Indices,
    Rates,
    by_label,
    calibration_error,
    calibration_error_by_chance,
    class_calibration_error,
    guesses,
    rates,
    reliability,
    rounded,
)

_MIN_PICTURES = 10
"""Groups with fewer pictures of some label get no figure."""

Calibrations = tuple[Calibration, ...]


@dataclass(frozen=True)
class Predictions:
    """The network's answers for one set's test pictures.

    ``label``: shape (n,). ``found``: shape (n,), whether a face was found; a picture without one
    counts as wrong.
    ``logits``: shape (n, 5), uncalibrated; ``detail``: shape (n,), of the aligned face; both zero
    if no face was found. ``degraded_logits``, ``degraded_detail``: of the same faces, blurred or
    shrunk at random.
    ``prior``: shape (5,), the class shares of the set's training pictures.
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
    """Write the predictions to a compressed .npz file."""
    arrays = {
        f"{each.name}/{field}": getattr(each, field) for each in predictions for field in _FIELDS
    }
    np.savez_compressed(file, allow_pickle=False, **arrays)


def load_predictions(file: Path) -> list[Predictions]:
    """Read a file written by `save_predictions`."""
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
    probabilities, sets = judged(each.logits, each.detail, calibrations)
    guess = guesses(probabilities, each.found)
    with_prior = rates(each.label, guesses(probabilities * each.prior, each.found))
    whole = rates(each.label, guess)
    labels = range(len(LABELS))
    kept = each.found
    own = [kept & (each.label == index) for index in labels]
    seen, label = probabilities[kept], each.label[kept]
    return {
        "pictures": len(each.label),
        "faces_found": rounded(kept.mean()),
        "accuracy": whole.accuracy().rounded(),
        "balanced_accuracy": whole.balanced_accuracy().rounded(),
        "accuracy_with_own_prior": with_prior.accuracy().rounded(),
        "recall": by_label([whole.recall(index).rounded() for index in labels]),
        "precision_at_equal_priors": by_label([whole.precision(i).rounded() for i in labels]),
        **_fairness(each, guess),
        "confusion": confusion_matrix(each.label, guess, labels=labels).tolist(),
        "reliability": reliability(seen, label),
        "expected_calibration_error": rounded(calibration_error(seen, label)),
        "calibration_error_by_chance": calibration_error_by_chance(seen, label),
        "calibration_error_by_class": by_label(
            [rounded(class_calibration_error(seen, label, index)) for index in labels]
        ),
        "prediction_sets": {
            "coverage": by_label([rounded(sets[own[index], index].mean()) for index in labels]),
            "mean_size": rounded(sets[kept].sum(axis=1).mean()),
            "uncertain_share": rounded((sets[kept].sum(axis=1) > 1).mean()),
        },
        "by_detail": _by_detail(each, calibrations),
    }


def _by_detail(each: Predictions, calibrations: Calibrations) -> list[dict[str, Any]]:
    """Accuracy, confidence and coverage by step of detail, degraded faces included."""
    logits = np.concatenate([each.logits[each.found], each.degraded_logits[each.found]])
    amount = np.concatenate([each.detail[each.found], each.degraded_detail[each.found]])
    label = np.tile(each.label[each.found], 2)
    probabilities, sets = judged(logits, amount, calibrations)
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
                "lowest_coverage": rounded((covered / np.maximum(counts, 1)).min()),
                "mean_set_size": _mean(sets.sum(axis=1)[own]),
                "uncertain_share": _mean((sets.sum(axis=1) > 1)[own]),
            }
        )
    return rows


def _mean(values: NDArray[Any]) -> float:
    return rounded(values.mean()) if len(values) else 0.0


def judged(
    logits: Floats, amount: Floats, calibrations: Calibrations
) -> tuple[Floats, NDArray[np.bool_]]:
    """Calibrated probabilities, and each label's membership in the prediction set; both (n, 5)."""
    probabilities = np.empty_like(logits)
    sets = np.zeros(logits.shape, np.bool_)
    for row, each in enumerate(logits):
        calibration = calibration_for(amount[row], calibrations)
        probabilities[row] = calibration.probabilities(each)
        kept = calibration.prediction_set(probabilities[row])
        sets[row] = [label in kept for label in LABELS]
    return probabilities, sets


def _fairness(each: Predictions, guess: Indices) -> dict[str, Any]:
    """Balanced accuracy by gender, age and both, and the largest gaps between groups.

    Balanced accuracy makes groups with different label shares comparable, because some labels are
    harder than others. Age groups with too few pictures of some label are compared with all other
    pictures on the labels that they have.
    """
    genders = {gender: each.gender == index for index, gender in enumerate(GENDERS)}
    ages = {f"age {band}": each.age == index for index, band in enumerate(AGE_BANDS)}
    crossings = {
        f"{gender}, {age}": own & of_age
        for gender, own in genders.items()
        for age, of_age in ages.items()
    }
    measured = [_measured(kind, each.label, guess) for kind in (genders, ages, crossings)]
    every = {name: group for kind in measured for name, group in kind.items()}
    gaps = {
        name: _largest_gap({group: made.balanced_accuracy() for group, made in kind.items()})
        for name, kind in zip(("gender", "age", "gender and age"), measured, strict=True)
        if len(kind) > 1
    }
    for index, label in enumerate(LABELS):
        by_gender = {name: every[name].recall(index) for name in GENDERS if name in every}
        if len(by_gender) > 1:
            gaps[f"gender, recall of {label}"] = _largest_gap(by_gender)
    return {
        "groups": {
            name: {
                "pictures": int(made.sizes.sum()),
                "balanced_accuracy": made.balanced_accuracy().rounded(),
            }
            for name, made in every.items()
        },
        "gaps": gaps,
        "ages_against_others": {
            name: _against_others(each.label, guess, rows)
            for name, rows in ages.items()
            if name not in every and _enough(each.label[rows]).any()
        },
    }


def _enough(label: Indices) -> NDArray[np.bool_]:
    """Whether each label has enough pictures for a figure; shape (5,)."""
    return np.bincount(label, minlength=len(LABELS)) >= _MIN_PICTURES


def _against_others(label: Indices, guess: Indices, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """Mean difference in recall between these pictures and all others.

    Over the labels of which these rows have enough pictures.
    """
    enough = [index for index, has in enumerate(_enough(label[rows])) if has]
    own, others = (rates(label[part], guess[part]) for part in (rows, ~rows))
    differences = [own.recall(index) - others.recall(index) for index in enough]
    return {
        "pictures": int(rows.sum()),
        "labels": [LABELS[index] for index in enough],
        **Estimate(
            float(np.mean([each.value for each in differences])),
            np.mean([each.resampled for each in differences], axis=0),
        ).rounded(),
    }


def _measured(
    groups: dict[str, NDArray[np.bool_]], label: Indices, guess: Indices
) -> dict[str, Rates]:
    """The rates of the groups that have enough pictures of every label."""
    return {
        name: rates(label[rows], guess[rows])
        for name, rows in groups.items()
        if _enough(label[rows]).all()
    }


def _largest_gap(figures: dict[str, Estimate]) -> dict[str, Any]:
    """The groups with the highest and the lowest figure, and their difference."""
    by_value = sorted(figures, key=lambda name: figures[name].value)
    highest, lowest = by_value[-1], by_value[0]
    gap = figures[highest] - figures[lowest]
    return {"highest": highest, "lowest": lowest, **gap.rounded()}
