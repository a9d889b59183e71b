"""The report as a page: one file, no script, nothing fetched.

Charts are strips of SVG in the cells of tables: their positions are percentages, so they fit any
width, and what they show stands beside them as text.
"""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

from ethnicity.audit.summary import FEWEST

TEMPLATE = Path(__file__).with_name("report.html")

_LEVELS = {
    "balanced": "Balanced",
    "uneven": "Uneven",
    "unbalanced": "Unbalanced",
    "unclear": "Not clear",
    "unknown": "Too few faces",
}

_MOST_FOLDERS, _MOST_FILES = 100, 500
"""The page shows no more; report.json has all."""

Object = Mapping[str, Any]


def page(report: Object) -> str:
    """The page for a report of `summary.summarise`."""
    whole = report["whole"]
    parts = [_facts(whole)]
    if whole["composition"]:
        parts += [_composition(report), _balance(report)]
    if report["folders"]:
        parts.append(_folders(report))
    parts.append(_pictures(whole))
    if report["bad"]:
        parts.append(_bad(report["bad"]))
    parts += [_caveats(report["caveats"]), _method(report)]
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        title=_text(report["title"]),
        made=_text(report["made"].replace("T", " ").replace("Z", " UTC")),
        model=_text(report["model"]),
        level=_text(report["verdict"]["level"]),
        level_name=_LEVELS[report["verdict"]["level"]],
        verdict=_text(report["verdict"]["text"]),
        body="\n".join(parts),
    )


def _facts(whole: Object) -> str:
    facts = {
        "pictures": f"{whole['pictures']:,}",
        "with a face that was judged": f"{whole['judged']:,}",
        "without a face": f"{whole['without_face']:,}",
        "could not be judged": f"{whole['bad']:,}",
    }
    if whole["uncertain_share"] is not None:
        facts["faces with more than one likely label"] = _percent(whole["uncertain_share"])
    if whole["balance"]:
        effective = whole["balance"]["effective_labels"]["value"]
        facts["effective labels of 5"] = f"{effective:.1f}"
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{items}</dl>'


def _composition(report: Object) -> str:
    whole, target = report["whole"], report["target"]["shares"]
    highest = max(
        max(each["interval_95"][1], each["counted_share"], target[label])
        for label, each in whole["composition"].items()
    )
    top = _nice(highest)
    rows = []
    for label, each in whole["composition"].items():
        low, high = each["interval_95"]
        marks = [
            *_grid(top),
            _line(target[label] / top, "aim", 2, 30),
            _rectangle(low / top, high / top, "band", 11, 10),
            f'<circle class="count" cx="{_place(each["counted_share"] / top)}" cy="16" r="5"/>',
            f'<circle class="dot" cx="{_place(each["share"] / top)}" cy="16" r="4.5"/>',
        ]
        rows.append(
            f'<tr><th scope="row">{label}</th>'
            f'<td class="chart">{_strip(marks)}</td>'
            f'<td class="number"><span class="share">{_percent(each["share"])}</span> '
            f'<span class="interval">{_between(each["interval_95"])}</span></td>'
            f'<td class="number optional">{_faces_of(each, whole["judged"])}</td>'
            f'<td class="number soft counted">{each["counted"]:,} '
            f"({_percent(each['counted_share'])})</td></tr>"
        )
    head = (
        "<thead><tr><th scope=col>Label</th>"
        f'<th scope="col" class="chart"><span class="soft">Share of faces</span>{_axis(top)}</th>'
        '<th scope="col" class="number">Corrected, 95 % interval</th>'
        '<th scope="col" class="number optional">About so many faces</th>'
        '<th scope="col" class="number">Merely counted</th></tr></thead>'
    )
    key = (
        '<ul class="key">'
        f"<li>{_sample(_rectangle(0, 1, 'band', 3, 10))}95 % interval</li>"
        f"<li>{_sample(_circle('dot'))}corrected share</li>"
        f"<li>{_sample(_circle('count'))}merely counted: biased</li>"
        f"<li>{_sample(_line(0.5, 'aim', 0, 16))}{_aim(report)}</li></ul>"
    )
    return (
        "<section><h2>Composition</h2>"
        '<p class="soft">Counting each face’s most probable label is biased, since the errors of a '
        "common label swamp a rare one. The corrected shares are those under which all answers "
        "together are most likely.</p>"
        f'<table class="stack">{head}<tbody>{"".join(rows)}</tbody></table>{key}</section>'
    )


