"""The neural networks' files, checked, and run by LiteRT on one thread."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

MODELS = Path(__file__).parent / "models"

Tensor = NDArray[np.float32]


class ModelFileError(Exception):
    """A model file is missing or is not the one that was released."""


def read_model_file(name: str, folder: Path = MODELS) -> bytes:
    """The bytes of a model file whose SHA-256 stands in the folder's SHA256SUMS.

    Raises:
        ModelFileError: the file or its checksum is missing, or they disagree.
    """
    try:
        content = (folder / name).read_bytes()
        sums = (folder / "SHA256SUMS").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelFileError(f"{error.filename} cannot be read: reinstall the package") from error
    if f"{hashlib.sha256(content).hexdigest()}  {name}" not in sums.splitlines():
        raise ModelFileError(f"{name} does not match its checksum: reinstall the package")
    return content


@dataclass(frozen=True)
class Network:
    """A loaded network: one image in, one or more tensors out. Not safe to share among threads."""

    interpreter: Interpreter
    input_index: int
    output_indices: dict[str, int]

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Run on one image of shape (height, width, 3); outputs by name, without the batch axis."""
        self.interpreter.set_tensor(self.input_index, image[np.newaxis])
        self.interpreter.invoke()
        return {
            name: self.interpreter.get_tensor(index)[0]
            for name, index in self.output_indices.items()
        }


def load_network(name: str, folder: Path = MODELS) -> Network:
    """Load a .tflite file of the models folder.

    Raises:
        ModelFileError: as `read_model_file`.
    """
    return open_network(read_model_file(name, folder))


def open_network(content: bytes, size: tuple[int, int] | None = None) -> Network:
    """Make the content of a .tflite file ready to run.

    ``size``: height and width of the images, if the file's own are to be changed; the network has
    to consist of layers that allow it.
    """
    interpreter = Interpreter(model_content=content, num_threads=1)
    (image,) = interpreter.get_input_details()
    if size:
        interpreter.resize_tensor_input(image["index"], (1, *size, 3))
    interpreter.allocate_tensors()
    outputs = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    return Network(interpreter, image["index"], outputs)
