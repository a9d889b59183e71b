"""RESULTS.md and its plots, drawn from results.json alone."""

import re
import statistics
from pathlib import Path
from string import Template
from typing import Any

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
from training.markdown import between, table

Figures = dict[str, Any]

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
    plots.mkdir(exist_ok=True)
    drawing.write(plots, found, {"candidates": _draw_candidates, "growth": _draw_growth})


def text(found: Figures) -> str:
    """RESULTS.md's whole content."""
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
    """The text with its table of speeds made anew, between the two marks."""
    return between(readme, _MARK, _END, _summary(found))


def _summary(found: Figures) -> str:
    starts, chip, rates = found["cold"]["memory"], found["warm"]["chip"], found["throughput"]
    rows = [
        [
            each.title,
            f"{total(starts[each.title]):,.0f} ms",
            f"{median(chip[each.title]):,.1f} ms",
            f"{statistics.median(rates[each.title]['1']):,.1f}",
            f"{found['memory'][each.title]['peak']:,.0f} MB",
            f"{_price(chip[each.title], found['memory'][each.title]['peak']):,.2f}",
        ]
        for each in SERVICES
    ]
    head = ["", "cold start", "a face crop, warm", "a second on one core", "memory at its peak"]
    return table([*head, "a million, US$"], rows)


def _price(rounds: list[list[float]], peak: float) -> float:
    """Of a million such calls, at a whole CPU's memory or, where that is too little, at 3008 MB."""
    seconds = [each / 1000 for calls in rounds for each in calls]
    memory = cost.WHOLE_CPU if peak < cost.WHOLE_CPU else 3008
    return cost.of_a_million(seconds, memory, cost.X86_GB_SECOND)


def total(starts: Figures) -> float:
    """The median of a candidate's cold starts, both phases, in ms."""
    return statistics.median(map(sum, zip(starts["init"], starts["invoke"], strict=True)))


def median(rounds: list[list[float]]) -> float:
    """The median of all calls."""
    return statistics.median(each for calls in rounds for each in calls)


def ratio(rounds: list[list[float]], baseline: list[list[float]]) -> float:
    """The median over rounds of the two's medians' ratio: what slows a round slows both."""
    pairs = zip(rounds, baseline, strict=True)
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in pairs)


def _targets(found: Figures) -> str:
    starts, disk = found["cold"]["memory"], found["cold"]["disk"]
    chip, large = found["warm"]["chip"], found["warm"]["12 MP"]
    rates = {name: statistics.median(each["1"]) for name, each in found["throughput"].items()}
    service, tensorflow, original = SERVICE.title, ON_TENSORFLOW.title, ORIGINAL.title
    image = sum(each for each in (found["image"]["parts"] or {}).values())
    rows = [
        [
            "cold start, of the same service's on TensorFlow",
            f"1/{total(starts[tensorflow]) / total(starts[service]):.1f}",
            "≤ 1/8",
        ],
        [
            "the same, files read from the disk",
            f"1/{total(disk[tensorflow]) / total(disk[service]):.1f}",
            "",
        ],
        [
            "cold start, of importing fastapi, mangum, powertools and numpy alone",
            f"{total(starts[service]) / total(starts[IMPORTS.title]):.2f}",
            "≤ 1.6",
        ],
        [
            "chip through the handler, of decoding, finding and classifying called directly",
            f"{ratio(chip[service], chip[STAGES.title]):.2f}",
            "≤ 2",
        ],
        [
            "chips a second on one core, of the original's",
            f"{rates[service] / rates[original]:.1f}",
            "≥ 20",
        ],
        [
            "photo of 12 megapixels as `image/jpeg`, of decoding it at the reduced scale",
            f"{ratio(large[RAW.title], large[DECODING.title]):.2f}",
            "≤ 1.3",
        ],
        [
            "the same in a form",
            f"{ratio(large[service], large[DECODING.title]):.2f}",
            "≤ 1.3",
        ],
        [
            "memory at its peak over a mixed load",
            f"{found['memory'][service]['peak']:.0f} MB",
            "≤ 200 MB",
        ],
        ["image without AWS's base", f"{image:.0f} MB" if image else "not measured", "≤ 320 MB"],
    ]
    return table(["", "measured", "target"], rows)


def _cold(starts: Figures) -> str:
    service = total(starts[SERVICE.title])
    rows = [
        [
            name,
            f"{statistics.median(each['init']):.0f} ms",
            f"{statistics.median(each['invoke']):.0f} ms",
            f"{total(each) / service:.2f}",
            f"{statistics.median(each['read']):.0f} MB",
        ]
        for name, each in starts.items()
    ]
    head = ["", "start (init)", "first request", "both, of this service's", "read from the disk"]
    return table(head, rows)


def _warm(warm: Figures) -> str:
    rows = []
    for picture, candidates in warm.items():
        floor = candidates[STAGES.title]
        for name, rounds in candidates.items():
            calls = [each for one in rounds for each in one]
            middle, late, latest = np.percentile(calls, (50, 95, 99))
            rows.append(
                [
                    PHOTOS[picture][0],
                    name,
                    f"{middle:.2f} ms",
                    f"{late:.2f} ms",
                    f"{latest:.2f} ms",
                    f"{ratio(rounds, floor):.2f}",
                ]
            )
    return table(["picture", "", "p50", "p95", "p99", "of the floor"], rows)


