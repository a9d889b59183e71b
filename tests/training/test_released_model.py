"""The committed model, its figures and its card belong together."""

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from ethnicity.classifier import calibration_for, detail, load_classifier
from ethnicity.faces import align, find_faces
from ethnicity.geometry import Pixels
from ethnicity.images import decode
from ethnicity.networks import MODELS
from ethnicity.pipeline import load_finder
from training import card
from training.augment import training_crop
from training.report import load_predictions, report

ROOT = Path(__file__).parents[2]
KERAS_FILE = ROOT / "ethnicity_cnn_model.h5"


@pytest.fixture(scope="module")
def chips() -> Pixels:
    """200 different pictures of faces: two portraits, jittered, relit, blurred and covered."""
    rng = np.random.default_rng(0)
    finder = load_finder()
    made = []
    for name in ("astronaut.jpg", "obama.jpg"):
        picture = decode((ROOT / "tests" / "data" / name).read_bytes()).pixels
        face = find_faces(finder, picture)[0]
        assert align(picture, face).shape == (64, 64, 3)
        made += [training_crop(picture, face.to_chip, rng) for _ in range(100)]
    return np.stack(made)


def test_the_keras_file_has_the_committed_checksum() -> None:
    expected = KERAS_FILE.with_name(f"{KERAS_FILE.name}.sha256").read_text().split()
    assert expected == [hashlib.sha256(KERAS_FILE.read_bytes()).hexdigest(), KERAS_FILE.name]


def test_the_served_network_answers_as_the_keras_model_does(chips: Pixels) -> None:
    classifier = load_classifier()
    model = keras.models.load_model(KERAS_FILE, compile=False)
    logits = keras.ops.convert_to_numpy(model(chips.astype(np.float32), training=False))
    served = np.array([classifier.judge(chip)[0] for chip in chips])
    expected = [
        calibration_for(detail(chip), classifier.calibrations).probabilities(each)
        for chip, each in zip(chips, logits, strict=True)
    ]
    assert np.abs(served - expected).max() <= 1e-3
    assert len(np.unique(served.round(4), axis=0)) > 100  # they are different pictures


def test_the_committed_figures_follow_from_the_committed_logits() -> None:
    predictions = load_predictions(ROOT / "evaluation" / "test_predictions.npz")
    committed = json.loads((ROOT / "evaluation" / "report.json").read_text(encoding="utf-8"))
    assert report(predictions, load_classifier().calibrations) == committed["test"]


def test_report_card_and_service_speak_of_the_same_model(tmp_path: Path) -> None:
    version = load_classifier().version
    committed = json.loads((ROOT / "evaluation" / "report.json").read_text(encoding="utf-8"))
    assert committed["model"] == version
    (tmp_path / "evaluation").mkdir()
    card.write(committed["test"], version, tmp_path, tmp_path)
    for file, written in (
        (ROOT / "MODEL_CARD.md", tmp_path / "MODEL_CARD.md"),
        (MODELS / "card.json", tmp_path / "card.json"),
    ):
        assert file.read_text(encoding="utf-8") == written.read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert card.with_figures(readme, committed["test"]) == readme
