"""The frame that the classifier was trained on: UTKFace's, an upright square from brow to chin.

A similarity transform brings a face into the frame, with eyes and mouth at UTKFace's positions. A
picture in the frame, CHIP pixels a side, is called a chip.
"""

import numpy as np

from ethnicity import geometry
from ethnicity.geometry import Points, Transform

CHIP = 96
"""Width and height of a chip, in pixels."""

FRAME = np.array([[0.293, 0.279], [0.687, 0.276], [0.334, 0.693], [0.667, 0.690]])
"""Left-hand eye, right-hand eye and the corners of the mouth in the frame, as fractions of its
side: the mean of the detector's closer looks at UTKFace's 200-pixel validation pictures."""

_KEYPOINTS = [0, 1, 3, 4]
"""Indices of these points among a detection's keypoints, which also have the nose."""


def frame_view(keypoints: Points, side: float, border: float = 0.0) -> Transform:
    """The transform from the picture to a square of ``side`` pixels that shows the face's frame.

    ``border``: width of the border around the frame, as a fraction of the frame's side.
    """
    target = (FRAME + border) * side / (1 + 2 * border)
    return geometry.fit_similarity(keypoints[_KEYPOINTS], target)


def whole_view(width: int, height: int) -> Transform:
    """The transform from a picture that is itself a chip, of any size, to CHIP pixels."""
    return np.array([[CHIP / width, 0.0, 0.0], [0.0, CHIP / height, 0.0]])


def tilt(keypoints: Points) -> float:
    """Clockwise angle of a face relative to the frame, in radians."""
    to_frame = frame_view(keypoints, 1.0)
    return float(np.arctan2(-to_frame[1, 0], to_frame[0, 0]))


def distance_to_frame(keypoints: Points, width: int, height: int) -> float:
    """Mean distance of a picture's corners from the frame's, as a fraction of the frame's side."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    in_frame = geometry.apply(frame_view(keypoints, 1.0), corners)
    return float(np.linalg.norm(in_frame - geometry.square_corners(1.0), axis=1).mean())
