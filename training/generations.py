"""Networks that learn from their predecessors.

A generation may start from an earlier one's weights, and learns towards a mix of the labels and the
answers of its teachers: the network it started from (self-distillation, Furlanello et al. 2018), or
others (distillation, Hinton et al. 2015). About one label in fifteen is wrong; answers averaged
over views as augmentation has not touched them, are right more often where labels contradict what
similar faces are called, and say which labels are near to each other.
"""

from pathlib import Path

import keras
import numpy as np

from ethnicity.classifier import softmax
from training.data import FaceSet
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


def train_generations(sets: list[FaceSet], recipes: list[Recipe], work: Path) -> keras.Model:
    """The last generation's classifier; each has a folder of its own and is trained only once."""
    runs = [work / f"generation-{index}" for index in range(len(recipes))]
    for recipe, run in zip(recipes, runs, strict=True):
        answers = None
        if recipe.teachers and not is_finished(run):
            teachers = [load_classifier(recipes[each], runs[each]) for each in recipe.teachers]
            answers = [_kept_answers(teachers, each.part("train"), run) for each in sets]
        start = None if recipe.start is None else weights_file(runs[recipe.start])
        classifier = train(sets, recipe, run, answers, start)
    return classifier


def _kept_answers(teachers: list[keras.Model], faces: FaceSet, run: Path) -> Answers:
    """`_answers`, kept in the run's folder: they take half an hour, and a run may be cut short."""
    file = run / f"answers-{faces.name}.npy"
    if not file.exists():
        run.mkdir(parents=True, exist_ok=True)
        np.save(file, _answers(teachers, faces))
    return np.asarray(np.load(file), np.float32)


def _answers(teachers: list[keras.Model], faces: FaceSet) -> Answers:
    """Their probabilities, shape (n, 5), the set's own class shares included as in the loss.

    The mean over teachers, both ways to frame a picture, and their mirror images.
    """
    views = [whole_pictures(faces), aligned_pictures(faces)]
    views += [view[:, :, ::-1] for view in views]
    logits = np.mean(
        [predict_logits(teacher, view) for teacher in teachers for view in views], axis=0
    )
    return softmax(logits + np.log(faces.class_prior())).astype(np.float32)
