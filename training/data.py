"""The two data sets, read from their archives and brought into arrays ready for training.

Each picture is kept at its own size together with the transform that aligns its face, so that
augmentation can warp the original once, with the pixels around the face still there.
"""

import csv
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ethnicity import LABELS
from ethnicity.faces import Finder, find_faces, whole_picture
from ethnicity.geometry import Pixels
from ethnicity.pipeline import load_finder

AGE_BANDS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+")
GENDERS = ("Male", "Female")
ORIGINS = (
    "White",
    "Black",
    "East Asian",
    "Southeast Asian",
    "Indian",
    "Middle Eastern",
    "Latino_Hispanic",
)
"""FairFace's seven classes, an auxiliary target; UTKFace has none."""

UNKNOWN = -1


@dataclass(frozen=True)
class FaceSet:
    """A data set in memory, or one split of it. All arrays share their first axis, n.

    ``pictures``: uint8, shape (n, side, side, 3), RGB.
    ``aligned``: float64, shape (n, 2, 3): to the 64×64 frame by the detector's keypoints; the
    whole picture where no face was found.
    ``group``: near-duplicates and pictures taken together share one; it lies in one split only.
    ``label``, ``age``, ``gender``, ``origin``: indices into LABELS, AGE_BANDS, GENDERS, ORIGINS;
    UNKNOWN where the set does not tell.
    """

    name: str
    files: NDArray[np.str_]
    split: NDArray[np.str_]
    group: NDArray[np.str_]
    pictures: NDArray[np.uint8]
    aligned: NDArray[np.float64]
    label: NDArray[np.int64]
    age: NDArray[np.int64]
    gender: NDArray[np.int64]
    origin: NDArray[np.int64]

    @property
    def side(self) -> int:
        return int(self.pictures.shape[1])

    @property
    def whole(self) -> NDArray[np.float64]:
        """The transform of each picture, all of one size, that is itself the frame."""
        return whole_picture(self.side, self.side).to_chip

    def part(self, split: str) -> "FaceSet":
        """The pictures of one split: train, val or test."""
        return self.where(self.split == split)

    def where(self, chosen: NDArray[np.bool_]) -> "FaceSet":
        """The pictures for which ``chosen``, of shape (n,), is true."""
        arrays: dict[str, Any] = {
            field.name: getattr(self, field.name)[chosen]
            for field in fields(self)
            if field.name != "name"
        }
        return replace(self, **arrays)

    def class_prior(self) -> NDArray[np.float64]:
        """The share of each label, shape (5,)."""
        counts = np.bincount(self.label, minlength=len(LABELS))
        return np.asarray(counts / counts.sum())


@dataclass(frozen=True)
class Source:
    """Where a data set lies within the data folder."""

    name: str
    archive: str
    labels: str


SOURCES = (
    Source("utkface", "utk64.tar", "labels_utkface.csv"),
    Source("fairface", "fairface96.tar", "labels_fairface.csv"),
)


def load_sets(data: Path, cache: Path) -> list[FaceSet]:
    """Both data sets; prepared at the first call (minutes), read from ``cache`` afterwards."""
    return [_load_set(source, data, cache) for source in SOURCES]


def _load_set(source: Source, data: Path, cache: Path) -> FaceSet:
    file = cache / f"{source.name}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part.npz")
        np.savez(unfinished, allow_pickle=False, **_prepare(source, data))
        unfinished.rename(file)
    with np.load(file) as arrays:
        return FaceSet(name=source.name, **arrays)


def _prepare(source: Source, data: Path) -> dict[str, NDArray[Any]]:
    with (data / source.labels).open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    finder = load_finder()
    kept, pictures, aligned = [], [], []
    progress = tqdm(
        read_archive(data / source.archive), total=len(rows), desc=source.name, unit="pic"
    )
    for name, picture in progress:
        if name in rows:
            kept.append(rows[name])
            pictures.append(picture)
            aligned.append(_alignment(finder, picture))
    return {
        "files": np.array([row["file"] for row in kept]),
        "split": np.array([row["split"] for row in kept]),
        "group": np.array([row["group"] for row in kept]),
        "pictures": np.array(pictures),
        "aligned": np.array(aligned),
        "label": np.array([LABELS.index(row["race"]) for row in kept]),
        "age": np.array([_age_band(row["age"]) for row in kept]),
        "gender": np.array([_gender(row["gender"]) for row in kept]),
        "origin": np.array(
            [ORIGINS.index(row["race7"]) if "race7" in row else UNKNOWN for row in kept]
        ),
    }


def read_archive(archive: Path) -> Iterator[tuple[str, Pixels]]:
    """Names, without folders, and pictures of a tar file."""
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            if stream is not None:
                encoded = np.frombuffer(stream.read(), np.uint8)
                picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
                yield Path(member.name).name, np.asarray(picture, np.uint8)


def _alignment(finder: Finder, picture: Pixels) -> NDArray[np.float64]:
    faces = find_faces(finder, picture, take_chips_whole=False)
    height, width = picture.shape[:2]
    return (faces[0] if faces else whole_picture(width, height)).to_chip


def _gender(gender: str) -> int:
    """UTKFace writes 0 and 1, FairFace words."""
    return int(gender) if gender.isdigit() else GENDERS.index(gender)


def _age_band(age: str) -> int:
    """The band of an age in years, or of a band as FairFace writes it."""
    if not age.isdigit():
        return AGE_BANDS.index("70+" if age == "more than 70" else age)
    lower_ends = [int(band.rstrip("+").split("-")[0]) for band in AGE_BANDS]
    return int(np.searchsorted(lower_ends, int(age), side="right")) - 1
