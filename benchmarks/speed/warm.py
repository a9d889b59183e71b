"""Calls of running candidates: latency, throughput, memory, and their growth."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks.speed import pictures
from benchmarks.speed.candidates import (
    BARE,
    DECODING,
    DEEPFACE,
    ON_TENSORFLOW,
    ORIGINAL,
    RAW,
    SERVICE,
    SERVICES,
    STAGES,
    Candidate,
)
from benchmarks.speed.cost import WHOLE_CPU
from benchmarks.speed.pictures import PHOTOS
from benchmarks.speed.workers import Worker, share_of_a_cpu
from scripts.events import FORMS, fixtures, padded
from scripts.gateway import Event, http_api

Samples = list[list[float]]
"""Milliseconds of each call, by round."""

WARM_UP = 3
"""Calls that are not measured."""

MEGAPIXELS = (0.25, 0.5, 1, 2, 4, 8, 12)
FACES = (1, 2, 5, 10, 20, 40)
KILOBYTES = (20, 500, 1000, 2000, 3000, 4400)
MEMORY_SIZES = (512, 1024, 1769, 3008)


def latencies() -> dict[str, dict[str, Samples]]:
    """Calls on one CPU, by picture, of each candidate that can take the picture."""
    found = {}
    for name, photo in PHOTOS.items():
        data = photo.make()
        candidates = [SERVICE, RAW, STAGES, BARE, DECODING, ON_TENSORFLOW]
        candidates += [] if photo.all_faces else [ORIGINAL, DEEPFACE]
        with ExitStack() as stack:
            tasks = {
                each.title: (
                    stack.enter_context(Worker(each)),
                    each.event(data, all_faces=photo.all_faces),
                    each.calls,
                )
                for each in candidates
            }
            found[name] = _in_turn(tasks, rounds=10 if name == "chip" else 5)
    return found


def forms() -> dict[str, dict[str, Samples]]:
    """The service's calls, by picture and body form."""
    return {name: _by_service(_in_forms(PHOTOS[name].make()), 5) for name in ("chip", "12 MP")}


def growth() -> dict[str, dict[str, Samples]]:
    """The service's calls by pixels, faces and length of the file."""
    chip = pictures.chip()
    events = {
        "megapixels": {str(each): SERVICE.event(pictures.photo(each)) for each in MEGAPIXELS},
        "faces": {str(each): SERVICE.event(pictures.group(each), all_faces=True) for each in FACES},
        "kilobytes": {str(each): SERVICE.event(padded(chip, 1000 * each)) for each in KILOBYTES},
    }
    return {what: _by_service(each, 3) for what, each in events.items()}


def _in_forms(picture: bytes) -> dict[str, Event]:
    return {form: http_api(request(picture)) for form, request in FORMS.items()}


def _by_service(events: Mapping[str, Event], calls: int) -> dict[str, Samples]:
    with Worker(SERVICE) as worker:
        return _in_turn({name: (worker, each, calls) for name, each in events.items()}, rounds=10)


def _in_turn(tasks: Mapping[str, tuple[Worker, Event, int]], rounds: int) -> dict[str, Samples]:
    """Let workers take turns: each round asks every task's worker for its event several times."""
    for worker, event, _ in tasks.values():
        worker.several(event, WARM_UP)
    found: dict[str, Samples] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, (worker, event, calls) in tasks.items():
            seconds = worker.several(event, calls)
            found[name].append([round(1000 * each, 3) for each in seconds])
    return found


def throughput() -> dict[str, dict[str, list[float]]]:
    """Chips a second of one, two and four workers on the machine's first two CPUs, in turn."""
    data = pictures.chip()
    cpus = ("0", "1") if len(os.sched_getaffinity(0)) > 1 else ("0", "0")
    counts = (1, 2, 4)
    found: dict[str, dict[str, list[float]]] = {
        each.title: {str(count): [] for count in counts} for each in SERVICES
    }
    for _ in range(2):
        for each in SERVICES:
            for count in counts:
                on = [cpus[index % 2] for index in range(count)]
                found[each.title][str(count)].append(_rate(each, each.event(data), on))
    return found


def _rate(candidate: Candidate, event: Event, cpus: Sequence[str]) -> float:
    """Calls a second of parallel workers in total, one on each of these CPUs."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(candidate, cpu)) for cpu in cpus]
        for worker in workers:
            worker.several(event, WARM_UP)
        for worker in workers:
            worker.ask("rate", event, seconds=2.0)
        return float(sum(worker.answer() for worker in workers))


def memory() -> dict[str, dict[str, float]]:
    """MB of each candidate after the first answer, and at its peak over all its requests."""
    sent = [event for each in PHOTOS.values() for event in _in_forms(each.make()).values()]
    sent += [fixture.event for fixture in fixtures() if fixture.status == 200]
    found = {each.title: _memory(each, sent, 10) for each in (SERVICE, ON_TENSORFLOW)}
    simple = [each.make() for each in PHOTOS.values() if not each.all_faces]
    for each in (ORIGINAL, DEEPFACE):
        found[each.title] = _memory(each, [each.event(data) for data in simple], 3)
    return found


def _memory(candidate: Candidate, events: Sequence[Event], rounds: int) -> dict[str, float]:
    with Worker(candidate) as worker:
        worker.several(events[0], 1)
        first = worker.memory()["now"]
        for _ in range(rounds):
            for event in events:
                worker.several(event, 1)
        return {"first": first, "peak": worker.memory()["peak"]}


def sizes() -> dict[str, dict[str, list[float] | None]]:
    """Seconds of the service's calls with each memory size's share of a CPU."""
    return {
        name: {
            str(size): _at_memory_size(size, SERVICE.event(PHOTOS[name].make()), calls)
            for size in MEMORY_SIZES
        }
        for name, calls in (("chip", 200), ("12 MP", 40))
    }


def _at_memory_size(megabytes: int, event: Event, calls: int) -> list[float] | None:
    """Seconds of each call; None if the machine cannot limit a process's share of a CPU."""
    with share_of_a_cpu(str(megabytes), min(megabytes / WHOLE_CPU, 1)) as through:
        if through is None:
            return None
        with Worker(SERVICE, through=through) as worker:
            worker.several(event, WARM_UP)
            return worker.several(event, calls)
