"""Measure all candidates in turn; write results.json, RESULTS.md and the plots.

The candidates of a table run on one machine, in turn: compare them by their ratios.
"""

import json
import os
import platform
import re
from pathlib import Path

from tqdm import tqdm

from benchmarks.speed import cold, image, results, warm
from benchmarks.speed.candidates import DEEPFACE, ORIGINAL, ROOT, SERVICE, WORK
from training.drawing import Figures


def main() -> None:
    prepare()
    tables = {
        "machine": machine,
        "cold": cold.starts,
        "warm": warm.latencies,
        "forms": warm.forms,
        "throughput": warm.throughput,
        "memory": warm.memory,
        "growth": warm.growth,
        "sizes": warm.sizes,
        "imports": image.import_times,
        "image": image.contents,
    }
    found: Figures = {name: measure() for name, measure in tqdm(tables.items(), unit="table")}
    file = ROOT / "benchmarks" / "results.json"
    file.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")
    results.write(found, ROOT)


def prepare() -> None:
    """Compile our own code, as in the images, and create the other candidates' weights."""
    for candidate in (SERVICE, DEEPFACE):
        candidate.run("-m", "compileall", "-q", "layers", "functions", "benchmarks")
    (WORK / ".deepface").mkdir(parents=True, exist_ok=True)
    if not (WORK / "original.h5").exists():
        ORIGINAL.run("-m", "benchmarks.speed.weights", "original")
    if not (WORK / ".deepface" / "weights").exists():
        DEEPFACE.run("-m", "benchmarks.speed.weights", "deepface")


def machine() -> Figures:
    """The machine and the versions that were measured."""
    cpu = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    versions: dict[str, str] = {}
    for name in ("bench", "deepface"):
        lock = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        versions |= dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE))
    shown = ("ai-edge-litert", "tensorflow", "keras", "flask", "deepface", "fastapi", "mangum")
    return {
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": SERVICE.run("-V", capture_output=True).stdout.strip(),
        "versions": {name: versions[name] for name in shown if name in versions},
    }


if __name__ == "__main__":
    main()
