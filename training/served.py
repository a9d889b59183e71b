"""Faces of a data set, found and aligned by the service's own code."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ethnicity.classifier import detail, mean_logits
from ethnicity.faces import Finder, find_faces
from ethnicity.frame import CHIP
from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from ethnicity.networks import Network
from training.augment import degraded
from training.calibrate import Scored
from training.data import FaceSet


@dataclass(frozen=True)
class Served:
    """The aligned faces of a set's pictures, and the network's answers.

    ``found``: shape (n,), whether a face was found. ``chips``: shape (n, CHIP, CHIP, 3), the
    largest face of each picture; ``logits``: shape (n, 5); ``detail``: shape (n,); all zero if no
    face was found.
    """

    found: NDArray[np.bool_]
    chips: Pixels
    logits: NDArray[np.float64]
    detail: NDArray[np.float64]


def serve(finder: Finder, network: Network, faces: FaceSet) -> Served:
    """Find, align and judge the largest face of each picture."""
    chips = np.zeros((len(faces.label), CHIP, CHIP, 3), np.uint8)
    found = np.zeros(len(faces.label), np.bool_)
    for row, picture in enumerate(tqdm(faces.pictures, desc=faces.name, unit="pic")):
        if largest := find_faces(finder, picture)[:1]:
            chips[row] = largest[0].chip
            found[row] = True
    return _judged(network, chips, found)


def scored(served: Served, faces: FaceSet) -> Scored:
    """The pictures with a face and their labels, for fitting the calibration."""
    return Scored(served.logits, faces.label, served.detail).where(served.found)


def serve_degraded(network: Network, served: Served, seed: int) -> Served:
    """The same faces, each blurred or reduced in resolution at random."""
    rng = np.random.default_rng(seed)
    chips = np.stack([degraded(chip, rng) for chip in served.chips])
    return _judged(network, chips, served.found)


def _judged(network: Network, chips: Pixels, found: NDArray[np.bool_]) -> Served:
    logits = np.zeros((len(chips), len(LABELS)))
    amounts = np.zeros(len(chips))
    for row in np.flatnonzero(found):
        logits[row] = mean_logits(network, chips[row])
        amounts[row] = detail(chips[row])
    return Served(found, chips, logits, amounts)
