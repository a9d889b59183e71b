"""Processes that are measured, held open to be asked in turn."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.speed.candidates import ROOT, Candidate

_CPU_GROUPS = Path("/sys/fs/cgroup/cpu")
_PERIOD = 20_000
"""Microseconds, as Lambda's own scheduler is said to have."""


class Worker:
    """A candidate in a process of its own, its calls pinned to some CPUs.

    ``through``: a command that it is run with.
    """

    def __init__(self, candidate: Candidate, cpus: str = "0", through: Sequence[str] = ()) -> None:
        module = "benchmarks.speed.worker"
        self._process = subprocess.Popen(
            [*through, str(candidate.python), "-m", module, cpus, candidate.handler],
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

    def ask(self, do: str, **details: object) -> None:
        """Begin; `answer` waits for the end."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401
        assert self._process.stdout is not None  # noqa: S101
        return json.loads(self._process.stdout.readline())

    def several(self, event: Path, calls: int) -> list[float]:
        """Seconds of each of so many calls."""
        self.ask("several", file=str(event), calls=calls)
        return list(self.answer())

    def memory(self) -> dict[str, float]:
        """MB held now, and at most."""
        self.ask("memory")
        return dict(self.answer())


@contextmanager
def share_of_a_cpu(name: str, share: float) -> Iterator[tuple[str, ...] | None]:
    """A command that gives what it runs so much of a CPU; none where the machine does not let us.

    Linux's CPU groups (version 1) do to it what Lambda's own do: what has had its share of a period
    waits for the next.
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
