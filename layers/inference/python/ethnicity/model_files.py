"""The released model files, read and checked."""

import hashlib
from pathlib import Path

MODELS = Path(__file__).parent / "models"


class ModelFileError(Exception):
    """A model file is missing or is not the one that was released."""


def read_model_file(name: str, folder: Path = MODELS) -> bytes:
    """Read a model file and check it against the folder's SHA256SUMS.

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
