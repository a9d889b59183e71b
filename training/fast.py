"""What makes training on CPUs fast: fused normalisation, a better optimiser, and no waiting.

Measured here, residual SE net of width 32, two cores with AVX-512 in bfloat16: the fused layer
trains 1.33 times as many pictures a second; and after the same 420 steps from scratch (width 16)
Muon's network stood at .664 on UTKFace and .522 on FairFace where AdamW's stood at .588 and .453.
"""

import math
import sys
from typing import Any, Protocol

import keras
import tensorflow as tf
from keras import ops


# The name is Keras' own, so that weights saved with one layer load into the other.
class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras' layer by TensorFlow's fused kernel, which does in one pass what it does in several."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:  # noqa: FBT001 (Keras')
        """Normalise over all axes but the last; inputs of rank 4."""
        learning = bool(training) and self.trainable
        scale, offset, moving_mean, moving_variance = (
            tf.convert_to_tensor(weight.value)
            for weight in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=scale,
            offset=offset,
            mean=[] if learning else moving_mean,
            variance=[] if learning else moving_variance,
            epsilon=self.epsilon,
            is_training=learning,
        )
        if learning:
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return normalised


class Muon(keras.optimizers.Muon):  # type: ignore[misc]
    """Muon (Jordan et al. 2024) for convolutions too: their kernels are taken as matrices.

    A kernel of shape (rows, columns, in, out) is the matrix (rows · columns · in, out) that it
    applies to a patch. Scaled as in Liu et al. 2025, so that AdamW's learning rates fit.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) != 4 and bool(super()._should_use_adamw(variable))

    def _muon_update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, lr: tf.Tensor, m: keras.Variable
    ) -> None:
        # TensorFlow does not know the shape of every gradient, while the iteration branches on it.
        super()._muon_update_step(ops.reshape(gradient, variable.shape), variable, lr, m)

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int) -> tf.Tensor:
        """The nearest orthogonal matrix, in bfloat16, which is exact enough for a direction."""
        matrix = ops.cast(ops.reshape(x, (-1, x.shape[-1])), "bfloat16")
        return ops.cast(
            ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape), x.dtype
        )

    def lr_adjust(self, x: tf.Tensor) -> tf.Tensor:
        """Scale an update to the size that AdamW's would have."""
        return x * (self.rms_rate * math.sqrt(max(math.prod(x.shape[:-1]), x.shape[-1])))


class BatchSource(Protocol):
    """An epoch's batches: nested NumPy arrays, all of the same shapes."""

    def begin(self, epoch: int) -> None:
        """From now on they are of that epoch, the first being 0."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, ...]: ...


def fit(
    model: keras.Model, batches: BatchSource, epochs: int, callbacks: list[keras.callbacks.Callback]
) -> None:
    """Fit a compiled model, one background thread making the batches."""
    begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: batches.begin(epoch))
    model.fit(
        _prefetched(batches),
        epochs=epochs,
        shuffle=False,
        verbose=1 if sys.stderr.isatty() else 2,  # a bar, or a line each epoch
        callbacks=[begin, *callbacks],
    )


def _prefetched(batches: BatchSource) -> tf.data.Dataset:
    """In the place of Keras' own PyDataset, for whose autotuning each epoch waits at its end.

    TensorFlow's autotuning sleeps for up to a minute at a time, and cannot be woken when there is
    nothing left to tune. Here three epochs of four took 81 seconds by it in place of 56.
    """
    signature = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), batches[0])
    count = tf.data.experimental.assert_cardinality(len(batches))
    options = tf.data.Options()
    options.autotune.enabled = False
    return (
        tf.data.Dataset.from_generator(
            lambda: (batches[index] for index in range(len(batches))), output_signature=signature
        )
        .apply(count)
        .prefetch(16)
        .with_options(options)
    )
