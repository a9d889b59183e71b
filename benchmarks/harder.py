"""Faces that are hard to find: selected or changed by code, and pasted at known places.

turned.csv names the 5 % of both sets' faces that are turned most to the side, by the distance of
the nose from the middle between the eyes, as BlazeFace placed them.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ethnicity import geometry
from ethnicity.frame import CHIP, FRAME
from ethnicity.geometry import Pixels, Points, Transform
from training.augment import Rng
from training.data import AGE_BANDS, FaceSet
from training.scenes import Scene, paste

TURNED = Path(__file__).with_name("turned.csv")
_SIDES = (96, 160)
"""Pixels of the pasted squares: the least and the most."""

_OUTSIDE = 1 / 3
"""The part of a cut face that lies outside the picture."""

Which = Callable[[FaceSet], NDArray[np.bool_]]
"""Selects the faces of a set to use."""

Change = Callable[[Pixels, Transform, Rng], Pixels]
"""Changes a face picture; the transform maps it to the classifier's frame."""

Expose = Callable[[Pixels], Pixels]
"""Changes the light of a picture."""


def kinds() -> dict[str, Callable[[FaceSet, list[Pixels], int, Rng], Iterator[Scene]]]:
    """The kinds of harder faces by name, each with a function that makes its scenes."""
    turned = _turned_files()
    return {
        "as they are": _scenes(),
        "turned to the side (5 % most)": _scenes(lambda faces: np.isin(faces.files, turned)),
        "aged 0 to 2": _scenes(lambda faces: faces.age == AGE_BANDS.index("0-2")),
        "aged 80 and more (FairFace: 70)": _scenes(_elderly),
        "sunglasses": _scenes(change=sunglasses),
        "mask": _scenes(change=mask),
        "blurred": _scenes(change=blurred),
        "dark (an eighth of the light)": _scenes(
            light=lambda face: exposed(face, 1 / 8), ground=lambda ground: exposed(ground, 1 / 8)
        ),
        "back-lit": _scenes(
            light=lambda face: exposed(face, 1 / 5), ground=lambda ground: exposed(ground, 3)
        ),
        "cut by the left or right border": _cut((0, 2)),
        "cut by the upper border": _cut((1,)),
        "cut by the lower border": _cut((3,)),
    }


def sunglasses(face: Pixels, to_frame: Transform, rng: Rng) -> Pixels:
    """Cover the eyes with a dark band."""
    left, right = FRAME[:2]
    margin = np.array([0.17, 0.0])
    height = np.array([0.0, 0.09])
    corners = [
        left - margin - height,
        right + margin - height,
        right + margin + height,
        left - margin + height,
    ]
    return _covered(face, to_frame, np.array(corners), rng.integers(0, 40, 3))


def mask(face: Pixels, to_frame: Transform, rng: Rng) -> Pixels:
    """Cover everything below the middle of the nose, as a medical mask does."""
    corners = np.array(
        [[0.1, 0.56], [0.5, 0.46], [0.9, 0.56], [0.84, 0.85], [0.5, 1.0], [0.16, 0.85]]
    )
    colours = np.array([[235, 238, 240], [150, 195, 220], [30, 30, 34]])
    return _covered(face, to_frame, corners, rng.choice(colours))


def blurred(face: Pixels, _: Transform, __: Rng) -> Pixels:
    """Blur a face as a lens out of focus does, with 4 % of its side as standard deviation."""
    return np.asarray(cv2.GaussianBlur(face, (0, 0), 0.04 * face.shape[0]), np.uint8)


def exposed(picture: Pixels, light: float) -> Pixels:
    """Multiply the light that falls on a picture by ``light``, for a display of gamma 2.2."""
    shades = 255 * np.minimum(1, light * (np.arange(256) / 255) ** 2.2) ** (1 / 2.2)
    return np.asarray(np.round(shades).astype(np.uint8)[picture])


def _covered(
    face: Pixels, to_frame: Transform, corners: Points, colour: NDArray[np.int64]
) -> Pixels:
    """Fill a polygon, given as fractions of the classifier's frame."""
    points = geometry.apply(geometry.invert(to_frame), corners * CHIP)
    covered = face.copy()
    cv2.fillPoly(covered, [np.round(points).astype(np.int32)], colour.tolist(), cv2.LINE_AA)
    return covered


def _scenes(
    which: Which = lambda faces: np.ones(len(faces.files), bool),
    change: Change = lambda face, _, __: face,
    light: Expose = lambda face: face,
    ground: Expose = lambda ground: ground,
) -> Callable[[FaceSet, list[Pixels], int, Rng], Iterator[Scene]]:
    """Make scenes of faces that were chosen, changed and lit."""

    def make(faces: FaceSet, grounds: list[Pixels], count: int, rng: Rng) -> Iterator[Scene]:
        chosen = np.flatnonzero(which(faces))
        for _ in range(count):
            index = rng.choice(chosen)
            face = light(change(faces.pictures[index], faces.aligned[index], rng))
            behind = ground(grounds[rng.integers(len(grounds))])
            yield paste(face, int(rng.integers(*_SIDES, endpoint=True)), 0, behind, rng)

    return make


def _cut(borders: tuple[int, ...]) -> Callable[[FaceSet, list[Pixels], int, Rng], Iterator[Scene]]:
    """Cut scenes at one of the borders (left, upper, right, lower) so that a third is outside."""

    def make(faces: FaceSet, grounds: list[Pixels], count: int, rng: Rng) -> Iterator[Scene]:
        for scene in _scenes()(faces, grounds, count, rng):
            height, width = scene.pixels.shape[:2]
            inside = scene.side * (0.5 - _OUTSIDE)
            cuts = np.concatenate([scene.centre - inside, scene.centre + inside])
            box = np.array([0, 0, width, height])
            border = rng.choice(borders)
            box[border] = round(cuts[border])
            left, top, right, bottom = box
            pixels = np.ascontiguousarray(scene.pixels[top:bottom, left:right])
            yield Scene(pixels, scene.centre - [left, top], scene.side)

    return make


def _elderly(faces: FaceSet) -> NDArray[np.bool_]:
    """Select old people: by the age in UTKFace's file names, or FairFace's oldest age band."""
    if faces.name != "utkface":
        return np.asarray(faces.age == AGE_BANDS.index("70+"))
    return np.array([int(Path(file).name.split("_")[0]) >= 80 for file in faces.files])


def _turned_files() -> list[str]:
    with TURNED.open(encoding="utf-8", newline="") as file:
        return [row["file"] for row in csv.DictReader(file)]
