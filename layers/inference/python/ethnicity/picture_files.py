"""Selection of picture files by name: one rule for the command, the audit and S3."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")

SUFFIXES = (*JPEG_SUFFIXES, ".png", ".webp")
"""Suffixes of all formats that are read; the HTTP API and the S3 variant read only JPEG."""


def has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a path ends in one of the suffixes, in any case, and no part of it is hidden.

    Hidden are names that begin with a dot, such as the ``._x.jpg`` that macOS writes beside
    ``x.jpg``, and ``__MACOSX`` in macOS archives.
    """
    path = PurePosixPath(name)
    hidden = any(
        part.startswith((".", "__MACOSX")) and part not in {".", ".."} for part in path.parts
    )
    return not hidden and path.suffix.lower() in suffixes


def walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Paths, relative to the folder, of all files below it with one of these suffixes.

    In a fixed order; links to folders are not followed.
    """
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(place, file)
            name = path.relative_to(folder).as_posix()
            if has_suffix(name, suffixes) and (path.is_file() or path.is_symlink()):
                yield name
