"""Aligned faces to calibrated probabilities and prediction sets."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ethnicity import LABELS
from ethnicity.geometry import Pixels
from ethnicity.networks import MODELS, Network, load_network, read_model_file

Probabilities = NDArray[np.float64]
"""Shape (5,), in the order of LABELS, summing to 1."""


def softmax(logits: NDArray[np.float64]) -> Probabilities:
    """Probabilities over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Calibration:
    """What turns logits into probabilities and sets, fitted on the validation pictures.

    ``temperature``: divides the logits (Guo et al. 2017).
    ``bias``: shape (5,), added to the logits after that.
    ``thresholds``: shape (5,): a label is in the prediction set if its probability is at least its
    own threshold (class-conditional split conformal prediction, Vovk 2012).
    """

    temperature: float
    bias: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    def probabilities(self, logits: NDArray[np.floating]) -> Probabilities:
        """Softmax of the calibrated logits, for equal class priors; the last axis is the labels."""
        return softmax(logits.astype(np.float64) / self.temperature + self.bias)

    def prediction_set(self, probabilities: Probabilities) -> tuple[str, ...]:
        """The labels that cannot be ruled out, most probable first, never without the first."""
        order = np.argsort(-probabilities, kind="stable")
        return tuple(
            LABELS[index]
            for rank, index in enumerate(order)
            if rank == 0 or probabilities[index] >= self.thresholds[index]
        )


@dataclass(frozen=True)
class Classifier:
    """The network, its calibration, and the version that answers name."""

    network: Network
    calibration: Calibration
    version: str

    def probabilities(self, chip: Pixels) -> Probabilities:
        """Of an aligned face, shape (64, 64, 3), uint8."""
        (logits,) = self.network(chip.astype(np.float32)).values()
        return self.calibration.probabilities(logits)


def load_classifier(folder: Path = MODELS) -> Classifier:
    """Load the network and calibration that ``classifier.json`` describes.

    Raises:
        ModelFileError: a file is missing or is not the one that was released.
    """
    about = json.loads(read_model_file("classifier.json", folder))
    calibration = Calibration(
        temperature=about["temperature"],
        bias=np.array([about["bias"][label] for label in LABELS]),
        thresholds=np.array([about["thresholds"][label] for label in LABELS]),
    )
    return Classifier(load_network(about["network"], folder), calibration, about["version"])
