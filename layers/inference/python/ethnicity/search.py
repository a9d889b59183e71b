"""Where the detector looks for faces: the whole picture at a glance, then levels in tiles.

A level is a size that the picture is brought to. Tiles have few sizes, since the detector needs an
interpreter for each.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from ethnicity import geometry
from ethnicity.detector import Detection, detect
from ethnicity.geometry import Pixels, Transform
from ethnicity.networks import Network

GLANCE, GLANCE_BORDER = 96, 1 / 6
"""Side in pixels of the view that shows the whole picture, and the border around the picture as a
fraction of its longer side: without one the detector misses 4 % of the faces that fill it."""

TILE, NARROW_TILE, OVERLAP = 416, 320, 48
"""Sides of the tiles, and how far they overlap, in pixels: what one cuts in two, another has whole,
up to some 48 pixels, and larger faces are seen at a coarser level."""

LEVELS, FINEST_LEVEL = (TILE, 2 * TILE - OVERLAP), 4 * TILE - 3 * OVERLAP
"""The picture's longer side at each level, in pixels; at each a face of 16 pixels is seen."""

SCORE_THRESHOLD = 0.15
"""Of a proposal: of faces of 32 pixels in pictures of 640 it loses 3 %; photographs without people
have five such proposals."""

MAX_PROPOSALS = 100
"""Of each level, the best: it bounds the time that a picture can take."""


def glance(
    detector: Network, pixels: Pixels, threshold: float = SCORE_THRESHOLD
) -> list[Detection]:
    """The proposals in the whole picture at once, best first, in the picture's pixels."""
    height, width = pixels.shape[:2]
    scale = GLANCE / (max(width, height) * (1 + 2 * GLANCE_BORDER))
    left, top = (GLANCE - scale * width) / 2, (GLANCE - scale * height) / 2
    view = np.array([[scale, 0, left], [0, scale, top]])
    back = geometry.invert(view)
    return [
        each.mapped(back)
        for each in detect(detector, geometry.warp(pixels, view, GLANCE), threshold)
    ]


def search(
    detector: Network,
    pixels: Pixels,
    level: int,
    turns: int = 0,
    threshold: float = SCORE_THRESHOLD,
) -> list[Detection]:
    """The proposals in the picture at that level, best first, in the picture's pixels.

    ``turns``: quarters of a turn, clockwise, by which the picture is turned before.
    """
    height, width = pixels.shape[:2]
    scale = level / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    scaled = np.rot90(np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8), -turns)
    to_picture = np.diag([width / size[0], height / size[1]]) @ _turned_back(size, turns)
    proposals = []
    for tile, left, top in _tiles(scaled):
        back = geometry.compose(to_picture, np.array([[1.0, 0.0, left], [0.0, 1.0, top]]))
        proposals += [each.mapped(back) for each in detect(detector, tile, threshold)]
    return sorted(proposals, key=lambda each: -each.score)[:MAX_PROPOSALS]


def _turned_back(size: tuple[int, int], turns: int) -> Transform:
    """From a picture that was turned clockwise to the picture of that width and height."""
    linear = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turns)
    corner = ((0, 0), (0, size[1]), size, (size[0], 0))[turns]
    return np.column_stack([linear, corner])


def _tiles(pixels: Pixels) -> Iterator[tuple[Pixels, int, int]]:
    """Tiles that cover the picture, each with its left and top edge.

    Where a tile reaches beyond the picture, it repeats the picture's edge.
    """
    (high, tops), (wide, lefts) = map(_cover, pixels.shape[:2])
    for top in tops:
        for left in lefts:
            tile = pixels[top : top + high, left : left + wide]
            below, beside = high - tile.shape[0], wide - tile.shape[1]
            bordered = cv2.copyMakeBorder(tile, 0, below, 0, beside, cv2.BORDER_REPLICATE)
            yield np.asarray(bordered, np.uint8), left, top


def _cover(length: int) -> tuple[int, list[int]]:
    """The side of the tiles that cover a length, and where each begins.

    Narrow tiles where as few of them do.
    """
    few, many = (max(1, -(-(length - OVERLAP) // (side - OVERLAP))) for side in (TILE, NARROW_TILE))
    side = NARROW_TILE if many == few else TILE
    return side, [round(each) for each in np.linspace(0, max(0, length - side), few)]
