"""Suppression of messages that native libraries write to standard error, bypassing Python."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Suppress these messages; exceptions and Python's own standard error are unaffected."""
    sys.stderr.flush()
    kept = os.dup(2)
    stream = _moved(sys.stderr, kept)
    drop(2)
    try:
        with contextlib.redirect_stderr(stream):
            yield
    finally:
        stream.flush()
        os.dup2(kept, 2)
        os.close(kept)


def drop(descriptor: int) -> None:
    """Discard everything that is written to the descriptor from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _moved(stream: TextIO, descriptor: int) -> TextIO:
    """The stream, redirected to another descriptor if it writes to standard error's."""
    try:
        if stream.fileno() != 2:
            return stream
    except OSError:
        return stream
    return open(
        descriptor, "w", buffering=1, encoding=stream.encoding, errors=stream.errors, closefd=False
    )
