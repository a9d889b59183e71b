"""Augmentation: random changes as detectors, cameras and re-encoding cause them."""

from collections.abc import Callable

import cv2
import numpy as np

from ethnicity.frame import CHIP
from ethnicity.geometry import Pixels, Transform, warp

Rng = np.random.Generator


def training_crop(picture: Pixels, to_chip: Transform, rng: Rng, side: int = CHIP) -> Pixels:
    """A randomly changed crop of ``side`` pixels; ``to_chip`` maps the picture to the aligned face.

    The crop is misaligned as by a detector, relit, blurred, covered and compressed.
    """
    crop = warp(picture, jittered(to_chip, rng, side), side)
    for chance, change in _CHANGES:
        if rng.random() < chance:
            crop = change(crop, rng)
    return crop


def jittered(to_chip: Transform, rng: Rng, side: int) -> Transform:
    """The transform, followed by a small random rotation, scale, stretch, shift and mirroring.

    The detector's frame differs from UTKFace's by 4 % of the side at each corner in the median and
    by 9 % in one picture of ten; the jitter is of that size.
    """
    angle = np.deg2rad(rng.normal(0, 6))
    scale = np.exp(rng.normal(0, 0.08))
    stretch = np.exp(rng.normal(0, 0.03))
    mirror = rng.choice([-1.0, 1.0])
    rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = rotate @ np.diag([scale * stretch * mirror, scale / stretch])
    middle = np.full(2, side / 2)
    shift = middle + rng.normal(0, 0.03 * side, size=2) - linear @ middle
    return np.column_stack([linear @ to_chip[:, :2], linear @ to_chip[:, 2] + shift])


def degraded(crop: Pixels, rng: Rng) -> Pixels:
    """The crop with less detail: enlarged from 6 to 40 pixels, or blurred as much."""
    if rng.random() < 0.5:
        return low_resolution(crop, round(np.exp(rng.uniform(np.log(6), np.log(40)))))
    return blurred(crop, np.exp(rng.uniform(np.log(0.0125), np.log(0.0625))) * len(crop))


def low_resolution(crop: Pixels, side: int) -> Pixels:
    """The crop reduced to ``side`` pixels a side, and enlarged again."""
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return _pixels(cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def blurred(crop: Pixels, sigma: float) -> Pixels:
    """The crop after a Gaussian filter with a standard deviation of ``sigma`` pixels."""
    return _pixels(cv2.GaussianBlur(crop, (0, 0), sigma))


def compressed(crop: Pixels, quality: int) -> Pixels:
    """The crop after JPEG compression, its channels in the same order as before."""
    _, encoded = cv2.imencode(".jpg", crop, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return _pixels(cv2.imdecode(encoded, cv2.IMREAD_COLOR))


def _pixels(changed: object) -> Pixels:
    """OpenCV's result as uint8, its real type, which OpenCV's annotations lack."""
    return np.asarray(changed, np.uint8)


def _light(crop: Pixels, rng: Rng) -> Pixels:
    """Exposure, contrast, gamma and the colour of the light."""
    gamma = np.exp(rng.normal(0, 0.25))
    gain = np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.06, size=3))
    levels = np.linspace(0, 1, 256)[:, np.newaxis] ** gamma
    levels = (levels - 0.5) * np.exp(rng.normal(0, 0.2)) + 0.5
    table = np.clip(levels * gain * 255, 0, 255).astype(np.uint8)
    return _pixels(cv2.LUT(crop, table[:, np.newaxis, :]))


def _grey(crop: Pixels, rng: Rng) -> Pixels:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return _pixels(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB))


def _saturation(crop: Pixels, rng: Rng) -> Pixels:
    grey = _grey(crop, rng)
    amount = rng.uniform(0.4, 1.5)
    return _pixels(cv2.addWeighted(crop, amount, grey, 1 - amount, 0))


def _blur(crop: Pixels, rng: Rng) -> Pixels:
    return blurred(crop, rng.uniform(0.006, 0.025) * len(crop))


def _low_resolution(crop: Pixels, rng: Rng) -> Pixels:
    return low_resolution(crop, round(np.exp(rng.uniform(np.log(0.15), np.log(0.9))) * len(crop)))


def _noise(crop: Pixels, rng: Rng) -> Pixels:
    noise = rng.normal(0, rng.uniform(2, 14), size=crop.shape)
    return np.clip(crop + noise, 0, 255).astype(np.uint8)


def _compression(crop: Pixels, rng: Rng) -> Pixels:
    return compressed(crop, int(rng.integers(25, 90)))


def _occlusion(crop: Pixels, rng: Rng) -> Pixels:
    """A patch of one colour over up to a quarter of the face."""
    side = len(crop)
    width, height = rng.integers(side // 8, side // 2, size=2)
    left, top = rng.integers(0, side - width), rng.integers(0, side - height)
    return _patched(crop, slice(top, top + height), slice(left, left + width), rng)


def covered_from_below(crop: Pixels, rng: Rng) -> Pixels:
    """The crop with its face covered up to the mouth or nose, as by a mask or a scarf.

    The face is in the middle two thirds.
    """
    shares = rng.uniform((0.42, 0.8, 0, 0.8), (0.65, 1, 0.18, 1))
    top, bottom, left, right = np.rint(shares * len(crop)).astype(int)
    return _patched(crop, slice(top, bottom), slice(left, right), rng)


def _masked(crop: Pixels, rng: Rng) -> Pixels:
    """The face in its frame, covered from below up to the mouth or nose."""
    shares = rng.uniform((0.5, 0.95, 0, 0.85), (0.68, 1, 0.15, 1))
    top, bottom, left, right = np.rint(shares * len(crop)).astype(int)
    return _patched(crop, slice(top, bottom), slice(left, right), rng)


def _patched(crop: Pixels, rows: slice, columns: slice, rng: Rng) -> Pixels:
    """The crop with one colour over a rectangle."""
    covered = crop.copy()
    covered[rows, columns] = rng.integers(0, 256, size=3)
    return covered


_CHANGES: tuple[tuple[float, Callable[[Pixels, Rng], Pixels]], ...] = (
    (0.8, _light),
    (0.4, _saturation),
    (0.05, _grey),
    (0.15, _blur),
    (0.25, _low_resolution),
    (0.1, _noise),
    (0.25, _compression),
    (0.25, _occlusion),
    (0.05, _masked),
)
