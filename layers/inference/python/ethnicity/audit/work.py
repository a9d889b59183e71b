"""All pictures of a source, on all cores, so that nothing done is lost and nothing stops it.

What is known of each picture is written down as it comes. A run that was interrupted begins where
it ended; the file that makes it possible holds each picture's answer and is deleted at the end.
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
"""Pictures that are handed to a process at once: what takes it down takes these with it."""

_AHEAD = 4
"""Chunks for each process that wait or are worked on: a stream is not read far ahead."""


@dataclass
class _Worker:
    """What a process holds."""

    models: Models
    source: Source


_worker: _Worker | None = None
_silence = ExitStack()
"""Kept for as long as the process works."""


class Journal:
    """The records of an unfinished run, one a line after a line that says what they are of."""

    def __init__(self, file: Path, about: dict[str, Any]) -> None:
        """Take up what an earlier run of the same kind left; of another, nothing."""
        self.file = file
        self.records = list(_read(file, about))
        # Only for the owner: it holds answers for single pictures
        self._stream = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")
        self._stream.write(json.dumps(about) + "\n")
        self.write(self.records)

    def write(self, records: Iterable[Record]) -> None:
        """Keep them, whatever happens to this process afterwards."""
        self._stream.writelines(json.dumps(asdict(record)) + "\n" for record in records)
        self._stream.flush()

    def close(self) -> None:
        """Leave the file for another run."""
        self._stream.close()

    def remove(self) -> None:
        """All is done."""
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
        return  # the last line was being written when the run ended, or by another version


def examine_all(source: Source, pictures: Iterable[Listed], jobs: int) -> Iterator[list[Record]]:
    """Records of the pictures, some at a time, in the order in which they are done.

    Raises:
        ModelFileError: here, once, rather than in every process.
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
            # One of the chunks under way did it: its pictures are tried one by one
            suspects = [picture for chunk in todo for picture in chunk]
            todo.clear()
            yield from (_alone(source, picture) for picture in suspects)
        else:
            return


def _in_parallel(
    source: Source, under_way: deque[list[Listed]], chunks: Iterator[list[Listed]], jobs: int
) -> Generator[list[Record], None, None]:
    """Work on chunks; ``under_way`` holds those that are not done, whatever happens."""
    with _pool(source, jobs) as pool:
        futures: dict[Future[list[Record]], list[Listed]] = {}
        try:
            while True:
                for chunk in islice(chunks, max(0, jobs * _AHEAD - len(futures))):
                    under_way.append(chunk)
                    with _interrupts_held():  # which a process that starts here inherits
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
    # Not forked: threads of a library that this process has loaded would be missing in the copies
    return ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start, initargs=(source,)
    )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl+C waits."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(source: Source) -> None:
    global _worker  # noqa: PLW0603 - a process' own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that leads sees to it
    _silence.enter_context(silenced())
    _worker = _Worker(load_models(), source)


def _examine(chunk: list[Listed]) -> list[Record]:
    if _worker is None:
        raise RuntimeError("_start comes first")
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
