"""RESULTS.md and its plots, drawn from results.json alone."""

import re
from itertools import chain
from pathlib import Path
from statistics import median
from string import Template

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from benchmarks.speed import cost
from benchmarks.speed.candidates import (
    DECODING,
    IMPORTS,
    ON_TENSORFLOW,
    ORIGINAL,
    RAW,
    SERVICE,
    SERVICES,
    STAGES,
)
from benchmarks.speed.pictures import PHOTOS
from training import drawing
from training.drawing import Figures
from training.markdown import between, table

Rounds = list[list[float]]
"""Milliseconds of each call, by round."""

_TEMPLATE = Path(__file__).with_name("RESULTS.md")
_MARK = "<!-- speed: written by make bench -->"
_END = "<!-- end of speed -->"
_BLUE, _GREY = "#2a6f97", "#b0b0b0"


def write(found: Figures, root: Path) -> None:
    """Write benchmarks/RESULTS.md, benchmarks/plots/*.svg and the README's table."""
    (root / "benchmarks" / "RESULTS.md").write_text(text(found), encoding="utf-8")
    readme = root / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), found), encoding="utf-8")
    plots = root / "benchmarks" / "plots"
    drawing.write(plots, found, {"candidates": _draw_candidates, "growth": _draw_growth})


def text(found: Figures) -> str:
    """The whole content of RESULTS.md."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    template = Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        machine=f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}",
        versions=f"{machine['python']}, {versions}",
        targets=_targets(found),
        cold=_cold(found["cold"]["memory"]),
        disk=_cold(found["cold"]["disk"]),
        warm=_warm(found["warm"]),
        forms=_forms(found["forms"]),
        throughput=_throughput(found["throughput"]),
        memory=_memory(found["memory"]),
        growth=_growth(found["growth"]),
        sizes=_sizes(found["sizes"]),
        imports=_imports(found["imports"]),
        image=_image(found["image"]),
    )


def with_table(readme: str, found: Figures) -> str:
    """The README with a new table of speeds between its two marks."""
    return between(readme, _MARK, _END, _summary(found))


def _summary(found: Figures) -> str:
    starts, chip, rates = found["cold"]["memory"], found["warm"]["chip"], found["throughput"]
    peaks = {name: each["peak"] for name, each in found["memory"].items()}
    rows = [
        [
            name,
            f"{_start(starts[name]):,.0f} ms",
            f"{median(_calls(chip[name])):,.1f} ms",
            f"{median(rates[name]['1']):,.1f}",
            f"{peaks[name]:,.0f} MB",
            f"{_price(chip[name], peaks[name]):,.2f}",
        ]
        for name in (each.title for each in SERVICES)
    ]
    head = ["", "cold start", "a face crop, warm", "a second on one core", "memory at its peak"]
    return table([*head, "a million, US$"], rows)


def _price(rounds: Rounds, peak: float) -> float:
    """Price of a million calls with a whole CPU's memory, or with 3008 MB if that is too little."""
    seconds = [each / 1000 for each in _calls(rounds)]
    memory = cost.WHOLE_CPU if peak < cost.WHOLE_CPU else 3008
    return cost.of_a_million(seconds, memory, cost.X86_GB_SECOND)


def _start(starts: Figures) -> float:
    """The median of a candidate's cold starts, both phases, in ms."""
    return median(map(sum, zip(starts["init"], starts["invoke"], strict=True)))


def _calls(rounds: Rounds) -> list[float]:
    """The calls of all rounds."""
    return list(chain.from_iterable(rounds))


def _ratio(rounds: Rounds, baseline: Rounds) -> float:
    """The median over rounds of the ratio of medians: both slow down when the machine does."""
    return median(median(a) / median(b) for a, b in zip(rounds, baseline, strict=True))