def _aim(report: Object) -> str:
    name = report["target"]["name"]
    return "an even share" if name == "uniform" else f"reference: {_text(name)}"


def _faces_of(each: Object, judged: int) -> str:
    low, high = each["interval_95"]
    return (
        f"{round(each['share'] * judged):,} "
        f'<span class="interval">({round(low * judged):,}–{round(high * judged):,})</span>'
    )


def _balance(report: Object) -> str:
    measures = report["whole"]["balance"]
    aim = "equal shares" if report["target"]["name"] == "uniform" else "the reference"
    rows = [
        (
            "Effective labels",
            "{:.2f}",
            "effective_labels",
            "So many equally common labels would be as diverse: 5 is even, 1 a single label.",
        ),
        (
            "Largest to smallest",
            "{:,.1f}",
            "largest_ratio",
            "How many faces of the most common label there are for one of the least common.",
        ),
        (
            "Distance from " + aim,
            "{:.1f} %",
            "total_variation",
            "Total variation: the share of the pictures that would have to be of another label.",
        ),
    ]
    cells = []
    for name, form, key, words in rows:
        times = 100 if form.endswith("%") else 1
        value = form.format(times * measures[key]["value"])
        low, high = (
            form.removesuffix(" %").format(times * each) for each in measures[key]["interval_95"]
        )
        cells.append(
            f'<tr><th scope="row">{name}</th><td class="number"><span class="share">{value}</span> '
            f'<span class="interval">({low}–{high})</span></td><td class="soft">{words}</td></tr>'
        )
    head = (
        '<thead><tr><th scope="col">Measure</th><th scope="col" class="number">Value, 95 % interval'
        '</th><th scope="col">What it says</th></tr></thead>'
    )
    return (
        '<section><h2>Balance</h2><table class="measures">'
        f"{head}<tbody>{''.join(cells)}</tbody></table></section>"
    )


def _folders(report: Object) -> str:
    groups = sorted(report["folders"].items(), key=lambda item: -item[1]["pictures"])
    labels = list(report["target"]["shares"])
    shown = groups[:_MOST_FOLDERS]
    highest = max(
        (
            each["interval_95"][1]
            for _, group in shown
            if group["composition"]
            for each in group["composition"].values()
        ),
        default=1.0,
    )
    rows = "".join(_folder(name, group, labels, _nice(highest)) for name, group in shown)
    heads = "".join(f'<th scope="col">{label}</th>' for label in labels)
    more = (
        f'<p class="soft">The {_MOST_FOLDERS} largest of {len(groups):,}; '
        "report.json has them all.</p>"
        if len(groups) > _MOST_FOLDERS
        else ""
    )
    return (
        '<section class="long"><h2>By folder</h2><p class="soft">Corrected shares with their 95 % '
        "intervals. Folders with few faces are known badly: look at the intervals, and remember "
        f"that of twenty one misses. Nothing is said of folders with fewer than "
        f"{FEWEST} faces, nor of one whose labels would tell theirs.</p>{more}"
        '<div class="scroll" role="region" aria-label="Composition by folder" tabindex="0">'
        '<table class="folders"><thead><tr><th scope="col">Folder</th>'
        '<th scope="col" class="number">Pictures</th><th scope="col" class="number">Judged</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _folder(name: str, group: Object, labels: Iterable[str], top: float) -> str:
    cells = []
    for label in labels:
        if not group["composition"]:
            cells.append('<td class="soft">too few</td>')
            continue
        each = group["composition"][label]
        low, high = each["interval_95"]
        marks = [
            _rectangle(0, 1, "grid", 7, 1),
            _rectangle(low / top, high / top, "band", 0, 8),
            f'<circle class="dot" cx="{_place(each["share"] / top)}" cy="4" r="3"/>',
        ]
        cells.append(
            f'<td><span class="share">{_percent(each["share"])}</span> '
            f'<span class="interval">{_between(each["interval_95"])}</span>{_strip(marks)}</td>'
        )
    return (
        f'<tr><th scope="row">{_text(name) or "(top)"}</th>'
        f'<td class="number">{group["pictures"]:,}</td>'
        f'<td class="number">{group["judged"]:,}</td>{"".join(cells)}</tr>'
    )


def _pictures(whole: Object) -> str:
    tables = [
        _histogram("Faces in a picture", whole["faces"]),
        _histogram("Shorter side, pixels", _ranges(whole["shorter_side"])),
        _histogram("Width of the largest face, pixels", _ranges(whole["face_width"])),
    ]
    return (
        "<section><h2>Pictures</h2>"
        '<p class="soft">Of the pictures that decode. Small faces beside a large one are not '
        "looked for, and a face below some 30 pixels is judged with little confidence.</p>"
        f'<div class="two">{"".join(tables)}</div></section>'
    )


def _ranges(counts: Mapping[str, int]) -> dict[str, int]:
    """Only those from the first to the last that is not empty, named as ranges."""
    edges = [int(edge) for edge in counts]
    names = [
        *(f"{low}–{high - 1}" for low, high in pairwise(edges)),
        f"{edges[-1]}+",
    ]
    values = list(counts.values())
    full = [place for place, value in enumerate(values) if value] or [0]
    return dict(list(zip(names, values, strict=True))[full[0] : full[-1] + 1])


def _histogram(title: str, counts: Mapping[str, int]) -> str:
    total = max(1, sum(counts.values()))
    top = max(1, *counts.values())
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        f'<td class="chart">{_strip([_rectangle(0, count / top, "bar", 2, 10)] * bool(count))}</td>'
        f'<td class="number">{count:,} <span class="interval">{_percent(count / total)}</span></td>'
        "</tr>"
        for name, count in counts.items()
    )
    return f"<div><h3>{title}</h3><table><tbody>{rows}</tbody></table></div>"


