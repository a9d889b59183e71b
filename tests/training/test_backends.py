"""Training by JAX, as on an accelerator, and by TensorFlow after it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from training.__main__ import RECIPES, main
from training.data import load_sets
from training.evaluate import MODELS
from training.train import load_classifier, predict_logits, whole_pictures

ANSWERS = """
import sys
from pathlib import Path

import numpy as np

from training.__main__ import RECIPES
from training.data import load_sets
from training.train import load_classifier, predict_logits, whole_pictures

work, answers = Path(sys.argv[1]), sys.argv[2]
faces, _ = load_sets(work, work / "prepared")
classifier = load_classifier(RECIPES["quick"][-1], work / "quick" / "generation-2")
np.save(answers, predict_logits(classifier, whole_pictures(faces)))
"""


def by_jax(*arguments: str) -> str:
    """What a Python with JAX for Keras' backend prints."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ).stdout


def test_tensorflow_goes_on_from_networks_that_jax_has_trained(data: Path, tmp_path: Path) -> None:
    # GIVEN a run of JAX: halves, teachers, sharpness-aware steps
    work, out = tmp_path / "work", tmp_path / "out"
    arguments = [str(data), "--quick", "--work", str(work), "--out", str(out)]
    assert "without KERAS_BACKEND" in by_jax("-m", "training", *arguments)
    assert not out.exists()

    # THEN its network answers TensorFlow what it answers JAX
    by_jax("-c", ANSWERS, str(work), str(tmp_path / "answers.npy"))
    faces, _ = load_sets(data, work / "prepared")
    trained = work / "quick" / "generation-2"
    answers = predict_logits(load_classifier(RECIPES["quick"][-1], trained), whole_pictures(faces))
    assert np.load(tmp_path / "answers.npy") == pytest.approx(answers, abs=1e-3)

    # AND the stages that follow take it as it is
    weights = (trained / "classifier.weights.h5").read_bytes()
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    assert (trained / "classifier.weights.h5").read_bytes() == weights
    assert (out / MODELS / "classifier.json").exists()
