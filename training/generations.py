"""Networks that learn from their predecessors.

A generation may start from an earlier one's weights. Its target is a mix of the labels and the
answers of its teachers: the network it started from (self-distillation, Furlanello et al. 2018), or
others (distillation, Hinton et al. 2015). About one label in fifteen is wrong. Teachers' answers,
averaged over views without augmentation, are right more often if a label contradicts those of
similar faces, and they show which labels are similar. A teacher repeats the wrong labels that it
was trained on, so some are cross-fitted: each is trained on one half of the pictures and answers
for the other.
"""

import zlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ethnicity.classifier import softmax
from ethnicity.labels import LABELS
from training.data import FaceSet, written_whole
from training.pretrained import load_face_weights
from training.train import (
    Answers,
    Material,
    Recipe,
    Start,
    aligned_pictures,
    is_finished,
    load_classifier,
    predict_logits,
    train,
    whole_pictures,
)


@dataclass(frozen=True)
class Teacher:
    """A trained classifier, and the half of the pictures it was trained on; None: all."""

    classifier: keras.Model
    half: int | None


def train_generations(
    material: Material, recipes: list[Recipe], work: Path, pretrained: Path
) -> keras.Model:
    """Train all generations; returns the last one's classifier.

    Each generation has its own folder and is trained only once. ``pretrained``: the folder of the
    public weights that some generations start from.
    """
    runs = [work / f"generation-{index}" for index in range(len(recipes))]
    for recipe, run in zip(recipes, runs, strict=True):
        answers = None
        if recipe.teachers and not is_finished(run):
            teachers = [
                Teacher(load_classifier(recipes[each], runs[each]), recipes[each].half)
                for each in recipe.teachers
            ]
            answers = [_kept_answers(teachers, each.part("train"), run) for each in material.sets]
        seen = [_part(each, recipe.half) for each in material.sets]
        start: Start | None = None
        if recipe.start == "pretrained":
            typical = [whole_pictures(each.sample(64), recipe.side) for each in seen]
            start = partial(load_face_weights, folder=pretrained, typical=np.concatenate(typical))
        elif recipe.start is not None:
            earlier = int(recipe.start)
            start = partial(go_on_from, load_classifier(recipes[earlier], runs[earlier]))
        classifier = train(replace(material, sets=seen), recipe, run, answers, start)
    return classifier


def go_on_from(earlier: keras.Model, classifier: keras.Model) -> None:
    """Copy the weights of an earlier network, which may lack the last output."""
    for old, new in zip(earlier.layers, classifier.layers, strict=True):
        lacking = [
            [(0, there.shape[axis] - here.shape[axis]) for axis in range(here.ndim)]
            for here, there in zip(old.get_weights(), new.get_weights(), strict=True)
        ]
        weights = zip(old.get_weights(), lacking, strict=True)
        new.set_weights([np.pad(values, widths) for values, widths in weights])


def _part(faces: FaceSet, half: int | None) -> FaceSet:
    """The pictures for training and validation, without the other half of the training split."""
    if half is None:
        return faces
    return faces.where((faces.split != "train") | (_half_of(faces) == half))


def _half_of(faces: FaceSet) -> NDArray[np.int64]:
    """The half of each picture, 0 or 1, shape (n,); the same for near-duplicates."""
    return np.array([zlib.crc32(group.encode()) % 2 for group in faces.group])


def _kept_answers(teachers: list[Teacher], faces: FaceSet, run: Path) -> Answers:
    """`_answers`, cached in the run's folder: they take half an hour, and a run may be resumed."""
    file = run / f"answers-{faces.name}.npy"
    if not file.exists():
        with written_whole(file) as unfinished:
            np.save(unfinished, _answers(teachers, faces))
    return np.asarray(np.load(file), np.float32)


def _answers(teachers: list[Teacher], faces: FaceSet) -> Answers:
    """The teachers' probabilities, shape (n, 5), with the set's own class shares as in the loss.

    They come from the mean logits over all teachers, both ways to frame a picture, and mirror
    images; teachers trained on a half answer only for pictures of the other half.
    """
    progress = tqdm(total=2 * len(teachers), desc=f"answers, {faces.name}", unit="framing")
    halves = _half_of(faces)
    total = np.zeros((len(faces.label), len(LABELS)))
    answers = np.zeros((len(faces.label), 1))
    for teacher in teachers:
        unseen = np.flatnonzero(halves != teacher.half)  # all pictures for a teacher without a half
        chosen = faces.where(halves != teacher.half)
        for framed in (whole_pictures, aligned_pictures):
            view = framed(chosen, teacher.classifier.input.shape[1])
            for each in (view, view[:, :, ::-1]):
                total[unseen] += predict_logits(teacher.classifier, each)[:, : len(LABELS)]
            progress.update()
        answers[unseen] += 4
    progress.close()
    return softmax(total / answers + np.log(faces.class_prior())).astype(np.float32)
