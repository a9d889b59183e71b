"""What the dearest files that could be made cost the whole service, as a table: time and memory.

Each in a process of its own, on one thread, as a form's file, looking for all faces.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

from scripts.events import multipart
from scripts.gateway import http_api
from tests.hostile import crafted, most_memory


def serve(name: str) -> tuple[int, float, int]:
    """The status of the answer, CPU seconds, and MB held at most."""
    from predict.app import handler  # noqa: PLC0415 - its start is not what is measured

    data, _ = crafted()[name]
    event = http_api(replace(multipart(data), query="faces=all"))
    start = time.process_time()
    status = handler(event, None)["statusCode"]
    seconds = time.process_time() - start
    return status, seconds, most_memory()


def in_a_process(name: str) -> tuple[int, float, int]:
    """`serve` in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile", name],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    status, seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return status, seconds, memory


def main() -> None:
    print("| file | size | status | CPU | memory |\n| --- | --- | --- | --- | --- |")
    for name, (data, _) in crafted().items():
        status, seconds, memory = in_a_process(name)
        size = f"{len(data) / 1e6:.2f} MB"
        print(f"| {name} | {size} | {status} | {seconds:.2f} s | {memory} MB |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(serve(sys.argv[1])))
    else:
        main()
