"""Makes the served files and the published figures from the data sets.

    python -m training DATA

Prepared pictures and trained networks are kept in the working folder and reused: training resumes
where it was interrupted. With --calibrate the command keeps the served network and repeats only the
later stages, which is needed after a change to how faces are found and aligned.
"""

from dataclasses import replace
from pathlib import Path

import click
import keras
import numpy as np
from numpy.typing import NDArray

from ethnicity.faces import Finder
from ethnicity.model_files import read_model_file
from ethnicity.networks import Network, load_network
from ethnicity.pipeline import DETECTOR_FILE
from training import evaluate, options
from training.calibrate import fit_calibrations
from training.data import FaceSet, load_sets
from training.evaluate import MODELS
from training.export import (
    NETWORK_FILE,
    describe,
    export_keras,
    export_network,
    version_of,
    write_served_checksums,
)
from training.face_output import refit_face_output
from training.generations import train_generations
from training.no_faces import load_no_faces
from training.pretrained import FOLDER as PRETRAINED
from training.reference import write_reference
from training.served import scored, serve, serve_degraded
from training.sources import NoDataSet
from training.train import Material, Recipe, aligned_pictures, whole_pictures

_SHARPNESS_AWARE = Recipe(learning_rate=3e-3, warmup_epochs=0.3, average_decay=0.9995, radius=0.2)

_TEACHER = Recipe(
    network="face_resnet",
    side=118,
    optimizer="adamw",
    epochs=6,
    learning_rate=3e-4,
    warmup_epochs=0.3,
    average_decay=0.995,
    start="pretrained",
)

RECIPES = {
    "served": [
        Recipe(width=96, batch=256, epochs=20, half=0, seed=0),
        Recipe(width=96, batch=256, epochs=20, half=1, seed=1),
        Recipe(epochs=30, teachers=(0, 1), seed=2),
        replace(_SHARPNESS_AWARE, epochs=16, start=2, teachers=(0, 1, 2), seed=3),
        replace(_SHARPNESS_AWARE, epochs=14, start=3, teachers=(0, 1, 3), seed=4),
        replace(_TEACHER, half=0, seed=0),
        replace(_TEACHER, half=1, seed=1),
        replace(
            _SHARPNESS_AWARE,
            epochs=8,
            start=4,
            own_share=0.7,
            teachers=(4, 5, 6),
            no_faces=0.125,
            seed=5,
        ),
        replace(
            _SHARPNESS_AWARE,
            epochs=6,
            start=7,
            own_share=0.5,
            teachers=(4, 5, 6),
            no_faces=0.25,
            degraded_share=0.15,
            seed=8,
        ),
    ],
    "quick": [
        Recipe(width=8, epochs=2, batch=16, half=0),
        Recipe(width=8, epochs=2, batch=16, half=1),
        Recipe(
            width=8,
            epochs=2,
            batch=16,
            start=0,
            own_share=0.5,
            teachers=(0, 1),
            no_faces=0.25,
            degraded_share=0.15,
            radius=0.1,
        ),
    ],
}
"""The generations' recipes by name: of the served network, and of a quick run of every stage."""

_FEW = 40
"""Pictures of each label and split that the quick run uses."""

_TYPICAL = 100
"""Training pictures of each set, whole and aligned, that calibrate the quantisation."""


@click.command(help=__doc__)
@options.data
@options.work
@click.option("--quick", is_flag=True, help="Run every stage with a tiny network and few pictures.")
@click.option(
    "--calibrate", is_flag=True, help="Keep the served network; run only the stages after it."
)
@options.out
def main(data: Path, work: Path, out: Path, *, quick: bool, calibrate: bool) -> None:
    """Run all stages."""
    try:
        sets = load_sets(data, work / "prepared", few=_FEW if quick else None)
    except NoDataSet as error:
        raise click.ClickException(str(error)) from error
    if not calibrate:
        run = "quick" if quick else "served"
        material = Material(sets, load_no_faces(data, work / "prepared"))
        classifier = train_generations(material, RECIPES[run], work / run, data / PRETRAINED)
        if keras.backend.backend() != "tensorflow":
            click.echo("The networks are trained. TensorFlow runs the remaining stages: give the")
            click.echo("same command again without KERAS_BACKEND.")
            return
        if material.no_faces is not None:
            refit_face_output(classifier, sets, material.no_faces)
        _export(classifier, sets, out)
    _calibrate(sets, out / MODELS)
    evaluate.measure(sets, out, spoiled=20 if quick else 1000)
    write_reference(out)
    evaluate.publish(out)


def _export(classifier: keras.Model, sets: list[FaceSet], out: Path) -> None:
    """Write the networks' files."""
    models = out / MODELS
    models.mkdir(parents=True, exist_ok=True)
    (models / DETECTOR_FILE).write_bytes(read_model_file(DETECTOR_FILE))
    export_keras(classifier, out)
    export_network(classifier, models / NETWORK_FILE, _typical(sets))
    write_served_checksums(models)


def _typical(sets: list[FaceSet]) -> NDArray[np.float32]:
    """Pictures like those that the served network sees, without augmentation.

    Augmented pictures widen the integers' ranges. With unchanged pictures, the integer network's
    logits are a fifth closer to the float network's.
    """
    views = []
    for few in (each.part("train").sample(_TYPICAL) for each in sets):
        views += [whole_pictures(few), aligned_pictures(few)]
    return np.concatenate(views).astype(np.float32)


def _calibrate(sets: list[FaceSet], models: Path) -> None:
    """Fit on the validation pictures as the service sees them, and describe the model."""
    content = (models / NETWORK_FILE).read_bytes()
    network = Network(content)
    finder = Finder(load_network(DETECTOR_FILE, models), network)
    natural, degraded = [], []
    for faces in (each.part("val") for each in sets):
        served = serve(finder, network, faces)
        natural.append(scored(served, faces))
        degraded.append(scored(serve_degraded(network, served, seed=0), faces))
    calibrations = fit_calibrations(natural, degraded)
    describe(calibrations, version_of(content, calibrations), models)


if __name__ == "__main__":
    main()
