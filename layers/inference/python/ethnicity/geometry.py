"""Similarity transforms, and pictures seen through them.

A transform is a float64 array of shape (2, 3), as OpenCV's affine functions take it: it maps a
point (x, y) of the source picture to a point of the target. Points are in pixels and continuous:
the top-left pixel covers (0, 0) to (1, 1), so scaling a picture scales its points and nothing else.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Shape (n, 2): x to the right, y down, in pixels."""

Transform = NDArray[np.float64]
"""Shape (2, 3)."""

Pixels = NDArray[np.uint8]
"""Shape (height, width, 3), channels in the order red, green, blue."""


def fit_similarity(source: Points, target: Points) -> Transform:
    """The rotation, uniform scale and shift that bring ``source`` closest to ``target``.

    Least squares, without reflection (Umeyama 1991). In the plane, with points as complex numbers,
    it is a linear regression: target ≈ a · source + b.
    """
    z = source[:, 0] + 1j * source[:, 1]
    w = target[:, 0] + 1j * target[:, 1]
    centred = z - z.mean()
    a = np.vdot(centred, w - w.mean()) / np.vdot(centred, centred).real
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def apply(transform: Transform, points: Points) -> Points:
    """The points, mapped by the transform."""
    return points @ transform[:, :2].T + transform[:, 2]


def invert(transform: Transform) -> Transform:
    """The transform that undoes this one."""
    linear = np.linalg.inv(transform[:, :2])
    return np.column_stack([linear, -linear @ transform[:, 2]])


def compose(second: Transform, first: Transform) -> Transform:
    """The transform that applies ``first``, then ``second``."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])


def square_corners(side: float) -> Points:
    """The corners of a square at the origin, clockwise from the top left."""
    return np.array([[0.0, 0.0], [side, 0.0], [side, side], [0.0, side]])


def warp(pixels: Pixels, transform: Transform, side: int) -> Pixels:
    """The square of ``side`` pixels that ``transform`` maps the picture to.

    The interpolation is bilinear. For a reduction, whole blocks of pixels are averaged first; a
    remaining reduction of more than a tenth goes through a target of twice the size. Large faces
    would otherwise be aliased, unlike the networks' training pictures. A small change of the
    transform makes a small change of the result, because the blocks lie on a fixed grid. Outside
    the picture, its edge is repeated.
    """
    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    shrink = int(1 / scale + 1e-9)  # 8, not 7, if rounding has left 7.999…
    if shrink > 1:
        pixels, transform = _shrink_visible(pixels, transform, side, shrink)
    if scale * shrink > 0.9:
        return _warp_bilinear(pixels, transform, side)
    twice = _warp_bilinear(pixels, 2 * transform, 2 * side)
    return np.asarray(cv2.resize(twice, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _warp_bilinear(pixels: Pixels, transform: Transform, side: int) -> Pixels:
    # OpenCV puts (0, 0) at the centre of the first pixel; we put it at its corner.
    centred = transform.copy()
    centred[:, 2] += transform[:, :2] @ (0.5, 0.5) - 0.5
    seen = cv2.warpAffine(
        pixels, centred, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(seen, np.uint8)


def _shrink_visible(
    pixels: Pixels, transform: Transform, side: int, shrink: int
) -> tuple[Pixels, Transform]:
    """The part of the picture shown by the target, ``shrink`` times smaller, and its transform."""
    height, width = pixels.shape[:2]
    seen = apply(invert(transform), square_corners(side)) / shrink
    # In blocks, plus one on each side: the bilinear filter reads one (shrunken) pixel further.
    left, top = np.clip(
        np.floor(seen.min(axis=0)) - 1, 0, (np.array([width, height]) - 1) // shrink
    )
    right, bottom = np.maximum(np.ceil(seen.max(axis=0)) + 1, (left + 1, top + 1))
    left, top, right, bottom = (int(edge) * shrink for edge in (left, top, right, bottom))
    part = pixels[top:bottom, left:right]
    rows, columns = (-(-length // shrink) for length in part.shape[:2])
    # Whole blocks at the far edges too: OpenCV is four times as fast if sizes divide evenly.
    below, beside = rows * shrink - part.shape[0], columns * shrink - part.shape[1]
    if below or beside:
        part = np.asarray(
            cv2.copyMakeBorder(part, 0, below, 0, beside, cv2.BORDER_REPLICATE), np.uint8
        )
    small = np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    shift = transform[:, :2] @ (left, top) + transform[:, 2]
    return small, np.column_stack([transform[:, :2] * shrink, shift])
