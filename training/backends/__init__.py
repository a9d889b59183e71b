"""Code that depends on Keras' backend: TensorFlow for CPUs, JAX for an accelerator.

The variable KERAS_BACKEND names the backend; TensorFlow is the default. Each backend provides

- ``BatchNormalization``: the layer;
- ``SharpnessAware``: a model trained by sharpness-aware minimisation (Foret et al. 2021), within a
  ``radius`` in the units of its weights. Each step takes the gradient at the nearby weights with
  the worst loss. This prefers flat minima; minima that fit a few wrong labels are sharp. The
  direction of the worst loss is computed on half a batch, for half the cost;
- ``COMPILED``: whether XLA compiles a step;
- ``ahead``: the batches of a `batches.BatchSource`, made in the background;
- ``run``: a model's outputs for images. In training mode, layers update their means and variances.
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
