"""Where the faces are, and each face brought into the frame that the classifier was trained on.

The frame is UTKFace's: an upright square from brow to chin. A face photo is brought into it by the
similarity transform that puts eyes and mouth where UTKFace has them; a picture that already is
such a crop (a chip) is taken whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ethnicity import blazeface, geometry
from ethnicity.blazeface import Detection
from ethnicity.geometry import Pixels, Points, Transform
from ethnicity.networks import Network

CHIP = 64
"""Width and height of an aligned face, in pixels."""

FRAME = np.array([[0.304, 0.302], [0.695, 0.302], [0.500, 0.724]])
"""Left-hand eye, right-hand eye and mouth in the frame, as fractions of its side: the detector's
mean answer on UTKFace's 200-pixel validation chips, made symmetric."""

_ANCHOR_KEYPOINTS = [0, 1, 3]  # the eyes and the mouth: the nose moves most as the head turns

PROPOSAL_SCORE = 0.3
"""A face is proposed on a view of the picture, and confirmed on an enlarged view of itself"""

CONFIRMED_SCORE = 0.7
CONFIRMED_SCORE_CLOSE = 0.5
"""with less certainty where it fills ``_CLOSE`` of the picture's longer side, as in a portrait."""
_CLOSE = 0.45

_OFF_CENTRE = 0.2
"""How far from the middle of that view the face may be, as a share of it: else it is another."""

_BORDER = 0.25
"""Added around a view on each side, as a fraction: BlazeFace misses faces that fill its view."""

_CHIP_TOLERANCE = 0.15
"""How far, on average, the frame's corners may lie from those of a picture that is itself a chip,
as a fraction of its side: 99 % of UTKFace's chips stay below it."""

_LARGE_FACE = 0.25
"""Beside a face of this share of the picture's longer side, no search for much smaller ones."""

_SMALL_PICTURE = 256
"""A picture of at most this many pixels a side is searched as a whole only."""

_SAME_FACE = 0.5
"""Two detections are one face if their centres are closer than this share of the larger's width."""


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    ``corners``: shape (2, 2), top left and bottom right, in the picture's pixels, inside it.
    ``score``: the detector's, 0 to 1; ``None`` where the picture is itself a chip.
    ``to_chip``: maps the picture to the aligned face.
    """

    corners: Points
    score: float | None
    to_chip: Transform

    @property
    def width(self) -> float:
        """In the picture's pixels."""
        return float(self.corners[1, 0] - self.corners[0, 0])


def find_faces(detector: Network, pixels: Pixels, *, take_chips_whole: bool = True) -> list[Face]:
    """The faces of a picture, largest first; empty if there is none.

    A picture that is itself a chip has one face, the whole picture, unless ``take_chips_whole`` is
    false: then its face is aligned as any other.
    """
    height, width = pixels.shape[:2]
    whole = _search(detector, pixels, _whole_view(width, height))
    if take_chips_whole and whole and _is_chip(whole[0], width, height):
        return [whole_picture(width, height)]
    confirmed = _confirmed(detector, pixels, whole)
    large = any(_width(found) >= _LARGE_FACE * max(width, height) for found in confirmed)
    if not large and max(width, height) > _SMALL_PICTURE:
        views = _tile_views(width, height)
        tiles = [found for view in views for found in _search(detector, pixels, view)]
        confirmed += _confirmed(detector, pixels, tiles)
    faces = [_face(found, width, height) for found in _distinct(confirmed)]
    return sorted(faces, key=lambda face: -face.width)


def align(pixels: Pixels, face: Face) -> Pixels:
    """The face in the classifier's frame, shape (64, 64, 3)."""
    return geometry.warp(pixels, face.to_chip, CHIP)


def _search(detector: Network, pixels: Pixels, view: Transform) -> list[Detection]:
    """What the detector proposes in a view of the picture, in the picture's pixels."""
    seen = geometry.warp(pixels, view, blazeface.SIDE)
    back = geometry.invert(view)
    return [_mapped(found, back) for found in blazeface.detect(detector, seen, PROPOSAL_SCORE)]


