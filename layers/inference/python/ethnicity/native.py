"""What native libraries write to the standard error past Python: greetings and warnings."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Drop it. What fails raises all the same, and Python's own standard error stays."""
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
    """Send nowhere what is written to it from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _moved(stream: TextIO, descriptor: int) -> TextIO:
    """The stream, writing to another descriptor if it is the standard error's."""
    try:
        if stream.fileno() != 2:
            return stream
    except OSError:
        return stream
    return open(
        descriptor, "w", buffering=1, encoding=stream.encoding, errors=stream.errors, closefd=False
    )
