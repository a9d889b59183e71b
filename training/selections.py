"""Parts of a data set, selected by something other than the label: age, light, source and more.

Every collection selects its faces in some way. Within a label, a selected part looks different to
the classifier from the whole, and often other people labelled it. This module measures an audit's
errors on such parts, which its intervals allow for.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ethnicity.audit.prevalence import Answers, Reference, estimate, replicates
from ethnicity.classifier import Calibration
from ethnicity.faces import Finder
from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from ethnicity.search import glance
from training.data import GENDERS, ORIGINS, UNKNOWN, FaceSet
from training.metrics import Floats, Indices
from training.report import judged
from training.served import Served

SELECTIONS = Path("evaluation/selections.npz")
"""Answers to validation and test pictures with their attributes, from `training.evaluate`."""

_AGES = ((0, 1), (2, 3), (4,), (5, 6), (7, 8))
"""Bands of AGE_BANDS that form a part: 0-9, 10-29, 30-39, 40-59, 60 and more."""

_LEFT_OUT = ("East Asian", "Southeast Asian", "Middle Eastern", "Latino_Hispanic")
"""Origins that share their label with another: each is left out in turn."""

_PERIODS = 5
"""Number of equal parts by the time when UTKFace's pictures were collected, as their sources."""

_LEAST, _COMPOSITIONS, _REPLICATES = 100, 4, 100
"""Least pictures of a part, number of compositions it is thinned to, and replicates for each."""

MARGIN = 2.0
"""Factor on the measured departure. With it, intervals cover 90 % in every held-out kind of
selection among validation pictures, except UTKFace's sources; see benchmarks/AUDIT.md."""

_DAY = re.compile(r"_(\d{8})\d{6,}\.jpg")


@dataclass(frozen=True)
class Pictures:
    """The pictures of one set and split in which a face was found. All arrays share their axis n.

    ``logits``: shape (n, 5), uncalibrated; ``label``, ``age``, ``gender``, ``origin``: shape (n,),
    as in FaceSet. ``day``: date of collection as a number like 20170112; 0 if unknown.
    ``detail``: see `ethnicity.classifier.detail`. ``light``, ``contrast``: mean and standard
    deviation of the aligned face. ``warmth``: the logarithm of its red divided by its blue.
    ``turn``: the nose's distance from the middle of the eyes, as a fraction of the eyes' distance.
    ``size``: the eyes' distance, as a fraction of the picture's side.
    """

    name: str
    split: str
    logits: Floats
    label: Indices
    age: Indices
    gender: Indices
    origin: Indices
    day: Indices
    detail: Floats
    light: Floats
    contrast: Floats
    warmth: Floats
    turn: Floats
    size: Floats

    def probabilities(self, calibrations: tuple[Calibration, ...]) -> Floats:
        """The service's probabilities, shape (n, 5)."""
        return judged(self.logits, self.detail, calibrations)[0]


@dataclass(frozen=True)
class Part:
    """A part of a set: ``rows``, shape (n,), are true for its pictures.

    ``kind``: of selection.
    """

    kind: str
    name: str
    rows: NDArray[np.bool_]


def pictures_of(finder: Finder, faces: FaceSet, served: Served, split: str) -> Pictures:
    """The pictures with a face, from the result of `training.served.serve`."""
    found = served.found
    chips = served.chips[found].astype(np.float64)
    looks = [_look(finder, picture) for picture in faces.pictures[found]]
    turn, size = np.array(looks).reshape(-1, 2).T
    channels = np.maximum(chips.mean(axis=(1, 2)), 1)
    days = [_DAY.search(file) for file in faces.files[found]]
    return Pictures(
        name=faces.name,
        split=split,
        logits=served.logits[found],
        label=faces.label[found],
        age=faces.age[found],
        gender=faces.gender[found],
        origin=faces.origin[found],
        day=np.array([int(each[1]) if each else 0 for each in days], np.int64),
        detail=served.detail[found],
        light=chips.mean(axis=(1, 2, 3)),
        contrast=chips.std(axis=(1, 2, 3)),
        warmth=np.log(channels[:, 0] / channels[:, 2]),
        turn=turn,
        size=size,
    )


def _look(finder: Finder, picture: Pixels) -> tuple[float, float]:
    """``turn`` and ``size`` of a face; zero if the glance does not show it."""
    seen = glance(finder.detector, picture)
    if not seen:
        return 0.0, 0.0
    left, right, nose = seen[0].keypoints[:3]
    apart = max(float(np.linalg.norm(right - left)), 1.0)
    return float((nose[0] - (left[0] + right[0]) / 2) / apart), apart / picture.shape[1]


_ARRAYS = [field.name for field in fields(Pictures) if field.name not in {"name", "split"}]


def save(pictures: Sequence[Pictures], file: Path) -> None:
    """Write the pictures to a compressed .npz file with reduced precision."""
    arrays: dict[str, Any] = {}
    for each in pictures:
        for field in _ARRAYS:
            array = getattr(each, field)
            kind = np.float32 if array.dtype.kind == "f" else np.int32
            arrays[f"{each.name}/{each.split}/{field}"] = array.astype(kind)
    np.savez_compressed(file, allow_pickle=False, **arrays)


