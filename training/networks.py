"""The convolutional networks, layer by layer.

All take square RGB images as float32 in 0 to 255 and return logits. By default the images have the
classifier's size, and there are five logits.
"""

import keras
import numpy as np
from keras import layers
from keras.src.backend import KerasTensor

from ethnicity.frame import CHIP
from ethnicity.labels import LABELS

FEATURES = "features"
"""The layer whose output, pooled over the picture, feeds the classification layer."""

_STEMS = {64: (3, 2), 96: (6, 3)}
"""The first convolution's kernel and stride, by the image's side."""

_FACE_RESNET = ((32, (1, 1, 1)), (64, (2, 1, 1, 1)), (128, (2, 1, 1)), (256, (2, 1, 1, 2)))
"""Channels of each stage of `face_resnet`, and the strides of its blocks."""

_MEAN_COLOUR = (122.782, 117.001, 104.298)
"""Red, green and blue, which it subtracts."""

Normalization = type[layers.BatchNormalization]
"""Keras' layer, or the faster one that only training uses."""


def residual_se(
    width: int,
    blocks: tuple[int, ...] = (1, 2, 2, 2),
    outputs: int = len(LABELS),
    normalization: Normalization = layers.BatchNormalization,
    side: int = CHIP,
) -> keras.Model:
    """The served networks: a small residual net with squeeze-and-excitation.

    He et al. 2016 (residual blocks), Hu et al. 2018 (squeeze-and-excitation, in its ReLU and
    sigmoid form, which quantises well). Stage k has ``blocks[k]`` blocks of ``width · 2**k``
    channels. The stem reduces the picture to 32 pixels a side; each later stage halves it.
    """
    image = keras.Input((side, side, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    kernel, stride = _STEMS[side]
    x = layers.ReLU()(_conv(x, width, normalization, kernel, stride))
    for stage, count in enumerate(blocks):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _residual_block(x, width * 2**stage, normalization, stride)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dropout(0.2)(x)
    logits = layers.Dense(outputs, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name=f"residual_se_{width}")


def face_resnet(side: int, normalization: Normalization = layers.BatchNormalization) -> keras.Model:
    """A teacher: dlib's face recognition network (King 2017), with a layer for the five labels.

    A residual net of 29 convolutions, whose weights `pretrained` has. Where a block halves the
    picture, its shortcut is averaged and gets channels of zeros.
    """

    def convolved(x: KerasTensor, filters: int, kernel: int, stride: int = 1) -> KerasTensor:
        padding = "same" if stride == 1 else "valid"
        x = layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding=padding,
            use_bias=False,
            kernel_initializer="he_normal",
        )(x)
        return normalization(momentum=0.9)(x)

    def block(x: KerasTensor, filters: int, stride: int) -> KerasTensor:
        y = layers.ReLU()(convolved(x, filters, 3, stride))
        y = convolved(y, filters, 3)
        if stride == 2:
            x = layers.AveragePooling2D(2)(x)
            lacking = [(0, x.shape[axis] - y.shape[axis]) for axis in (1, 2)]
            y = layers.ZeroPadding2D(lacking)(y)
        if x.shape[-1] < filters:
            x = layers.Concatenate()([x, layers.Rescaling(0.0)(x)])
        return layers.ReLU()(layers.Add()([x, y]))

    image = keras.Input((side, side, 3), name="image")
    x = layers.Rescaling(1 / 256, offset=-np.array(_MEAN_COLOUR) / 256)(image)
    x = layers.ReLU()(convolved(x, 32, 7, 2))
    x = layers.MaxPooling2D(3, 2)(x)
    for filters, strides in _FACE_RESNET:
        for stride in strides:
            x = block(x, filters, stride)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dropout(0.2)(x)
    logits = layers.Dense(len(LABELS), dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="face_resnet")


def original(side: int = CHIP) -> keras.Model:
    """The baseline: the Flask system's CNN, three convolutions on 64 pixels, a dense layer."""
    image = keras.Input((side, side, 3), name="image")
    x = layers.Resizing(64, 64)(image)
    x = layers.Rescaling(1 / 255)(x)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(128, activation="relu", name=FEATURES)(x)
    x = layers.Dropout(0.5)(x)
    logits = layers.Dense(len(LABELS), dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="original")


def _conv(
    x: KerasTensor, filters: int, normalization: Normalization, kernel: int, stride: int = 1
) -> KerasTensor:
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
    return normalization(momentum=0.9)(x)


def _residual_block(
    x: KerasTensor, filters: int, normalization: Normalization, stride: int
) -> KerasTensor:
    shortcut = x
    if stride > 1:
        shortcut = layers.AveragePooling2D(stride)(shortcut)
    if x.shape[-1] != filters:
        shortcut = _conv(shortcut, filters, normalization, kernel=1)
    y = layers.ReLU()(_conv(x, filters, normalization, kernel=3, stride=stride))
    y = _squeeze_excitation(_conv(y, filters, normalization, kernel=3))
    return layers.ReLU()(layers.Add()([shortcut, y]))


def _squeeze_excitation(x: KerasTensor) -> KerasTensor:
    channels = x.shape[-1]
    scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
    scale = layers.Dense(channels // 8, activation="relu")(scale)
    scale = layers.Dense(channels, activation="sigmoid")(scale)
    return layers.Multiply()([x, scale])
