"""Processing of all pictures of a source, on all cores, with resumption after an interrupt.

A journal stores each picture's record as soon as it is known, so an interrupted run can resume. The
journal holds answers for single pictures and is deleted at the end.
"""

import json
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ethnicity.audit.examine import examine
from ethnicity.audit.records import CRASHED, UNREADABLE, Record
from ethnicity.audit.sources import Listed, Source
from ethnicity.errors import PictureError
from ethnicity.images import check_size
from ethnicity.native import silenced
from ethnicity.pipeline import Models, load_models

CHUNK = 16
"""Pictures that a process gets at once; if it crashes, all of them have to be tried again."""

_AHEAD = 4
"""Chunks in work or waiting for each process; limits how far ahead a stream is read."""


@dataclass
class _Worker:
    """The state of a worker process."""

    models: Models
    source: Source


_worker: _Worker | None = None
_silence = ExitStack()
"""Suppresses native messages for the lifetime of a worker process."""


class Journal:
    """The records of an unfinished run, one per line, after a line that identifies the run."""

    def __init__(self, file: Path, about: dict[str, Any]) -> None:
        """Read the records of an earlier run with the same ``about``; discard any others."""
        self.file = file
        self.records = list(_read(file, about))
        # Only for the owner: it holds answers for single pictures
        self._stream = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")
        self._stream.write(json.dumps(about) + "\n")
        self.write(self.records)

    def write(self, records: Iterable[Record]) -> None:
        """Append records and flush them, so that they survive a crash of this process."""
        self._stream.writelines(json.dumps(asdict(record)) + "\n" for record in records)
        self._stream.flush()

    def close(self) -> None:
        """Close the file and keep it for another run."""
        self._stream.close()

    def remove(self) -> None:
        """Delete the file after a complete run."""
        self.close()
        self.file.unlink()


def _read(file: Path, about: dict[str, Any]) -> Iterator[Record]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        if not lines or json.loads(lines[0]) != about:
            return
        for line in lines[1:]:
            fields = json.loads(line)
            lists = {
                name: tuple(value) for name, value in fields.items() if isinstance(value, list)
            }
            yield Record(**fields | lists)
    except FileNotFoundError:
        return
    except (TypeError, ValueError):
        return  # a line that was cut off when the run ended, or written by another version


def examine_all(source: Source, pictures: Iterable[Listed], jobs: int) -> Iterator[list[Record]]:
    """Examine the pictures; yields records in lists, in order of completion.

    Raises:
        ModelFileError: models are loaded here first, so that this fails once instead of in every
            process.
    """
    with silenced():
        load_models()
    todo = deque[list[Listed]]()
    chunks = _chunks(pictures)
    while True:
        try:
            with closing(_in_parallel(source, todo, chunks, jobs)) as records:
                yield from records
        except BrokenProcessPool:
            # A picture in one of these chunks crashed its process: try them one by one
            suspects = [picture for chunk in todo for picture in chunk]
            todo.clear()
            yield from (_alone(source, picture) for picture in suspects)
        else:
            return


def _in_parallel(
    source: Source, under_way: deque[list[Listed]], chunks: Iterator[list[Listed]], jobs: int
) -> Generator[list[Record], None, None]:
    """Process chunks; ``under_way`` always holds those that are not done."""
    with _pool(source, jobs) as pool:
        futures: dict[Future[list[Record]], list[Listed]] = {}
        try:
            while True:
                for chunk in islice(chunks, max(0, jobs * _AHEAD - len(futures))):
                    under_way.append(chunk)
                    with _interrupts_held():  # inherited by a process that starts here
                        future = pool.submit(_examine, chunk)
                    futures[future] = chunk
                if not futures:
                    return
                for future in wait(futures, return_when=FIRST_COMPLETED).done:
                    records = future.result()
                    under_way.remove(futures.pop(future))
                    yield records
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _alone(source: Source, picture: Listed) -> list[Record]:
    try:
        with _pool(source, 1) as pool:
            return pool.submit(_examine, [picture]).result()
    except BrokenProcessPool:
        return [Record(picture.name, picture.group, CRASHED)]


def _pool(source: Source, jobs: int) -> ProcessPoolExecutor:
    # Not forked: a fork would lack the threads of libraries that this process has loaded
    return ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start, initargs=(source,)
    )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Delay Ctrl+C until the end of the block."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(source: Source) -> None:
    global _worker  # noqa: PLW0603 - one per process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl+C
    _silence.enter_context(silenced())
    _worker = _Worker(load_models(), source)


def _examine(chunk: list[Listed]) -> list[Record]:
    if _worker is None:
        raise RuntimeError("_start must be called first")
    return [examine_listed(_worker.models, _worker.source, picture) for picture in chunk]


def examine_listed(models: Models, source: Source, picture: Listed) -> Record:
    """Read and examine one picture; a fault becomes its record."""
    try:
        if picture.size is not None:
            check_size(picture.size)
        data = source.read(picture)
    except PictureError as fault:
        return Record(picture.name, picture.group, fault.code)
    except Exception:  # noqa: BLE001 - archives and S3 have many ways to fail
        return Record(picture.name, picture.group, UNREADABLE)
    return examine(models, picture.name, picture.group, data)


def _chunks(pictures: Iterable[Listed]) -> Iterator[list[Listed]]:
    stream = iter(pictures)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk
