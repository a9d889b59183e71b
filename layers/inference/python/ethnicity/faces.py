"""Where the faces are, and each face brought into the frame that the classifier was trained on.

The frame is UTKFace's: an upright square from brow to chin. A face photo is brought into it by the
similarity transform that puts eyes and mouth where UTKFace has them; a picture that already is
such a crop (a chip) is taken whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ethnicity import blazeface, geometry
from ethnicity.blazeface import Detection
from ethnicity.geometry import Pixels, Points, Transform
from ethnicity.networks import Network

CHIP = 96
"""Width and height of an aligned face, in pixels."""

FRAME = np.array([[0.304, 0.302], [0.695, 0.302], [0.500, 0.724]])
"""Left-hand eye, right-hand eye and mouth in the frame, as fractions of its side: the detector's
mean answer on UTKFace's 200-pixel validation chips, made symmetric."""

_ANCHOR_KEYPOINTS = [0, 1, 3]  # the eyes and the mouth: the nose moves most as the head turns

_MIN_SCORE = 0.3
"""Of the detector, at both looks: low, since the verifier has the last word."""

_DETECTOR_WEIGHT, _LEAST_SUM, _TEMPERATURE = 1.8, 2.25, 2.2
"""A face's log odds are the verifier's and so many times the detector's, above a least sum: what
lost the fewest faces of validation pictures for a given number of false ones. They are tempered,
since the two networks often err together."""

_VERIFIED = 0.5
"""The score from which on something is a face."""

_FILLING, _VERIFIED_FILLING = 0.35, 0.4
"""What takes up more than this share of the picture's longer side is one from a lower score on: few
chance likenesses are so large, and faces in pictures that show little else are often in doubt."""

_SURE, _BESIDE_A_SURE_ONE = 0.92, 0.82
"""Beside a sure face others must be nearly as sure: clothes and background that pass for a doubtful
face are common, while a doubtful face beside a sure one is rare."""

_SURE_LOOKS, _THEIR_VERDICT = 0.85, 8.0
"""Where the detector's closer looks score so, the verifier is not asked: of 99.8 % of faces its
log odds are above that then, and of 75 photographs at four sizes and 800 drawings and cut-outs
without a human face, gorillas and smileys among them, none scored more than 0.76."""

_HARDLY = 0.15
"""What scores between this and a sure face is in doubt, and verified thrice."""

VERIFIER_SIDE = 64
"""Width and height of the verifier's view, in pixels."""

BORDER = 0.25
"""Added around a view on each side, as a fraction: BlazeFace misses faces that fill its view, and
the verifier judges better with hair and shoulders in sight."""

_OTHER_BORDERS = (0.0, 0.6)
"""Where no face is sure, the whole picture is looked at with these as well."""

_DOUBTFUL_BORDERS = (0.18, 0.33)
"""What is in doubt is verified with these as well: few chance likenesses are one at every size."""

_OFF_CENTRE = 0.2
"""How far from the middle of its own view a face may be, as a share of it: else it is another."""

_CHIP_TOLERANCE = 0.15
"""How far, on average, the frame's corners may lie from those of a picture that is itself a chip,
as a fraction of its side: 99 % of UTKFace's chips stay below it."""

_SURE_CHIP = 0.8
"""A chip that the detector scores so needs no verifier: of 54,200 square pieces of photographs
without faces none was taken for a chip with more than 0.69, while five chips in six have this."""

_LARGE_FACE = 0.25
"""Beside a face of this share of the picture's longer side, much smaller ones are not looked for
unless asked."""

_TILES = (2, 4, 8)
"""How many tiles in turn make up the longer side: a view shows faces from a sixth of its side
on."""

_MAX_FACES = 200
"""Proposals beyond the best so many are dropped, which bounds the time that a picture can take."""

_SAME_FACE = 0.5
"""Two detections are one face if their centres are closer than this share of the larger's width."""


@dataclass(frozen=True)
class Finder:
    """The two networks that find faces: one proposes and places them, the other judges each."""

    detector: Network
    verifier: Network


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    ``corners``: shape (2, 2), top left and bottom right, in the picture's pixels, inside it.
    ``score``: how sure both networks are, 0 to 1; ``None`` where the picture is itself a chip.
    ``to_chip``: maps the picture to the aligned face.
    """

    corners: Points
    score: float | None
    to_chip: Transform

    @property
    def width(self) -> float:
        """In the picture's pixels."""
        return float(self.corners[1, 0] - self.corners[0, 0])


