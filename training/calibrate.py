"""Fits what stands between the network's logits and the answer: calibration and set thresholds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ethnicity import LABELS
from ethnicity.classifier import Calibration

COVERAGE = 0.9


@dataclass(frozen=True)
class Scored:
    """The network's logits, shape (n, 5), for pictures of one data set with these labels."""

    name: str
    logits: NDArray[np.float64]
    label: NDArray[np.int64]


def fit_calibration(validation: list[Scored]) -> Calibration:
    """Temperature and bias by maximum likelihood, then the thresholds of the prediction sets.

    Every class of every set weighs the same, since answers are for equal class priors.
    """
    logits = np.concatenate([each.logits for each in validation])
    label = np.concatenate([each.label for each in validation])
    weight = np.concatenate([_equal_class_weights(each.label) for each in validation])

    def loss(parameters: NDArray[np.float64]) -> float:
        probabilities = _uncut(parameters).probabilities(logits)
        right = probabilities[np.arange(len(label)), label]
        return float(-(weight * np.log(np.maximum(right, 1e-12))).sum() / weight.sum())

    fitted = _uncut(minimize(loss, np.zeros(1 + len(LABELS)), method="L-BFGS-B").x)
    thresholds = np.min([_class_thresholds(fitted, each) for each in validation], axis=0)
    return Calibration(fitted.temperature, fitted.bias, thresholds)


def _uncut(parameters: NDArray[np.float64]) -> Calibration:
    """A calibration without thresholds; the bias is centred, since only differences matter."""
    bias = parameters[1:] - parameters[1:].mean()
    return Calibration(float(np.exp(parameters[0])), bias, np.zeros(len(LABELS)))


def _equal_class_weights(label: NDArray[np.int64]) -> NDArray[np.float64]:
    counts = np.bincount(label, minlength=len(LABELS))
    return 1 / (len(LABELS) * counts[label])


def _class_thresholds(calibration: Calibration, scored: Scored) -> NDArray[np.float64]:
    """For each class the probability that 90 % of its pictures give it or more.

    With n pictures the ⌊(1 - 0.9)(n + 1)⌋-th smallest: the finite-sample bound of split conformal
    prediction, here within each class (Vovk 2012). The service takes the lower of both sets'.
    """
    probabilities = calibration.probabilities(scored.logits)
    thresholds = np.zeros(len(LABELS))
    for index in range(len(LABELS)):
        own = np.sort(probabilities[scored.label == index, index])
        rank = int(np.floor((1 - COVERAGE) * (len(own) + 1)))
        thresholds[index] = own[rank - 1] if rank > 0 else 0.0
    return thresholds
