"""Training pictures as the service sees them: found, aligned and classified by its own code."""

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ethnicity import LABELS
from ethnicity.faces import align, find_faces
from ethnicity.networks import Network
from training.data import FaceSet


def served_logits(
    detector: Network, network: Network, faces: FaceSet
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The exported network's logits for each picture's largest face, and whether one was found.

    Shapes (n, 5), zeros where there is no face, and (n,).
    """
    logits = np.zeros((len(faces.label), len(LABELS)))
    found = np.zeros(len(faces.label), np.bool_)
    for row, picture in enumerate(tqdm(faces.pictures, desc=faces.name, unit="pic")):
        if largest := find_faces(detector, picture)[:1]:
            chip = align(picture, largest[0])
            (logits[row],) = network(chip.astype(np.float32)).values()
            found[row] = True
    return logits, found