def find_faces(
    finder: Finder, pixels: Pixels, *, take_chips_whole: bool = True, thorough: bool = False
) -> list[Face]:
    """The faces of a picture, largest first; empty if there is none.

    A picture that is itself a chip has one face, the whole picture, unless ``take_chips_whole`` is
    false: then its face is aligned as any other. Small faces are looked for where there is no large
    one, or always if ``thorough``. Where none is sure, the picture is looked at from nearer, from
    farther off, and turned.
    """
    height, width = pixels.shape[:2]
    upright = search(finder.detector, pixels, [_whole_view(width, height)])
    if take_chips_whole and upright and _is_chip(finder.verifier, pixels, upright[0]):
        return [whole_picture(width, height)]
    found = _verified(finder, pixels, upright)
    large = any(_width(each) >= _LARGE_FACE * max(width, height) for each in found)
    if thorough or not large:
        tiles = search(finder.detector, pixels, _tiles(width, height))
        found += _verified(finder, pixels, tiles)
    if not _sure(found):
        near_and_far = [_whole_view(width, height, border=border) for border in _OTHER_BORDERS]
        turned = [_whole_view(width, height, quarters) for quarters in (-1, 1, 2)]
        other = search(finder.detector, pixels, [*near_and_far, *turned])
        found += _verified(finder, pixels, other)
    if _sure(found):
        found = [each for each in found if each.score >= _BESIDE_A_SURE_ONE]
    faces = [_face(each, width, height) for each in _distinct(found)]
    return sorted(faces, key=lambda face: -face.width)


def align(pixels: Pixels, face: Face) -> Pixels:
    """The face in the classifier's frame, shape (CHIP, CHIP, 3)."""
    return geometry.warp(pixels, face.to_chip, CHIP)


def upright_views(width: int, height: int) -> list[Transform]:
    """The views in which the detector searches a picture of that size thoroughly."""
    return [_whole_view(width, height), *_tiles(width, height)]


def portrait_views(width: int, height: int) -> list[Transform]:
    """The views in which the detector searches a picture that shows little else than a face."""
    return [_whole_view(width, height, border=border) for border in (BORDER, 0.0)]


def search(detector: Network, pixels: Pixels, views: Iterable[Transform]) -> list[Detection]:
    """What the detector proposes in views of the picture, in the picture's pixels, best first."""
    proposed = []
    for view in views:
        seen = geometry.warp(pixels, view, blazeface.SIDE)
        back = geometry.invert(view)
        proposed += [_mapped(each, back) for each in blazeface.detect(detector, seen, _MIN_SCORE)]
    return _distinct(proposed)


def look_again(detector: Network, pixels: Pixels, proposed: Detection) -> Detection:
    """The detector's second look, at a proposal upright and enlarged, and at that in a mirror.

    The mean of the two is nearer the truth than either by an eighth, and hardly any chance likeness
    is one in the mirror too: what only one look shows scores half. What neither shows stays where
    it was proposed, at half its score.
    """
    view = _frame_view(proposed.keypoints, blazeface.SIDE, BORDER)
    seen = geometry.warp(pixels, view, blazeface.SIDE)
    looks = [*_central(detector, seen), *map(blazeface.mirrored, _central(detector, seen[:, ::-1]))]
    if not looks:
        return replace(proposed, score=proposed.score / 2)
    mean = Detection(
        np.mean([each.corners for each in looks], axis=0),
        np.mean([each.keypoints for each in looks], axis=0),
        sum(each.score for each in looks) / 2,
    )
    return _mapped(mean, geometry.invert(view))


def _central(detector: Network, seen: Pixels) -> list[Detection]:
    """The best face in the middle of a view, if there is one."""
    return [each for each in blazeface.detect(detector, seen, _MIN_SCORE) if _is_central(each)][:1]


def _is_central(found: Detection) -> bool:
    off_centre = np.abs(found.corners.mean(axis=0) / blazeface.SIDE - 0.5).max()
    return bool(off_centre <= _OFF_CENTRE)


def verifier_view(pixels: Pixels, detection: Detection, border: float = BORDER) -> Pixels:
    """What the verifier is shown of a detection: the frame and a border, shape (64, 64, 3)."""
    return geometry.warp(
        pixels, _frame_view(detection.keypoints, VERIFIER_SIDE, border), VERIFIER_SIDE
    )


def _verified(finder: Finder, pixels: Pixels, proposed: list[Detection]) -> list[Detection]:
    """Those of the proposals that are faces, placed more exactly, and scored.

    What only the first look shows, as often a profile, needs the verifier to be all the surer.
    """
    placed = (look_again(finder.detector, pixels, each) for each in proposed)
    filling = _FILLING * max(pixels.shape[:2])
    return [
        each
        for each in _judged(finder.verifier, pixels, placed)
        if each.score >= (_VERIFIED_FILLING if _width(each) > filling else _VERIFIED)
    ]


def _sure(found: list[Detection]) -> bool:
    return any(each.score >= _SURE for each in found)


def _judged(
    verifier: Network, pixels: Pixels, detections: Iterable[Detection]
) -> Iterator[Detection]:
    """The detections with both networks' verdict, 0 to 1, in place of the detector's alone."""
    for each in detections:
        if each.score >= _SURE_LOOKS:
            verified = [_THEIR_VERDICT]
        else:
            verified = [_verify(verifier, pixels, each, BORDER)]
            if _HARDLY <= _score(verified, each.score) < _SURE:
                verified += [_verify(verifier, pixels, each, wide) for wide in _DOUBTFUL_BORDERS]
        yield replace(each, score=_score(verified, each.score))


