"""The face detector: YuNet on a view of any size.

Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector" (2023); the weights are those of
March 2023 in the OpenCV Zoo, MIT License, converted by ``training/detector.py``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethnicity.geometry import Pixels, Points
from ethnicity.networks import Network, Tensor

Scores = NDArray[np.float64]

STRIDE = 32
"""Width and height of a view are multiples of this, in pixels."""

_MAX_OVERLAP = 0.3
"""Boxes whose intersection over union is larger than this show the same face."""


@dataclass(frozen=True)
class Detection:
    """A face in a view, in the view's pixels.

    ``corners``: shape (2, 2), top left and bottom right of a box from forehead to chin.
    ``keypoints``: shape (5, 2): eye at the left of the picture, eye at the right, nose tip, corner
    of the mouth at the left, corner of the mouth at the right.
    ``score``: 0 to 1.
    """

    corners: Points
    keypoints: Points
    score: float


def detect(network: Network, view: Pixels, min_score: float) -> list[Detection]:
    """The faces in a view that score more than ``min_score``, best first.

    The view has the size of the network's input.
    """
    grids = network(view.astype(np.float32)).values()
    candidates = [_candidates(grid, view.shape[0] // grid.shape[0], min_score) for grid in grids]
    points = np.concatenate([each for each, _ in candidates])
    scores = np.concatenate([each for _, each in candidates])
    return _merge_overlapping(points, scores, min_score)


def _candidates(grid: Tensor, cell: int, min_score: float) -> tuple[NDArray[np.float64], Scores]:
    """The points, shape (n, 7, 2), and scores of a grid's cells that score more than ``min_score``.

    ``cell``: width and height of a cell, in pixels. Each holds 16 numbers: the logits of class and
    objectness, whose geometric mean is the score; the box's centre and the logarithm of its size;
    the keypoints. Coordinates are in cells, from the cell's top left.
    """
    # No probability exceeds 1, so each has to reach the square of the least score by itself.
    least = min_score**2
    likely = (grid[..., :2] >= np.log(least / (1 - least))).all(axis=-1)
    rows, columns = np.nonzero(likely)
    values = grid[likely].astype(np.float64)
    scores = np.sqrt(np.prod(1 / (1 + np.exp(-values[:, :2])), axis=1))
    points = values[:, 2:].reshape(-1, 7, 2)
    centre, half = points[:, 0], np.exp(points[:, 1]) / 2
    points[:, 0], points[:, 1] = centre - half, centre + half  # corners
    points += np.column_stack([columns, rows])[:, np.newaxis]
    found = scores > min_score
    return points[found] * cell, scores[found]


def _merge_overlapping(
    points: NDArray[np.float64], scores: Scores, min_score: float
) -> list[Detection]:
    """One detection for each face: the average of the best and all that overlap it.

    The average lies nearer to the truth than the best does (landmarks by a tenth on pasted faces).
    The weights are the scores above ``min_score``, so that a candidate which just passes the
    threshold moves nothing.
    """
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    merged = []
    while scores.size:
        same = _overlaps(points) > _MAX_OVERLAP
        same[0] = True
        mean = np.average(points[same], axis=0, weights=scores[same] - min_score)
        merged.append(Detection(mean[:2], mean[2:], float(scores[0])))
        points, scores = points[~same], scores[~same]
    return merged


def _overlaps(points: NDArray[np.float64]) -> Scores:
    """Intersection over union of every box with the first."""
    top_left, bottom_right = points[:, 0], points[:, 1]
    shared = np.minimum(bottom_right, bottom_right[0]) - np.maximum(top_left, top_left[0])
    intersection = np.prod(np.maximum(shared, 0), axis=1)
    areas = np.prod(bottom_right - top_left, axis=1)
    return np.asarray(intersection / (areas + areas[0] - intersection))
