"""Sharpness-aware minimisation (Foret et al. 2021): of minima the flat ones are sought.

Each step takes the gradient not where the weights are but where, within a small radius, the loss is
worst. A minimum that exists for a few wrong labels alone is sharp.
"""

from typing import Any

import keras
import tensorflow as tf

Tensors = Any
"""Tensors in dictionaries and tuples."""


class SharpnessAware(keras.Model):  # type: ignore[misc]
    """A model that is trained so, with a ``radius`` in the units of its weights.

    Which way the loss grows fastest is asked of half a batch, for half the price.
    """

    radius: float

    def train_step(self, data: Tensors) -> dict[str, tf.Tensor]:
        """Take one step by the gradient at the worst weights nearby."""
        weights = [each.value for each in self.trainable_variables]
        kept = [tf.identity(each) for each in weights]
        uphill, *_ = self._gradients(tf.nest.map_structure(_first_half, data), weights)
        scale = self.radius / (tf.linalg.global_norm(uphill) + 1e-12)
        for weight, gradient in zip(weights, uphill, strict=True):
            weight.assign_add(scale * gradient)
        gradients, loss, predicted = self._gradients(data, weights)
        for weight, value in zip(weights, kept, strict=True):
            weight.assign(value)
        self.optimizer.apply(gradients, self.trainable_variables)
        self._loss_tracker.update_state(loss)  # the "loss" among Keras' metrics
        inputs, targets, sample_weights = data
        return dict(self.compute_metrics(inputs, targets, predicted, sample_weights))

    def _gradients(
        self, data: Tensors, weights: list[tf.Variable]
    ) -> tuple[list[tf.Tensor], tf.Tensor, Tensors]:
        inputs, targets, sample_weights = data
        with tf.GradientTape() as tape:
            predicted = self(inputs, training=True)
            loss = self.compute_loss(inputs, targets, predicted, sample_weights)
        return tape.gradient(loss, weights), loss, predicted


def _first_half(batch: tf.Tensor) -> tf.Tensor:
    return batch[: tf.shape(batch)[0] // 2]
