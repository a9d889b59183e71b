"""The views in which the detector searches for faces: the whole picture, then tiles at each level.

A level is a size to which the picture is scaled. There are few sizes of tiles, because the detector
needs an interpreter for each.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ethnicity import geometry
from ethnicity.detector import Detection, detect
from ethnicity.geometry import Pixels, Transform
from ethnicity.networks import Network

GLANCE, GLANCE_BORDER = 96, 1 / 6
"""Side in pixels of the view that shows the whole picture, and the border around the picture as a
fraction of its longer side. Without a border, the detector misses 4 % of the faces that fill the
picture."""

TILE, NARROW_TILE, OVERLAP = 416, 320, 48
"""Sides of the tiles and their overlap, in pixels. A face of up to 48 pixels is whole in at least
one tile; larger faces are found at a coarser level."""

LEVELS, FINEST_LEVEL = (TILE, 2 * TILE - OVERLAP), 4 * TILE - 3 * OVERLAP
"""The picture's longer side at each level, in pixels; faces from 16 pixels are found at each."""

SCORE_THRESHOLD = 0.15
"""Least score of a proposal. It loses 3 % of faces of 32 pixels in pictures of 640; photographs
without people have five such proposals on average."""

MAX_PROPOSALS = 100
"""Number of best proposals kept at each level; bounds the time that a picture can take."""


@dataclass(frozen=True)
class Scaled:
    """A picture at a level, and the factors of x and y back to the picture, shape (2,)."""

    pixels: Pixels
    to_picture: NDArray[np.float64]


def scaled(pixels: Pixels, level: int) -> Scaled:
    """The picture at a level: its longer side has that many pixels."""
    height, width = pixels.shape[:2]
    scale = level / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
    return Scaled(resized, np.array([width / size[0], height / size[1]]))


def glance(detector: Network, pixels: Pixels) -> list[Detection]:
    """The proposals in one view of the whole picture, best first, in the picture's pixels."""
    height, width = pixels.shape[:2]
    scale = GLANCE / (max(width, height) * (1 + 2 * GLANCE_BORDER))
    left, top = (GLANCE - scale * width) / 2, (GLANCE - scale * height) / 2
    view = np.array([[scale, 0, left], [0, scale, top]])
    back = geometry.invert(view)
    shown = geometry.warp(pixels, view, GLANCE)
    return [each.mapped(back) for each in detect(detector, shown, SCORE_THRESHOLD)]


def search(detector: Network, picture: Scaled, turns: int = 0) -> list[Detection]:
    """The proposals in a scaled picture, best first, in pixels of the original one.

    ``turns``: clockwise quarter turns by which the picture is rotated first.
    """
    height, width = picture.pixels.shape[:2]
    to_picture = np.diag(picture.to_picture) @ _turned_back((width, height), turns)
    proposals = []
    for tile, left, top in _tiles(np.rot90(picture.pixels, -turns)):
        back = geometry.compose(to_picture, np.array([[1.0, 0.0, left], [0.0, 1.0, top]]))
        proposals += [each.mapped(back) for each in detect(detector, tile, SCORE_THRESHOLD)]
    return sorted(proposals, key=lambda each: -each.score)[:MAX_PROPOSALS]


def _turned_back(size: tuple[int, int], turns: int) -> Transform:
    """The transform from the rotated picture back to the picture of that width and height."""
    linear = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turns)
    corner = ((0, 0), (0, size[1]), size, (size[0], 0))[turns]
    return np.column_stack([linear, corner])


def _tiles(pixels: Pixels) -> Iterator[tuple[Pixels, int, int]]:
    """Tiles that cover the picture, each with its left and top edge.

    Beyond the picture, a tile repeats the picture's edge.
    """
    (high, tops), (wide, lefts) = map(_cover, pixels.shape[:2])
    for top in tops:
        for left in lefts:
            tile = pixels[top : top + high, left : left + wide]
            below, beside = high - tile.shape[0], wide - tile.shape[1]
            if below or beside:
                bordered = cv2.copyMakeBorder(tile, 0, below, 0, beside, cv2.BORDER_REPLICATE)
                tile = np.asarray(bordered, np.uint8)
            yield tile, left, top


def _cover(length: int) -> tuple[int, list[int]]:
    """The side of the tiles that cover a length, and where each begins.

    Narrow tiles are used if no more of them are needed.
    """
    few, many = (max(1, -(-(length - OVERLAP) // (side - OVERLAP))) for side in (TILE, NARROW_TILE))
    side = NARROW_TILE if many == few else TILE
    return side, [round(each) for each in np.linspace(0, max(0, length - side), few)]
