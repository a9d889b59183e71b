"""Measured processes, which stay open to take turns."""

import hashlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.speed.candidates import ROOT, WORK, Candidate
from scripts.gateway import Event

_CPU_GROUPS = Path("/sys/fs/cgroup/cpu")
_PERIOD = 20_000
"""Microseconds; reportedly the same on Lambda."""


class Worker:
    """A candidate in a process of its own, its calls pinned to some CPUs.

    ``through``: a command that starts the process, whose own command is appended.
    """

    def __init__(self, candidate: Candidate, cpus: str = "0", through: Sequence[str] = ()) -> None:
        module = "benchmarks.speed.worker"
        self._process = subprocess.Popen(
            [*through, candidate.python, "-m", module, cpus, candidate.handler],
            env=candidate.environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, do: str, event: Event | None = None, **details: object) -> None:
        """Send a command to the worker; `answer` waits for its end."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        if event is not None:
            details["file"] = str(_stored(event))
        self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401
        assert self._process.stdout is not None  # noqa: S101
        return json.loads(self._process.stdout.readline())

    def several(self, event: Event, calls: int) -> list[float]:
        """Make that number of calls; return the seconds of each."""
        self.ask("several", event, calls=calls)
        return list(self.answer())

    def memory(self) -> dict[str, float]:
        """The process's memory in MB, now and at its peak."""
        self.ask("memory")
        return dict(self.answer())


def _stored(event: Event) -> Path:
    """The file from which workers read an event."""
    text = json.dumps(event).encode()
    file = WORK / "events" / f"{hashlib.sha256(text).hexdigest()}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
    return file


@contextmanager
def share_of_a_cpu(name: str, share: float) -> Iterator[tuple[str, ...] | None]:
    """A command that limits another one to a share of a CPU; None if the machine forbids it.

    Uses Linux's control groups (version 1), as Lambda does: a process that has used its share of a
    period waits for the next.
    """
    group = _CPU_GROUPS / f"speed-{name}"
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(round(_PERIOD * share)))
    except OSError:
        yield None
        return
    try:
        yield ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
    finally:
        with suppress(OSError):
            group.rmdir()
