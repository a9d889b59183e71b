"""Classification of aligned faces: calibrated probabilities and prediction sets.

Small and blurred faces have their own calibrations, fitted on such faces: the less detail a face
has, the less confident its answer.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from ethnicity.model_files import MODELS, read_model_file
from ethnicity.networks import Network, Tensor, load_network

Probabilities = NDArray[np.float64]
"""Shape (5,), in the order of LABELS, summing to 1."""

_GREY = np.full(3, 1 / 3, np.float32)
_DETAIL_SIZE = (64, 64)
_INNER = (slice(4, -4), slice(4, -4))


def softmax(logits: NDArray[np.float64]) -> Probabilities:
    """Probabilities over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Calibration:
    """Parameters that turn logits into probabilities and sets, fitted on validation pictures.

    ``min_detail``: the lowest `detail` of the aligned faces that the calibration is for.
    ``temperature``: divides the logits (Guo et al. 2017).
    ``bias``: shape (5,), added to the divided logits.
    ``thresholds``: shape (5,); a label is in the prediction set if its probability is at least its
    threshold (class-conditional split conformal prediction, Vovk 2012).
    """

    min_detail: float
    temperature: float
    bias: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    def probabilities(self, logits: NDArray[np.floating]) -> Probabilities:
        """Softmax of the calibrated logits, for equal class priors; the last axis is the labels."""
        return softmax(logits.astype(np.float64) / self.temperature + self.bias)

    def prediction_set(self, probabilities: Probabilities) -> tuple[str, ...]:
        """The most probable label and all others at or above their thresholds, in that order."""
        order = np.argsort(-probabilities, kind="stable")
        return tuple(
            LABELS[index]
            for rank, index in enumerate(order)
            if rank == 0 or probabilities[index] >= self.thresholds[index]
        )


class Judgement(NamedTuple):
    """The probabilities of a face, its prediction set, and the thresholds of the set."""

    probabilities: Probabilities
    prediction_set: tuple[str, ...]
    thresholds: NDArray[np.float64]


@dataclass(frozen=True)
class Classifier:
    """The network, its calibrations, and the version that answers name.

    ``network``: takes an aligned face; its outputs, shape (6,), are the logits of the labels and a
    score, proportional to the log odds of a face, by which `faces` judges proposals.

    ``calibrations``: by falling detail; the last one starts at 0.
    """

    network: Network
    calibrations: tuple[Calibration, ...]
    version: str

    def judge(self, chip: Pixels, outputs: Tensor | None = None) -> Judgement:
        """Judge an aligned face, shape (CHIP, CHIP, 3), uint8.

        ``outputs``: the network's outputs for it, if known.
        """
        calibration = calibration_for(detail(chip), self.calibrations)
        probabilities = calibration.probabilities(mean_logits(self.network, chip, outputs))
        kept = calibration.prediction_set(probabilities)
        return Judgement(probabilities, kept, calibration.thresholds)


def mean_logits(
    network: Network, chip: Pixels, outputs: Tensor | None = None
) -> NDArray[np.float64]:
    """The labels' logits, shape (5,), the mean over an aligned face and its mirror image.

    A mirrored picture therefore gets the same answer. training/README.md gives the accuracy gained.
    ``outputs``: the network's outputs for the face itself, if known.
    """
    if outputs is None:
        (outputs,) = network(chip).values()
    (mirrored,) = network(chip[:, ::-1]).values()
    return (outputs[: len(LABELS)].astype(np.float64) + mirrored[: len(LABELS)]) / 2


def calibration_for(amount: float, calibrations: tuple[Calibration, ...]) -> Calibration:
    """The calibration for faces with this amount of `detail`."""
    return next(each for each in calibrations if amount >= each.min_detail)


def detail(chip: Pixels) -> float:
    """The part of an aligned face's contrast that is in its finest structures, 0 or more.

    A sharp face has about 0.15, one enlarged from 32 pixels about 0.09, from 16 about 0.05, from 8
    about 0.03; blur lowers it too. It is the standard deviation of the difference to the picture
    blurred by a Gaussian of one pixel, divided by that of the picture itself: in grey, at 64 pixels
    a side, without the border.
    """
    grey = cv2.resize(chip @ _GREY, _DETAIL_SIZE, interpolation=cv2.INTER_AREA)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1)
    contrast = float(grey[_INNER].std())
    return float(fine[_INNER].std()) / contrast if contrast >= 1 else 0.0


def load_classifier(folder: Path = MODELS) -> Classifier:
    """Load the network and calibration that ``classifier.json`` describes.

    Raises:
        ModelFileError: a file is missing or is not the one that was released.
    """
    about = json.loads(read_model_file("classifier.json", folder))
    calibrations = tuple(
        Calibration(
            min_detail=each["min_detail"],
            temperature=each["temperature"],
            bias=np.array([each["bias"][label] for label in LABELS]),
            thresholds=np.array([each["thresholds"][label] for label in LABELS]),
        )
        for each in about["calibrations"]
    )
    return Classifier(load_network(about["network"], folder), calibrations, about["version"])