def _forms(forms: Figures) -> str:
    rows = [
        [
            PHOTOS[picture][0],
            *(
                f"{median(each[form]):.2f} ms ({ratio(each[form], each['raw']):.2f})"
                for form in ("raw", "multipart", "json")
            ),
        ]
        for picture, each in forms.items()
    ]
    return table(["picture", "`image/jpeg`", "`multipart/form-data`", "`application/json`"], rows)


def _throughput(rates: Figures) -> str:
    service = statistics.median(rates[SERVICE.title]["1"])
    rows = []
    for name, each in rates.items():
        one, two, four = (statistics.median(each[count]) for count in ("1", "2", "4"))
        rows.append(
            [
                name,
                f"{one:.1f}",
                f"{two:.1f} ({two / one:.2f})",
                f"{four:.1f} ({four / one:.2f})",
                f"1/{service / one:.1f}" if one < service else "1",
            ]
        )
    head = ["", "1 worker", "2 workers, 2 cores", "4 workers, 2 cores", "of this service's"]
    return table(head, rows)


def _memory(memory: Figures) -> str:
    rows = [
        [name, f"{each['first']:.0f} MB", f"{each['peak']:.0f} MB"] for name, each in memory.items()
    ]
    return table(["", "after the first answer", "peak"], rows)


def _growth(growth: Figures) -> str:
    units = {
        "megapixels": "{} MP",
        "faces": "{} faces",
        "kilobytes": "{} kB sent, the same chip in them",
    }
    rows = []
    for what, each in growth.items():
        first = median(next(iter(each.values())))
        rows += [
            [units[what].format(name), f"{median(rounds):.1f} ms", f"{median(rounds) / first:.2f}"]
            for name, rounds in each.items()
        ]
    return table(["", "p50", "of its first row"], rows)


def _sizes(sizes: Figures) -> str:
    rows = []
    for picture, by_size in sizes.items():
        for size, seconds in by_size.items():
            if seconds is None:
                continue
            megabytes = int(size)
            x86, arm = (
                cost.of_a_million(seconds, megabytes, price)
                for price in (cost.X86_GB_SECOND, cost.ARM_GB_SECOND)
            )
            middle, latest = np.percentile(seconds, (50, 99))
            rows.append(
                [
                    PHOTOS[picture][0],
                    f"{size} MB",
                    f"{min(megabytes / cost.WHOLE_CPU, 1):.2f}",
                    f"{1000 * middle:.1f} ms",
                    f"{1000 * latest:.1f} ms",
                    f"{x86:.2f}",
                    f"{arm:.2f}",
                ]
            )
    if not rows:
        return "Not measured: the machine lets nobody share out its CPUs."
    head = ["picture", "memory", "of a CPU", "p50", "p99", "US$, x86", "US$, arm, if as fast"]
    return table(head, rows)


def _imports(imports: dict[str, float]) -> str:
    large = {name: each for name, each in imports.items() if each >= 2}
    ordered = sorted(large.items(), key=lambda item: -item[1])
    rows = [[f"`{name}`", f"{each:.0f} ms"] for name, each in ordered]
    rows.append(
        [
            "all others, most of them Python's",
            f"{sum(imports.values()) - sum(large.values()):.0f} ms",
        ]
    )
    return table(["package", "its own modules"], rows)


def _image(image: Figures) -> str:
    if not image["layers"]:
        return "Not measured: no Docker, or `make image` was not run before."
    ours = [
        (size, _instruction(what))
        for size, what in image["layers"]
        if re.search(r" in /(var/task|opt/python)", what)
    ]
    layers = table(
        ["layer above AWS's base", "size"], [[what, f"{size:.1f} MB"] for size, what in ours]
    )
    large = {name: size for name, size in image["parts"].items() if size >= 1}
    rows = [
        [f"`{name}`", f"{size:.1f} MB"]
        for name, size in sorted(large.items(), key=lambda item: -item[1])
    ]
    rest = sum(image["parts"].values()) - sum(large.values())
    parts = table(["what is in them", "size"], [*rows, ["all else", f"{rest:.1f} MB"]])
    return f"{layers}\n\n{parts}"


def _instruction(what: str) -> str:
    """The instruction without the builder's words around it and its digests."""
    return "`" + re.sub(r"^.*?(COPY|RUN|CMD)", r"\1", re.sub(r":\w{20,}", "", what)).strip() + "`"


def _draw_candidates(found: Figures) -> Figure:
    names = [each.title for each in SERVICES]
    starts, chip = found["cold"]["memory"], found["warm"]["chip"]
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.2), sharey=True)
    shown = (
        ("cold start, ms", [total(starts[name]) for name in names]),
        ("a chip, warm, ms", [median(chip[name]) for name in names]),
        ("memory at its peak, MB", [found["memory"][name]["peak"] for name in names]),
    )
    for axis, (title, values) in zip(axes, shown, strict=True):
        bars = axis.barh(names, values, color=[_BLUE] + [_GREY] * 3)
        axis.bar_label(bars, labels=[f"{value:,.0f}" for value in values], padding=3)
        axis.set_xscale("log")
        axis.set_xlim(min(values) / 3, max(values) * 5)
        axis.set_title(title)
        axis.tick_params(left=False)
    axes[0].invert_yaxis()
    return figure


def _draw_growth(found: Figures) -> Figure:
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.4))
    for axis, (what, each) in zip(axes, found["growth"].items(), strict=True):
        where = [float(name) for name in each]
        axis.plot(where, [median(rounds) for rounds in each.values()], "o-", color=_BLUE)
        axis.set_xlabel(what)
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
    axes[0].set_ylabel("p50, ms")
    return figure
