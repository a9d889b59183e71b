"""Where the faces are, and each face brought into the frame that the classifier was trained on.

The frame is UTKFace's: an upright square from brow to chin. A face photo is brought into it by the
similarity transform that puts eyes and mouth where UTKFace has them; a picture that already is
such a crop (a chip) is taken whole.

A picture is searched from coarse to fine. Each step proposes faces, each proposal gets one closer
look and one verdict. A step adds faces; those that are there stay as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ethnicity import geometry
from ethnicity.detector import Detection, detect
from ethnicity.geometry import Pixels, Points, Transform
from ethnicity.networks import Network

CHIP = 96
"""Width and height of an aligned face, in pixels."""

FRAME = np.array([[0.293, 0.279], [0.687, 0.276], [0.334, 0.693], [0.667, 0.690]])
"""Left-hand eye, right-hand eye and the corners of the mouth in the frame, as fractions of its
side: the detector's mean answer on UTKFace's 200-pixel validation chips, looked at closely."""

_FRAME_KEYPOINTS = [0, 1, 3, 4]

LOOK, BORDER = 96, 1 / 6
"""Side of the view of a closer look in pixels, and the border around the frame as a fraction of it:
the detector places a face of 72 pixels most exactly."""

TILE, NARROW_TILE, OVERLAP = 416, 320, 48
LEVELS, FINEST_LEVEL = (TILE, 2 * TILE - OVERLAP), 4 * TILE - 3 * OVERLAP
"""The longer side, in pixels, to which the picture is brought before it is searched in tiles; a
face of some 16 pixels is seen. The finest is for those who ask for all faces of a large picture."""

PROPOSAL_THRESHOLD = 0.15
"""Score from which on a proposal gets a closer look: of faces of 32 pixels in photos of 640 it
loses 3 %, and photographs without people have five such proposals."""

PROPOSAL_WEIGHT, LOOK_WEIGHT, VERIFIER_WEIGHT, BIAS = 1.57, 0.61, 0.42, -3.3
"""The log odds of a face are this sum of the log odds of the proposal, of the closer look and of
the verifier: a logistic regression on photographs without people (the choosing half of
benchmarks/strangers.csv) and on faces of validation pictures pasted into them. The bias is such
that one photograph in a hundred is answered with a face."""

ACCEPTED, REJECTED = 2.0, -4.4
"""Log odds beyond which the verifier is not asked: it hardly ever changes the verdict there."""

TILTED, MAX_TURNS = np.deg2rad(4), 2
"""A closer look that shows a face tilted by more is repeated, turned by twice as much, up to so
often: the detector sees half of a tilt."""

CLEAR = 0.9
"""A face that a closer look scores less may be lying or upside down: it is looked at in all four
quarters of a turn."""

LOOK_THRESHOLD, OFF_CENTRE, LEAST_SCORE = 0.1, 0.2, 0.001
"""A closer look takes the best face no farther from the middle of its view, as a share of the
view's side; where there is none, it has the least score."""

CHIP_THRESHOLD, CHIP_TOLERANCE = 0.8, 0.15
"""A picture is itself a chip if the detector scores it so, and puts the frame's corners so near to
the picture's, on average, as a fraction of its side: 99 % of UTKFace's chips are."""

GLANCED, SEEN = 0.25, 0.1
"""Widths, as shares of the picture's longer side, from which on hardly a face is missed at a glance
and at the first level: with one found, no larger one is to be expected from finer levels."""

SAME_FACE = 0.5
"""Two detections are one face if their centres are closer than this share of the larger's width."""

MAX_PROPOSALS = 100
"""Of each step, the best: it bounds the time that a picture can take."""

VERIFIER_SIDE, VERIFIER_BORDER = 64, 0.25


