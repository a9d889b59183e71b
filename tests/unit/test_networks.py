"""Model files: only files that match their checksums are loaded."""

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ethnicity.classifier import load_classifier
from ethnicity.frame import CHIP
from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from ethnicity.model_files import MODELS, ModelFileError, read_model_file
from ethnicity.networks import Network, load_network
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


def test_the_message_is_one_line_with_instructions(folder: Path) -> None:
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


# The committed files


def test_networks_and_calibration_are_committed() -> None:
    assert {DETECTOR_FILE, "classifier.json"} <= set(SERVED)
    assert len(SERVED) >= 3


@pytest.mark.parametrize("name", SERVED)
def test_every_committed_file_matches_its_checksum(name: str) -> None:
    assert read_model_file(name) == (MODELS / name).read_bytes()


def test_every_checksum_has_a_file() -> None:
    lines = (MODELS / "SHA256SUMS").read_text().splitlines()
    assert sorted(line.split("  ")[1] for line in lines) == SERVED


def test_the_committed_networks_have_the_expected_inputs_and_outputs(models: Models) -> None:
    found = models.finder.detector(np.zeros((96, 64, 3), np.uint8)).values()
    assert sorted(grid.shape for grid in found) == [(3, 2, 16), (6, 4, 16), (12, 8, 16)]
    (outputs,) = models.classifier.network(np.zeros((CHIP, CHIP, 3), np.uint8)).values()
    assert outputs.shape == (len(LABELS) + 1,)  # the last one: is it a face?
    assert np.isfinite(outputs).all()


def test_an_output_is_not_overwritten_by_the_next_picture(models: Models) -> None:
    dark = np.zeros((CHIP, CHIP, 3), np.uint8)
    (first,) = models.classifier.network(dark).values()
    kept = first.copy()
    (other,) = models.classifier.network(dark + 200).values()
    assert np.array_equal(first, kept)
    assert not np.array_equal(first, other)


# Images of several sizes, from several threads


def answers_of(network: Network, image: Pixels) -> list[bytes]:
    return [grid.tobytes() for grid in network(image).values()]


def test_images_of_alternating_sizes_get_the_same_answers_as_from_a_new_network(
    detector: Network, portrait_pixels: Pixels
) -> None:
    small, wide = portrait_pixels[:96, 176:272], portrait_pixels[:128, 160:320]
    alone = [answers_of(load_network(DETECTOR_FILE), each) for each in (small, wide)]
    in_turn = [answers_of(detector, each) for each in (small, wide) * 2]
    assert in_turn == alone * 2
    assert alone[0] != alone[1]


def test_threads_that_share_a_network_get_the_same_answers(
    detector: Network, portrait_pixels: Pixels
) -> None:
    images = [portrait_pixels[:side, left : left + side] for side in (96, 128) for left in range(9)]
    expected = [answers_of(detector, each) for each in images]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda each: answers_of(detector, each), images * 4))
    assert found == expected * 4
