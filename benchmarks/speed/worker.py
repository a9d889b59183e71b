"""The process of a candidate: reads commands from stdin, writes measurements to stdout.

`python -m benchmarks.speed.worker CPUS HANDLER`; commands and answers are JSON, one a line. It
imports only Python's standard library and the handler.
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
    """Call the handler once; return the seconds that it takes."""
    start = time.perf_counter()
    answer = handler(event, None)
    seconds = time.perf_counter() - start
    if answer["statusCode"] != 200:
        raise RuntimeError(answer)
    return seconds


def several(handler: Handler, file: str, calls: int) -> list[float]:
    """Make some calls; return the seconds of each."""
    return [call(handler, _event(file)) for _ in range(calls)]


def rate(handler: Handler, file: str, seconds: float) -> float:
    """Call the handler for that number of seconds; return the calls a second."""
    event = _event(file)
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < seconds:
        call(handler, event)
        count += 1
    return count / (time.perf_counter() - start)


def memory() -> dict[str, float]:
    """The process's memory in MB, now and at its peak."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = dict(re.findall(r"(VmRSS|VmHWM):\s*(\d+) kB", status))
    return {"now": int(found["VmRSS"]) / 1000, "peak": int(found["VmHWM"]) / 1000}


def main(cpus: str, name: str) -> None:
    os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})  # before threads are created
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the handler's prints go to stderr
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
