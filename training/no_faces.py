"""Pictures without a face that the finder shows to the classifier.

They train the classifier's sixth output to reject false proposals. They come from photographs
without faces in the data folder's ``faceless``; training/README.md lists those of the committed
network.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ethnicity.faces import Finder, find_faces
from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from ethnicity.networks import Tensor, load_network
from ethnicity.pipeline import DETECTOR_FILE
from training.data import written_whole
from training.scenes import photographs

_LONGEST = 1000
"""The longer side, in pixels, to which the photographs are resized."""

_LARGE = 300
"""Shorter side, in pixels, from which a photograph is also used reduced and cropped."""


def load_no_faces(data: Path, work: Path) -> Pixels | None:
    """The pictures, shape (n, CHIP, CHIP, 3), each in the frame that a face would have.

    None if the data folder has no photographs. Collected at the first call (minutes), then cached.
    """
    file = work / "no_faces.npz"
    if not file.exists():
        if not (data / "faceless").exists():
            return None
        found: list[Pixels] = []
        finder = Finder(load_network(DETECTOR_FILE), _Rejecting(found))
        for _, picture in tqdm(photographs(data / "faceless", _LONGEST)):
            for each in _versions(picture):
                find_faces(finder, each, take_chips_whole=False)
        with written_whole(file) as unfinished:
            np.savez(unfinished, allow_pickle=False, no_faces=np.stack(found))
    with np.load(file) as arrays:
        return np.asarray(arrays["no_faces"])


class _Rejecting:
    """A classifier that keeps each picture and calls it no face, so that the search goes on."""

    def __init__(self, kept: list[Pixels]) -> None:
        self.kept = kept

    def __call__(self, image: Pixels) -> dict[str, Tensor]:
        self.kept.append(image)
        return {"outputs": np.full(len(LABELS) + 1, -100, np.float32)}


def _versions(picture: Pixels) -> Iterator[Pixels]:
    """The photograph, mirrored, reduced, and without its border."""
    yield picture
    yield np.ascontiguousarray(picture[:, ::-1])
    height, width = picture.shape[:2]
    if min(height, width) >= _LARGE:
        reduced = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        yield np.asarray(reduced, np.uint8)
        top, left = height // 6, width // 6
        yield np.ascontiguousarray(picture[top : height - top, left : width - left])