def _bad(files: list[dict[str, str]]) -> str:
    rows = "".join(
        f"<tr><td>{_text(each['name'])}</td><td>{_text(each['reason'])}</td></tr>"
        for each in files[:_MOST_FILES]
    )
    more = (
        f'<p class="soft">The first {_MOST_FILES} of {len(files):,}; report.json has them all.</p>'
        if len(files) > _MOST_FILES
        else ""
    )
    return (
        f'<section class="long"><h2>Files that could not be judged</h2>{more}'
        '<table class="files"><thead><tr><th scope="col">File</th><th scope="col">Why</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></section>"
    )


def _caveats(caveats: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(each)}</li>" for each in caveats)
    return f"<section><h2>Before you use these numbers</h2><ul>{items}</ul></section>"


def _method(report: Object) -> str:
    names = {"utkface": "UTKFace", "fairface": "FairFace"}
    sets = " and ".join(_text(names.get(each, each)) for each in report["reference_sets"])
    return (
        f"<section><h2>Method</h2><p>{_text(report['method'])}</p>"
        f"<p>The reference sets are the validation pictures of {sets}. "
        "A picture counts by its largest face.</p></section>"
    )


def _strip(marks: Iterable[str]) -> str:
    """What it shows stands beside it, so it is hidden from readers of text."""
    return f'<svg class="strip" aria-hidden="true">{"".join(marks)}</svg>'


def _axis(top: float) -> str:
    marks = "".join(
        f'<text x="{_place(at / top)}" y="14" text-anchor="middle">{_percent(at, 0)}</text>'
        for at in _ticks(top)
    )
    return f'<svg class="axis" aria-hidden="true">{marks}</svg>'


def _sample(mark: str) -> str:
    return f'<svg aria-hidden="true">{mark}</svg>'


def _circle(kind: str) -> str:
    return f'<circle class="{kind}" cx="50%" cy="8" r="5"/>'


def _grid(top: float) -> list[str]:
    return [_line(at / top, "grid", 0, 32) for at in _ticks(top)]


def _line(at: float, kind: str, start: float, end: float) -> str:
    place = _place(at)
    return f'<line class="{kind}" x1="{place}" x2="{place}" y1="{start}" y2="{end}"/>'


def _rectangle(start: float, end: float, kind: str, y: float, height: float) -> str:
    width = _place(max(end - start, 0.004))
    return (
        f'<rect class="{kind}" x="{_place(start)}" width="{width}" y="{y}" height="{height}" '
        f'rx="{min(4, height / 2):g}"/>'
    )


def _nice(highest: float) -> float:
    """The end of an axis that holds it: a share that ticks divide well."""
    return next((end for end in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if highest <= end), 1.0)


def _ticks(top: float) -> list[float]:
    step = 0.05 if top <= 0.3 else 0.1 if top <= 0.6 else 0.2
    return [step * place for place in range(round(top / step) + 1)]


def _place(share: float) -> str:
    return f"{100 * share:.2f}%"


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f} %"


def _between(ends: Iterable[float]) -> str:
    low, high = ends
    return f"({100 * low:.1f}–{100 * high:.1f})"


def _text(value: str) -> str:
    return escape(value.encode("utf-8", "backslashreplace").decode())