@dataclass(frozen=True)
class Finder:
    """The two networks that find faces: one proposes and places them, the other judges each."""

    detector: Network
    verifier: Network


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    ``corners``: shape (2, 2), top left and bottom right, in the picture's pixels, inside it.
    ``score``: the probability that it is a face, 0 to 1; ``None`` where the picture is a chip.
    ``to_chip``: maps the picture to the aligned face.
    """

    corners: Points
    score: float | None
    to_chip: Transform


def find_faces(
    finder: Finder, pixels: Pixels, *, take_chips_whole: bool = True, all_faces: bool = False
) -> list[Face]:
    """The faces of a picture, largest first; empty if there is none.

    A picture that is itself a chip has one face, the whole picture, unless ``take_chips_whole`` is
    false: then its face is aligned as any other. The search ends at a large face; where there is no
    face, the picture is turned. With ``all_faces`` it goes on from there, for smaller ones.
    """
    height, width = pixels.shape[:2]
    longest = max(width, height)
    glanced = glance(finder.detector, pixels)
    if take_chips_whole and glanced and _is_chip(glanced[0], width, height):
        return [whole_picture(width, height)]
    large = [each for each in glanced if each.width >= GLANCED * longest]
    found = _with_faces(finder, pixels, [], large)
    coarse = [each for each in LEVELS if each <= 2 * longest] or [TILE]
    fine = [FINEST_LEVEL] if longest >= FINEST_LEVEL else []
    while coarse and not any(each.width >= SEEN * longest for each in found):
        proposed = search(finder.detector, pixels, coarse.pop(0))
        found = _with_faces(finder, pixels, found, proposed)
    turns = 0
    while not found and turns < 3:
        turns += 1
        found = _with_faces(finder, pixels, [], search(finder.detector, pixels, TILE, turns))
    if all_faces and found:
        largest = max(each.width for each in found)
        for level in coarse + fine:
            proposed = search(finder.detector, pixels, level, turns)
            found = _with_faces(finder, pixels, found, proposed, narrower_than=largest)
    found.sort(key=lambda each: -each.width)
    return [_face(each, width, height) for each in found]


def align(pixels: Pixels, face: Face) -> Pixels:
    """The face in the classifier's frame, shape (CHIP, CHIP, 3)."""
    return geometry.warp(pixels, face.to_chip, CHIP)


def whole_picture(width: int, height: int) -> Face:
    """The one face of a picture that is itself a chip."""
    to_chip = np.array([[CHIP / width, 0.0, 0.0], [0.0, CHIP / height, 0.0]])
    return Face(np.array([[0.0, 0.0], [width, height]]), None, to_chip)


def glance(detector: Network, pixels: Pixels) -> list[Detection]:
    """What the detector proposes in the whole picture at once, in the picture's pixels."""
    height, width = pixels.shape[:2]
    scale = LOOK / (max(width, height) * (1 + 2 * BORDER))
    view = np.array(
        [[scale, 0, (LOOK - scale * width) / 2], [0, scale, (LOOK - scale * height) / 2]]
    )
    back = geometry.invert(view)
    seen = geometry.warp(pixels, view, LOOK)
    return [each.mapped(back) for each in detect(detector, seen, PROPOSAL_THRESHOLD)]


def search(detector: Network, pixels: Pixels, level: int, turns: int = 0) -> list[Detection]:
    """What the detector proposes in the picture at that level, in the picture's pixels.

    ``turns``: quarters of a turn, clockwise, by which the picture is turned before.
    """
    height, width = pixels.shape[:2]
    scale = level / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    scaled = np.rot90(np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8), -turns)
    proposed = []
    for tile, left, top in _tiles(scaled):
        to_level = np.array([[1.0, 0.0, left], [0.0, 1.0, top]])
        back = geometry.compose(_turned_back(size, turns), to_level)
        back = np.diag([width / size[0], height / size[1]]) @ back
        proposed += [each.mapped(back) for each in detect(detector, tile, PROPOSAL_THRESHOLD)]
    return sorted(proposed, key=lambda each: -each.score)[:MAX_PROPOSALS]


def _turned_back(size: tuple[int, int], turns: int) -> Transform:
    """From a picture that was turned clockwise to the picture of that width and height."""
    linear = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turns)
    corner = {0: (0, 0), 1: (0, size[1]), 2: size, 3: (size[0], 0)}[turns]
    return np.column_stack([linear, corner])


