"""The committed model, its figures and its card agree."""

import hashlib
import json
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import pytest

from ethnicity.classifier import calibration_for, detail, load_classifier, softmax
from ethnicity.faces import find_faces
from ethnicity.frame import CHIP
from ethnicity.geometry import Pixels
from ethnicity.images import decode
from ethnicity.labels import LABELS
from ethnicity.model_files import MODELS
from ethnicity.networks import Network
from ethnicity.pipeline import load_models
from training import card, evaluate, plots
from training.augment import training_crop
from training.export import export_network

ROOT = Path(__file__).parents[2]
KERAS_FILE = ROOT / "ethnicity_cnn_model.h5"


@pytest.fixture(scope="module")
def chips() -> Pixels:
    """200 different pictures of faces: two portraits, jittered, relit, blurred and covered."""
    rng = np.random.default_rng(0)
    finder = load_models().finder
    made = []
    for name in ("astronaut.jpg", "obama.jpg"):
        picture = decode((ROOT / "tests" / "data" / name).read_bytes()).pixels
        face = find_faces(finder, picture)[0]
        assert face.chip.shape == (CHIP, CHIP, 3)
        made += [training_crop(picture, face.to_chip, rng) for _ in range(100)]
    return np.stack(made)


def test_the_keras_file_has_the_committed_checksum() -> None:
    expected = KERAS_FILE.with_name(f"{KERAS_FILE.name}.sha256").read_text().split()
    assert expected == [hashlib.sha256(KERAS_FILE.read_bytes()).hexdigest(), KERAS_FILE.name]


def test_the_served_network_agrees_with_the_keras_model(chips: Pixels) -> None:
    """Within the tolerance that its 8-bit integers need."""
    classifier = load_classifier()
    model = keras.models.load_model(KERAS_FILE, compile=False)
    views = np.stack([chips, chips[:, :, ::-1]]).astype(np.float32)
    outputs = np.mean([keras.ops.convert_to_numpy(model(view)) for view in views], axis=0)
    logits = outputs[:, : len(LABELS)]
    served = np.array([classifier.judge(chip)[0] for chip in chips])
    expected = np.array(
        [
            calibration_for(detail(chip), classifier.calibrations).probabilities(each)
            for chip, each in zip(chips, logits, strict=True)
        ]
    )
    assert np.abs(served - expected).mean() <= 0.02
    assert (served.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.95
    assert len(np.unique(served.round(4), axis=0)) > 100  # they are different pictures


def test_the_exported_network_is_the_keras_model(chips: Pixels, tmp_path: Path) -> None:
    model = keras.models.load_model(KERAS_FILE, compile=False)
    export_network(model, tmp_path / "float.tflite")
    network = Network((tmp_path / "float.tflite").read_bytes())
    exported = np.array([[*network(chip).values()] for chip in chips])
    logits = keras.ops.convert_to_numpy(model(chips.astype(np.float32)))
    assert np.abs(softmax(exported[:, 0]) - softmax(logits)).max() <= 1e-3


@pytest.fixture(scope="module")
def published() -> Any:
    """The committed report."""
    return json.loads((ROOT / "evaluation" / "report.json").read_text(encoding="utf-8"))


def test_the_committed_figures_follow_from_the_committed_predictions(published: Any) -> None:
    assert evaluate.figures(ROOT) == published


def test_answers_of_other_networks_are_not_published(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "networks.sha256").write_text("0123  ethnicity.tflite\n")
    with pytest.raises(click.ClickException, match="run make evaluate"):
        evaluate.figures(tmp_path)


def test_report_card_and_readme_agree(published: Any, tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    card.write(published, tmp_path, tmp_path)
    for committed, name in (
        (ROOT / "MODEL_CARD.md", "MODEL_CARD.md"),
        (MODELS / "card.json", "card.json"),
    ):
        assert committed.read_text(encoding="utf-8") == (tmp_path / name).read_text(
            encoding="utf-8"
        )
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert card.with_figures(readme, published["test"]) == readme


def test_the_plots_show_the_committed_report(published: Any, tmp_path: Path) -> None:
    plots.write(published, tmp_path)
    drawn = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.glob("*.svg")}
    assert drawn
    for name, content in drawn.items():
        assert (ROOT / "evaluation" / name).read_text(encoding="utf-8") == content
