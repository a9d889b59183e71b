"""Neural networks, run by LiteRT on one thread."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from ethnicity.model_files import MODELS, read_model_file

Image = NDArray[np.uint8]
"""Shape (height, width, 3)."""

Tensor = NDArray[np.float32]

Run = Callable[[Image], dict[str, Tensor]]
"""One image in, one or more tensors out."""


class Network:
    """A network that is ready to run: one image in, one or more tensors out.

    Threads may share it. A fully convolutional network takes images of any size. Each thread and
    each size gets its own interpreter at the first image, because an interpreter serves only one
    thread and resizing it takes as long as running it.
    """

    def __init__(self, content: bytes) -> None:
        """Load the content of a .tflite file, for images of the file's own size."""
        self._content = content
        self._interpreters = threading.local()
        loaded = _load(content)
        self._of_this_thread()[loaded.shape] = loaded

    def __call__(self, image: Image) -> dict[str, Tensor]:
        """Run on one image; outputs by name, without the batch axis."""
        by_shape = self._of_this_thread()
        loaded = by_shape.get(image.shape)
        if loaded is None:
            loaded = by_shape[image.shape] = _load(self._content, image.shape)
        return loaded.run(image)

    def _of_this_thread(self) -> "dict[tuple[int, ...], _Loaded]":
        """Interpreters of the current thread by the shape of their image."""
        if not hasattr(self._interpreters, "by_shape"):
            self._interpreters.by_shape = {}
        by_shape: dict[tuple[int, ...], _Loaded] = self._interpreters.by_shape
        return by_shape


@dataclass(frozen=True)
class _Loaded:
    """An interpreter, the shape of its image, and the indices of its tensors."""

    interpreter: Interpreter
    shape: tuple[int, ...]
    input_index: int
    output_indices: dict[str, int]

    def run(self, image: Image) -> dict[str, Tensor]:
        self.interpreter.tensor(self.input_index)()[0] = image  # converts to float32 in place
        self.interpreter.invoke()
        return {
            name: self.interpreter.get_tensor(index)[0]
            for name, index in self.output_indices.items()
        }


def _load(content: bytes, shape: tuple[int, ...] | None = None) -> _Loaded:
    interpreter = Interpreter(model_content=content, num_threads=1)
    (image,) = interpreter.get_input_details()
    if shape:
        interpreter.resize_tensor_input(image["index"], (1, *shape))
    interpreter.allocate_tensors()
    shape = shape or tuple(int(length) for length in image["shape"][1:])
    outputs = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    return _Loaded(interpreter, shape, image["index"], outputs)


def load_network(name: str, folder: Path = MODELS) -> Network:
    """Load a .tflite file of the models folder.

    Raises:
        ModelFileError: as `read_model_file`.
    """
    return Network(read_model_file(name, folder))
