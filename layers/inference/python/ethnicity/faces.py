"""The faces of a picture, each in the classifier's frame.

The picture is searched from coarse to fine. The detector proposes faces; each proposal gets one
closer look, which locates it, and one verdict. Each level adds faces and changes none. A picture
that is already a face crop, a chip, is used whole.
"""

from dataclasses import dataclass, replace
from functools import cache, partial
from math import dist
from typing import NamedTuple

import numpy as np

from ethnicity import geometry
from ethnicity.detector import Detection, detect
from ethnicity.frame import CHIP, distance_to_frame, frame_view, tilt, whole_view
from ethnicity.geometry import Pixels, Points, Transform
from ethnicity.networks import Network, Run, Tensor
from ethnicity.search import FINEST_LEVEL, LEVELS, TILE, glance, scaled, search

LOOK, LOOK_BORDER = 96, 1 / 6
"""Side of a closer look's view in pixels, and the border around the frame as a fraction of it. The
detector locates faces of 72 pixels most precisely."""

LOOK_THRESHOLD, OFF_CENTRE, LEAST_SCORE = 0.1, 0.2, 0.001
"""A closer look's score threshold, the largest distance of its face from the middle of the view as
a fraction of the view's side, and the score if it shows no such face."""

TILTED, REPEATS = np.deg2rad(4), 2
"""A closer look that shows a larger tilt, in radians, is repeated, rotated by twice as much, up to
REPEATS times: the detector reports about half of a tilt."""

CLEAR = 0.9
"""Score of a closer look below which a face may be sideways or upside down. It is then examined at
all four quarter turns, and REPEATS times again from where each look locates it."""

PROPOSAL_WEIGHT, LOOK_WEIGHT, CLASSIFIER_WEIGHT, BIAS = 1.72, 0.28, 3.34, -1.69
"""Coefficients of the log odds of a face: a logistic regression on the log odds of the proposal, of
the closer look and of the classifier. It is fitted to what the finder sees in photographs without
people (the choosing half of benchmarks/strangers.csv, also mirrored, reduced and cropped) and in
validation pictures with a face. The bias lets the finder report a face in 0.75 % of the former."""

REJECTED = -3.8
"""Log odds by the detector's scores alone, below which a proposal is dropped without asking the
classifier. A photograph without people has one proposal above on average; one in a thousand
accepted faces would be below."""

CHIP_SCORE, CHIP_TOLERANCE = 0.8, 0.15
"""A picture is a chip if its face has at least this score, and its frame is at most this far from
the picture's corners, as a fraction of the frame's side. This holds for 99 % of UTKFace's chips."""

GLANCED, SEEN = 0.25, 0.1
"""Widths, as fractions of the picture's longer side, above which the glance and the first level
miss hardly any face. Once such a face is found, finer levels cannot find a larger one."""

SURE = 0.5
"""Score of a proposal below which the glance does not locate a face well. It is then looked for at
the first levels too, and the glance's proposal only counts if they do not show the face."""

SAME_FACE = 0.5
"""Two detections are one face if their centres are closer than this fraction of the wider one."""


