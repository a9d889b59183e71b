"""The face detector, YuNet, on a view of any size.

Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector" (2023); the weights are those of
March 2023 in the OpenCV Zoo, MIT License, converted by ``training/detector.py``.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethnicity import geometry
from ethnicity.geometry import Pixels, Points, Transform
from ethnicity.networks import Network

Scores = NDArray[np.float64]

MAX_LOG_SIZE = 6.0
"""The largest logarithm of a box's size, in cells; keeps its exponential finite."""

MAX_CANDIDATES = 1000
"""Number of best cells of a view that are merged; bounds the time that merging takes."""

IOU_THRESHOLD = 0.3
"""Boxes whose intersection over union is larger show the same face."""


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

    @functools.cached_property
    def centre(self) -> tuple[float, float]:
        """The middle of the box, x and y."""
        (left, top), (right, bottom) = self.corners.tolist()
        return (left + right) / 2, (top + bottom) / 2

    @property
    def width(self) -> float:
        """Width of the box, in pixels."""
        return float(self.corners[1, 0] - self.corners[0, 0])

    def mapped(self, transform: Transform) -> "Detection":
        """The same face, mapped by ``transform``; the new box encloses the old box's ellipse."""
        (centre,) = geometry.apply(transform, np.array([self.centre]))
        half = np.sqrt(transform[:, :2] ** 2 @ (self.corners[1] - self.centre) ** 2)
        corners = np.stack([centre - half, centre + half])
        return Detection(corners, geometry.apply(transform, self.keypoints), self.score)


def detect(network: Network, view: Pixels, score_threshold: float) -> list[Detection]:
    """The faces in a view that score more than ``score_threshold``, best first.

    ``view``: its height and width are multiples of 32.
    """
    grids = sorted(network(view).values(), key=len, reverse=True)
    cells = np.concatenate([grid.reshape(-1, 16) for grid in grids])
    # No probability exceeds 1, so each of the two factors must reach the square of the threshold.
    least = np.log(score_threshold**2 / (1 - score_threshold**2))
    (likely,) = np.nonzero((cells[:, 0] >= least) & (cells[:, 1] >= least))
    values = cells[likely].astype(np.float64)
    scores = np.sqrt(np.prod(1 / (1 + np.exp(-values[:, :2])), axis=1))
    points = values[:, 2:].reshape(-1, 7, 2)
    centre, half = points[:, 0], np.exp(np.minimum(points[:, 1], MAX_LOG_SIZE)) / 2
    points[:, 0], points[:, 1] = centre - half, centre + half  # corners
    places, sizes = _cells(view.shape[0], view.shape[1])
    points = (points + places[likely, np.newaxis]) * sizes[likely, np.newaxis, np.newaxis]
    found = scores > score_threshold
    return _merge_overlapping(points[found], scores[found], score_threshold)


@functools.cache
def _cells(height: int, width: int) -> tuple[Points, NDArray[np.float64]]:
    """Column and row, shape (n, 2), and size in pixels, shape (n,), of every cell of the grids.

    The network returns three grids, with cells of 8, 16 and 32 pixels. Each cell holds 16
    numbers: the logits of class and objectness, whose geometric mean is the score; the box's centre
    and the logarithm of its size; the keypoints. Coordinates are in cells, from the cell's corner.
    """
    places, sizes = [], []
    for size in (8, 16, 32):
        rows, columns = np.divmod(np.arange(height * width // size**2), width // size)
        places.append(np.column_stack([columns, rows]).astype(np.float64))
        sizes.append(np.full(len(rows), float(size)))
    return np.concatenate(places), np.concatenate(sizes)


def _merge_overlapping(
    points: NDArray[np.float64], scores: Scores, score_threshold: float
) -> list[Detection]:
    """One detection for each face: the weighted average of the best and all that overlap it.

    The average is more precise than the best alone (a tenth for keypoints on pasted faces). The
    weights are the scores above the threshold, so a candidate near the threshold has no effect.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    points, scores = points[order], scores[order]
    merged = []
    while scores.size:
        same = _overlaps(points) > IOU_THRESHOLD
        same[0] = True
        weights = scores[same] - score_threshold
        mean = np.tensordot(weights / weights.sum(), points[same], axes=1)
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
