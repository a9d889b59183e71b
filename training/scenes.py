"""Faces pasted into photographs without faces, at a known place, size and angle."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ethnicity.geometry import Pixels
from training.augment import Rng, compressed

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Scene:
    """A photograph with one face in it.

    ``centre``: of the face, shape (2,), in the picture's pixels. ``side``: of the pasted crop.
    """

    pixels: Pixels
    centre: NDArray[np.float64]
    side: int


def photographs(folder: Path, longest: int) -> Iterator[tuple[Path, Pixels]]:
    """Every picture under a folder, by file name, resized to ``longest`` pixels.

    A picture of less than half that size keeps it. Transparent pictures get a grey background.
    """
    for file in sorted(each for each in folder.rglob("*") if each.suffix.lower() in _SUFFIXES):
        stored = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if stored is None or stored.dtype != np.uint8 or min(stored.shape[:2]) < 32:
            continue
        if stored.ndim == 3 and stored.shape[2] == 4:
            opacity = stored[..., 3:] / 255
            stored = (stored[..., :3] * opacity + 128 * (1 - opacity)).astype(np.uint8)
        colour = cv2.COLOR_GRAY2RGB if stored.ndim == 2 else cv2.COLOR_BGR2RGB
        picture = cv2.cvtColor(stored, colour)
        scale = longest / max(picture.shape[:2])
        if scale < 2:
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)
        yield file, np.asarray(picture, np.uint8)


def paste(face: Pixels, side: int, angle: float, ground: Pixels, rng: Rng) -> Scene:
    """Paste the square ``face``, scaled to ``side`` pixels and turned by ``angle`` degrees.

    Its place is random, and the picture is compressed as JPEG, as a camera would do.
    """
    height, width = ground.shape[:2]
    reach = side / 2 * (abs(np.cos(np.deg2rad(angle))) + abs(np.sin(np.deg2rad(angle))))
    centre = np.array([_within(reach, width, rng), _within(reach, height, rng)], np.float64)
    how = cv2.INTER_AREA if side < face.shape[0] else cv2.INTER_CUBIC
    scaled = cv2.resize(face, (side, side), interpolation=how)
    place = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1)
    place = np.asarray(place, np.float64) + np.outer(centre - side / 2, [0, 0, 1])
    covered = cv2.warpAffine(np.full((side, side), 255, np.uint8), place, (width, height)) > 127
    pixels = ground.copy()
    pixels[covered] = cv2.warpAffine(scaled, place, (width, height))[covered]
    return Scene(compressed(pixels, int(rng.integers(70, 96))), centre, side)


def _within(reach: float, length: int, rng: Rng) -> float:
    return float(rng.uniform(min(reach, length / 2), max(length - reach, length / 2)))
