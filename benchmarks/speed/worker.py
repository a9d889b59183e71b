"""A candidate at work, in its own environment: commands in on stdin, measurements out on stdout.

`python -m benchmarks.speed.worker CPUS HANDLER`; both sides speak JSON, a line at a time. It needs
nothing but Python's own library.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

Handler = Callable[[Any, None], dict[str, Any]]


@cache
def _event(file: str) -> Any:  # noqa: ANN401
    return json.loads(Path(file).read_text(encoding="utf-8"))


def call(handler: Handler, event: Any) -> float:  # noqa: ANN401
    """The seconds that one call takes."""
    start = time.perf_counter()
    answer = handler(event, None)
    seconds = time.perf_counter() - start
    if answer["statusCode"] != 200:
        raise RuntimeError(answer)
    return seconds


def several(handler: Handler, file: str, calls: int) -> list[float]:
    """The seconds of each of some calls."""
    return [call(handler, _event(file)) for _ in range(calls)]


def rate(handler: Handler, file: str, seconds: float) -> float:
    """Calls a second, over so many seconds."""
    event = _event(file)
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < seconds:
        call(handler, event)
        count += 1
    return count / (time.perf_counter() - start)


def memory() -> dict[str, float]:
    """MB that the process holds, and held at most."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = dict(re.findall(r"(VmRSS|VmHWM):\s*(\d+) kB", status))
    return {"now": int(found["VmRSS"]) / 1000, "peak": int(found["VmHWM"]) / 1000}


def main(cpus: str, name: str) -> None:
    os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})  # before threads are made
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what handlers print is not for us
    module, _, attribute = name.rpartition(".")
    handler: Handler = getattr(import_module(module), attribute)
    for line in sys.stdin:
        request = json.loads(line)
        match request.pop("do"):
            case "several":
                answer: object = several(handler, **request)
            case "rate":
                answer = rate(handler, **request)
            case _:
                answer = memory()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
