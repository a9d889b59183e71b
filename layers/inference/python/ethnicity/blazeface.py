"""The face detector: BlazeFace on one 128×128 view.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019); the
network's file is MediaPipe's ``face_detection_short_range.tflite``, Apache License 2.0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethnicity.geometry import Pixels, Points
from ethnicity.networks import Network

Scores = NDArray[np.float64]

SIDE = 128
"""Width and height of the network's input, in pixels."""

_MAX_OVERLAP = 0.3
_MIRRORED_KEYPOINTS = [1, 0, 2, 3, 5, 4]
_POINTS = 8  # per anchor: box centre, box size, six keypoints


@dataclass(frozen=True)
class Detection:
    """A face in a view, in the view's pixels.

    ``corners``: shape (2, 2), top left and bottom right of a box from brow to chin.
    ``keypoints``: shape (6, 2): eye at the left of the picture, eye at the right, nose tip, centre
    of the mouth, ear at the left, ear at the right.
    ``score``: 0 to 1.
    """

    corners: Points
    keypoints: Points
    score: float


def detect(network: Network, view: Pixels, min_score: float) -> list[Detection]:
    """The faces in a view of 128×128 pixels that score at least ``min_score``, best first."""
    outputs = network(view.astype(np.float32) / 127.5 - 1)
    logits = outputs["classificators"][:, 0]
    (found,) = np.nonzero(logits > np.log(min_score / (1 - min_score)))
    points = outputs["regressors"][found].reshape(-1, _POINTS, 2).astype(np.float64)
    points[:, 0] += _ANCHORS[found]
    points[:, 2:] += _ANCHORS[found, np.newaxis]
    half = points[:, 1] / 2
    points[:, 0], points[:, 1] = points[:, 0] - half, points[:, 0] + half
    scores = 1 / (1 + np.exp(-logits[found].astype(np.float64)))
    return _merge_overlapping(points, scores, min_score)


def mirrored(found: Detection) -> Detection:
    """The same face in the view's mirror image."""
    keypoints, corners = found.keypoints[_MIRRORED_KEYPOINTS], found.corners.copy()
    keypoints[:, 0] = SIDE - keypoints[:, 0]
    corners[:, 0] = SIDE - corners[::-1, 0]
    return Detection(corners, keypoints, found.score)


def _merge_overlapping(
    points: NDArray[np.float64], scores: Scores, min_score: float
) -> list[Detection]:
    """One detection for each face: the average of all that overlap the best.

    Weighted by score above ``min_score``: one that just comes to count moves the average by
    nothing, or noise in a picture would make the answer jump.
    """
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    merged = []
    while len(scores):
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


def _anchors() -> Points:
    """The centre of every anchor, shape (896, 2), in the view's pixels.

    Two in each cell of a 16×16 grid, then six in each of an 8×8 one.
    """
    grids = []
    for cells, anchors_per_cell in ((16, 2), (8, 6)):
        centres = (np.arange(cells) + 0.5) * (SIDE / cells)
        x, y = np.meshgrid(centres, centres)
        grid = np.column_stack([x.ravel(), y.ravel()])
        grids.append(np.repeat(grid, anchors_per_cell, axis=0))
    return np.concatenate(grids)


_ANCHORS = _anchors()
