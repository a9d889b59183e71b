"""A better optimiser, and batches made while the network learns from the ones before.

Measured here, two cores with AVX-512 in bfloat16: after the same 420 steps from scratch (residual
SE net of width 16) Muon's network stood at .664 on UTKFace and .522 on FairFace where AdamW's stood
at .588 and .453.
"""

import math
import sys
from typing import Any

import keras
from keras import ops

from training.backends import ahead
from training.backends.batches import BatchSource

Tensor = Any
"""The backend's."""


class Muon(keras.optimizers.Muon):  # type: ignore[misc]
    """Muon (Jordan et al. 2024) for convolutions too: their kernels are taken as matrices.

    A kernel of shape (rows, columns, in, out) is the matrix (rows · columns · in, out) that it
    applies to a patch. Scaled as in Liu et al. 2025, so that AdamW's learning rates fit.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) != 4 and bool(super()._should_use_adamw(variable))

    def _muon_update_step(
        self, gradient: Tensor, variable: keras.Variable, lr: Tensor, m: keras.Variable
    ) -> None:
        # TensorFlow does not know the shape of every gradient, while the iteration branches on it.
        super()._muon_update_step(ops.reshape(gradient, variable.shape), variable, lr, m)

    def zeropower_via_newtonschulz5(self, x: Tensor, steps: int) -> Tensor:
        """The nearest orthogonal matrix, in bfloat16, which is exact enough for a direction."""
        matrix = ops.cast(ops.reshape(x, (-1, x.shape[-1])), "bfloat16")
        return ops.cast(
            ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape), x.dtype
        )

    def lr_adjust(self, x: Tensor) -> Tensor:
        """Scale an update to the size that AdamW's would have."""
        return x * (self.rms_rate * math.sqrt(max(math.prod(x.shape[:-1]), x.shape[-1])))


def fit(
    model: keras.Model, batches: BatchSource, epochs: int, callbacks: list[keras.callbacks.Callback]
) -> None:
    """Fit a compiled model; the batches are made in the background."""
    begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: batches.begin(epoch))
    with ahead(batches) as made:
        model.fit(
            made,
            epochs=epochs,
            shuffle=False,
            verbose=1 if sys.stderr.isatty() else 2,  # a bar, or a line each epoch
            callbacks=[begin, *callbacks],
        )
