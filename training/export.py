"""Export of the trained model: Keras' .h5 for reuse, .tflite and its description for serving."""

import hashlib
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ethnicity.classifier import Calibration
from training.metrics import by_label

NETWORK_FILE = "ethnicity.tflite"
KERAS_FILE = "ethnicity_cnn_model.h5"


def export_network(
    model: keras.Model, file: Path, typical: NDArray[np.float32] | None = None
) -> None:
    """Write a network for LiteRT that takes one image at a time.

    It is converted through a SavedModel with a fixed input shape, because converting a Keras 3
    model's concrete function directly writes a file without weights.

    ``typical``: images, shape (n, side, side, 3), for quantisation: weights (with one scale per
    channel) and activations become 8-bit integers, input and output stay float32 (Jacob et al.
    2018). None: everything stays float32.
    """
    with tempfile.TemporaryDirectory() as saved:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(
            "serve",
            lambda image: model(image, training=False),
            [tf.TensorSpec((1, *model.input.shape[1:]), tf.float32, name="image")],
        )
        archive.write_out(saved, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        if typical is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = lambda: ([image[np.newaxis]] for image in typical)
        content = converter.convert()
    file.write_bytes(content)


def export_keras(classifier: keras.Model, folder: Path) -> None:
    """Write the model as Keras' HDF5 file, with its checksum beside it."""
    file = folder / KERAS_FILE
    classifier.save(file)
    (folder / f"{KERAS_FILE}.sha256").write_text(_checksums([file]), encoding="utf-8")


def version_of(network: bytes, calibrations: tuple[Calibration, ...]) -> str:
    """Today's date and a hash of the network and its calibrations."""
    content = network + json.dumps(_as_json(calibrations)).encode()
    return f"{datetime.now(UTC):%Y.%m.%d}-{hashlib.sha256(content).hexdigest()[:8]}"


def describe(calibrations: tuple[Calibration, ...], version: str, folder: Path) -> None:
    """Write classifier.json, then the checksums of the files that the service loads."""
    about = {"version": version, "network": NETWORK_FILE, "calibrations": _as_json(calibrations)}
    (folder / "classifier.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    write_served_checksums(folder)


def _as_json(calibrations: tuple[Calibration, ...]) -> list[dict[str, Any]]:
    return [
        {
            "min_detail": each.min_detail,
            "temperature": each.temperature,
            "bias": by_label(each.bias.tolist()),
            "thresholds": by_label(each.thresholds.tolist()),
        }
        for each in calibrations
    ]


def network_checksums(folder: Path) -> str:
    """The checksums of a folder's networks, which identify the networks behind stored answers."""
    return _checksums(sorted(folder.glob("*.tflite")))


def write_served_checksums(folder: Path) -> None:
    """Write the checksums of the files that the service loads from a folder."""
    served = sorted([*folder.glob("*.tflite"), *folder.glob("*.json")])
    (folder / "SHA256SUMS").write_text(_checksums(served), encoding="utf-8")


def _checksums(files: list[Path]) -> str:
    """The files' checksums in the form that `sha256sum --check` reads."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]
    return "\n".join(lines) + "\n"
