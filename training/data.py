"""The data sets as arrays ready for training.

Each picture keeps its own size and has a transform that aligns its face, so that augmentation can
warp the original once, including the pixels around the face.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ethnicity.faces import Finder, find_faces
from ethnicity.frame import whole_view
from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from ethnicity.pipeline import load_models
from training import sources
from training.sources import Source

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
    ``aligned``: float64, shape (n, 2, 3): transforms to the classifier's frame by the detector's
    keypoints; of the whole picture if no face was found.
    ``group``: shared by near-duplicates and pictures taken together; each is in one split only.
    ``label``, ``age``, ``gender``, ``origin``: indices into LABELS, AGE_BANDS, GENDERS, ORIGINS;
    UNKNOWN if the set does not contain it.
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
        """The transforms to the frame that use each picture whole; all have one size."""
        return whole_view(self.side, self.side)

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

    def sample(self, count: int) -> "FaceSet":
        """Up to this many pictures, drawn at random with a fixed seed."""
        return self.where(np.random.default_rng(0).permutation(len(self.label)) < count)

    def reduced(self, side: int) -> "FaceSet":
        """The pictures at ``side`` pixels, as another set."""
        pictures = [
            cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA) for each in self.pictures
        ]
        aligned = self.aligned.copy()
        aligned[:, :, :2] *= self.side / side
        return replace(
            self, name=f"{self.name}_{side}", pictures=np.array(pictures), aligned=aligned
        )

    def class_prior(self) -> NDArray[np.float64]:
        """The share of each label, shape (5,)."""
        counts = np.bincount(self.label, minlength=len(LABELS))
        return np.asarray(counts / counts.sum())


READERS = {"utkface": sources.utkface, "fairface": sources.fairface}
"""The data sets by name, with the functions that find them in a data folder."""


def load_sets(data: Path, cache: Path, few: int | None = None) -> list[FaceSet]:
    """The data sets in the folder ``data``; prepared at the first call (minutes), then cached.

    ``few``: use only this many pictures of each label and split.

    Raises:
        sources.NoDataSet: the folder has no data set in a known form.
    """
    sets = []
    for name, reader in READERS.items():
        file = cache / f"{name}.npz"
        if not file.exists():
            source = reader(data)
            if source is None:
                continue
            if few is not None:
                source = sources.thinned(source, few)
            with written_whole(file) as unfinished:
                np.savez(unfinished, allow_pickle=False, **_prepare(name, source))
        with np.load(file) as arrays:
            sets.append(FaceSet(name=name, **arrays))
    if not sets:
        raise sources.NoDataSet(data)
    return sets


@contextmanager
def written_whole(file: Path) -> Iterator[Path]:
    """A temporary path that is renamed to the file once complete, so no partial file remains."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".part{file.suffix}")
    yield unfinished
    unfinished.rename(file)


def _prepare(name: str, source: Source) -> dict[str, NDArray[Any]]:
    finder = load_models().finder
    files, pictures, aligned = [], [], []
    progress = tqdm(source.pictures, total=len(source.samples), desc=name, unit="pic")
    for file, picture in progress:
        if file in source.samples:
            files.append(file)
            pictures.append(picture)
            aligned.append(_alignment(finder, picture))
    kept = [source.samples[file] for file in files]
    return {
        "files": np.array(files),
        "split": np.array([each.split for each in kept]),
        "group": np.array([each.group for each in kept]),
        "pictures": np.array(pictures),
        "aligned": np.array(aligned),
        "label": np.array([LABELS.index(each.label) for each in kept]),
        "age": np.array([_age_band(each.age) for each in kept]),
        "gender": np.array([GENDERS.index(each.gender) for each in kept]),
        "origin": np.array(
            [ORIGINS.index(each.origin) if each.origin else UNKNOWN for each in kept]
        ),
    }


def _alignment(finder: Finder, picture: Pixels) -> NDArray[np.float64]:
    faces = find_faces(finder, picture, take_chips_whole=False)
    height, width = picture.shape[:2]
    return faces[0].to_chip if faces else whole_view(width, height)


def _age_band(age: str) -> int:
    """The band of an age in years, or of a band as FairFace writes it."""
    if not age.isdigit():
        return AGE_BANDS.index("70+" if age == "more than 70" else age)
    lower_ends = [int(band.rstrip("+").split("-")[0]) for band in AGE_BANDS]
    return int(np.searchsorted(lower_ends, int(age), side="right")) - 1
