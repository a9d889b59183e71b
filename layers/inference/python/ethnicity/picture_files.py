"""Which files are pictures, by their names: one rule for the command, the audit and S3."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")

SUFFIXES = (*JPEG_SUFFIXES, ".png", ".webp")
"""Of the formats that are read, though not by the HTTP API and the S3 variant."""


def has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a path ends in one of these, in any case, and nothing on its way is hidden.

    Hidden are names with a dot in front, among them the ``._x.jpg`` that macOS writes beside
    ``x.jpg``, and ``__MACOSX`` in its archives.
    """
    path = PurePosixPath(name)
    hidden = any(
        part.startswith((".", "__MACOSX")) and part not in {".", ".."} for part in path.parts
    )
    return not hidden and path.suffix.lower() in suffixes


def walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    """The files below a folder that have one of these suffixes, by their paths within it.

    In an order that does not change; links to folders are not followed.
    """
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(place, file)
            name = path.relative_to(folder).as_posix()
            if has_suffix(name, suffixes) and (path.is_file() or path.is_symlink()):
                yield name
