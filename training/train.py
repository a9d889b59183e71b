"""Training of a classifier on both data sets at once.

Set-aware logit adjustment (after Menon et al. 2021): the log of the class shares of a picture's own
set is added to its logits before the softmax of the loss. The network then answers as if all five
classes were equally common, regardless of the sets' shares.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from ethnicity.frame import CHIP
from ethnicity.geometry import Pixels, warp
from ethnicity.labels import LABELS
from training import backends, fast
from training.augment import degraded, training_crop
from training.data import AGE_BANDS, GENDERS, ORIGINS, UNKNOWN, FaceSet
from training.networks import FEATURES, Normalization, face_resnet, original, residual_se

_FINISHED = "finished"

_TOGETHER = 512
"""Pictures that `predict_logits` passes to the network at a time."""

Start = Callable[[keras.Model], None]
"""A function that sets a network's initial weights."""

Answers = NDArray[np.float32]
"""The teachers' probabilities, shape (n, 5)."""

FACE = "face"
"""Name of the target that separates faces from false proposals."""

_FACE_WEIGHT = 0.5
"""Weight of this target in the loss."""

AUXILIARY = {
    "age": (len(AGE_BANDS), 0.2),
    "gender": (len(GENDERS), 0.1),
    "origin": (len(ORIGINS), 0.2),
}
"""Auxiliary targets, used only in training: number of classes and weight in the loss."""


@dataclass(frozen=True)
class Recipe:
    """All settings of a training run.

    ``network``: "residual_se", "face_resnet" or "original"; see `networks`.
    ``width``: channels of the first stage of `networks.residual_se`.
    ``side``: of the network's input, in pixels.
    ``optimizer``: "muon" or "adamw".
    ``average_decay``: decay at each step of the exponential moving average of the weights.
    ``start``: the generation whose weights it starts from, or "pretrained"
    (`pretrained.load_face_weights`); None: random weights.
    ``teachers``: the generations whose mean answers are part of the target.
    ``teachers_weight``: weight of these answers in the target; the labels have the rest.
    ``align_share``: share of the pictures that the detector aligns; the others are used whole.
    ``degraded_share``: share of the pictures that lose detail (`augment.degraded`) in addition to
    the other changes.
    ``half``: 0 or 1: train on this half of the training pictures and, as a teacher, answer for the
    other; None: train on all pictures and answer for all.
    ``no_faces``: number of pictures without a face in each batch, as a fraction of the faces; above
    0, the network has a sixth output, the log odds of a face.
    ``own_share``: weight of the trained weights in the saved average; the initial weights have the
    rest. The average is better than both (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
    models").
    ``radius``: distance within which each step searches for the worst weights
    (`backends.SharpnessAware`); 0: no search.
    """

    network: str = "residual_se"
    width: int = 32
    side: int = CHIP
    optimizer: str = "muon"
    epochs: int = 24
    batch: int = 128
    learning_rate: float = 5e-3
    warmup_epochs: float = 1
    weight_decay: float = 0.05
    label_smoothing: float = 0
    mixup_alpha: float = 0.2
    mixup_share: float = 0.5
    average_decay: float = 0.999
    align_share: float = 0.6
    degraded_share: float = 0
    start: int | str | None = None
    teachers: tuple[int, ...] = ()
    teachers_weight: float = 0.5
    half: int | None = None
    no_faces: float = 0.0
    own_share: float = 1.0
    radius: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Material:
    """The pictures that networks learn from.

    ``no_faces``: pictures without a face, shape (n, CHIP, CHIP, 3); see `no_faces.load_no_faces`.
    """

    sets: list[FaceSet]
    no_faces: Pixels | None = None