def _verify(verifier: Network, pixels: Pixels, found: Detection, border: float) -> float:
    """The verifier's log odds. A face is one in a mirror too, while many a likeness is not."""
    view = verifier_view(pixels, found, border).astype(np.float32)
    return min(_logit(verifier, view), _logit(verifier, view[:, ::-1]))


def _score(verified: list[float], detected: float) -> float:
    """Both networks' verdict, of the verifier's log odds and the detector's score."""
    odds = detected / max(1 - detected, 1e-9)  # a score may round to 1
    log_odds = np.mean(verified) + _DETECTOR_WEIGHT * np.log(odds) - _LEAST_SUM
    return float(1 / (1 + np.exp(-log_odds / _TEMPERATURE)))


def _logit(verifier: Network, view: NDArray[np.float32]) -> float:
    (logit,) = verifier(view).values()
    return float(logit[0])


def _mapped(found: Detection, transform: Transform) -> Detection:
    left, top = found.corners[0]
    right, bottom = found.corners[1]
    box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    box = geometry.apply(transform, box)
    corners = np.stack([box.min(axis=0), box.max(axis=0)])
    return Detection(corners, geometry.apply(transform, found.keypoints), found.score)


def _frame_view(keypoints: Points, side: float, border: float = 0.0) -> Transform:
    """Put eyes and mouth where the frame has them, in a square of ``side`` pixels.

    Around the frame, the square has a border of that fraction of the frame.
    """
    frame_side = side / (1 + 2 * border)
    target = (FRAME + border) * frame_side
    return geometry.fit_similarity(keypoints[_ANCHOR_KEYPOINTS], target)


def _whole_view(width: int, height: int, turns: int = 0, border: float = BORDER) -> Transform:
    """The whole picture in the middle of the detector's view, with that border around it.

    Turned by so many quarters of a turn, clockwise.
    """
    scale = blazeface.SIDE / (max(width, height) * (1 + 2 * border))
    linear = scale * np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), turns % 4)
    return np.column_stack([linear, blazeface.SIDE / 2 - linear @ (width / 2, height / 2)])


def _tiles(width: int, height: int) -> Iterator[Transform]:
    """Squares that overlap by half, so that no small face is cut in two: large ones, then smaller.

    None that would have to be enlarged: there is nothing more to be seen in it.
    """
    for tiles in _TILES:
        side = max(width, height) / tiles
        if side >= blazeface.SIDE:
            scale = blazeface.SIDE / side
            for top in _starts(height, side):
                for left in _starts(width, side):
                    yield np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale]])


def _starts(length: int, side: float) -> Points:
    """Where tiles of ``side`` begin so that they cover ``length`` and overlap by half or more."""
    steps = max(0, int(np.ceil((length - side) / (side / 2))))
    return np.linspace(0, max(0.0, length - side), steps + 1)


def _width(found: Detection) -> float:
    return float(found.corners[1, 0] - found.corners[0, 0])


def _distinct(found: list[Detection]) -> list[Detection]:
    """Each face once: the most certain of the detections that are centred on the same spot.

    The best `_MAX_FACES` of them.
    """
    best_first = sorted(found, key=lambda each: -each.score)
    centres = np.array([each.corners.mean(axis=0) for each in best_first])
    widths = np.array([_width(each) for each in best_first])
    kept: list[int] = []
    for index in range(len(best_first)):
        apart = np.linalg.norm(centres[kept] - centres[index], axis=-1)
        if (apart > _SAME_FACE * np.maximum(widths[kept], widths[index])).all():
            kept.append(index)
        if len(kept) == _MAX_FACES:
            break
    return [best_first[index] for index in kept]


def _is_chip(verifier: Network, pixels: Pixels, found: Detection) -> bool:
    """Whether it is a face, and the frame that it calls for the whole picture, near enough."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    in_frame = geometry.apply(_frame_view(found.keypoints, 1.0), corners)
    misplaced = np.linalg.norm(in_frame - geometry.square_corners(1.0), axis=1).mean()
    if misplaced > _CHIP_TOLERANCE:
        return False
    if found.score >= _SURE_CHIP:
        return True
    (judged,) = _judged(verifier, pixels, [found])
    return judged.score >= _VERIFIED


def whole_picture(width: int, height: int) -> Face:
    """The one face of a picture that is itself a chip."""
    to_chip = np.array([[CHIP / width, 0.0, 0.0], [0.0, CHIP / height, 0.0]])
    return Face(np.array([[0.0, 0.0], [width, height]]), None, to_chip)


def _face(found: Detection, width: int, height: int) -> Face:
    corners = np.clip(found.corners, 0, (width, height))
    return Face(corners, found.score, _frame_view(found.keypoints, CHIP))
