"""A tiny data set for the tests of training."""

import csv
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from ethnicity.faces import find_faces
from ethnicity.images import decode
from ethnicity.labels import LABELS
from ethnicity.pipeline import load_finder
from training.augment import training_crop

ORIGIN = dict(
    zip(LABELS, ("White", "Black", "East Asian", "Indian", "Middle Eastern"), strict=True)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, astronaut: bytes) -> Path:
    """Both data sets in miniature: one portrait, varied, in each class and split."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    picture = decode(astronaut).pixels
    face = find_faces(load_finder(), picture)[0]
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
    return folder