def _targets(found: Figures) -> str:
    service, tensorflow, original = SERVICE.title, ON_TENSORFLOW.title, ORIGINAL.title
    start = {name: _start(each) for name, each in found["cold"]["memory"].items()}
    disk = {name: _start(each) for name, each in found["cold"]["disk"].items()}
    rate = {name: median(each["1"]) for name, each in found["throughput"].items()}
    chip, large = found["warm"]["chip"], found["warm"]["12 MP"]
    parts = found["image"]["parts"]
    rows = {
        "cold start, relative to the same service on TensorFlow": (
            f"1/{start[tensorflow] / start[service]:.1f}",
            "≤ 1/8",
        ),
        "the same, with files read from the disk": (
            f"1/{disk[tensorflow] / disk[service]:.1f}",
            "",
        ),
        "cold start, relative to importing only fastapi, mangum, powertools and numpy": (
            f"{start[service] / start[IMPORTS.title]:.2f}",
            "≤ 1.6",
        ),
        "chip through the handler, relative to decoding, finding and classifying it directly": (
            f"{_ratio(chip[service], chip[STAGES.title]):.2f}",
            "≤ 2",
        ),
        "chips a second on one core, relative to the original": (
            f"{rate[service] / rate[original]:.1f}",
            "≥ 20",
        ),
        "photo of 12 megapixels as `image/jpeg`, relative to decoding it at the reduced scale": (
            f"{_ratio(large[RAW.title], large[DECODING.title]):.2f}",
            "≤ 1.3",
        ),
        "the same in a form": (f"{_ratio(large[service], large[DECODING.title]):.2f}", "≤ 1.3"),
        "memory at its peak over a mixed load": (
            f"{found['memory'][service]['peak']:.0f} MB",
            "≤ 200 MB",
        ),
        "image without AWS's base": (
            f"{sum(parts.values()):.0f} MB" if parts else "not measured",
            "≤ 320 MB",
        ),
    }
    return table(["", "measured", "target"], [[name, *cells] for name, cells in rows.items()])


def _cold(starts: Figures) -> str:
    service = _start(starts[SERVICE.title])
    rows = [
        [
            name,
            f"{median(each['init']):.0f} ms",
            f"{median(each['invoke']):.0f} ms",
            f"{_start(each) / service:.2f}",
            f"{median(each['read']):.0f} MB",
        ]
        for name, each in starts.items()
    ]
    head = [
        "",
        "start (init)",
        "first request",
        "both, relative to this service",
        "read from the disk",
    ]
    return table(head, rows)


def _warm(warm: Figures) -> str:
    rows = [
        [
            PHOTOS[picture].title,
            name,
            *(f"{each:.2f} ms" for each in np.percentile(_calls(rounds), (50, 95, 99))),
            f"{_ratio(rounds, candidates[STAGES.title]):.2f}",
        ]
        for picture, candidates in warm.items()
        for name, rounds in candidates.items()
    ]
    return table(["picture", "", "p50", "p95", "p99", "of the floor"], rows)


def _forms(forms: Figures) -> str:
    shown = {
        "raw": "`image/jpeg`",
        "multipart": "`multipart/form-data`",
        "json": "`application/json`",
    }
    rows = [
        [
            PHOTOS[picture].title,
            *(
                f"{median(_calls(each[form])):.2f} ms ({_ratio(each[form], each['raw']):.2f})"
                for form in shown
            ),
        ]
        for picture, each in forms.items()
    ]
    return table(["picture", *shown.values()], rows)


def _throughput(rates: Figures) -> str:
    service = median(rates[SERVICE.title]["1"])
    rows = []
    for name, each in rates.items():
        one, two, four = (median(each[count]) for count in ("1", "2", "4"))
        rows.append(
            [
                name,
                f"{one:.1f}",
                f"{two:.1f} ({two / one:.2f})",
                f"{four:.1f} ({four / one:.2f})",
                f"1/{service / one:.1f}" if one < service else "1",
            ]
        )
    head = ["", "1 worker", "2 workers, 2 cores", "4 workers, 2 cores", "relative to this service"]
    return table(head, rows)


def _memory(memory: Figures) -> str:
    rows = [
        [name, f"{each['first']:.0f} MB", f"{each['peak']:.0f} MB"] for name, each in memory.items()
    ]
    return table(["", "after the first answer", "peak"], rows)


