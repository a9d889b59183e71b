"""Writes the audit's reference: how the classifier's calibration differs between and within sets.

    python -m training.reference

It is fitted on the served model's answers to validation pictures, in evaluation/selections.npz, and
contains no answers for single pictures.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import confusion_matrix

from ethnicity.audit.prevalence import REFERENCE_FILE, Reference
from ethnicity.classifier import Calibration, load_classifier, softmax
from ethnicity.labels import LABELS
from training import options
from training.evaluate import MODELS
from training.export import write_served_checksums
from training.metrics import Floats
from training.selections import SELECTIONS, Pictures, departure, load, misses

_RESAMPLES = 200
_DECIMALS, _MORE_DECIMALS = 4, 5
_LEAST = 1e-9


@click.command(help=__doc__)
def main() -> None:
    """Write the reference of the served model."""
    write_reference(options.ROOT)


def write_reference(root: Path) -> None:
    """Write reference.json and its checksum, for the served calibrations."""
    folder = root / MODELS
    classifier = load_classifier(folder)
    validation = list(load(root / SELECTIONS, "val").values())
    about = fit_reference(validation, classifier.calibrations, classifier.version)
    (folder / REFERENCE_FILE).write_text(json.dumps(about) + "\n", encoding="utf-8")
    write_served_checksums(folder)


def fit_reference(
    validation: Sequence[Pictures], calibrations: tuple[Calibration, ...], version: str
) -> dict[str, Any]:
    """The content of reference.json."""
    sets, all_shifts = {}, {}
    for each in validation:
        probabilities = each.probabilities(calibrations)
        guess = probabilities.argmax(axis=1)
        shifts = fit_shifts(probabilities, each.label).round(_DECIMALS)
        all_shifts[each.name] = shifts
        sets[each.name] = {
            "confusion": confusion_matrix(each.label, guess, labels=range(len(LABELS))).tolist(),
            "shifts": shifts.tolist(),
        }
    reference = Reference(all_shifts, version)
    departed = departure(misses(validation, calibrations, reference))
    return {
        "model": version,
        "labels": LABELS,
        "departure": round(departed, _MORE_DECIMALS),
        "sets": sets,
    }


def fit_shifts(probabilities: Floats, label: NDArray[np.int64]) -> Floats:
    """The recalibration of each resample of the set, shape (resamples, 6).

    Fits s and b, which sums to 0, of softmax(exp(s)·log p + b) by maximum likelihood, every class
    with the same weight. Pictures are resampled within their class by random weights (the Bayesian
    bootstrap, Rubin 1981).
    """
    rng = np.random.default_rng(0)
    shifts = np.zeros((_RESAMPLES, 1 + len(LABELS)))
    for row in range(_RESAMPLES):
        drawn = rng.exponential(size=len(label))
        of_class = np.bincount(label, weights=drawn, minlength=len(LABELS))
        shifts[row] = _fit_shift(probabilities, label, drawn / of_class[label])
    return shifts


def _fit_shift(probabilities: Floats, label: NDArray[np.int64], weight: Floats) -> Floats:
    logarithms = np.log(np.maximum(probabilities, _LEAST))
    right = np.eye(len(LABELS))[label]
    weight = weight / weight.sum()

    def loss(shift: Floats) -> tuple[float, Floats]:
        fitted = softmax(np.exp(shift[0]) * logarithms + shift[1:])
        value = -(weight * np.log(np.maximum((fitted * right).sum(axis=1), _LEAST))).sum()
        slope = weight[:, np.newaxis] * (fitted - right)
        slopes = [np.exp(shift[0]) * (slope * logarithms).sum(), *slope.sum(axis=0)]
        # A weak penalty: only differences of b matter, and tiny sets have no unique solution
        return float(value + 1e-5 * (shift**2).sum()), np.array(slopes) + 2e-5 * shift

    found = minimize(loss, np.zeros(1 + len(LABELS)), jac=True, method="L-BFGS-B").x
    return np.concatenate([found[:1], found[1:] - found[1:].mean()])


if __name__ == "__main__":
    main()
