"""Accuracy and calibration of answers, with intervals. Pure functions of arrays.

A guess is an index into LABELS, or -1 if no face was found, which counts as wrong. Unless noted,
every class has the same weight, because answers assume equal priors.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from ethnicity.labels import LABELS

BINS = 15
"""Number of bins of confidence, of equal width."""

_RESAMPLES = 10_000
_SIMULATIONS = 300
_INTERVAL = (2.5, 97.5)

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A figure, ``value``, and its values in 10,000 resamples of the pictures."""

    value: float
    resampled: Floats

    def __sub__(self, other: "Estimate") -> "Estimate":
        """The difference of figures of two groups without common pictures."""
        return Estimate(self.value - other.value, self.resampled - other.resampled)

    def rounded(self) -> dict[str, Any]:
        """The figure with its 95 % interval, rounded."""
        low, high = np.percentile(self.resampled, _INTERVAL)
        return {"value": rounded(self.value), "interval_95": [rounded(low), rounded(high)]}


@dataclass(frozen=True)
class Rates:
    """Shares of the guesses for each label.

    ``value``: shape (5, 6): a row for each label, a column for each guess; the last column is for
    no face found. ``resampled``: shape (10 000, 5, 6), the same for bootstrap samples of each
    label's pictures (multinomial counts). ``sizes``: shape (5,), pictures of each label.
    """

    value: Floats
    resampled: Floats
    sizes: Indices

    def accuracy(self) -> Estimate:
        """The share of right answers, with the set's own label shares."""
        return self._mean(self.sizes / self.sizes.sum())

    def balanced_accuracy(self) -> Estimate:
        """The mean of the labels' recalls."""
        return self._mean(np.full(len(LABELS), 1 / len(LABELS)))

    def recall(self, index: int) -> Estimate:
        """The share of a label's pictures that get this label."""
        return Estimate(self.value[index, index], self.resampled[:, index, index])

    def precision(self, index: int) -> Estimate:
        """The share of right answers among those with this label, for equally common labels."""
        return Estimate(*(_precision(each, index) for each in (self.value, self.resampled)))

    def _mean(self, weights: Floats) -> Estimate:
        return Estimate(
            float(np.einsum("ii,i", self.value[:, :-1], weights)),
            np.einsum("nii,i->n", self.resampled[:, :, :-1], weights),
        )


def rates(label: Indices, guess: Indices) -> Rates:
    """The rates of guesses; zero for a label without pictures."""
    counts = confusion_matrix(label, guess, labels=[*range(len(LABELS)), -1])[: len(LABELS)]
    sizes = counts.sum(axis=1)
    divisors = np.maximum(sizes, 1)
    value = counts / divisors[:, np.newaxis]
    rng = np.random.default_rng(counts.ravel())  # gives each group different resamples
    drawn = [
        rng.multinomial(n, row, _RESAMPLES) / n for n, row in zip(divisors, value, strict=True)
    ]
    return Rates(value, np.stack(drawn, axis=1), sizes)


def _precision(value: Floats, index: int) -> Any:  # noqa: ANN401 - a number, or one a resample
    given = value[..., :, index]
    return given[..., index] / np.maximum(given.sum(axis=-1), 1e-12)


def guesses(scores: Floats, found: NDArray[np.bool_]) -> Indices:
    """The most probable label of scores of shape (n, 5); -1 if no face was found."""
    return np.where(found, scores.argmax(axis=1), -1)


def reliability(probabilities: Floats, label: Indices) -> list[dict[str, float]]:
    """For each bin of confidence: its share of answers, mean confidence and share right."""
    weight = equal_class_weights(label)
    confidence, right, bins = _binned(probabilities, label)
    rows = []
    for index in np.unique(bins):
        own = bins == index
        share = weight[own].sum()
        rows.append(
            {
                "share": rounded(share),
                "confidence": rounded((weight * confidence)[own].sum() / share),
                "right": rounded((weight * right)[own].sum() / share),
            }
        )
    return rows


def calibration_error(probabilities: Floats, label: Indices) -> float:
    """Expected calibration error (Guo et al. 2017) of the top label; 0 is perfect."""
    confidence, right, bins = _binned(probabilities, label)
    return _binned_error(equal_class_weights(label) * (confidence - right), bins)


def _binned_error(weighted: Floats, bins: Indices) -> float:
    return float(np.abs(np.bincount(bins, weights=weighted, minlength=BINS)).sum())


def _binned(probabilities: Floats, label: Indices) -> tuple[Floats, NDArray[np.bool_], Indices]:
    """Each answer's confidence, whether it is right, and its bin."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == label
    return confidence, right, _bin(confidence)


def _bin(probability: Floats) -> Indices:
    return np.minimum((probability * BINS).astype(np.int64), BINS - 1)


def calibration_error_by_chance(probabilities: Floats, label: Indices) -> dict[str, Any]:
    """The calibration error that perfect probabilities would show on this number of pictures.

    Labels are drawn from the probabilities, adapted to the set's own class shares. The result is
    the estimate's own error, which is never negative and so is above zero on average.
    """
    rng = np.random.default_rng(0)
    posterior = probabilities * np.bincount(label, minlength=len(LABELS))
    cumulated = (posterior / posterior.sum(axis=1, keepdims=True)).cumsum(axis=1)
    errors = [
        calibration_error(probabilities, (cumulated < rng.random((len(label), 1))).sum(axis=1))
        for _ in range(_SIMULATIONS)
    ]
    return Estimate(float(np.mean(errors)), np.array(errors)).rounded()


def class_calibration_error(probabilities: Floats, label: Indices, index: int) -> float:
    """Expected calibration error of one class' probability (Kull et al. 2019), in bins.

    Unlike the error of the top label, it includes small probabilities.
    """
    gaps = probabilities[:, index] - (label == index)
    return _binned_error(equal_class_weights(label) * gaps, _bin(probabilities[:, index]))


def equal_class_weights(label: Indices) -> Floats:
    """Weights, shape (n,), that sum to 1, with the same sum for every class in the data."""
    counts = np.bincount(label, minlength=len(LABELS))
    return np.asarray(1 / (np.count_nonzero(counts) * counts[label]))


def by_label(values: list[Any]) -> dict[str, Any]:
    """Five values by the labels' names."""
    return dict(zip(LABELS, values, strict=True))


def rounded(value: float) -> float:
    """Round to four decimals."""
    return round(float(value), 4)
