"""The time from a fresh process to its first response, in Lambda's own runtime loop."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.speed import pictures
from benchmarks.speed.candidates import IMPORTS, ROOT, SERVICES, WORK, Candidate
from scripts.gateway import Event
from tests.e2e.emulator import Emulator

_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)")
_INVOKE = re.compile(r"INVOKE RTDONE\(.*duration: ([\d.]+)ms")
_READ = re.compile(r"^read_bytes: (\d+)", re.MULTILINE)


Starts = dict[str, dict[str, list[float]]]
"""By candidate: milliseconds of both phases and MB read from the disk, for each start."""


def starts() -> dict[str, Starts]:
    """Starts with the candidates' files in Linux's file cache, and with files only on the disk."""
    return {"memory": _starts(5, evicted=False), "disk": _starts(2, evicted=True)}


def _starts(rounds: int, *, evicted: bool) -> Starts:
    chip = pictures.chip()
    events = {each: each.event(chip) for each in (IMPORTS, *SERVICES)}
    found: Starts = {each.title: {"init": [], "invoke": [], "read": []} for each in events}
    for _ in range(rounds):
        for candidate, event in events.items():
            if evicted:
                _evict(candidate)
            for figure, value in _start(candidate, event).items():
                found[candidate.title][figure].append(value)
    return found


def _start(candidate: Candidate, event: Event) -> dict[str, float]:
    function = Emulator(
        candidate.handler, candidate.environment, timeout=120, python=candidate.python
    )
    with function:
        answer = function.invoke(event)
        read = sum(_bytes_read(pid) for pid in function.processes())
    if answer["statusCode"] != 200:
        raise RuntimeError(answer)
    log = "".join(function.log)
    init, invoke = (float(pattern.findall(log)[0]) for pattern in (_INIT, _INVOKE))
    return {"init": init, "invoke": invoke, "read": read / 1e6}


def _bytes_read(pid: int) -> int:
    with suppress(OSError):  # the process has ended
        return int(_READ.findall(Path(f"/proc/{pid}/io").read_text())[0])
    return 0


def _evict(candidate: Candidate) -> None:
    """Ask Linux to drop a candidate's files from its cache."""
    for path in _files(candidate):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def _files(candidate: Candidate) -> Iterator[Path]:
    """The files of its environment, the code and the weights, without Python's and the system's."""
    for folder in (ROOT / ".venv" / candidate.venv, ROOT / "layers", ROOT / "functions", WORK):
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
