"""Time and memory that the service takes for the most expensive files we could construct.

Prints a table. Each file is sent in a form, asking for all faces, to a process of its own with one
thread.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

from tqdm import tqdm

from scripts.events import multipart
from scripts.gateway import http_api
from tests.hostile import crafted, most_memory
from training.markdown import table


def serve(name: str) -> tuple[int, float, int]:
    """Send the file; return the answer's status, CPU seconds, and the peak of memory in MB."""
    from predict.app import handler  # noqa: PLC0415 - its start is not what is measured

    data, _ = crafted()[name]
    event = http_api(replace(multipart(data), query="faces=all"))
    start = time.process_time()
    status = handler(event, None)["statusCode"]
    seconds = time.process_time() - start
    return status, seconds, most_memory()


def in_a_process(name: str) -> tuple[int, float, int]:
    """Run `serve` in a fresh process."""
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
    rows = []
    for name, (data, _) in tqdm(crafted().items(), unit="file"):
        status, seconds, memory = in_a_process(name)
        size = f"{len(data) / 1e6:.2f} MB"
        rows.append([name, size, str(status), f"{seconds:.2f} s", f"{memory} MB"])
    print(table(["file", "size", "status", "CPU", "memory"], rows))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(serve(sys.argv[1])))
    else:
        main()
