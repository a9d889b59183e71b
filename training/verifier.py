"""Trains the verifier: a small network that tells faces from the detector's false alarms.

    python -m training.verifier DATA

Beside the face data sets, DATA holds photographs without any face in a folder ``faceless``. The
detector's proposals in them are the negatives. Faces of the training split, pasted into them at
many sizes and angles and found again by the detector, are the positives.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from tqdm import tqdm

from ethnicity.detector import Detection
from ethnicity.faces import LEVELS, VERIFIER_SIDE, glance, look, search, verifier_view
from ethnicity.geometry import Pixels
from ethnicity.networks import Network, load_network
from ethnicity.pipeline import DETECTOR_FILE, VERIFIER_FILE
from training import fast, options
from training.augment import Rng, covered_from_below, training_crop
from training.data import FaceSet, load_sets, written_whole
from training.evaluate import MODELS
from training.export import export_network, write_served_checksums
from training.networks import residual_se
from training.scenes import Scene, paste, photographs
from training.train import Recipe, optimizer

_LONGEST = 1000
"""The longer side, in pixels, to which faceless photographs are resized to be searched."""

_SIDES = (20, 380)
"""The smallest and largest side of pasted faces, in pixels."""

_TURNED = 0.25
"""Share of the pasted faces that are turned, by up to 45 degrees."""

_RECIPE = Recipe(width=16, epochs=60, average_decay=0.99)
_STEPS = 100
"""Batches of an epoch."""

_FACES = 34_000
"""Pasted faces to learn from."""

_COVERED = 0.2
"""Share of the views that are covered from below."""

_SEEDS = (0, 1)
"""The seeds of the networks whose mean is the verifier."""


@dataclass(frozen=True)
class Views:
    """The verifier's pictures, uint8, shape (n, 64, 64, 3)."""

    faces: Pixels
    others: Pixels


@click.command(help=__doc__)
@options.data
@options.work
@click.option("--quick", is_flag=True, help="Try every stage with tiny networks and few faces.")
@options.out
def main(data: Path, work: Path, out: Path, *, quick: bool) -> None:
    """Collect the views, train, export."""
    recipe = replace(_RECIPE, width=8, epochs=2) if quick else _RECIPE
    views = _views(data, work, 60 if quick else _FACES)
    verifier = _mean([_train(views, replace(recipe, seed=seed)) for seed in _SEEDS])
    models = out / MODELS
    models.mkdir(parents=True, exist_ok=True)
    export_network(verifier, models / VERIFIER_FILE)
    write_served_checksums(models)


def _views(data: Path, work: Path, count: int) -> Views:
    """Collect the views at the first call, and read them from the working folder afterwards."""
    file = work / "verifier.npz"
    if not file.exists():
        detector = load_network(DETECTOR_FILE)
        sets = [each.part("train") for each in load_sets(data, work / "prepared")]
        pictures = enumerate(photographs(data / "faceless", _LONGEST))
        others = [
            view
            for number, (_, picture) in tqdm(pictures, unit="photo")
            for quarters in (0, 1 + number % 3)
            for view in _mistaken(detector, np.ascontiguousarray(np.rot90(picture, quarters)))
        ]
        grounds = [picture for _, picture in photographs(data / "faceless", 640)]
        faces = tqdm(_pasted(detector, sets, grounds, count), unit="face", total=count)
        views = {"faces": np.stack(list(faces)), "others": np.stack(others)}
        with written_whole(file) as unfinished:
            np.savez(unfinished, allow_pickle=False, **views)
    with np.load(file) as arrays:
        return Views(**arrays)


def _proposed(detector: Network, picture: Pixels) -> Iterator[Detection]:
    """The detector's proposals, placed by a closer look, which the verifier accepts or rejects."""
    steps = [glance(detector, picture), *(search(detector, picture, level) for level in LEVELS)]
    for each in itertools.chain.from_iterable(steps):
        yield look(detector, picture, each)


def _mistaken(detector: Network, picture: Pixels) -> Iterator[Pixels]:
    """The views of the detector's proposals in a picture without faces."""
    for each in _proposed(detector, picture):
        yield verifier_view(picture, each.keypoints)


def _pasted(
    detector: Network, sets: list[FaceSet], grounds: list[Pixels], count: int
) -> Iterator[Pixels]:
    """Paste ``count`` faces; the views of those that the detector finds.

    Two of three are from the last set, FairFace, whose faces are the harder ones.
    """
    rng = np.random.default_rng(0)
    for number in range(count):
        each = sets[-1 if number % 3 else 0]
        face = each.pictures[rng.integers(len(each.pictures))]
        side = int(np.exp(rng.uniform(*np.log(_SIDES))))
        angle = rng.uniform(-45, 45) if rng.random() < _TURNED else 0.0
        scene = paste(face, side, angle, grounds[rng.integers(len(grounds))], rng)
        # A third are cut so close that only the face's own crop is left.
        scene = _around(scene, margin=rng.choice([0, rng.uniform(0, 1), 1]))
        for found in _proposed(detector, scene.pixels):
            if np.linalg.norm(found.centre - scene.centre) < 0.3 * side:
                yield verifier_view(scene.pixels, found.keypoints)
                break


def _around(scene: Scene, margin: float) -> Scene:
    """The part of a scene around its face, with a margin of so many sides, like a portrait."""
    reach = (0.5 + margin) * scene.side
    left, top = np.maximum(np.rint(scene.centre - reach), 0).astype(int)
    right, bottom = np.rint(scene.centre + reach).astype(int)
    part = np.ascontiguousarray(scene.pixels[top:bottom, left:right])
    return Scene(part, scene.centre - (left, top), scene.side)


class _Batches:
    """Batches of as many faces as other views, augmented."""

    def __init__(self, views: Views, recipe: Recipe) -> None:
        self.views, self.recipe = views, recipe
        self.begin(0)

    def __len__(self) -> int:
        return _STEPS

    def begin(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rng = np.random.default_rng((self.recipe.seed, self.epoch, index))
        half = self.recipe.batch // 2
        chosen = [
            view
            for views in (self.views.faces, self.views.others)
            for view in views[rng.integers(len(views), size=half)]
        ]
        crops = np.stack([_augmented(view, rng) for view in chosen])
        is_face = np.repeat([[1.0], [0.0]], half, axis=0)
        return crops.astype(np.float32), is_face


def _augmented(view: Pixels, rng: Rng) -> Pixels:
    crop = training_crop(view, np.eye(2, 3), rng, VERIFIER_SIDE)
    return covered_from_below(crop, rng) if rng.random() < _COVERED else crop


def _mean(members: list[keras.Model]) -> keras.Model:
    """One network that returns the mean of the members' log odds: they seldom err together."""
    image = members[0].input
    named = [
        keras.Model(each.input, each.output, name=f"member_{number}")
        for number, each in enumerate(members)
    ]
    return keras.Model(image, keras.layers.Average()([each(image) for each in named]))


def _train(views: Views, recipe: Recipe) -> keras.Model:
    keras.utils.set_random_seed(recipe.seed)
    model = residual_se(recipe.width, blocks=(1, 1, 1, 1), outputs=1, side=VERIFIER_SIDE)
    model.compile(
        optimizer=optimizer(recipe, _STEPS),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    average = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    fast.fit(model, _Batches(views, recipe), recipe.epochs, [average])
    return model


if __name__ == "__main__":
    main()
