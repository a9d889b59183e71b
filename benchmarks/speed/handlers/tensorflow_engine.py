"""The service on TensorFlow: its interpreter in LiteRT's place, and the Keras model, compiled."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from mangum import Mangum

sys.modules["ai_edge_litert.interpreter"] = tf.lite  # the detectors exist as .tflite only

from ethnicity.networks import Network  # noqa: E402 - they import the above
from ethnicity.web.application import create_app  # noqa: E402
from predict import app  # noqa: E402

_KERAS_MODEL = Path(__file__).parents[3] / "ethnicity_cnn_model.h5"


@dataclass(frozen=True)
class KerasNetwork:
    """Stands in for the classifier's `ethnicity.networks.Network`."""

    compiled: Any

    def __call__(self, image: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"logits": self.compiled(image[np.newaxis])[0].numpy()}


def _load() -> Network:
    model = keras.models.load_model(_KERAS_MODEL, compile=False)
    signature = tf.TensorSpec((1, *model.input.shape[1:]), tf.float32)
    compiled = tf.function(lambda image: model(image, training=False), input_signature=[signature])
    return cast("Network", KerasNetwork(compiled))


_models = replace(app.models, classifier=replace(app.models.classifier, network=_load()))
app.adapter = Mangum(create_app(_models), lifespan="off")
handler = app.handler
