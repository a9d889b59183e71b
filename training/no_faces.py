"""Pictures without a face: the detector's proposals in photographs without faces.

They train the classifier's sixth output to reject false proposals. The photographs are in the data
folder's ``faceless``; training/README.md lists those used for the committed network.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ethnicity.detector import Detection
from ethnicity.faces import LEAST_SCORE, is_same, look
from ethnicity.frame import CHIP, frame_view
from ethnicity.geometry import Pixels, warp
from ethnicity.networks import Network, load_network
from ethnicity.pipeline import DETECTOR_FILE
from ethnicity.search import LEVELS, glance, search
from training.data import written_whole
from training.scenes import photographs

_LONGEST = 1000
"""The longer side, in pixels, to which the photographs are resized."""

_BORDER = 1 / 8
"""Border around the frame as a fraction of its side, for augmentation's shifts and rotations."""

_SIDE = round(CHIP * (1 + 2 * _BORDER))

_LEAST = 0.04
"""Least score of a proposal, far below the finder's, to get many proposals."""

_MOST = 30
"""Number of proposals used from a photograph in each position."""


def load_no_faces(data: Path, work: Path) -> Pixels | None:
    """The pictures, shape (n, side, side, 3): a face's frame and a border around it.

    None if the data folder has no photographs. Collected at the first call (minutes), then cached.
    """
    file = work / "no_faces.npz"
    if not file.exists():
        if not (data / "faceless").exists():
            return None
        detector = load_network(DETECTOR_FILE)
        found = []
        for number, (_, picture) in enumerate(tqdm(photographs(data / "faceless", _LONGEST))):
            for turns in (0, 1 + number % 3):
                turned = np.ascontiguousarray(np.rot90(picture, turns))
                found += [_framed(turned, each) for each in _mistaken(detector, turned)]
        with written_whole(file) as unfinished:
            np.savez(unfinished, allow_pickle=False, no_faces=np.stack(found))
    with np.load(file) as arrays:
        return np.asarray(arrays["no_faces"])


def _mistaken(detector: Network, picture: Pixels) -> Iterator[Detection]:
    """The detector's distinct proposals, even unlikely ones, each located by a closer look."""
    steps = (search(detector, picture, level, threshold=_LEAST) for level in LEVELS)
    placed: list[Detection] = []
    for proposed in chain(glance(detector, picture, threshold=_LEAST), *steps):
        each = look(detector, picture, proposed)
        if len(placed) < _MOST and not any(is_same(each, other) for other in placed):
            placed.append(each)
    yield from (each for each in placed if each.score > LEAST_SCORE)


def _framed(picture: Pixels, found: Detection) -> Pixels:
    view = frame_view(found.keypoints, _SIDE, _BORDER)
    return warp(picture, view, _SIDE)
