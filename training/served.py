"""Training pictures as the service sees them: found, aligned and classified by its own code."""

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ethnicity.faces import CHIP, align, find_faces
from ethnicity.networks import Network
from training.data import FaceSet


def served_chips(detector: Network, faces: FaceSet) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Each picture's largest face, aligned, shape (n, 64, 64, 3), and whether one was found."""
    chips = np.zeros((len(faces.label), CHIP, CHIP, 3), np.uint8)
    found = np.zeros(len(faces.label), np.bool_)
    for row, picture in enumerate(tqdm(faces.pictures, desc=f"{faces.name} faces", unit="pic")):
        if largest := find_faces(detector, picture)[:1]:
            chips[row] = align(picture, largest[0])
            found[row] = True
    return chips, found


def served_logits(network: Network, chips: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The exported network's logits, shape (n, 5)."""
    progress = tqdm(chips, desc="logits", unit="pic")
    return np.array([next(iter(network(chip.astype(np.float32)).values())) for chip in progress])
