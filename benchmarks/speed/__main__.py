"""Measure everything, candidates in turn; write results.json, RESULTS.md and the plots.

The candidates of each table in one run, on one machine: what counts are the ratios.
"""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from benchmarks.speed import cold, image, pictures, results, warm
from benchmarks.speed.candidates import (
    BARE,
    DECODING,
    DEEPFACE,
    IMPORTS,
    ON_TENSORFLOW,
    ORIGINAL,
    RAW,
    ROOT,
    SERVICE,
    SERVICES,
    STAGES,
    WORK,
    Candidate,
)
from scripts.events import padded

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_SIZES = (512, 1024, 1769, 3008)
MEGAPIXELS = (0.25, 0.5, 1, 2, 4, 8, 12)
FACES = (1, 2, 5, 10, 20, 40)
KILOBYTES = (20, 500, 1000, 2000, 3000, 4400)

Figures = dict[str, Any]


@click.command(help=__doc__)
@click.option("--rounds", default=10, show_default=True, help="How often candidates take turns.")
@click.option("--only", multiple=True, help="Measure this table anew and keep the others.")
def main(rounds: int, only: tuple[str, ...]) -> None:
    prepare()
    file = ROOT / "benchmarks" / "results.json"
    found: Figures = json.loads(file.read_text(encoding="utf-8")) if only else {}
    tables: dict[str, Callable[[], object]] = {
        "machine": machine,
        "cold": lambda: starts(max(rounds // 2, 2)),
        "warm": lambda: latencies(rounds),
        "forms": lambda: forms(rounds),
        "throughput": lambda: throughput(max(rounds // 5, 1)),
        "memory": memory,
        "growth": lambda: growth(rounds),
        "sizes": sizes,
        "imports": lambda: image.import_times(5),
        "image": lambda: {"layers": image.layers(), "parts": image.parts()},
    }
    for name in tqdm(only or tables, unit="table"):
        found[name] = tables[name]()
        file.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")
    results.write(found, ROOT)


def prepare() -> None:
    """Bytecode for our own code, which the images have too, and weights for the others."""
    for candidate in (SERVICE, DEEPFACE):
        run(candidate, "compileall", "-q", "layers", "functions", "benchmarks")
    (WORK / ".deepface").mkdir(parents=True, exist_ok=True)
    if not (WORK / "original.h5").exists():
        run(ORIGINAL, "benchmarks.speed.weights", "original", str(WORK))
    if not (WORK / ".deepface" / "weights").exists():
        run(DEEPFACE, "benchmarks.speed.weights", "deepface", str(WORK))


def run(candidate: Candidate, module: str, *arguments: str) -> None:
    """A module in a candidate's environment."""
    subprocess.run(
        [candidate.python, "-m", module, *arguments],
        cwd=ROOT,
        env={**candidate.environment, "PYTHONDONTWRITEBYTECODE": ""},
        check=True,
    )


def starts(rounds: int) -> Figures:
    """Cold starts, from memory and from the disk."""
    chip = pictures.chip()
    events = {each: each.event(chip, all_faces=False) for each in (IMPORTS, *SERVICES)}
    return {
        where: {
            each.title: {
                "init": [start.init for start in found],
                "invoke": [start.invoke for start in found],
                "read": [start.read for start in found],
            }
            for each, found in cold.starts(events, count, evicted=evicted).items()
        }
        for where, count, evicted in (
            ("memory", rounds, False),
            ("disk", max(rounds // 2, 2), True),
        )
    }


def latencies(rounds: int) -> Figures:
    """Warm calls on one CPU, by picture; each candidate as far as it can take the picture."""
    found = {}
    for name, (_, make, all_faces) in pictures.PHOTOS.items():
        data = make()
        candidates = [SERVICE, RAW, STAGES, BARE, DECODING, ON_TENSORFLOW]
        candidates += [ORIGINAL, DEEPFACE] if not all_faces else []
        events = {each: each.event(data, all_faces=all_faces) for each in candidates}
        samples = warm.latencies(events, rounds if name == "chip" else max(rounds // 2, 2))
        found[name] = {each.title: milliseconds(samples[each]) for each in candidates}
    return found


def forms(rounds: int) -> Figures:
    """The service's calls by body form."""
    found = {}
    for name in ("chip", "12 MP"):
        samples = warm.of_the_service(warm.forms(pictures.PHOTOS[name][1]()), rounds, 5)
        found[name] = {form: milliseconds(each) for form, each in samples.items()}
    return found


def throughput(rounds: int) -> Figures:
    """Chips a second of one, two and four workers on the machine's first two CPUs, in turn."""
    data = pictures.chip()
    cpus = ("0", "1") if len(os.sched_getaffinity(0)) > 1 else ("0", "0")
    found: Figures = {each.title: {"1": [], "2": [], "4": []} for each in SERVICES}
    for _ in range(rounds):
        for each in SERVICES:
            event = each.event(data, all_faces=False)
            for count in (1, 2, 4):
                on = [cpus[index % 2] for index in range(count)]
                rate = warm.rates(each, event, on, seconds=2.0)
                found[each.title][str(count)].append(rate)
    return found


def memory() -> Figures:
    """MB of each candidate after a first answer, and at most over what it can take."""
    load = warm.mixed_load()
    simple = [make() for _, make, all_faces in pictures.PHOTOS.values() if not all_faces]
    found = {each.title: warm.memory(each, load, 10) for each in (SERVICE, ON_TENSORFLOW)}
    for each in (ORIGINAL, DEEPFACE):
        events = [each.event(data, all_faces=False) for data in simple]
        found[each.title] = warm.memory(each, events, 3)
    return found


def growth(rounds: int) -> Figures:
    """The service's calls by pixels, faces and length of what is sent."""
    chip = pictures.chip()
    events = {
        "megapixels": {
            str(each): SERVICE.event(pictures.photo(each), all_faces=False) for each in MEGAPIXELS
        },
        "faces": {str(each): SERVICE.event(pictures.group(each), all_faces=True) for each in FACES},
        "kilobytes": {
            str(each): SERVICE.event(padded(chip, 1000 * each), all_faces=False)
            for each in KILOBYTES
        },
    }
    return {
        what: {
            name: milliseconds(samples)
            for name, samples in warm.of_the_service(each, rounds, 3).items()
        }
        for what, each in events.items()
    }


def sizes() -> Figures:
    """Seconds of the service's calls with each memory size's share of a CPU."""
    return {
        picture: {
            str(size): warm.at_memory_size(
                size,
                SERVICE.event(pictures.PHOTOS[picture][1](), all_faces=False),
                calls,
            )
            for size in MEMORY_SIZES
        }
        for picture, calls in (("chip", 200), ("12 MP", 40))
    }


def milliseconds(samples: list[list[float]]) -> list[list[float]]:
    """The same by round, in milliseconds, as precise as they are."""
    return [[round(1000 * each, 3) for each in calls] for calls in samples]


def machine() -> Figures:
    """What it was measured on, and with."""
    cpu = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    versions: dict[str, str] = {}
    for name in ("bench", "deepface"):
        lock = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        versions |= dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE))
    shown = ("ai-edge-litert", "tensorflow", "keras", "flask", "deepface", "fastapi", "mangum")
    python = subprocess.run(
        [SERVICE.python, "-V"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    return {
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": python,
        "versions": {name: versions[name] for name in shown if name in versions},
    }


if __name__ == "__main__":
    sys.exit(main())
