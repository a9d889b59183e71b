"""Trains the verifier: a small network that tells faces from what the detector takes for one.

    python -m training.verifier DATA

Beside the face data sets, DATA holds photographs without any face in a folder ``faceless``. What
the detector proposes in them are the negatives. Faces of the training split, pasted into them at
many sizes and angles and found again by the detector, are the positives.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from tqdm import tqdm

from ethnicity.blazeface import Detection
from ethnicity.faces import (
    VERIFIER_SIDE,
    look_again,
    portrait_views,
    search,
    upright_views,
    verifier_view,
)
from ethnicity.geometry import Pixels, Transform
from ethnicity.model_files import MODELS
from ethnicity.networks import Network, load_network
from ethnicity.pipeline import DETECTOR_FILE, VERIFIER_FILE
from training import fast
from training.augment import Rng, covered_from_below, training_crop
from training.data import FaceSet, load_sets, written_whole
from training.export import export_network, write_served_checksums
from training.networks import residual_se
from training.scenes import Scene, paste, photographs

_LONGEST = 1000
"""Of the faceless photographs when they are searched, in pixels of the longer side."""

_SIDES = (20, 380)
"""Of the pasted faces, in pixels."""

_TURNED = 0.25
"""Share of the pasted faces that are turned, by up to 45 degrees."""

_STEPS, _BATCH = 100, 128

_COVERED = 0.2
"""Share of the views that are covered from below."""

_SEEDS = (0, 1)
"""Of the networks whose mean is the verifier."""


@dataclass(frozen=True)
class Views:
    """What the verifier is shown, uint8, shape (n, 64, 64, 3)."""

    faces: Pixels
    others: Pixels


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), default=Path(".training"))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=MODELS)
@click.option("--faces", default=34_000, show_default=True, help="Pasted faces to learn from.")
@click.option("--epochs", default=60, show_default=True, help=f"Of {_STEPS} steps.")
@click.option("--width", default=16, show_default=True, help="Channels of the first stage.")
def main(  # noqa: PLR0913 (one for each option)
    data: Path, work: Path, out: Path, *, faces: int, epochs: int, width: int
) -> None:
    """Collect the views, train, export."""
    views = _views(data, work, faces)
    verifier = _mean([_train(views, epochs, width, seed) for seed in _SEEDS])
    export_network(verifier, out / VERIFIER_FILE)
    write_served_checksums(out)


def _views(data: Path, work: Path, count: int) -> Views:
    """Collected at the first call, read from the working folder afterwards."""
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


def _proposed(
    detector: Network, picture: Pixels, views: Iterable[Transform]
) -> Iterator[Detection]:
    """What the verifier is asked about."""
    for each in search(detector, picture, views):
        yield look_again(detector, picture, each)


def _mistaken(detector: Network, picture: Pixels) -> Iterator[Pixels]:
    """The views of all that the detector takes for a face in a picture that shows none."""
    height, width = picture.shape[:2]
    for each in _proposed(detector, picture, upright_views(width, height)):
        yield verifier_view(picture, each)


def _pasted(
    detector: Network, sets: list[FaceSet], grounds: list[Pixels], count: int
) -> Iterator[Pixels]:
    """The views of pasted faces that the detector finds, of ``count`` that were pasted.

    Two of three are the last set's, FairFace's, which are the harder ones.
    """
    rng = np.random.default_rng(0)
    for number in range(count):
        each = sets[-1 if number % 3 else 0]
        face = each.pictures[rng.integers(len(each.pictures))]
        side = int(np.exp(rng.uniform(*np.log(_SIDES))))
        angle = rng.uniform(-45, 45) if rng.random() < _TURNED else 0.0
        scene = paste(face, side, angle, grounds[rng.integers(len(grounds))], rng)
        scene = _around(scene, margin=rng.choice([0, rng.uniform(0, 1), 1]))
        height, width = scene.pixels.shape[:2]
        for found in _proposed(detector, scene.pixels, portrait_views(width, height)):
            if np.linalg.norm(found.corners.mean(axis=0) - scene.centre) < 0.3 * side:
                yield verifier_view(scene.pixels, found)
                break


def _around(scene: Scene, margin: float) -> Scene:
    """The part of a scene around its face, with a margin of so many sides: as close as a portrait.

    A third of all are cut so close that nothing but the face's own crop is left.
    """
    reach = (0.5 + margin) * scene.side
    left, top = np.maximum(np.rint(scene.centre - reach), 0).astype(int)
    right, bottom = np.rint(scene.centre + reach).astype(int)
    part = np.ascontiguousarray(scene.pixels[top:bottom, left:right])
    return Scene(part, scene.centre - (left, top), scene.side)


class _Batches:
    """As many faces as others, augmented."""

    def __init__(self, views: Views, seed: int) -> None:
        self.views, self.seed = views, seed
        self.begin(0)

    def __len__(self) -> int:
        return _STEPS

    def begin(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        chosen = [
            view
            for views in (self.views.faces, self.views.others)
            for view in views[rng.integers(len(views), size=_BATCH // 2)]
        ]
        crops = np.stack([_augmented(view, rng) for view in chosen])
        is_face = np.repeat([[1.0], [0.0]], _BATCH // 2, axis=0)
        return crops.astype(np.float32), is_face


def _augmented(view: Pixels, rng: Rng) -> Pixels:
    crop = training_crop(view, np.eye(2, 3), rng, VERIFIER_SIDE)
    return covered_from_below(crop, rng) if rng.random() < _COVERED else crop


def _mean(members: list[keras.Model]) -> keras.Model:
    """One network that answers the mean of the members' log odds: they seldom err together."""
    image = members[0].input
    named = [
        keras.Model(each.input, each.output, name=f"member_{number}")
        for number, each in enumerate(members)
    ]
    return keras.Model(image, keras.layers.Average()([each(image) for each in named]))


def _train(views: Views, epochs: int, width: int, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = residual_se(width, blocks=(1, 1, 1, 1), outputs=1, side=VERIFIER_SIDE)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-6, decay_steps=_STEPS * (epochs - 1), warmup_target=5e-3, warmup_steps=_STEPS
    )
    model.compile(
        optimizer=fast.Muon(
            schedule,
            weight_decay=0.05,
            adam_weight_decay=0.05,
            exclude_layers=["logits"],
            use_ema=True,
            ema_momentum=0.99,
        ),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    average = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    fast.fit(model, _Batches(views, seed), epochs, [average])
    return model


if __name__ == "__main__":
    main()
