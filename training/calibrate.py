"""Fits the calibration and the thresholds of prediction sets to the network's logits."""

from dataclasses import astuple, dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import beta

from ethnicity.classifier import Calibration
from ethnicity.labels import LABELS
from training.metrics import equal_class_weights

COVERAGE, CONFIDENCE = 0.9, 0.8
"""Target coverage of each class, and the probability of reaching it over the sampling of validation
pictures: the highest that keeps mean set sizes below 1.45 on UTKFace and 1.7 on FairFace."""

MIN_DETAILS = (0.065, 0.045, 0.03, 0.0)
"""Steps of detail: 98 % of unchanged pictures are above the first, faces of 11 pixels at the
last."""


@dataclass(frozen=True)
class Scored:
    """The network's logits, shape (n, 5), for pictures of one data set with these labels.

    ``detail``: shape (n,), of the aligned faces; see `ethnicity.classifier.detail`.
    """

    logits: NDArray[np.float64]
    label: NDArray[np.int64]
    detail: NDArray[np.float64]

    def __add__(self, other: "Scored") -> "Scored":
        """The pictures of both."""
        both = zip(astuple(self), astuple(other), strict=True)
        return Scored(*(np.concatenate(arrays) for arrays in both))

    def where(self, chosen: NDArray[np.bool_]) -> "Scored":
        """The pictures for which ``chosen``, shape (n,), is true."""
        return Scored(self.logits[chosen], self.label[chosen], self.detail[chosen])


def fit_calibrations(natural: list[Scored], degraded: list[Scored]) -> tuple[Calibration, ...]:
    """One calibration for each step of detail, from both data sets' validation pictures.

    The calibration for sharp faces is fitted on unchanged pictures. Few of these have less detail,
    so the other calibrations are fitted on degraded pictures as well.
    """
    fitted = [_fit([each.where(each.detail >= MIN_DETAILS[0]) for each in natural], MIN_DETAILS[0])]
    both = [whole + worse for whole, worse in zip(natural, degraded, strict=True)]
    for most, least in pairwise(MIN_DETAILS):
        within = [each.where((least <= each.detail) & (each.detail < most)) for each in both]
        fitted.append(_fit(within, least))
    return tuple(fitted)


def _fit(validation: list[Scored], min_detail: float) -> Calibration:
    """Fit temperature and bias by maximum likelihood, then the thresholds of prediction sets.

    Every class of every set has the same weight, because answers assume equal class priors.
    """
    logits = np.concatenate([each.logits for each in validation])
    label = np.concatenate([each.label for each in validation])
    weight = np.concatenate([equal_class_weights(each.label) for each in validation])

    def loss(parameters: NDArray[np.float64]) -> float:
        probabilities = _uncut(parameters, min_detail).probabilities(logits)
        right = probabilities[np.arange(len(label)), label]
        return float(-(weight * np.log(np.maximum(right, 1e-12))).sum() / max(weight.sum(), 1e-12))

    fitted = _uncut(minimize(loss, np.zeros(1 + len(LABELS)), method="L-BFGS-B").x, min_detail)
    thresholds = np.min([_class_thresholds(fitted, each) for each in validation], axis=0)
    return replace(fitted, thresholds=thresholds)


def _uncut(parameters: NDArray[np.float64], min_detail: float) -> Calibration:
    """A calibration without thresholds; the bias is centred, because only differences matter."""
    bias = parameters[1:] - parameters[1:].mean()
    return Calibration(min_detail, float(np.exp(parameters[0])), bias, np.zeros(len(LABELS)))


def _class_thresholds(calibration: Calibration, scored: Scored) -> NDArray[np.float64]:
    """For each class, the probability that 90 % of its pictures reach.

    Split conformal prediction within each class. The service uses the lower of both sets' values.
    """
    probabilities = calibration.probabilities(scored.logits)
    thresholds = np.zeros(len(LABELS))
    for index in range(len(LABELS)):
        own = np.sort(probabilities[scored.label == index, index])
        rank = _rank(len(own))
        thresholds[index] = own[rank - 1] if rank > 0 else 0.0
    return thresholds


def _rank(count: int) -> int:
    """The rank, from 1, of the threshold among sorted probabilities; 0 if there are too few.

    With the k-th smallest of n as threshold, the coverage of new pictures has a Beta(n + 1 - k, k)
    distribution over samples of n (Vovk 2012, training-conditional validity). If n is too small to
    reach CONFIDENCE, the rank is 1, provided that it reaches COVERAGE on average over samples.
    """
    ranks = np.arange(1, count + 1)
    sure = beta.sf(COVERAGE, count + 1 - ranks, ranks) >= CONFIDENCE
    enough_in_the_mean = count / (count + 1) >= COVERAGE
    return max(int(sure.sum()), int(enough_in_the_mean))
