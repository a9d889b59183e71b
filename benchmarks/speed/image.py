"""What the function's image weighs, and how long its imports take."""

import json
import re
import subprocess
from collections import defaultdict

from benchmarks.speed.candidates import ROOT, SERVICE

IMAGE = "predictfunction:latest"

_SIZES = """
import json
from collections import Counter
from pathlib import Path
sizes = Counter()
for root in (Path("/opt/python"), Path("/var/task")):
    for path in root.rglob("*"):
        if path.is_file():
            sizes[path.relative_to(root).parts[0]] += path.stat().st_size
print(json.dumps(sizes))
"""

_SELF_TIME = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def layers() -> list[tuple[float, str]] | None:
    """MB and instruction of the image's layers, newest first; None without it or without Docker."""
    shown = "{{.Size}} {{.CreatedBy}}"
    done = _docker("history", "--no-trunc", "--human=false", "--format", shown, IMAGE)
    if done is None:
        return None
    rows = [line.partition(" ") for line in done.splitlines()]
    return [(int(size) / 1e6, what) for size, _, what in rows if int(size)]


def parts() -> dict[str, float] | None:
    """MB of what lies at the top of /opt/python and /var/task."""
    done = _docker("run", "--rm", "--entrypoint", "python", IMAGE, "-c", _SIZES)
    return {name: size / 1e6 for name, size in json.loads(done).items()} if done else None


def _docker(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["docker", *arguments],  # noqa: S607
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def import_times(runs: int) -> dict[str, float]:
    """Milliseconds that each package's own modules take to import: the least of some runs.

    Python's own account, which costs time itself, so that the sum is more than a start takes.
    """
    found = [_import_times() for _ in range(runs)]
    return {name: min(each[name] for each in found) for name in found[0]}


def _import_times() -> dict[str, float]:
    done = subprocess.run(
        [SERVICE.python, "-X", "importtime", "-c", "import predict.app"],
        cwd=ROOT,
        env=SERVICE.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    times: defaultdict[str, float] = defaultdict(float)
    for microseconds, module in _SELF_TIME.findall(done.stderr):
        times[module.partition(".")[0]] += int(microseconds) / 1000
    return times
