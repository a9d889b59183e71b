"""Networks that learn from their predecessors.

A generation may start from an earlier one's weights, and learns towards a mix of the labels and the
answers of its teachers: the network it started from (self-distillation, Furlanello et al. 2018), or
others (distillation, Hinton et al. 2015). About one label in fifteen is wrong; answers averaged
over views as augmentation has not touched them, are right more often where labels contradict what
similar faces are called, and say which labels are near to each other. A teacher that has learnt a
wrong label will repeat it, so some are cross-fitted: each has seen one half of the training
pictures, and answers for the other.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ethnicity.classifier import softmax
from ethnicity.labels import LABELS
from training.data import FaceSet, written_whole
from training.train import (
    Answers,
    Recipe,
    aligned_pictures,
    is_finished,
    load_classifier,
    predict_logits,
    train,
    weights_file,
    whole_pictures,
)


@dataclass(frozen=True)
class Teacher:
    """A trained classifier, and which half of the training pictures it has seen; None: all."""

    classifier: keras.Model
    half: int | None


def train_generations(sets: list[FaceSet], recipes: list[Recipe], work: Path) -> keras.Model:
    """The last generation's classifier; each has a folder of its own and is trained only once."""
    runs = [work / f"generation-{index}" for index in range(len(recipes))]
    for recipe, run in zip(recipes, runs, strict=True):
        answers = None
        if recipe.teachers and not is_finished(run):
            teachers = [
                Teacher(load_classifier(recipes[each], runs[each]), recipes[each].half)
                for each in recipe.teachers
            ]
            answers = [_kept_answers(teachers, each.part("train"), run) for each in sets]
        start = None if recipe.start is None else weights_file(runs[recipe.start])
        seen = [_part(each, recipe.half) for each in sets]
        classifier = train(seen, recipe, run, answers, start)
    return classifier


def _part(faces: FaceSet, half: int | None) -> FaceSet:
    """What a network learns from, and is watched by: not the other half of the training split."""
    if half is None:
        return faces
    return faces.where((faces.split != "train") | (_half_of(faces) == half))


def _half_of(faces: FaceSet) -> NDArray[np.int64]:
    """0 or 1, shape (n,): the same for near-duplicates."""
    return np.array([zlib.crc32(group.encode()) % 2 for group in faces.group])


def _kept_answers(teachers: list[Teacher], faces: FaceSet, run: Path) -> Answers:
    """`_answers`, kept in the run's folder: they take half an hour, and a run may be cut short."""
    file = run / f"answers-{faces.name}.npy"
    if not file.exists():
        with written_whole(file) as unfinished:
            np.save(unfinished, _answers(teachers, faces))
    return np.asarray(np.load(file), np.float32)


def _answers(teachers: list[Teacher], faces: FaceSet) -> Answers:
    """Their probabilities, shape (n, 5), the set's own class shares included as in the loss.

    The mean logits of all teachers but those that have learnt from the picture in a half of their
    own, of both ways to frame a picture, and of their mirror images.
    """
    views = [whole_pictures(faces), aligned_pictures(faces)]
    views += [view[:, :, ::-1] for view in views]
    progress = tqdm(total=len(teachers) * len(views), desc=f"answers, {faces.name}", unit="view")
    halves = _half_of(faces)
    total = np.zeros((len(faces.label), len(LABELS)))
    asked = np.zeros((len(faces.label), 1))
    for teacher in teachers:
        unseen = np.flatnonzero(halves != teacher.half)  # all, of one that has no half
        for view in views:
            total[unseen] += predict_logits(teacher.classifier, view[unseen])
            progress.update()
        asked[unseen] += len(views)
    progress.close()
    return softmax(total / asked + np.log(faces.class_prior())).astype(np.float32)
