"""What depends on which of Keras' backends trains: TensorFlow on CPUs, JAX on an accelerator.

Keras takes the one that the variable KERAS_BACKEND names, TensorFlow if none. Of each are here

- ``BatchNormalization``: the layer;
- ``SharpnessAware``: a model that is trained by sharpness-aware minimisation (Foret et al. 2021),
  within a ``radius`` in the units of its weights. Each step takes the gradient not where the
  weights are but where, that near, the loss is worst: of minima the flat ones are sought, and one
  that exists for a few wrong labels alone is sharp. Which way the loss grows fastest is asked of
  half a batch, for half the price;
- ``COMPILED``: whether XLA compiles a step;
- ``ahead``: the batches of a `batches.BatchSource`, made while it learns from those before;
- ``run``: what a model answers for images. As training runs it, its layers note their means and
  variances.
"""

import keras

match keras.backend.backend():
    case "tensorflow":
        from training.backends.on_tensorflow import (
            COMPILED,
            BatchNormalization,
            SharpnessAware,
            ahead,
            run,
        )
    case "jax":
        from training.backends.on_jax import (
            COMPILED,
            BatchNormalization,
            SharpnessAware,
            ahead,
            run,
        )
    case other:
        raise ImportError(f"KERAS_BACKEND is {other}: let it be jax or tensorflow")

__all__ = ["COMPILED", "BatchNormalization", "SharpnessAware", "ahead", "run"]
