"""The readers of the data sets as their authors publish them."""

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from ethnicity.geometry import Pixels
from training.data import load_sets
from training.sources import NoDataSet, Source, fairface, thinned, utkface


def drawn(seed: int, side: int = 200) -> Pixels:
    """Blocks of random brightness: unlike those of any other seed, even to a coarse hash."""
    blocks = np.random.default_rng(seed).integers(0, 256, (20, 20), np.uint8)
    large = cv2.resize(blocks, (side, side), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)


def resized(picture: Pixels, side: int) -> Pixels:
    return np.asarray(cv2.resize(picture, (side, side)), np.uint8)


def write(file: Path, picture: Pixels) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), picture)


def read(source: Source | None) -> dict[str, Pixels]:
    assert source is not None
    return dict(source.pictures)


def test_utkface_is_read_from_its_file_names(tmp_path: Path) -> None:
    for index, name in enumerate(
        ("25_1_3_20170104.jpg.chip.jpg", "101_0_4_20170105.jpg", "61_3_20170106.jpg", "notes.jpg")
    ):
        write(tmp_path / "UTKFace" / name, drawn(index))

    source = utkface(tmp_path)

    assert source is not None
    said = {Path(file).name: each for file, each in source.samples.items()}
    assert list(said) == ["101_0_4_20170105.jpg", "25_1_3_20170104.jpg.chip.jpg"]
    first, second = said.values()
    assert (first.label, first.age, first.gender, first.origin) == ("Others", "101", "Male", "")
    assert (second.label, second.age, second.gender) == ("Indian", "25", "Female")
    assert {picture.shape for picture in read(source).values()} == {(96, 96, 3)}


def test_fairface_is_read_from_its_tables_in_the_five_classes(tmp_path: Path) -> None:
    rows = {
        "train": [("train/1.jpg", "East Asian", "Asian"), ("train/2.jpg", "White", "White")],
        "val": [("val/1.jpg", "Latino_Hispanic", "Others")],
    }
    for seed, (part, listed) in enumerate(rows.items()):
        with (tmp_path / f"fairface_label_{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "age", "gender", "race", "service_test"])
            for index, (name, origin, _) in enumerate(listed):
                writer.writerow([name, "more than 70", "Female", origin, "True"])
                write(tmp_path / name, drawn(10 * seed + index, side=224))

    source = fairface(tmp_path)

    assert source is not None
    said = {
        str(Path(file).relative_to(tmp_path)): (each.origin, each.label)
        for file, each in source.samples.items()
    }
    assert said == {name: (origin, label) for each in rows.values() for name, origin, label in each}
    assert len(read(source)) == 3

    # AND the splits are the same wherever the folder lies
    moved = fairface(tmp_path.rename(tmp_path.with_name("moved")))
    assert moved is not None
    assert [each.group for each in moved.samples.values()] == [
        each.group for each in source.samples.values()
    ]


def test_near_duplicates_and_pictures_of_one_moment_share_a_split(tmp_path: Path) -> None:
    # GIVEN one picture twice, the copy darker and smaller, and another with the copy's time stamp
    picture = drawn(0)
    write(tmp_path / "1_0_0_111.jpg", picture)
    write(tmp_path / "2_0_1_222.jpg", resized(picture // 5 * 4, 150))
    write(tmp_path / "3_0_2_222.jpg", drawn(1))
    # AND many others
    for index in range(60):
        write(tmp_path / f"{index}_1_0_{1000 + index}.jpg", drawn(2 + index))

    source = utkface(tmp_path)

    assert source is not None
    groups = {Path(file).name: each.group for file, each in source.samples.items()}
    assert len({groups[name] for name in ("1_0_0_111.jpg", "2_0_1_222.jpg", "3_0_2_222.jpg")}) == 1
    assert len(set(groups.values())) == 61
    by_group = {(each.group, each.split) for each in source.samples.values()}
    assert len(by_group) == 61
    assert {split for _, split in by_group} == {"train", "val", "test"}


def test_splits_do_not_depend_on_other_files_in_the_folder(tmp_path: Path) -> None:
    for index in range(30):
        write(tmp_path / "a" / f"1_0_0_{index}.jpg", drawn(index))
    alone = utkface(tmp_path)
    for index in range(30, 60):
        write(tmp_path / "b" / f"1_0_0_{index}.jpg", drawn(index))
    together = utkface(tmp_path)
    assert alone is not None
    assert together is not None
    assert alone.samples.items() <= together.samples.items()


def test_a_source_can_be_thinned_to_a_few_pictures_of_each_label_and_split(tmp_path: Path) -> None:
    for index in range(60):
        write(tmp_path / f"1_0_{index % 2}_{index}.jpg", drawn(index))
    source = utkface(tmp_path)
    assert source is not None
    thin = thinned(source, 2)
    counts = Counter((each.label, each.split) for each in thin.samples.values())
    assert max(counts.values()) == 2
    assert set(counts) == {(each.label, each.split) for each in source.samples.values()}


def test_a_missing_set_is_returned_as_none(tmp_path: Path) -> None:
    assert utkface(tmp_path) is None
    assert fairface(tmp_path) is None


def test_a_folder_with_neither_set_is_refused_with_a_message(tmp_path: Path) -> None:
    with pytest.raises(NoDataSet, match="age_gender_race_time"):
        load_sets(tmp_path, tmp_path / "cache")
