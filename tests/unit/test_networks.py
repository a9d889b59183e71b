"""The model files: what is committed is what is loaded, or nothing is."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from ethnicity import blazeface
from ethnicity.classifier import load_classifier
from ethnicity.faces import CHIP
from ethnicity.labels import LABELS
from ethnicity.model_files import MODELS, ModelFileError, read_model_file
from ethnicity.networks import load_network
from ethnicity.pipeline import DETECTOR_FILE, Models, load_models

NAME = "model.bin"
CONTENT = b"not much of a network"
SUM = hashlib.sha256(CONTENT).hexdigest()
SERVED = sorted(file.name for file in MODELS.iterdir() if file.suffix in {".tflite", ".json"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model file and its checksum."""
    (tmp_path / NAME).write_bytes(CONTENT)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  other.bin\n{SUM}  {NAME}\n")
    return tmp_path


def test_a_file_that_matches_its_checksum_is_read(folder: Path) -> None:
    assert read_model_file(NAME, folder) == CONTENT


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"\n", CONTENT.swapcase()])
def test_a_file_that_was_changed_is_refused(folder: Path, content: bytes) -> None:
    (folder / NAME).write_bytes(content)
    with pytest.raises(ModelFileError, match=r"^model\.bin does not match its checksum"):
        read_model_file(NAME, folder)


@pytest.mark.parametrize(
    "sums",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n\n", id="blank lines"),
        pytest.param(f"{SUM}  other.bin\n".encode(), id="another file's"),
        pytest.param(f"{SUM}\n".encode(), id="no name"),
        pytest.param(f"{NAME}\n".encode(), id="no sum"),
        pytest.param(f"{'0' * 64}  {NAME}\n".encode(), id="another sum"),
        pytest.param(b"\xff\xfe\x00" + SUM.encode() + b"\xff", id="not text"),
        pytest.param(f"see {SUM}  {NAME} of old\n".encode(), id="prose"),
    ],
)
def test_a_file_whose_checksum_is_missing_is_refused(folder: Path, sums: bytes) -> None:
    (folder / "SHA256SUMS").write_bytes(sums)
    with pytest.raises(ModelFileError, match=r"^model\.bin does not match its checksum"):
        read_model_file(NAME, folder)


@pytest.mark.parametrize("missing", [NAME, "SHA256SUMS"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(ModelFileError, match=f"{missing} cannot be read"):
        read_model_file(NAME, folder)


def test_the_message_is_one_line_that_says_what_to_do(folder: Path) -> None:
    (folder / NAME).unlink()
    with pytest.raises(ModelFileError) as caught:
        read_model_file(NAME, folder)
    message = str(caught.value)
    assert "reinstall" in message
    assert "\n" not in message
    assert "Traceback" not in message
    assert "Errno" not in message


def test_a_network_that_was_changed_is_not_loaded(tmp_path: Path) -> None:
    shutil.copytree(MODELS, tmp_path, dirs_exist_ok=True)
    file = tmp_path / DETECTOR_FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelFileError):
        load_network(DETECTOR_FILE, tmp_path)
    with pytest.raises(ModelFileError):
        load_models(tmp_path)


def test_a_calibration_that_was_changed_is_not_loaded(tmp_path: Path) -> None:
    shutil.copytree(MODELS, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "classifier.json"
    file.write_text(file.read_text().replace('"temperature": ', '"temperature": 1'))
    with pytest.raises(ModelFileError):
        load_classifier(tmp_path)


# What is committed


def test_networks_and_calibration_are_committed() -> None:
    assert {DETECTOR_FILE, "classifier.json"} <= set(SERVED)
    assert len(SERVED) >= 3


@pytest.mark.parametrize("name", SERVED)
def test_every_committed_file_matches_its_checksum(name: str) -> None:
    assert read_model_file(name) == (MODELS / name).read_bytes()


def test_every_checksum_has_its_file() -> None:
    lines = (MODELS / "SHA256SUMS").read_text().splitlines()
    assert sorted(line.split("  ")[1] for line in lines) == SERVED


def test_the_committed_networks_take_and_give_what_the_package_expects(models: Models) -> None:
    found = models.finder.detector(np.zeros((blazeface.SIDE, blazeface.SIDE, 3), np.float32))
    assert found["classificators"].shape == (896, 1)
    assert found["regressors"].shape == (896, 16)
    (logits,) = models.classifier.network(np.zeros((CHIP, CHIP, 3), np.float32)).values()
    assert logits.shape == (len(LABELS),)
    assert np.isfinite(logits).all()


def test_what_a_network_gave_is_not_overwritten_by_the_next_picture(models: Models) -> None:
    dark = np.zeros((CHIP, CHIP, 3), np.float32)
    (first,) = models.classifier.network(dark).values()
    kept = first.copy()
    (other,) = models.classifier.network(dark + 200).values()
    assert np.array_equal(first, kept)
    assert not np.array_equal(first, other)
