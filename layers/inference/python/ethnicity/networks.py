"""Neural networks, run by LiteRT on one thread."""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from ethnicity.model_files import MODELS, read_model_file

Tensor = NDArray[np.float32]


class Network:
    """A network that is ready to run: one image in, one or more tensors out.

    Threads may share it. An interpreter serves one thread only, so each thread gets its own at its
    first call.
    """

    def __init__(self, content: bytes) -> None:
        """Load the content of a .tflite file."""
        self._content = content
        self._of_thread = threading.local()
        self._of_thread.loaded = _load(content)

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Run on one image of shape (height, width, 3); outputs by name, without the batch axis."""
        loaded = getattr(self._of_thread, "loaded", None)
        if loaded is None:
            loaded = self._of_thread.loaded = _load(self._content)
        return loaded.run(image)


@dataclass(frozen=True)
class _Loaded:
    """One thread's interpreter, and where its tensors are."""

    interpreter: Interpreter
    input_index: int
    output_indices: dict[str, int]

    def run(self, image: Tensor) -> dict[str, Tensor]:
        self.interpreter.set_tensor(self.input_index, image[np.newaxis])
        self.interpreter.invoke()
        return {
            name: self.interpreter.get_tensor(index)[0]
            for name, index in self.output_indices.items()
        }


def _load(content: bytes) -> _Loaded:
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    outputs = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    return _Loaded(interpreter, image["index"], outputs)


def load_network(name: str, folder: Path = MODELS) -> Network:
    """Load a .tflite file of the models folder.

    Raises:
        ModelFileError: as `read_model_file`.
    """
    return Network(read_model_file(name, folder))