def _growth(growth: Figures) -> str:
    units = {"megapixels": "MP", "faces": "faces", "kilobytes": "kB sent, the same chip in them"}
    rows = []
    for what, each in growth.items():
        medians = {name: median(_calls(rounds)) for name, rounds in each.items()}
        first = next(iter(medians.values()))
        rows += [
            [f"{name} {units[what]}", f"{ms:.1f} ms", f"{ms / first:.2f}"]
            for name, ms in medians.items()
        ]
    return table(["", "p50", "of its first row"], rows)


def _sizes(sizes: Figures) -> str:
    rows = []
    for picture, by_size in sizes.items():
        for size, seconds in by_size.items():
            if seconds is None:
                return "Not measured: a process's CPUs cannot be limited here."
            megabytes = int(size)
            prices = (cost.X86_GB_SECOND, cost.ARM_GB_SECOND)
            rows.append(
                [
                    PHOTOS[picture].title,
                    f"{size} MB",
                    f"{min(megabytes / cost.WHOLE_CPU, 1):.2f}",
                    *(f"{1000 * each:.1f} ms" for each in np.percentile(seconds, (50, 99))),
                    *(f"{cost.of_a_million(seconds, megabytes, each):.2f}" for each in prices),
                ]
            )
    head = ["picture", "memory", "of a CPU", "p50", "p99", "US$, x86", "US$, arm, if as fast"]
    return table(head, rows)


def _imports(imports: dict[str, float]) -> str:
    rows = _largest(imports, "{:.0f} ms", least=2, rest="all others, most of them Python's")
    return table(["package", "its own modules"], rows)


def _image(image: Figures) -> str:
    if not image["layers"]:
        return "Not measured: no Docker, or `make image` was not run before."
    ours = [
        [_instruction(what), f"{size:.1f} MB"]
        for size, what in image["layers"]
        if re.search(r" in /(var/task|opt/python)", what)
    ]
    layers = table(["layer above AWS's base", "size"], ours)
    rows = _largest(image["parts"], "{:.1f} MB", least=1, rest="all else")
    return f"{layers}\n\n{table(['what is in them', 'size'], rows)}"


def _largest(amounts: dict[str, float], cell: str, *, least: float, rest: str) -> list[list[str]]:
    """A row for each amount of ``least`` or more, largest first, and one for the others' sum."""
    large = {name: each for name, each in amounts.items() if each >= least}
    names = sorted(large, key=lambda name: -large[name])
    others = sum(amounts.values()) - sum(large.values())
    rows = [[f"`{name}`", cell.format(large[name])] for name in names]
    return [*rows, [rest, cell.format(others)]]


def _instruction(what: str) -> str:
    """The instruction without the builder's words around it and its digests."""
    return "`" + re.sub(r"^.*?(COPY|RUN|CMD)", r"\1", re.sub(r":\w{20,}", "", what)).strip() + "`"


def _draw_candidates(found: Figures) -> Figure:
    names = [each.title for each in SERVICES]
    starts, chip, memory = found["cold"]["memory"], found["warm"]["chip"], found["memory"]
    shown = {
        "cold start, ms": [_start(starts[name]) for name in names],
        "a chip, warm, ms": [median(_calls(chip[name])) for name in names],
        "memory at its peak, MB": [memory[name]["peak"] for name in names],
    }
    figure, panels = plt.subplots(1, 3, figsize=(9.5, 2.2), sharey=True)
    for axes, (title, values) in zip(panels, shown.items(), strict=True):
        bars = axes.barh(names, values, color=[_BLUE] + [_GREY] * 3)
        axes.bar_label(bars, labels=[f"{value:,.0f}" for value in values], padding=3)
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 3, max(values) * 5)
        axes.set_title(title)
        axes.tick_params(left=False)
    panels[0].invert_yaxis()
    return figure


def _draw_growth(found: Figures) -> Figure:
    figure, panels = plt.subplots(1, 3, figsize=(9.5, 2.4))
    for axes, (what, each) in zip(panels, found["growth"].items(), strict=True):
        medians = [median(_calls(rounds)) for rounds in each.values()]
        axes.plot([float(name) for name in each], medians, "o-", color=_BLUE)
        axes.set_xlabel(what)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
    panels[0].set_ylabel("p50, ms")
    return figure
