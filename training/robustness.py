"""Effects of blur, compression, darkness, rotation, covering and low resolution on the answers.

The test pictures are degraded before the service sees them, so finding the face is included.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ethnicity.geometry import Pixels
from ethnicity.pipeline import load_models
from training.augment import blurred, compressed, low_resolution
from training.data import FaceSet
from training.metrics import Floats, Indices, guesses, rates, rounded
from training.report import Calibrations, judged
from training.served import serve


@dataclass(frozen=True)
class Condition:
    """A way to degrade pictures, ``spoil(picture, level)``, and its levels."""

    name: str
    unit: str
    levels: tuple[float, ...]
    spoil: Callable[[Pixels, float], Pixels]


def _blur(picture: Pixels, level: float) -> Pixels:
    return blurred(picture, level / 100 * len(picture))


def _compress(picture: Pixels, level: float) -> Pixels:
    return compressed(picture[..., ::-1], int(level))[..., ::-1]  # OpenCV's order of channels


def _darken(picture: Pixels, level: float) -> Pixels:
    return (picture * (level / 100)).astype(np.uint8)


def _turn(picture: Pixels, level: float) -> Pixels:
    side = len(picture)
    matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), level, 1)
    turned = cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def _cover(picture: Pixels, level: float) -> Pixels:
    """Cover the face from the chin upwards, like a mask or a scarf."""
    covered = picture.copy()
    covered[round(len(picture) * (1 - level / 100)) :] = picture.mean(axis=(0, 1))
    return covered


def _reduce(picture: Pixels, level: float) -> Pixels:
    return low_resolution(picture, int(level))


CONDITIONS = (
    Condition("blur", "standard deviation, % of the side", (1, 2, 3, 5), _blur),
    Condition("compression", "JPEG quality", (50, 20, 10, 5), _compress),
    Condition("darkness", "brightness, %", (50, 25, 12, 6), _darken),
    Condition("rotation", "degrees", (15, 30, 60, 90), _turn),
    Condition("covering", "% of the height, from below", (20, 30, 40, 50), _cover),
    Condition("resolution", "pixels a side", (32, 24, 16, 8), _reduce),
)


@dataclass(frozen=True)
class Spoiled:
    """The network's answers to one set's pictures, degraded in one way.

    ``levels``: shape (m,); the first is NaN, for the unchanged pictures. ``label``: shape (n,).
    ``found``, shape (m, n), ``logits``, shape (m, n, 5), ``detail``, shape (m, n): as in
    `report.Predictions`.
    """

    levels: Floats
    label: Indices
    found: NDArray[np.bool_]
    logits: Floats
    detail: Floats


_FIELDS = [field.name for field in fields(Spoiled)]


def measure(sets: list[FaceSet], models: Path, pictures: int) -> dict[str, Spoiled]:
    """Degrade and serve random pictures of each set; results by "set/condition"."""
    tasks = [
        (faces.sample(pictures), condition, models) for faces in sets for condition in CONDITIONS
    ]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return dict(pool.map(_measured, tasks))


def _measured(task: tuple[FaceSet, Condition, Path]) -> tuple[str, Spoiled]:
    faces, condition, folder = task
    models = load_models(folder)
    served = []
    for level in (None, *condition.levels):
        pictures = faces.pictures
        if level is not None:
            pictures = np.stack([condition.spoil(picture, level) for picture in pictures])
        spoiled = replace(faces, name=f"{faces.name}, {condition.name} {level}", pictures=pictures)
        served.append(serve(models.finder, models.classifier.network, spoiled))
    return f"{faces.name}/{condition.name}", Spoiled(
        levels=np.array([np.nan, *condition.levels]),
        label=faces.label,
        found=np.stack([each.found for each in served]),
        logits=np.stack([each.logits for each in served]),
        detail=np.stack([each.detail for each in served]),
    )


def save(spoiled: dict[str, Spoiled], file: Path) -> None:
    """Write the answers to a compressed .npz file, in half precision."""
    arrays = {
        f"{name}/{field}": getattr(each, field).astype(np.float16)
        for name, each in spoiled.items()
        for field in _FIELDS
    }
    np.savez_compressed(file, allow_pickle=False, **arrays)


def load(file: Path) -> dict[str, Spoiled]:
    """Read a file written by `save`."""
    with np.load(file) as arrays:
        names = dict.fromkeys(key.rpartition("/")[0] for key in arrays)
        return {
            name: Spoiled(
                levels=arrays[f"{name}/levels"].astype(np.float64),
                label=arrays[f"{name}/label"].astype(np.int64),
                found=arrays[f"{name}/found"].astype(np.bool_),
                logits=arrays[f"{name}/logits"].astype(np.float64),
                detail=arrays[f"{name}/detail"].astype(np.float64),
            )
            for name in names
        }


def report(spoiled: dict[str, Spoiled], calibrations: Calibrations) -> dict[str, Any]:
    """Faces found, accuracy and confidence, by set, condition and level."""
    figures: dict[str, Any] = {}
    for name, each in spoiled.items():
        faces, _, condition = name.partition("/")
        levels = [_level(each, index, calibrations) for index in range(len(each.levels))]
        figures.setdefault(faces, {})[condition] = levels
    return figures


def _level(each: Spoiled, index: int, calibrations: Calibrations) -> dict[str, Any]:
    found, level = each.found[index], each.levels[index]
    probabilities, sets = judged(each.logits[index], each.detail[index], calibrations)
    made = rates(each.label, guesses(probabilities, found))
    right = sets[np.arange(len(found)), each.label]
    return {
        "level": None if np.isnan(level) else float(f"{level:.3g}"),
        "faces_found": rounded(found.mean()),
        "balanced_accuracy": made.balanced_accuracy().rounded(),
        "mean_confidence": _mean(probabilities[found].max(axis=1)),
        "coverage": _mean(right[found]),
        "uncertain_share": _mean(sets[found].sum(axis=1) > 1),
    }


def _mean(values: NDArray[Any]) -> float | None:
    return rounded(values.mean()) if len(values) else None
