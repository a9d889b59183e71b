"""Training by JAX, as on an accelerator, and by TensorFlow after it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from training.__main__ import main
from training.evaluate import MODELS

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


def python(backend: str, *arguments: str) -> str:
    """Return the output of Python with that Keras backend."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ).stdout


def test_tensorflow_continues_from_networks_trained_by_jax(data: Path, tmp_path: Path) -> None:
    # GIVEN a training run with JAX: halves, teachers, sharpness-aware steps
    work, out = tmp_path / "work", tmp_path / "out"
    arguments = [str(data), "--quick", "--work", str(work), "--out", str(out)]
    assert "without KERAS_BACKEND" in python("jax", "-m", "training", *arguments)
    assert not out.exists()

    # THEN its network gives the same answers in TensorFlow as in JAX
    for backend in ("jax", "tensorflow"):
        python(backend, "-c", ANSWERS, str(work), str(tmp_path / f"{backend}.npy"))
    answers = np.load(tmp_path / "tensorflow.npy")
    assert np.load(tmp_path / "jax.npy") == pytest.approx(answers, abs=1e-3)

    # AND the later stages use it unchanged
    trained = work / "quick" / "generation-2" / "classifier.weights.h5"
    weights = trained.read_bytes()
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    assert trained.read_bytes() == weights
    assert (out / MODELS / "classifier.json").exists()
