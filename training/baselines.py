"""Trains networks for comparison: the original's CNN, and small networks on one set or both.

    python -m training.baselines DATA

takes half an hour on two cores and writes the networks' guesses for both sets' test pictures to
evaluation/baselines.npz. Each network judges the faces that the service finds, in its frame.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from ethnicity.labels import LABELS
from ethnicity.pipeline import load_models
from training import options
from training.data import load_sets
from training.metrics import Indices, guesses, rates, rounded
from training.served import serve
from training.train import Material, Recipe, predict_logits, train

GUESSES = Path("evaluation/baselines.npz")

_LABELS = "labels"
"""Prefix of the arrays with the test pictures' labels, beside the guesses."""


@dataclass(frozen=True)
class Baseline:
    """A network for comparison: its training sets and its recipe."""

    name: str
    sets: tuple[str, ...]
    recipe: Recipe


BASELINES = (
    Baseline(
        "the original's CNN, on UTKFace",
        ("utkface",),
        Recipe(
            network="original",
            optimizer="adamw",
            epochs=30,
            learning_rate=1e-3,
            weight_decay=0.0,
            label_smoothing=0.05,
        ),
    ),
    Baseline("width 16, on UTKFace", ("utkface",), Recipe(width=16, epochs=18)),
    Baseline("width 16, on FairFace", ("fairface",), Recipe(width=16, epochs=9)),
    Baseline("width 16, on both", ("utkface", "fairface"), Recipe(width=16, epochs=6)),
)
"""The small networks all train for the same number of steps."""


@click.command(help=__doc__)
@options.data
@options.work
@options.out
def main(data: Path, work: Path, out: Path) -> None:
    """Train each baseline and write its guesses."""
    sets = load_sets(data, work / "prepared")
    models = load_models()
    tests = [each.part("test") for each in sets]
    served = [serve(models.finder, models.classifier.network, test) for test in tests]
    arrays = {f"{_LABELS}/{test.name}": test.label.astype(np.int8) for test in tests}
    for index, baseline in enumerate(BASELINES):
        seen = [each for each in sets if each.name in baseline.sets]
        classifier = train(Material(seen), baseline.recipe, work / "baselines" / str(index))
        for test, each in zip(tests, served, strict=True):
            logits = predict_logits(classifier, each.chips).astype(np.float64)
            arrays[f"{baseline.name}/{test.name}"] = guesses(logits, each.found).astype(np.int8)
    (out / GUESSES).parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / GUESSES, allow_pickle=False, **arrays)


def report(file: Path, labels: dict[str, Indices]) -> dict[str, Any]:
    """Accuracy figures by network and set; ``labels``: of each set's test pictures.

    Sets whose test pictures differ from those in the file are left out.
    """
    figures: dict[str, Any] = {}
    with np.load(file) as arrays:
        guessed = {key: key.rpartition("/") for key in arrays if not key.startswith(_LABELS)}
        for key, (name, _, faces) in guessed.items():
            if not np.array_equal(arrays[f"{_LABELS}/{faces}"], labels.get(faces, [])):
                continue
            made = rates(labels[faces], arrays[key].astype(np.int64))
            figures.setdefault(name, {})[faces] = {
                "accuracy": rounded(made.accuracy().value),
                "balanced_accuracy": rounded(made.balanced_accuracy().value),
                "recall_of_others": rounded(made.recall(LABELS.index("Others")).value),
            }
    return figures


if __name__ == "__main__":
    main()
