"""Candidates that are running: latency, throughput, memory, and how each grows."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.speed import pictures
from benchmarks.speed.candidates import SERVICE, WORK, Candidate
from benchmarks.speed.cost import WHOLE_CPU
from benchmarks.speed.workers import Worker, share_of_a_cpu
from scripts.events import FORMS, fixtures
from scripts.gateway import Event, http_api

Samples = list[list[float]]
"""Seconds of each call, by round."""

WARM_UP = 3


def stored(name: str, event: Event) -> Path:
    """An event's file, for workers to read."""
    file = WORK / "events" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(event), encoding="utf-8")
    return file


def latencies(candidates: Mapping[Candidate, Event], rounds: int) -> dict[Candidate, Samples]:
    """Seconds of calls, all candidates in turn, all on the same CPU."""
    found: dict[Candidate, Samples] = {candidate: [] for candidate in candidates}
    with ExitStack() as stack:
        workers = {each: stack.enter_context(Worker(each)) for each in candidates}
        files = {
            each: stored(f"latency-{index}", event)
            for index, (each, event) in enumerate(candidates.items())
        }
        for each, worker in workers.items():
            worker.several(files[each], WARM_UP)
        for _ in range(rounds):
            for each, worker in workers.items():
                found[each].append(worker.several(files[each], each.calls))
    return found


def of_the_service(events: Mapping[str, Event], rounds: int, calls: int) -> dict[str, Samples]:
    """Seconds of the service's calls, all events in turn."""
    files = {name: stored(f"service-{index}", events[name]) for index, name in enumerate(events)}
    found: dict[str, Samples] = {name: [] for name in events}
    with Worker(SERVICE) as worker:
        for file in files.values():
            worker.several(file, WARM_UP)
        for _ in range(rounds):
            for name, file in files.items():
                found[name].append(worker.several(file, calls))
    return found


def forms(data: bytes) -> dict[str, Event]:
    """A picture in each of the ways to send it."""
    return {form: http_api(request(data)) for form, request in FORMS.items()}


def rates(candidate: Candidate, event: Event, cpus: Sequence[str], seconds: float) -> float:
    """Calls a second of workers at the same time, one on each of these CPUs, together."""
    file = stored("rate", event)
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(candidate, cpu)) for cpu in cpus]
        for worker in workers:
            worker.several(file, WARM_UP)
        for worker in workers:
            worker.ask("rate", file=str(file), seconds=seconds)
        return float(sum(worker.answer() for worker in workers))


def memory(candidate: Candidate, events: Sequence[Event], rounds: int) -> dict[str, float]:
    """MB held after the first answer, and held at most over a mixed load."""
    files = [stored(f"memory-{index}", event) for index, event in enumerate(events)]
    with Worker(candidate) as worker:
        worker.several(files[0], 1)
        first = worker.memory()["now"]
        for _ in range(rounds):
            for file in files:
                worker.several(file, 1)
        return {"first": first, "peak": worker.memory()["peak"]}


def mixed_load() -> list[Event]:
    """Every picture in every form, and the events of events/ that are answered."""
    sent = [event for _, make, _ in pictures.PHOTOS.values() for event in forms(make()).values()]
    return [*sent, *(fixture.event for fixture in fixtures() if fixture.status == 200)]


def at_memory_size(megabytes: int, event: Event, calls: int) -> list[float] | None:
    """Seconds of calls with the share of a CPU that comes with so much of Lambda's memory.

    None where the machine lets nobody share out its CPUs.
    """
    file = stored("size", event)
    share = min(megabytes / WHOLE_CPU, 1)
    with share_of_a_cpu(str(megabytes), share) as through:
        if through is None:
            return None
        with Worker(SERVICE, through=through) as worker:
            worker.several(file, WARM_UP)
            return worker.several(file, calls)
