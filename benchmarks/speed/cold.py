"""A fresh process to its first response, in Lambda's own runtime loop."""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.candidates import ROOT, WORK, Candidate
from scripts.gateway import Event
from tests.e2e.emulator import Emulator

_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)")
_INVOKE = re.compile(r"INVOKE RTDONE\(.*duration: ([\d.]+)ms")
_READ = re.compile(r"^read_bytes: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Start:
    """Milliseconds of the two phases, as the emulator reports them, and MB read from the disk."""

    init: float
    invoke: float
    read: float


def starts(
    events: Mapping[Candidate, Event], rounds: int, *, evicted: bool = False
) -> dict[Candidate, list[Start]]:
    """Starts of all candidates, in turn; their files read anew from the disk if ``evicted``."""
    found: dict[Candidate, list[Start]] = {candidate: [] for candidate in events}
    for _ in range(rounds):
        for candidate, event in events.items():
            if evicted:
                _evict(files_of(candidate))
            found[candidate].append(_start(candidate, event))
    return found


def _start(candidate: Candidate, event: Event) -> Start:
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
    return Start(init, invoke, read / 1e6)


def _bytes_read(pid: int) -> int:
    with suppress(OSError):  # it has ended meanwhile
        return int(_READ.findall(Path(f"/proc/{pid}/io").read_text())[0])
    return 0


def files_of(candidate: Candidate) -> Iterable[Path]:
    """Its environment's files, the code and the weights; not Python's own, nor the system's."""
    folders = (ROOT / ".venv" / candidate.venv, ROOT / "layers", ROOT / "functions", WORK)
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _evict(files: Iterable[Path]) -> None:
    """Ask Linux to forget what it keeps of files in memory."""
    for path in files:
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