@dataclass(frozen=True)
class Finder:
    """The networks that find faces: the detector proposes and places, the classifier judges."""

    detector: Network
    classifier: Run


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    ``corners``: shape (2, 2), top left and bottom right, in the picture's pixels, inside it.
    ``score``: the probability that it is a face, 0 to 1; ``None`` if the picture is a chip.
    ``chip``: shape (CHIP, CHIP, 3), the face in the classifier's frame. ``to_chip``: maps the
    picture to it.
    ``outputs``: the classifier's outputs for the chip, shape (6,); ``None`` if it has not run.
    """

    corners: Points
    score: float | None
    chip: Pixels
    to_chip: Transform
    outputs: Tensor | None = None


class _Found(NamedTuple):
    """A face as located by a closer look, and what the classifier saw of it.

    The score of ``place`` is the probability of a face.
    """

    place: Detection
    to_chip: Transform
    chip: Pixels
    outputs: Tensor


def find_faces(
    finder: Finder, pixels: Pixels, *, take_chips_whole: bool = True, all_faces: bool = False
) -> list[Face]:
    """The faces of a picture, largest first; empty if there is none.

    A picture that is itself a chip has one face, the whole picture, unless ``take_chips_whole`` is
    false. The search ends once a large face is found. If no face is found, or the largest one is
    sideways or upside down, the picture is also searched rotated. With ``all_faces`` the search
    continues for smaller faces.
    """
    height, width = pixels.shape[:2]
    longest = max(width, height)
    at = cache(partial(scaled, pixels))
    glanced = glance(finder.detector, pixels)
    if take_chips_whole and glanced and _is_chip(glanced[0], width, height):
        corners = np.array([[0.0, 0.0], [width, height]])
        to_chip = whole_view(width, height)
        return [Face(corners, None, geometry.warp(pixels, to_chip, CHIP), to_chip)]
    large = [each for each in glanced if each.width >= GLANCED * longest]
    sure = [each for each in large if each.score >= SURE]
    found = _with_faces(finder, pixels, [], sure)
    coarse = [each for each in LEVELS if each <= 2 * longest] or [TILE]
    fine = [FINEST_LEVEL] if longest >= FINEST_LEVEL else []
    while coarse and not any(each.place.width >= SEEN * longest for each in found):
        proposals = search(finder.detector, at(coarse.pop(0)))
        found = _with_faces(finder, pixels, found, proposals)
    unsure = [each for each in large if each.score < SURE]
    found = _with_faces(finder, pixels, found, unsure)
    turns = _turns_to_upright(found)
    if turns:
        found = _with_faces(finder, pixels, found, search(finder.detector, at(TILE), turns))
    while not found and turns < 3:
        turns += 1
        found = _with_faces(finder, pixels, [], search(finder.detector, at(TILE), turns))
    if all_faces and found:
        largest = max(each.place.width for each in found)
        for level in coarse + fine:
            proposals = search(finder.detector, at(level), turns)
            found = _with_faces(finder, pixels, found, proposals, narrower_than=largest)
    found.sort(key=lambda each: -each.place.width)
    return [_face(each, width, height) for each in found]


def is_same(one: Detection, other: Detection) -> bool:
    """Whether two detections are one face."""
    return dist(one.centre, other.centre) <= SAME_FACE * max(one.width, other.width)


def look(detector: Network, pixels: Pixels, proposal: Detection, turns: int = 0) -> Detection:
    """The detector's closer look at a proposal, upright and enlarged.

    ``turns``: quarter turns to add to the proposal's own angle. If the look shows no face, the
    proposal is returned with the score LEAST_SCORE.
    """
    view = _rotated(frame_view(proposal.keypoints, LOOK, LOOK_BORDER), turns * np.pi / 2)
    seen = _central(detector, pixels, view)
    for _ in range(REPEATS):
        tilted = tilt(seen.keypoints) if seen else 0.0
        if abs(tilted) <= TILTED:
            break
        view = _rotated(view, -2 * tilted)
        seen = _central(detector, pixels, view)
    if not seen:
        return replace(proposal, score=LEAST_SCORE)
    return seen.mapped(geometry.invert(view))


def _turns_to_upright(found: list[_Found]) -> int:
    """The clockwise quarter turns that make the largest face nearly upright; 0 without a face."""
    if not found:
        return 0
    angle = tilt(max(found, key=lambda each: each.place.width).place.keypoints)
    return round(-angle / (np.pi / 2)) % 4


def _with_faces(
    finder: Finder,
    pixels: Pixels,
    found: list[_Found],
    proposals: list[Detection],
    narrower_than: float = np.inf,
) -> list[_Found]:
    """The faces found so far, and the proposals that are faces at other places."""
    found = found.copy()
    for each in proposals:
        if _is_elsewhere(each, found):
            face = _judged(finder, pixels, each)
            if face and face.place.width < narrower_than and _is_elsewhere(face.place, found):
                found.append(face)
    return found


def _is_elsewhere(place: Detection, found: list[_Found]) -> bool:
    return not any(is_same(place, each.place) for each in found)


def _judged(finder: Finder, pixels: Pixels, proposal: Detection) -> _Found | None:
    """The proposal as located by a closer look; None if it is probably no face."""
    place = look(finder.detector, pixels, proposal)
    if _log_odds(proposal, place) <= REJECTED:
        return None
    found = _classified(finder.classifier, pixels, place)
    by_classifier = found.outputs[-1]
    if place.score < CLEAR:
        best = _best_of_all_turns(finder.detector, pixels, proposal, place)
        if best is not place:
            place, found = best, _classified(finder.classifier, pixels, best)
            by_classifier = max(by_classifier, found.outputs[-1])
    log_odds = _log_odds(proposal, place) + CLASSIFIER_WEIGHT * float(by_classifier)
    if log_odds < 0:
        return None
    return found._replace(place=replace(place, score=float(1 / (1 + np.exp(-log_odds)))))


def _best_of_all_turns(
    detector: Network, pixels: Pixels, proposal: Detection, placed: Detection
) -> Detection:
    """The best of closer looks at all quarter turns, each repeated from where it puts the face."""
    looks = [placed, *(look(detector, pixels, proposal, turns) for turns in (1, 2, 3))]
    for _ in range(REPEATS):
        looks = [look(detector, pixels, each) for each in looks]
    return max(placed, *looks, key=lambda each: each.score)


def _log_odds(proposal: Detection, placed: Detection) -> float:
    """Log odds of a face by the detector's two scores."""
    return PROPOSAL_WEIGHT * _logit(proposal.score) + LOOK_WEIGHT * _logit(placed.score) + BIAS


def _classified(classifier: Run, pixels: Pixels, place: Detection) -> _Found:
    """The face as the classifier sees it, with a last output proportional to its log odds."""
    to_chip = frame_view(place.keypoints, CHIP)
    chip = geometry.warp(pixels, to_chip, CHIP)
    (outputs,) = classifier(chip).values()
    return _Found(place, to_chip, chip, outputs)


def _logit(probability: float) -> float:
    bounded = min(max(probability, LEAST_SCORE), 1 - LEAST_SCORE)
    return float(np.log(bounded / (1 - bounded)))


def _central(detector: Network, pixels: Pixels, view: Transform) -> Detection | None:
    """The best face in the middle of a view."""
    found = detect(detector, geometry.warp(pixels, view, LOOK), LOOK_THRESHOLD)
    middle = (each for each in found if _off_centre(each) <= OFF_CENTRE * LOOK)
    return next(middle, None)


def _off_centre(seen: Detection) -> float:
    """The larger of a detection's two distances from the middle of a closer look."""
    return max(abs(each - LOOK / 2) for each in seen.centre)


def _rotated(view: Transform, angle: float) -> Transform:
    """The view turned clockwise about its middle, by an angle in radians."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, LOOK / 2)
    return geometry.compose(np.column_stack([turn, middle - turn @ middle]), view)


def _is_chip(found: Detection, width: int, height: int) -> bool:
    """Whether it is clearly a face, and its frame is nearly the whole picture."""
    distance = distance_to_frame(found.keypoints, width, height)
    return found.score >= CHIP_SCORE and distance <= CHIP_TOLERANCE


def _face(found: _Found, width: int, height: int) -> Face:
    corners = np.clip(found.place.corners, 0, (width, height))
    return Face(corners, found.place.score, found.chip, found.to_chip, found.outputs)
