"""From the data sets to the files that are served and the figures that are published.

    python -m training DATA

Each stage leaves its result in the working folder and is skipped the next time: training goes on
where it was interrupted.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import click

from ethnicity.faces import Finder
from ethnicity.networks import Network, open_network
from ethnicity.pipeline import load_finder
from training import card
from training.calibrate import Scored, fit_calibrations
from training.data import FaceSet, load_sets
from training.export import NETWORK_FILE, describe, export_keras, export_network
from training.generations import train_generations
from training.reference import write_reference
from training.report import Predictions, load_predictions, report, save_predictions
from training.served import Served, serve, serve_degraded
from training.train import Recipe

ROOT = Path(__file__).parents[1]
MODELS = Path("layers/inference/python/ethnicity/models")
PREDICTIONS = Path("evaluation/test_predictions.npz")

RECIPES = {
    "served": [
        Recipe(optimizer="adamw", epochs=20),
        Recipe(
            optimizer="adamw",
            epochs=9,
            learning_rate=1e-3,
            warmup_epochs=0.3,
            label_smoothing=0,
            mixup_share=0.3,
            start=0,
            teachers=(0,),
        ),
        Recipe(
            epochs=20,
            learning_rate=5e-3,
            warmup_epochs=0.3,
            weight_decay=0.05,
            label_smoothing=0,
            mixup_share=0.3,
            start=1,
            teachers=(1,),
            teachers_weight=0.3,
        ),
        Recipe(
            width=48,
            epochs=14,
            learning_rate=5e-3,
            weight_decay=0.05,
            label_smoothing=0,
            teachers=(2,),
            teachers_weight=0.3,
            seed=3,
        ),
    ],
    "quick": [
        Recipe(width=8, epochs=2, batch=16),
        Recipe(width=8, epochs=2, batch=16, start=0, teachers=(0,)),
    ],
    "original": [
        Recipe(width=0, optimizer="adamw", epochs=30, learning_rate=1e-3, weight_decay=0.0)
    ],
}
"""By name the generations' recipes."""


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / ".training",
    help="Where prepared pictures and checkpoints are kept.",
)
@click.option(
    "--recipe",
    "name",
    type=click.Choice(list(RECIPES)),
    default="served",
    help="original is the baseline, which is not exported; quick, a try of every stage.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT,
    help="Where the model, its card and its figures go, laid out as in the repository.",
)
def main(data: Path, work: Path, name: str, out: Path) -> None:
    """Run all stages."""
    sets = load_sets(data, work / "prepared")
    classifier = train_generations(sets, RECIPES[name], work / name)
    if name == "original":
        return
    models = out / MODELS
    models.mkdir(parents=True, exist_ok=True)
    export_keras(classifier, out)
    export_network(classifier, models / NETWORK_FILE)
    content = (models / NETWORK_FILE).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    version = f"{datetime.now(UTC):%Y.%m.%d}-{digest[:8]}"
    network = open_network(content)
    finder = load_finder()

    validation = [each.part("val") for each in sets]
    natural = [serve(finder, network, each) for each in validation]
    scored = {
        faces.name: _scored(served, faces)
        for served, faces in zip(natural, validation, strict=True)
    }
    calibrations = fit_calibrations(
        [*scored.values()],
        [
            _scored(serve_degraded(network, served, seed=0), faces)
            for served, faces in zip(natural, validation, strict=True)
        ],
    )
    predictions = out / PREDICTIONS
    predictions.parent.mkdir(exist_ok=True)
    save_predictions([_predictions(finder, network, each) for each in sets], predictions)
    card.write(report(load_predictions(predictions), calibrations), version, out, models)
    write_reference(scored, calibrations, version, models)
    describe(calibrations, version, models)


def _scored(served: Served, faces: FaceSet) -> Scored:
    return Scored(served.logits, faces.label, served.detail).where(served.found)


def _predictions(finder: Finder, network: Network, faces: FaceSet) -> Predictions:
    test = faces.part("test")
    served = serve(finder, network, test)
    worse = serve_degraded(network, served, seed=1)
    return Predictions(
        name=test.name,
        label=test.label,
        found=served.found,
        logits=served.logits,
        detail=served.detail,
        degraded_logits=worse.logits,
        degraded_detail=worse.detail,
        prior=faces.part("train").class_prior(),
        age=test.age,
        gender=test.gender,
    )


if __name__ == "__main__":
    main()
