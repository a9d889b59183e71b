"""Every stage of `make train`, from archives to served files, on a tiny data set."""

import csv
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ethnicity import LABELS
from ethnicity.faces import find_faces
from ethnicity.images import decode
from ethnicity.networks import load_network
from ethnicity.pipeline import DETECTOR_FILE, load_models
from training.__main__ import MODELS, main
from training.augment import training_crop
from training.data import AGE_BANDS, SOURCES, load_sets

PORTRAIT = Path(__file__).parents[1] / "data" / "astronaut.jpg"
ORIGIN = dict(
    zip(LABELS, ("White", "Black", "East Asian", "Indian", "Middle Eastern"), strict=True)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both data sets in miniature: one portrait, varied, in each class and split."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    picture = decode(PORTRAIT.read_bytes()).pixels
    face = find_faces(load_network(DETECTOR_FILE), picture)[0]
    for source in SOURCES:
        rows = []
        with tarfile.open(folder / source.archive, "w") as tar:
            for index in range(60):
                label = LABELS[index % 5]
                split = ("train", "train", "val", "test")[index // 5 % 4]
                name = f"{index}.jpg"
                _, encoded = cv2.imencode(".jpg", training_crop(picture, face.to_chip, rng))
                member = tarfile.TarInfo(f"folder/{name}")
                member.size = len(encoded)
                tar.addfile(member, io.BytesIO(encoded.tobytes()))
                row = {"file": name, "race": label, "split": split, "group": name}
                if source.name == "utkface":
                    row |= {"age": str(index), "gender": str(index % 2)}
                else:
                    row |= {"age": "20-29", "gender": "Female", "race7": ORIGIN[label]}
                rows.append(row)
        with (folder / source.labels).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return folder


def test_every_stage_runs_and_leaves_a_model_that_the_service_can_load(
    data: Path, tmp_path: Path
) -> None:
    arguments = [str(data), "--recipe", "quick", "--work", str(tmp_path / "work")]
    result = CliRunner().invoke(
        main, [*arguments, "--out", str(tmp_path / "out")], catch_exceptions=False
    )
    assert result.exit_code == 0
    models = tmp_path / "out" / MODELS
    detector = Path(__file__).parents[2] / MODELS / DETECTOR_FILE
    (models / DETECTOR_FILE).write_bytes(detector.read_bytes())
    with (models / "SHA256SUMS").open("a", encoding="utf-8") as sums:
        committed = (detector.parent / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
        sums.writelines(f"{line}\n" for line in committed if line.endswith(DETECTOR_FILE))
    assert load_models(models).classifier.version
    assert "%" in (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_ages_of_both_sets_fall_into_the_same_bands(data: Path, tmp_path: Path) -> None:
    utkface, fairface = load_sets(data, tmp_path)
    assert {AGE_BANDS[age] for age in utkface.age} == set(AGE_BANDS) - {"60-69", "70+"}
    assert {AGE_BANDS[age] for age in fairface.age} == {"20-29"}
    assert (utkface.origin == -1).all()
