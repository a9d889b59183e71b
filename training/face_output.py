"""The classifier's sixth output, fitted again on the finished network.

The last generation's weights are averaged with its initial ones, which had no sixth output. That
output's own weights are therefore fitted again, by logistic regression on the finished network's
features (Kirichenko et al. 2023, "Last layer re-training is sufficient for robustness to spurious
correlations"). The five labels' outputs stay as they are.
"""

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from training.augment import Rng, degraded, training_crop
from training.data import FaceSet
from training.networks import FEATURES
from training.train import predict_logits

_FACES = 12_000
"""Largest number of faces of each set."""

_ALIGNED, _DEGRADED = 0.8, 0.3
"""Share of the faces that the detector aligns, and of all crops that lose detail."""

_PENALTY = 100.0
"""Strength of the L2 penalty on the weights of standardised features."""


def refit_face_output(classifier: keras.Model, sets: list[FaceSet], no_faces: Pixels) -> None:
    """Replace the sixth output's weights, fitted to training pictures with and without a face.

    ``no_faces``: shape (n, CHIP, CHIP, 3); see `no_faces.load_no_faces`. The new output is
    proportional to the log odds of a face, and no larger than the labels' logits, because all
    outputs share one scale of 8-bit integers.
    """
    rng = np.random.default_rng(0)
    body = keras.Model(classifier.input, classifier.get_layer(FEATURES).output)
    faces = np.concatenate([predict_logits(body, _faces(each.part("train"), rng)) for each in sets])
    views = (no_faces, no_faces[:, :, ::-1], _changed(no_faces, rng))
    others = np.concatenate([predict_logits(body, np.ascontiguousarray(each)) for each in views])
    features = np.concatenate([faces, others])
    is_face = np.repeat([1, 0], [len(faces), len(others)])
    scaler = StandardScaler().fit(features)
    regression = LogisticRegression(C=1 / _PENALTY, max_iter=1000)
    regression.fit(scaler.transform(features), is_face)
    weights = regression.coef_[0] / scaler.scale_
    bias = regression.intercept_[0] - scaler.mean_ @ weights

    layer = classifier.get_layer("logits")
    kernel, biases = layer.get_weights()
    labels = (faces @ kernel + biases)[:, : len(LABELS)]
    scale = np.abs(labels).max() / np.abs(faces @ weights + bias).max()
    kernel[:, -1], biases[-1] = scale * weights, scale * bias
    layer.set_weights([kernel, biases])


def _faces(faces: FaceSet, rng: Rng) -> NDArray[np.uint8]:
    """Training crops of some faces, shape (n, CHIP, CHIP, 3)."""
    rows = rng.permutation(len(faces.label))[:_FACES]
    views = np.where(rng.random((len(rows), 1, 1)) < _ALIGNED, faces.aligned[rows], faces.whole)
    pairs = zip(rows, views, strict=True)
    return np.stack([_crop(faces.pictures[row], view, rng) for row, view in pairs])


def _changed(no_faces: Pixels, rng: Rng) -> NDArray[np.uint8]:
    """The pictures without a face, changed as the faces are."""
    return np.stack([_crop(each, np.eye(2, 3), rng) for each in no_faces])


def _crop(picture: Pixels, to_chip: NDArray[np.float64], rng: Rng) -> Pixels:
    crop = training_crop(picture, to_chip, rng)
    return degraded(crop, rng) if rng.random() < _DEGRADED else crop
