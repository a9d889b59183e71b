"""Networks that learn from their predecessors.

Each generation starts from the weights of the one before, and towards a mix of the labels and that
one's answers (self-distillation, Furlanello et al. 2018). About one label in fifteen is wrong; the
answers, averaged over views that augmentation has not touched, are right more often where labels
contradict what similar faces are called, and say which labels are near to each other.
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
    predict_logits,
    train,
    weights_file,
    whole_pictures,
)


def train_generations(sets: list[FaceSet], recipes: list[Recipe], work: Path) -> keras.Model:
    """The last generation's classifier; each has a folder of its own and is trained only once."""
    runs = [work / f"generation-{index}" for index in range(len(recipes))]
    classifier = train(sets, recipes[0], runs[0])
    for predecessor, recipe, run in zip(runs, recipes[1:], runs[1:], strict=False):
        answers = None
        if not is_finished(run):
            answers = [_answers(classifier, each.part("train")) for each in sets]
        classifier = train(sets, recipe, run, answers, start=weights_file(predecessor))
    return classifier


def _answers(classifier: keras.Model, faces: FaceSet) -> Answers:
    """Its probabilities, shape (n, 5), the set's own class shares included as in the loss.

    The mean over both ways to frame a picture, and their mirror images.
    """
    views = [whole_pictures(faces), aligned_pictures(faces)]
    views += [view[:, :, ::-1] for view in views]
    logits = np.mean([predict_logits(classifier, view) for view in views], axis=0)
    return softmax(logits + np.log(faces.class_prior())).astype(np.float32)