def load(file: Path, split: str) -> dict[str, Pictures]:
    """The sets of one split, by name."""
    with np.load(file) as arrays:
        names = sorted({key.split("/")[0] for key in arrays if f"/{split}/" in key}, reverse=True)
        return {
            name: Pictures(
                name,
                split,
                **{
                    field: arrays[f"{name}/{split}/{field}"].astype(
                        np.float64 if arrays[f"{name}/{split}/{field}"].dtype.kind == "f" else int
                    )
                    for field in _ARRAYS
                },
            )
            for name in names
        }


def parts(pictures: Pictures) -> Iterator[Part]:
    """The parts of a set by every kind of selection for which it has attributes."""
    everything = np.ones(len(pictures.label), np.bool_)
    yield Part("set", "all", everything)
    for bands in _AGES:
        yield Part("age", f"ages {bands}", np.isin(pictures.age, bands))
    for index, gender in enumerate(GENDERS):
        yield Part("gender", gender, pictures.gender == index)
    if (pictures.origin != UNKNOWN).any():
        for origin in _LEFT_OUT:
            yield Part("origin", f"no {origin}", pictures.origin != ORIGINS.index(origin))
    if pictures.day.any():
        edges = np.quantile(pictures.day, np.linspace(0, 1, _PERIODS + 1)[1:-1])
        period = np.searchsorted(edges, pictures.day, side="right")
        for index in range(_PERIODS):
            yield Part("source", f"period {index}", period == index)
    for kind, measure in _MEASURES.items():
        values = measure(pictures)
        low, high = np.quantile(values, (1 / 3, 2 / 3))
        yield Part(kind, "low", values < low)
        yield Part(kind, "middle", (low <= values) & (values <= high))
        yield Part(kind, "high", values > high)


_MEASURES: dict[str, Callable[[Pictures], Floats]] = {
    "sharpness": lambda pictures: pictures.detail,
    "light": lambda pictures: pictures.light,
    "contrast": lambda pictures: pictures.contrast,
    "colour": lambda pictures: pictures.warmth,
    "pose": lambda pictures: np.abs(pictures.turn - np.median(pictures.turn)),
    "size": lambda pictures: pictures.size,
}
"""Attributes by which a set is divided into thirds."""


@dataclass(frozen=True)
class Miss:
    """The error of an audit's estimate on a part of a set, summed over the labels.

    ``kind``: of selection. ``beyond``: squared errors of the shares minus their variance by chance.
    ``room``: p(1 - p) of the shares p.
    """

    kind: str
    beyond: float
    room: float


def misses(
    sets: Sequence[Pictures], calibrations: tuple[Calibration, ...], reference: Reference
) -> list[Miss]:
    """Audit the sets' parts, unchanged and thinned to random compositions."""
    rng = np.random.default_rng(0)
    reference = Reference(reference.shifts, reference.model)
    found = []
    for each in sets:
        probabilities = each.probabilities(calibrations)
        for part in parts(each):
            found += [
                _miss(part.kind, probabilities[rows], each.label[rows], reference, rng)
                for rows in thinned(each.label, np.flatnonzero(part.rows), rng)
            ]
    return found


def thinned(label: Indices, rows: Indices, rng: np.random.Generator) -> Iterator[Indices]:
    """All rows of a part, then random subsets of them with different compositions."""
    if len(rows) < _LEAST:
        return
    yield rows
    own = [rows[label[rows] == index] for index in range(len(LABELS))]
    available = np.array([len(each) for each in own])
    for _ in range(_COMPOSITIONS):
        composition = np.maximum(rng.dirichlet(np.full(len(LABELS), 2.0)), 0.01)
        composition /= composition.sum()
        wanted = (composition * (available / composition).min()).astype(np.int64)
        if wanted.sum() >= _LEAST:
            drawn = [rng.choice(a, n, replace=False) for a, n in zip(own, wanted, strict=True)]
            yield np.concatenate(drawn)


def _miss(
    kind: str, probabilities: Floats, label: Indices, reference: Reference, rng: np.random.Generator
) -> Miss:
    answers = Answers(np.ones(len(label), np.int64), probabilities)
    truth = np.bincount(label, minlength=len(LABELS)) / len(label)
    squared = (estimate(answers) - truth) ** 2
    chance = replicates(answers, reference, rng, _REPLICATES).var(axis=0)
    return Miss(kind, float((squared - chance).sum()), float((truth * (1 - truth)).sum()))


def departure(found: Iterable[Miss]) -> float:
    """The departure: the mean over the kinds of selection, times MARGIN; 0 or more.

    By the method of moments: the sum of ``beyond`` divided by the sum of ``room``. 0 if there are
    no parts.
    """
    kinds: dict[str, list[Miss]] = {}
    for each in found:
        kinds.setdefault(each.kind, []).append(each)
    shares = [sum(m.beyond for m in own) / sum(m.room for m in own) for own in kinds.values()]
    return max(MARGIN * float(np.mean(shares)), 0.0) if shares else 0.0
