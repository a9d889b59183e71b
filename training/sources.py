"""Readers of the data sets on disk: packed with an index and splits, or as published.

As published, UTKFace is a folder of ``age_gender_race_time.jpg`` files, and FairFace two folders,
train and val, beside ``fairface_label_train.csv`` and ``fairface_label_val.csv``. Neither has
splits that keep near-duplicates together, so this module makes splits.
"""

import csv
import hashlib
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS

_SIDE = 96
"""Side of the squares to which published pictures are reduced; larger than the network's input."""

_UTKFACE_FILE = re.compile(r"(?P<age>\d+)_(?P<gender>[01])_(?P<race>[0-4])_(?P<time>\d+)\.jpg.*")
_GENDERS = {"0": "Male", "1": "Female"}
_FIVE = {
    "East Asian": "Asian",
    "Southeast Asian": "Asian",
    "Middle Eastern": "Others",
    "Latino_Hispanic": "Others",
}
"""Labels of FairFace's classes with another name, by UTKFace's definition of Others."""

_HASH_SIDE, _NEAR = 16, 26
"""Largest number of differing bits, of 256, between the difference hashes of near-duplicates."""

_VAL, _TEST = 0.08, 0.10
"""Shares of the groups that are held out for val and test."""


class NoDataSet(Exception):
    """A folder contains neither data set in a known form."""

    def __init__(self, data: Path) -> None:
        super().__init__(
            f"{data} holds neither UTKFace (files named age_gender_race_time.jpg) nor FairFace "
            "(train/ and val/ beside fairface_label_train.csv and fairface_label_val.csv)"
        )


@dataclass(frozen=True)
class Sample:
    """A data set's facts about one picture.

    ``age``: in years, or a band. ``origin``: FairFace's class, empty in UTKFace. ``group``: each
    group is in one split only.
    """

    label: str
    age: str
    gender: str
    origin: str
    group: str
    split: str = ""


@dataclass(frozen=True)
class Source:
    """A data set: facts by picture name, and the pictures."""

    samples: dict[str, Sample]
    pictures: Iterator[tuple[str, Pixels]]


def utkface(data: Path) -> Source | None:
    """UTKFace in a data folder; ``None`` if it is not there."""
    for archive in (data / "utk200.tar", data / "utk64.tar"):
        if archive.exists():
            return _packed(data / "labels_utkface.csv", archive)
    samples = {}
    for file in sorted(data.rglob("*.jpg*")):
        if named := _UTKFACE_FILE.fullmatch(file.name):
            label, gender = LABELS[int(named["race"])], _GENDERS[named["gender"]]
            samples[file] = Sample(label, named["age"], gender, origin="", group=named["time"])
    return _published(samples)


def fairface(data: Path) -> Source | None:
    """FairFace in a data folder; ``None`` if it is not there."""
    if (data / "fairface96.tar").exists():
        return _packed(data / "labels_fairface.csv", data / "fairface96.tar")
    samples = {}
    for labels in sorted(data.rglob("fairface_label_*.csv")):
        for row in _rows(labels):
            file, origin = labels.parent / row["file"], row["race"]
            label = _FIVE.get(origin, origin)
            samples[file] = Sample(label, row["age"], row["gender"], origin, group=row["file"])
    return _published(samples)


def thinned(source: Source, few: int) -> Source:
    """The source with only the first pictures of each label and split."""
    taken: Counter[tuple[str, str]] = Counter()
    kept = {}
    for file, sample in source.samples.items():
        taken[sample.label, sample.split] += 1
        if taken[sample.label, sample.split] <= few:
            kept[file] = sample
    return replace(source, samples=kept)


def read_archive(archive: Path) -> Iterator[tuple[str, Pixels]]:
    """Names, without folders, and pictures of a tar file."""
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            if stream is not None:
                yield Path(member.name).name, _decoded(stream.read())


def _packed(labels: Path, archive: Path) -> Source:
    samples = {
        row["file"]: Sample(
            label=row["race"],
            age=row["age"],
            gender=_GENDERS.get(row["gender"], row["gender"]),
            origin=row.get("race7", ""),
            group=row["group"],
            split=row["split"],
        )
        for row in _rows(labels)
    }
    return Source(samples, read_archive(archive))


def _published(samples: dict[Path, Sample]) -> Source | None:
    """The samples by file, split so that near-duplicates stay together."""
    if not samples:
        return None
    progress = tqdm(samples, desc="read", unit="pic")
    pictures = {str(file): _reduced(_decoded(file.read_bytes())) for file in progress}
    groups = _grouped([each.group for each in samples.values()], list(pictures.values()))
    split = {
        str(file): replace(sample, group=group, split=_split(group))
        for (file, sample), group in zip(samples.items(), groups, strict=True)
    }
    return Source(split, iter(pictures.items()))


def _grouped(names: list[str], pictures: list[Pixels]) -> list[str]:
    """The names, with one common name for all (transitive) near-duplicates."""
    hashes = np.stack([_difference_hash(each) for each in pictures])
    unique, group = np.unique(names, return_inverse=True)
    edges = [(0, 0)]
    for row in range(len(hashes)):
        differing = np.bitwise_count(hashes[row + 1 :] ^ hashes[row]).sum(axis=1)
        near = np.flatnonzero(differing <= _NEAR) + row + 1
        edges += [(group[row], group[other]) for other in near]
    ends = np.array(edges).T
    graph = coo_array((np.ones(len(edges)), (ends[0], ends[1])), shape=(len(unique),) * 2)
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return [str(unique[first[component[each]]]) for each in group]


def _difference_hash(picture: Pixels) -> NDArray[np.uint8]:
    """Whether each pixel of the picture reduced to 17 x 16 is brighter than the next: 32 bytes."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, :-1] > small[:, 1:])


def _split(group: str) -> str:
    """The split of a group, by its name alone: the same in every run and for any data set size."""
    share = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8]) / 2**64
    return "test" if share < _TEST else "val" if share < _TEST + _VAL else "train"


def _rows(labels: Path) -> list[dict[str, str]]:
    with labels.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _decoded(content: bytes) -> Pixels:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(picture, np.uint8)


def _reduced(picture: Pixels) -> Pixels:
    """Reduce a picture to a square; all have one size because they share an array."""
    side = (_SIDE, _SIDE)
    return np.asarray(cv2.resize(picture, side, interpolation=cv2.INTER_AREA), np.uint8)
