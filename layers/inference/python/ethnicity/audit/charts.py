"""Charts as strips of SVG in the cells of tables, and the text beside them.

Positions are percentages, so a strip fits any width. The text beside a strip has the same values,
so strips are hidden from screen readers.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A line of a chart: a name, a value with its interval, and the other cells of its table row.

    ``found``: value and interval; ``None`` if withheld. ``count``: the uncorrected value.
    ``aim``: the value to compare with. ``cells``: the other cells, as HTML.
    """

    name: str
    found: Object | None
    count: float | None = None
    aim: float | None = None
    cells: Sequence[str] = field(default_factory=tuple)


def chart(rows: Sequence[Row], title: str, value: str, heads: Sequence[str]) -> str:
    """A table with a strip in each row.

    ``title``: of the axis. ``value``, ``heads``: headings of the columns beside the strip.
    """
    ends = [
        end
        for row in rows
        if row.found
        for end in (row.found["interval_95"][1], row.count or 0.0, row.aim or 0.0)
    ]
    top = nice(max(ends, default=1.0))
    head = (
        '<thead><tr><th scope="col" class="name">Label</th>'
        f'<th scope="col" class="chart"><span class="soft">{title}</span>{axis(top)}</th>'
        + "".join(f'<th scope="col" class="number">{name}</th>' for name in (value, *heads))
        + "</tr></thead>"
    )
    body = "".join(_row(row, top) for row in rows)
    return f'<table class="stack">{head}<tbody>{body}</tbody></table>'


def _row(row: Row, top: float) -> str:
    if row.found is None:
        cells = f'<td class="soft" colspan="{2 + len(row.cells)}">withheld: too few faces</td>'
        return f'<tr><th scope="row" class="name">{text(row.name)}</th>{cells}</tr>'
    low, high = row.found["interval_95"]
    marks = [
        *grid(top),
        *([line(row.aim / top, "aim", 2, 30)] if row.aim is not None else []),
        rectangle(low / top, high / top, "band", 11, 10),
        *([circle("count", row.count / top, 16, 5)] if row.count is not None else []),
        circle("dot", row.found["value"] / top, 16, 4.5),
    ]
    return (
        f'<tr><th scope="row" class="name">{text(row.name)}</th>'
        f'<td class="chart">{strip(marks)}</td>'
        f'<td class="number value">{with_interval(row.found)}</td>'
        f"{''.join(row.cells)}</tr>"
    )


def key(samples: Mapping[str, str]) -> str:
    """The key of a chart; ``samples`` maps each mark's meaning to the mark."""
    items = (
        f'<li><svg aria-hidden="true">{mark}</svg>{words}</li>' for words, mark in samples.items()
    )
    return f'<ul class="key">{"".join(items)}</ul>'


BAND_KEY = '<rect class="band" x="0" width="100%" y="3" height="10" rx="4"/>'
DOT_KEY = '<circle class="dot" cx="50%" cy="8" r="5"/>'
COUNT_KEY = '<circle class="count" cx="50%" cy="8" r="5"/>'
AIM_KEY = '<line class="aim" x1="50%" x2="50%" y1="0" y2="16"/>'


def strip(marks: Iterable[str]) -> str:
    """A chart's strip."""
    return f'<svg class="strip" aria-hidden="true">{"".join(marks)}</svg>'


def axis(top: float) -> str:
    """The axis above the strips, which ends at ``top``."""
    marks = "".join(
        f'<text x="{_place(at / top)}" y="14" text-anchor="middle">{percent(at, 0)}</text>'
        for at in _ticks(top)
    )
    return f'<svg class="axis" aria-hidden="true">{marks}</svg>'


def circle(kind: str, at: float, y: float, radius: float) -> str:
    """A dot."""
    return f'<circle class="{kind}" cx="{_place(at)}" cy="{y:g}" r="{radius:g}"/>'


def grid(top: float) -> list[str]:
    """Lines at the axis' ticks."""
    return [line(at / top, "grid", 0, 32) for at in _ticks(top)]


def line(at: float, kind: str, start: float, end: float) -> str:
    """A vertical line."""
    place = _place(at)
    return f'<line class="{kind}" x1="{place}" x2="{place}" y1="{start}" y2="{end}"/>'


def rectangle(start: float, end: float, kind: str, y: float, height: float) -> str:
    """A bar or a band with a visible minimum width."""
    width = _place(max(end - start, 0.004))
    return (
        f'<rect class="{kind}" x="{_place(start)}" width="{width}" y="{y}" height="{height}" '
        f'rx="{min(4, height / 2):g}"/>'
    )


def nice(highest: float) -> float:
    """The end of an axis that includes ``highest``, at a round share."""
    return next((end for end in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if highest <= end), 1.0)


def _ticks(top: float) -> list[float]:
    step = 0.02 if top <= 0.1 else 0.05 if top <= 0.3 else 0.1 if top <= 0.6 else 0.2
    return [step * place for place in range(round(top / step) + 1)]


def _place(share: float) -> str:
    return f"{100 * share:.2f}%"


def with_interval(found: Object) -> str:
    """A share and its interval, in percent."""
    return (
        f'<span class="share">{percent(found["value"])}</span> '
        f'<span class="interval">{between(found["interval_95"])}</span>'
    )


def points(found: Object) -> str:
    """A difference of shares and its interval, in percentage points."""
    return (
        f'<span class="share">{100 * found["value"]:.1f} points</span> '
        f'<span class="interval">{between(found["interval_95"])}</span>'
    )


def percent(share: float, decimals: int = 1) -> str:
    """A share in percent."""
    return f"{100 * share:.{decimals}f} %"


def between(ends: Iterable[float]) -> str:
    """An interval in percent."""
    low, high = ends
    return f"({100 * low:.1f}–{100 * high:.1f})"


def text(value: str) -> str:
    """Escape any text for HTML."""
    return escape(value.encode("utf-8", "backslashreplace").decode())


def name_of(path: str) -> str:
    """Escape a path or a name, and allow line breaks after its separators."""
    return re.sub(r"([/_.\-])", r"\1<wbr>", text(path))