def _tiles(pixels: Pixels) -> Iterator[tuple[Pixels, int, int]]:
    """Tiles that cover the picture, each with its left and top edge.

    They overlap, so that what is cut in two by one is whole in another; what reaches beyond the
    picture repeats its edge.
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

    The narrow ones, where no more of them are needed.
    """
    few, many = (max(1, -(-(length - OVERLAP) // (side - OVERLAP))) for side in (TILE, NARROW_TILE))
    side = NARROW_TILE if many == few else TILE
    return side, [round(each) for each in np.linspace(0, max(0, length - side), few)]


def _with_faces(
    finder: Finder,
    pixels: Pixels,
    found: list[Detection],
    proposed: list[Detection],
    narrower_than: float = np.inf,
) -> list[Detection]:
    """The faces that are found already, and those of the proposals that are faces elsewhere."""
    found = found.copy()
    for each in proposed:
        if not any(_is_same(each, face) for face in found):
            face = _judged(finder, pixels, each)
            elsewhere = not any(_is_same(face, other) for other in found)
            if face.score >= 0.5 and face.width < narrower_than and elsewhere:
                found.append(face)
    return found


def _is_same(one: Detection, other: Detection) -> bool:
    apart = np.linalg.norm(one.centre - other.centre)
    return bool(apart <= SAME_FACE * max(one.width, other.width))


def _judged(finder: Finder, pixels: Pixels, proposed: Detection) -> Detection:
    """The proposal placed by a closer look, with the probability that it is a face as its score."""
    placed = look(finder.detector, pixels, proposed)
    log_odds = PROPOSAL_WEIGHT * _logit(proposed.score) + LOOK_WEIGHT * _logit(placed.score) + BIAS
    if REJECTED < log_odds < ACCEPTED:
        log_odds += VERIFIER_WEIGHT * _verify(finder.verifier, pixels, placed)
    if log_odds >= 0 and placed.score < CLEAR:
        turned = [look(finder.detector, pixels, proposed, turns) for turns in (1, 2, 3)]
        placed = max(placed, *turned, key=lambda each: each.score)
    return replace(placed, score=float(1 / (1 + np.exp(-log_odds))))


def look(detector: Network, pixels: Pixels, proposed: Detection, turns: int = 0) -> Detection:
    """The detector's closer look at a proposal, upright and enlarged.

    ``turns``: quarters of a turn by which the proposal lies otherwise than it seems. Where there is
    no face, the proposal stays, with the least score.
    """
    view = _rotated(frame_view(proposed.keypoints, LOOK, BORDER), turns * np.pi / 2)
    seen = _central(detector, pixels, view)
    for _ in range(MAX_TURNS):
        tilt = _tilt(seen.keypoints) if seen else 0.0
        if abs(tilt) <= TILTED:
            break
        view = _rotated(view, -2 * tilt)
        seen = _central(detector, pixels, view)
    if not seen:
        return replace(proposed, score=LEAST_SCORE)
    return seen.mapped(geometry.invert(view))


def _central(detector: Network, pixels: Pixels, view: Transform) -> Detection | None:
    """The best face in the middle of a view."""
    found = detect(detector, geometry.warp(pixels, view, LOOK), LOOK_THRESHOLD)
    central = (each for each in found if np.abs(each.centre / LOOK - 0.5).max() <= OFF_CENTRE)
    return next(central, None)


def _tilt(keypoints: Points) -> float:
    """How far a face is turned clockwise out of the frame's own angle, in radians."""
    to_frame = frame_view(keypoints, 1.0)
    return float(np.arctan2(-to_frame[1, 0], to_frame[0, 0]))


def _rotated(view: Transform, angle: float) -> Transform:
    """The view turned clockwise about its middle, by an angle in radians."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, LOOK / 2)
    return geometry.compose(np.column_stack([turn, middle - turn @ middle]), view)


def verifier_view(pixels: Pixels, keypoints: Points) -> Pixels:
    """What the verifier is shown of a face: the frame and a border, shape (64, 64, 3)."""
    view = frame_view(keypoints, VERIFIER_SIDE, VERIFIER_BORDER)
    return geometry.warp(pixels, view, VERIFIER_SIDE)


def _verify(verifier: Network, pixels: Pixels, found: Detection) -> float:
    """The verifier's log odds that it is a face."""
    (logits,) = verifier(verifier_view(pixels, found.keypoints).astype(np.float32)).values()
    return float(logits[0])


def _logit(probability: float) -> float:
    bounded = min(max(probability, LEAST_SCORE), 1 - LEAST_SCORE)
    return float(np.log(bounded / (1 - bounded)))


def frame_view(keypoints: Points, side: float, border: float = 0.0) -> Transform:
    """Put eyes and mouth where the frame has them, in a square of ``side`` pixels.

    Around the frame, the square has a border of that fraction of the frame.
    """
    target = (FRAME + border) * side / (1 + 2 * border)
    return geometry.fit_similarity(keypoints[_FRAME_KEYPOINTS], target)


def _is_chip(found: Detection, width: int, height: int) -> bool:
    """Whether it is surely a face, and the frame that it calls for the whole picture, nearly."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    in_frame = geometry.apply(frame_view(found.keypoints, 1.0), corners)
    misplaced = np.linalg.norm(in_frame - geometry.square_corners(1.0), axis=1).mean()
    return bool(found.score >= CHIP_THRESHOLD and misplaced <= CHIP_TOLERANCE)


def _face(found: Detection, width: int, height: int) -> Face:
    corners = np.clip(found.corners, 0, (width, height))
    return Face(corners, found.score, frame_view(found.keypoints, CHIP))
