"""A second opinion on every training picture, from teachers that were not trained on it.

About one label in fifteen is wrong. A network that is trained towards a mix of the label and the
answer of teachers that never saw the picture learns less of those errors: distillation (Hinton et
al. 2015), cross-fitted so that no teacher repeats what it memorised.
"""

from pathlib import Path
from zlib import crc32

import keras
import numpy as np
from numpy.typing import NDArray

from ethnicity.faces import CHIP
from ethnicity.geometry import warp
from training.data import FaceSet, whole_picture
from training.train import Answers, Recipe, predict_logits, train

FOLDS = 3


def teacher_answers(sets: list[FaceSet], recipe: Recipe, work: Path) -> list[Answers]:
    """For each set's training pictures the probabilities that the teachers give, shape (n, 5).

    They include the set's own class shares, as the loss does (see `train`).
    """
    logits = [np.zeros((len(each.part("train").label), 5), np.float32) for each in sets]
    for fold in range(FOLDS):
        held_back = [_in_fold(each, fold) for each in sets]
        rest = [each.where(~chosen) for each, chosen in zip(sets, held_back, strict=True)]
        teacher = train(rest, recipe, work / f"teacher-{fold}")
        for each, answer in zip(sets, logits, strict=True):
            training = each.part("train")
            chosen = _in_fold(training, fold)
            answer[chosen] = _averaged_logits(teacher, training.where(chosen))
    return [
        _softmax(answer + np.log(each.part("train").class_prior()))
        for each, answer in zip(sets, logits, strict=True)
    ]


def _in_fold(faces: FaceSet, fold: int) -> NDArray[np.bool_]:
    """The training pictures of a fold; groups stay together. Never one of val or test."""
    folds = np.array([crc32(str(group).encode()) % FOLDS for group in faces.group])
    return np.asarray((folds == fold) & (faces.split == "train"))


def _averaged_logits(teacher: keras.Model, faces: FaceSet) -> NDArray[np.float32]:
    """The mean over both ways to frame a picture, and their mirror images."""
    whole = whole_picture(faces.side)
    views = [
        np.stack([warp(picture, whole, CHIP) for picture in faces.pictures]),
        np.stack(
            [
                warp(picture, to_chip, CHIP)
                for picture, to_chip in zip(faces.pictures, faces.aligned, strict=True)
            ]
        ),
    ]
    views += [view[:, :, ::-1] for view in views]
    return np.asarray(np.mean([predict_logits(teacher, view) for view in views], axis=0))


def _softmax(logits: NDArray[np.floating]) -> Answers:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
