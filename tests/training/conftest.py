"""A tiny data set for the tests of training."""

import csv
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from ethnicity.faces import find_faces
from ethnicity.geometry import Pixels
from ethnicity.images import decode
from ethnicity.labels import LABELS
from ethnicity.pipeline import load_models
from training.augment import training_crop

ORIGIN = dict(
    zip(LABELS, ("White", "Black", "East Asian", "Indian", "Middle Eastern"), strict=True)
)


def smiley(grey: int) -> Pixels:
    """A drawn face on a background of that grey."""
    drawn = np.full((400, 400, 3), grey, np.uint8)
    cv2.ellipse(drawn, (200, 200), (90, 120), 0, 0, 360, (150, 180, 225), -1)
    for x in (165, 235):
        cv2.ellipse(drawn, (x, 170), (16, 9), 0, 0, 360, (40, 40, 60), -1)
    cv2.ellipse(drawn, (200, 215), (10, 16), 0, 0, 360, (110, 140, 190), -1)
    cv2.ellipse(drawn, (200, 265), (34, 11), 0, 0, 360, (70, 60, 160), -1)
    return drawn


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, astronaut: bytes) -> Path:
    """Both data sets in miniature: one portrait, varied, in each class and split.

    In addition, there are pictures without a face in which the detector sees one.
    """
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    picture = decode(astronaut).pixels
    face = find_faces(load_models().finder, picture)[0]
    for name, archive in (("utkface", "utk64.tar"), ("fairface", "fairface96.tar")):
        rows = []
        with tarfile.open(folder / archive, "w") as tar:
            for index in range(60):
                label = LABELS[index % 5]
                split = ("train", "train", "val", "test")[index // 5 % 4]
                file = f"{index}.jpg"
                _, encoded = cv2.imencode(".jpg", training_crop(picture, face.to_chip, rng))
                member = tarfile.TarInfo(f"folder/{file}")
                member.size = len(encoded)
                tar.addfile(member, io.BytesIO(encoded.tobytes()))
                row = {"file": file, "race": label, "split": split, "group": file}
                if name == "utkface":
                    row |= {"age": str(index), "gender": str(index % 2)}
                else:
                    row |= {"age": "20-29", "gender": "Female", "race7": ORIGIN[label]}
                rows.append(row)
        labels = folder / f"labels_{name}.csv"
        with labels.open("w", encoding="utf-8", newline="") as index_file:
            writer = csv.DictWriter(index_file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    (folder / "faceless").mkdir()
    for grey in range(40, 220, 20):
        cv2.imwrite(str(folder / "faceless" / f"{grey}.png"), smiley(grey))
    return folder
