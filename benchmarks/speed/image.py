"""The size of the function's image, and the time that its imports take."""

import json
import re
import subprocess
from collections import defaultdict

from benchmarks.speed.candidates import SERVICE

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


def contents() -> dict[str, object]:
    """The image's layers and parts."""
    return {"layers": _layers(), "parts": _parts()}


def _layers() -> list[tuple[float, str]] | None:
    """MB and instruction of each layer, newest first; None if the image or Docker is missing."""
    shown = "{{.Size}} {{.CreatedBy}}"
    done = _docker("history", "--no-trunc", "--human=false", "--format", shown, IMAGE)
    if done is None:
        return None
    rows = [line.partition(" ") for line in done.splitlines()]
    return [(int(size) / 1e6, what) for size, _, what in rows if int(size)]


def _parts() -> dict[str, float] | None:
    """MB of each top-level folder or file of /opt/python and /var/task."""
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


def import_times() -> dict[str, float]:
    """Milliseconds that each package's own modules take to import: the minimum of five runs.

    Python's report takes time itself, so their sum is more than a start takes.
    """
    found = [_import_times() for _ in range(5)]
    return {name: min(each[name] for each in found) for name in found[0]}


def _import_times() -> dict[str, float]:
    done = SERVICE.run("-X", "importtime", "-c", "import predict.app", capture_output=True)
    times: defaultdict[str, float] = defaultdict(float)
    for microseconds, module in _SELF_TIME.findall(done.stderr):
        times[module.partition(".")[0]] += int(microseconds) / 1000
    return times