def _confirmed(detector: Network, pixels: Pixels, proposed: list[Detection]) -> list[Detection]:
    """Those of the proposed faces that the detector's second look finds again."""
    looks = [_confirm(detector, pixels, each) for each in _distinct(proposed)]
    return [found for found in looks if found is not None]


def _confirm(detector: Network, pixels: Pixels, proposed: Detection) -> Detection | None:
    """The detector's second look, at the face upright and enlarged: it places it more exactly."""
    view = _frame_transform(proposed.keypoints, blazeface.SIDE, _BORDER)
    seen = geometry.warp(pixels, view, blazeface.SIDE)
    close = _width(proposed) >= _CLOSE * max(pixels.shape[:2])
    needed = CONFIRMED_SCORE_CLOSE if close else CONFIRMED_SCORE
    found = blazeface.detect(detector, seen, needed)
    for best_first in found:
        off_centre = np.abs(best_first.corners.mean(axis=0) / blazeface.SIDE - 0.5).max()
        if off_centre <= _OFF_CENTRE:
            return _mapped(best_first, geometry.invert(view))
    return None


def _mapped(found: Detection, transform: Transform) -> Detection:
    left, top = found.corners[0]
    right, bottom = found.corners[1]
    box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    box = geometry.apply(transform, box)
    corners = np.stack([box.min(axis=0), box.max(axis=0)])
    return Detection(corners, geometry.apply(transform, found.keypoints), found.score)


def _frame_transform(keypoints: Points, side: float, border: float = 0.0) -> Transform:
    """Put eyes and mouth where the frame has them, in a square of ``side`` pixels.

    Around the frame, the square has a border of that fraction of the frame.
    """
    frame_side = side / (1 + 2 * border)
    target = (FRAME + border) * frame_side
    return geometry.fit_similarity(keypoints[_ANCHOR_KEYPOINTS], target)


def _whole_view(width: int, height: int) -> Transform:
    """The whole picture in the middle of the detector's view, with a border around it."""
    side = max(width, height) * (1 + 2 * _BORDER)
    return _square_view((width - side) / 2, (height - side) / 2, side)


def _tile_views(width: int, height: int) -> Iterator[Transform]:
    """Squares of half the longer side that overlap by half, so that no small face is cut in two."""
    side = max(width, height) / 2
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield _square_view(left, top, side)


def _starts(length: int, side: float) -> Points:
    """Where tiles of ``side`` begin so that they cover ``length`` and overlap by half or more."""
    steps = max(0, int(np.ceil((length - side) / (side / 2))))
    return np.linspace(0, max(0.0, length - side), steps + 1)


def _square_view(left: float, top: float, side: float) -> Transform:
    scale = blazeface.SIDE / side
    return np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale]])


def _width(found: Detection) -> float:
    return float(found.corners[1, 0] - found.corners[0, 0])


def _distinct(found: list[Detection]) -> list[Detection]:
    """Each face once: the most certain of the detections that are centred on the same spot."""
    kept: list[Detection] = []
    for each in sorted(found, key=lambda each: -each.score):
        centre = each.corners.mean(axis=0)
        if all(
            np.linalg.norm(centre - other.corners.mean(axis=0))
            > _SAME_FACE * max(_width(each), _width(other))
            for other in kept
        ):
            kept.append(each)
    return kept


def _is_chip(found: Detection, width: int, height: int) -> bool:
    """Whether the frame that the face calls for is, near enough, the whole picture."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    in_frame = geometry.apply(_frame_transform(found.keypoints, 1.0), corners)
    misplaced = np.linalg.norm(in_frame - geometry.square_corners(1.0), axis=1).mean()
    return bool(misplaced <= _CHIP_TOLERANCE)


def whole_picture(width: int, height: int) -> Face:
    """The one face of a picture that is itself a chip."""
    to_chip = np.array([[CHIP / width, 0.0, 0.0], [0.0, CHIP / height, 0.0]])
    return Face(np.array([[0.0, 0.0], [width, height]]), None, to_chip)


def _face(found: Detection, width: int, height: int) -> Face:
    corners = np.clip(found.corners, 0, (width, height))
    return Face(corners, found.score, _frame_transform(found.keypoints, CHIP))
