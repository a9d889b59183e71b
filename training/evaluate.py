"""Measures the served model on the test pictures and publishes the figures.

    python -m training.evaluate [DATA]

The service's own pipeline classifies the pictures, and the network's answers are written to
evaluation/*.npz. These files alone determine evaluation/report.json, the plots beside it,
MODEL_CARD.md, the service's card.json and the README's figures. Without DATA, the command only
rewrites these.
"""

from pathlib import Path
from typing import Any

import click

from ethnicity.classifier import load_classifier
from ethnicity.pipeline import Models, load_models
from training import baselines, card, options, plots, robustness, selections
from training.data import FaceSet, load_sets
from training.export import network_checksums, write_served_checksums
from training.metrics import Floats
from training.report import Predictions, load_predictions, report, save_predictions
from training.served import serve, serve_degraded

MODELS = Path("layers/inference/python/ethnicity/models")
EVALUATION = Path("evaluation")
PREDICTIONS = EVALUATION / "test_predictions.npz"
SPOILED = EVALUATION / "spoiled_predictions.npz"
_SMALL = 64
"""Side in pixels to which UTKFace's pictures are reduced to be measured a second time."""

MEASURED = EVALUATION / "networks.sha256"
"""Checksums of the networks that produced these answers."""


@click.command(help=__doc__)
@options.optional_data
def main(data: Path | None) -> None:
    """Measure if DATA is given, then publish."""
    if data is not None:
        measure(load_sets(data, options.WORK / "prepared"), options.ROOT)
    publish(options.ROOT)


def measure(sets: list[FaceSet], root: Path, spoiled: int = 1000) -> None:
    """Classify every test picture, and ``spoiled`` pictures of each set degraded in every way."""
    models = load_models(root / MODELS)
    (root / EVALUATION).mkdir(exist_ok=True)
    tests = [each.part("test") for each in sets]
    small = [each.reduced(_SMALL) for each in tests if each.name == "utkface"]
    priors = {each.name: each.part("train").class_prior() for each in sets}
    predictions = [
        _predictions(models, each, priors[each.name.removesuffix(f"_{_SMALL}")])
        for each in [*tests, *small]
    ]
    save_predictions(predictions, root / PREDICTIONS)
    robustness.save(robustness.measure(tests, root / MODELS, spoiled), root / SPOILED)
    surveyed = [_surveyed(models, each, split) for each in sets for split in ("val", "test")]
    selections.save(surveyed, root / selections.SELECTIONS)
    (root / MEASURED).write_text(network_checksums(root / MODELS), encoding="utf-8")


def _predictions(models: Models, test: FaceSet, prior: Floats) -> Predictions:
    network = models.classifier.network
    served = serve(models.finder, network, test)
    worse = serve_degraded(network, served, seed=1)
    return Predictions(
        name=test.name,
        label=test.label,
        found=served.found,
        logits=served.logits,
        detail=served.detail,
        degraded_logits=worse.logits,
        degraded_detail=worse.detail,
        prior=prior,
        age=test.age,
        gender=test.gender,
    )


def _surveyed(models: Models, faces: FaceSet, split: str) -> selections.Pictures:
    part = faces.part(split)
    served = serve(models.finder, models.classifier.network, part)
    return selections.pictures_of(models.finder, part, served, split)


def figures(root: Path) -> dict[str, Any]:
    """Compute the figures from the files in evaluation/ and the served calibrations.

    Raises:
        ClickException: the files contain answers of networks other than the served ones.
    """
    if (root / MEASURED).read_text(encoding="utf-8") != network_checksums(root / MODELS):
        raise click.ClickException(
            f"{EVALUATION}/ has answers of other networks: run make evaluate"
        )
    classifier = load_classifier(root / MODELS)
    predictions = load_predictions(root / PREDICTIONS)
    made: dict[str, Any] = {
        "model": classifier.version,
        "test": report(predictions, classifier.calibrations),
        "spoiled": robustness.report(robustness.load(root / SPOILED), classifier.calibrations),
    }
    if (root / baselines.GUESSES).exists():
        labels = {each.name: each.label for each in predictions}
        made["compared"] = baselines.report(root / baselines.GUESSES, labels)
    return made


def publish(root: Path) -> None:
    """Write report, plots, card and README's figures."""
    made = figures(root)
    card.write(made, root, root / MODELS)
    plots.write(made, root / EVALUATION)
    write_served_checksums(root / MODELS)


if __name__ == "__main__":
    main()