class Batches:
    """Augmented training batches of all sets together, and of pictures without a face."""

    def __init__(self, material: Material, recipe: Recipe, answers: list[Answers] | None) -> None:
        self.sets = sets = [each.part("train") for each in material.sets]
        self.recipe, self.no_faces = recipe, material.no_faces
        self.extra = round(recipe.no_faces * recipe.batch) if self.no_faces is not None else 0
        self.pictures = np.concatenate(
            [
                np.column_stack([np.full(len(s.label), i), np.arange(len(s.label))])
                for i, s in enumerate(sets)
            ]
        )
        none = np.ones(len(LABELS)) / len(LABELS)
        self.log_priors = np.log([*(s.class_prior() for s in sets), none]).astype(np.float32)
        self.targets = {"race": _one_hot([s.label for s in sets], len(LABELS))} | {
            name: _one_hot([getattr(s, name) for s in sets], classes)
            for name, (classes, _) in AUXILIARY.items()
        }
        if answers is not None:
            weight = recipe.teachers_weight
            labels = self.targets["race"]
            self.targets["race"] = (1 - weight) * labels + weight * np.concatenate(answers)
        self.begin(0)

    def __len__(self) -> int:
        return len(self.pictures) // self.recipe.batch

    def begin(self, epoch: int) -> None:
        """Switch to the batches of an epoch, from 0; a resumed run gets the same batches."""
        self.epoch = epoch
        shuffle = np.random.default_rng((self.recipe.seed, epoch + 1))
        self.order = shuffle.permutation(len(self.pictures))

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, self.epoch + 1, index))
        rows = self.order[index * recipe.batch : (index + 1) * recipe.batch]
        origin_set = self.pictures[rows, 0]
        crops = np.stack([self._crop(row, rng) for row in rows] + self._without_face(rng))
        targets = {
            name: np.pad(values[rows], ((0, self.extra), (0, 0)))
            for name, values in self.targets.items()
        }
        # Pictures without a face mix only with each other; their zero labels have no weight
        origin_set = np.pad(origin_set, (0, self.extra), constant_values=len(self.sets))
        if rng.random() < recipe.mixup_share:
            partner = _partners_within_sets(origin_set, rng)
            share = rng.beta(recipe.mixup_alpha, recipe.mixup_alpha)
            mixed = share * crops + (1 - share) * crops[partner]
            crops = np.rint(mixed).astype(
                np.uint8
            )  # a quarter of the memory, off by at most half a level
            targets = {
                name: share * values + (1 - share) * values[partner]
                for name, values in targets.items()
            }
        weights = {name: values.sum(axis=1) for name, values in targets.items()}
        if self.extra:
            targets[FACE] = (origin_set < len(self.sets)).astype(np.float32)[:, np.newaxis]
            weights[FACE] = np.ones(len(origin_set), np.float32)
        inputs = {"image": crops, "log_prior": self.log_priors[origin_set]}
        return inputs, targets, weights

    def _crop(self, picture: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        index, row = self.pictures[picture]
        source = self.sets[index]
        aligned = rng.random() < self.recipe.align_share
        to_chip = source.aligned[row] if aligned else source.whole
        side = self.recipe.side
        return self._changed(source.pictures[row], to_chip * (side / CHIP), rng)

    def _without_face(self, rng: np.random.Generator) -> list[Pixels]:
        if self.no_faces is None:
            return []
        chosen = rng.integers(len(self.no_faces), size=self.extra)
        side = self.recipe.side
        to_crop = np.eye(2, 3) * (side / CHIP)
        return [self._changed(self.no_faces[each], to_crop, rng) for each in chosen]

    def _changed(
        self, picture: Pixels, to_crop: NDArray[np.float64], rng: np.random.Generator
    ) -> Pixels:
        crop = training_crop(picture, to_crop, rng, self.recipe.side)
        return degraded(crop, rng) if rng.random() < self.recipe.degraded_share else crop


def _one_hot(parts: list[NDArray[np.int64]], classes: int) -> NDArray[np.float32]:
    """One-hot targets, shape (n, classes); all zero if the target is unknown."""
    indices = np.concatenate(parts)
    known = indices != UNKNOWN
    return np.asarray(np.eye(classes, dtype=np.float32)[indices] * known[:, np.newaxis])


def _partners_within_sets(
    origin_set: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """For every row of a batch, another row of the same set, because the sets' priors differ."""
    partner = np.arange(len(origin_set))
    for index in np.unique(origin_set):
        rows = np.flatnonzero(origin_set == index)
        partner[rows] = rng.permutation(rows)
    return partner


def train(
    material: Material,
    recipe: Recipe,
    run: Path,
    answers: list[Answers] | None = None,
    start: Start | None = None,
) -> keras.Model:
    """Train a classifier; return it in float32, with weights averaged over the last steps.

    ``answers``: the teachers' answers for each set's training pictures. ``start``: sets the initial
    weights.

    Resumes after the last finished epoch if ``run`` holds one, and leaves
    ``classifier.weights.h5`` and ``history.csv`` there.
    """
    if is_finished(run):
        return load_classifier(recipe, run)
    keras.utils.set_random_seed(recipe.seed)
    validation = [each.part("val") for each in material.sets]
    batches = Batches(material, recipe, answers)

    keras.config.set_dtype_policy("mixed_bfloat16")
    classifier = build(recipe, backends.BatchNormalization)
    if start is not None:
        start(classifier)
    started_from = classifier.get_weights()
    model = _with_loss_heads(classifier, recipe.radius)
    keras.config.set_dtype_policy("float32")

    losses = {
        "race": (_cross_entropy(recipe.label_smoothing), 1.0),
        **{name: (_cross_entropy(0.0), weight) for name, (_, weight) in AUXILIARY.items()},
    }
    if batches.extra:
        losses[FACE] = (keras.losses.BinaryCrossentropy(from_logits=True), _FACE_WEIGHT)
    model.compile(
        optimizer=optimizer(recipe, len(batches)),
        loss={name: loss for name, (loss, _) in losses.items()},
        loss_weights={name: weight for name, (_, weight) in losses.items()},
        jit_compile=backends.COMPILED,
    )
    run.mkdir(parents=True, exist_ok=True)
    fast.fit(
        model,
        batches,
        epochs=recipe.epochs,
        callbacks=[
            keras.callbacks.BackupAndRestore(
                run / "backup", double_checkpoint=True, delete_checkpoint=False
            ),
            keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            ValidationScores(classifier, validation),
            keras.callbacks.CSVLogger(run / "history.csv", append=True),
        ],
    )
    classifier.save_weights(weights_file(run))
    finished = load_classifier(recipe, run)
    batches.begin(recipe.epochs)
    renormalize(finished, batches)
    own = recipe.own_share
    averaged = zip(finished.get_weights(), started_from, strict=True)
    finished.set_weights([own * mine + (1 - own) * theirs for mine, theirs in averaged])
    finished.save_weights(weights_file(run))
    (run / _FINISHED).touch()
    return finished


def renormalize(classifier: keras.Model, batches: Batches) -> None:
    """Measure the means and variances of the normalisation layers again, on a hundred batches.

    Those of the training run belong to its last weights, not to the averaged ones (Wu and Johnson
    2021, "Rethinking 'Batch' in BatchNorm").
    """
    normalizations = [
        each for each in classifier.layers if isinstance(each, layers.BatchNormalization)
    ]
    momenta = [each.momentum for each in normalizations]
    for each in normalizations:
        each.momentum = 0  # the layer keeps the last batch's mean and variance
    moments = [
        variable for each in normalizations for variable in (each.moving_mean, each.moving_variance)
    ]
    measured = []
    with backends.ahead(batches) as made:
        for inputs, *_ in islice(made, min(100, len(batches))):
            backends.run(classifier, inputs["image"], training=True)
            measured.append([keras.ops.convert_to_numpy(each) for each in moments])
    for variable, values in zip(moments, zip(*measured, strict=True), strict=True):
        variable.assign(np.mean(values, axis=0))
    for each, momentum in zip(normalizations, momenta, strict=True):
        each.momentum = momentum


def is_finished(run: Path) -> bool:
    """Whether a run has finished."""
    return (run / _FINISHED).exists()


def build(recipe: Recipe, normalization: Normalization = layers.BatchNormalization) -> keras.Model:
    """The untrained classifier of a recipe."""
    if recipe.network == "original":
        return original()
    if recipe.network == "face_resnet":
        return face_resnet(recipe.side, normalization=normalization)
    outputs = len(LABELS) + (recipe.no_faces > 0)
    return residual_se(recipe.width, outputs=outputs, normalization=normalization, side=recipe.side)


def optimizer(recipe: Recipe, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The optimiser of a recipe, with its learning rates and its moving average of the weights."""
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-6,
        decay_steps=int(steps_per_epoch * (recipe.epochs - recipe.warmup_epochs)),
        warmup_target=recipe.learning_rate,
        warmup_steps=int(steps_per_epoch * recipe.warmup_epochs),
    )
    shared = {
        "weight_decay": recipe.weight_decay,
        "use_ema": True,
        "ema_momentum": recipe.average_decay,
    }
    if recipe.optimizer == "adamw":
        return keras.optimizers.AdamW(schedule, **shared)
    return fast.Muon(
        schedule,
        adam_weight_decay=recipe.weight_decay,
        exclude_layers=["logits", *AUXILIARY],
        **shared,
    )


def load_classifier(recipe: Recipe, run: Path) -> keras.Model:
    """The classifier of a finished run, in float32."""
    classifier = build(recipe)
    classifier.load_weights(weights_file(run))
    return classifier


def weights_file(run: Path) -> Path:
    """The file of a run with the classifier's averaged weights."""
    return run / "classifier.weights.h5"


class ValidationScores(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds each set's validation figures, for equal priors, to the epoch's logs."""

    def __init__(self, classifier: keras.Model, sets: list[FaceSet]) -> None:
        super().__init__()
        self.classifier = classifier
        side = classifier.input.shape[1]
        self.sets = [(each.name, each.label, whole_pictures(each, side)) for each in sets]

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        for name, label, crops in self.sets:
            logits = predict_logits(self.classifier, crops)[:, : len(LABELS)]
            right = logits.argmax(axis=1) == label
            recalls = [right[label == index].mean() for index in range(len(LABELS))]
            logs[f"{name}_accuracy"] = float(right.mean())
            logs[f"{name}_balanced"] = float(np.mean(recalls))
            logs[f"{name}_worst"] = float(np.min(recalls))


def whole_pictures(faces: FaceSet, side: int = CHIP) -> NDArray[np.uint8]:
    """Every picture used whole, shape (n, side, side, 3), like a chip."""
    to_crop = faces.whole * (side / CHIP)
    return np.stack([warp(picture, to_crop, side) for picture in faces.pictures])


def aligned_pictures(faces: FaceSet, side: int = CHIP) -> NDArray[np.uint8]:
    """Every picture aligned by the detector, shape (n, side, side, 3)."""
    both = zip(faces.pictures, faces.aligned * (side / CHIP), strict=True)
    return np.stack([warp(picture, to_crop, side) for picture, to_crop in both])


def predict_logits(classifier: keras.Model, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's outputs, (n, 5) or (n, 6), for crops of shape (n, side, side, 3)."""
    logits = np.empty((len(crops), classifier.output.shape[1]), np.float32)
    for start in range(0, len(crops), _TOGETHER):
        # The last batch includes earlier pictures, because batches of one size compile only once
        rows = slice(max(0, min(start, len(crops) - _TOGETHER)), start + _TOGETHER)
        logits[rows] = keras.ops.convert_to_numpy(backends.run(classifier, crops[rows]))
    return logits


def _with_loss_heads(classifier: keras.Model, radius: float) -> keras.Model:
    features = classifier.get_layer(FEATURES).output
    log_prior = keras.Input((len(LABELS),), name="log_prior", dtype="float32")
    labels = classifier.output[:, : len(LABELS)]
    race = layers.Add(name="race", dtype="float32")([labels, log_prior])
    auxiliary = {
        name: layers.Dense(classes, dtype="float32", name=name)(features)
        for name, (classes, _) in AUXILIARY.items()
    }
    inputs = {"image": classifier.input, "log_prior": log_prior}
    outputs = {"race": race, **auxiliary}
    if classifier.output.shape[1] > len(LABELS):
        face = classifier.output[:, len(LABELS) :]
        outputs[FACE] = layers.Identity(name=FACE, dtype="float32")(face)
    if radius == 0:
        return keras.Model(inputs, outputs)
    model = backends.SharpnessAware(inputs, outputs)
    model.radius = radius
    return model


def _cross_entropy(smoothing: float) -> keras.losses.Loss:
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
