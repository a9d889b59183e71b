"""The report as an HTML page: one file without scripts that loads nothing."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ethnicity.audit.charts import (
    AIM_KEY,
    BAND_KEY,
    COUNT_KEY,
    DOT_KEY,
    Row,
    between,
    chart,
    circle,
    key,
    name_of,
    nice,
    percent,
    rectangle,
    strip,
    text,
)
from ethnicity.audit.figures import FEWEST
from ethnicity.audit.frame import caveats, filled, measures, verdict
from ethnicity.audit.html_outcome import outcome_part
from ethnicity.audit.html_truth import truth_part

_MOST_GROUPS, _MOST_FILES, _MOST_NAMES = 100, 500, 12
"""Limits of the page; report.json has everything."""

Object = Mapping[str, Any]


def page(report: Object) -> str:
    """The page for a report of `summary.summarise`."""
    whole, outcome, truth = report["whole"], report["outcome"], report["truth"]
    verdicts = [verdict("Composition", report["verdict"])]
    parts = [_facts(whole)]
    if outcome:
        verdicts.append(verdict("Outcome", outcome["verdict"]))
        parts.append(outcome_part(outcome))
    if truth:
        verdicts.append(verdict("Classifier", truth["verdict"]))
        parts.append(truth_part(truth))
    if whole["composition"]:
        parts += [_composition(report), _balance(report)]
    if report["folders"] or report["other_folders"]:
        parts.append(_groups(report))
    parts += [_labels(report["labels"]), _pictures(whole)]
    if report["bad"]:
        parts.append(_bad(report["bad"]))
    parts += [caveats(report["caveats"]), _method(report)]
    made = report["made"].replace("T", " ").replace("Z", " UTC")
    return filled(
        title=f"Audit of {report['title']}",
        subtitle="Composition of a set of face pictures by apparent ethnicity, with 95 % "
        f"intervals. {made}, model {report['model']}.",
        verdicts=verdicts,
        parts=parts,
    )


def _facts(whole: Object) -> str:
    facts = {
        "pictures": f"{whole['pictures']:,}",
        "with a face that was judged": f"{whole['judged']:,}",
        "without a face": f"{whole['without_face']:,}",
        "could not be judged": f"{whole['bad']:,}",
    }
    if whole["uncertain_share"] is not None:
        facts["faces with more than one likely label"] = percent(whole["uncertain_share"])
    if whole["balance"]:
        effective = whole["balance"]["effective_labels"]["value"]
        facts["effective labels of 5"] = f"{effective:.1f}"
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{items}</dl>'


def _composition(report: Object) -> str:
    whole, target = report["whole"], report["target"]["shares"]
    rows = [
        Row(
            label,
            {"value": each["share"], "interval_95": each["interval_95"]},
            each["counted_share"],
            target[label],
            (
                f'<td class="number optional">{_faces_of(each, whole["judged"])}</td>',
                f'<td class="number soft counted">{_counted(each)}</td>',
            ),
        )
        for label, each in whole["composition"].items()
    ]
    heads = ('<span class="optional">Estimated faces</span>', "Raw count (uncorrected)")
    marks = {
        "95 % interval": BAND_KEY,
        "corrected share": DOT_KEY,
        "raw count: biased": COUNT_KEY,
        _aim(report): AIM_KEY,
    }
    return (
        "<section><h2>Composition</h2>"
        '<p class="soft">Counting each face’s most probable label is biased, because the errors of '
        "a common label swamp a rare one. The corrected shares maximise the likelihood of all "
        "answers together.</p>"
        f"{chart(rows, 'Share of faces', 'Corrected, 95 % interval', heads)}{key(marks)}</section>"
    )


def _counted(each: Object) -> str:
    return f"{each['counted']:,} ({percent(each['counted_share'])})"


def _aim(report: Object) -> str:
    name = report["target"]["name"]
    return "an even share" if name == "uniform" else f"reference: {text(name)}"


def _faces_of(each: Object, judged: int) -> str:
    low, high = each["interval_95"]
    return (
        f"{round(each['share'] * judged):,} "
        f'<span class="interval">({round(low * judged):,}–{round(high * judged):,})</span>'
    )


def _balance(report: Object) -> str:
    found = report["whole"]["balance"]
    aim = "equal shares" if report["target"]["name"] == "uniform" else "the reference"
    rows = [
        (
            "Effective labels",
            "{:.2f}",
            "effective_labels",
            (
                "The number of equally common labels that would be just as diverse, from 1 (one "
                "label only) to 5 (all equal)."
            ),
        ),
        (
            "Largest to smallest",
            "{:,.1f}",
            "largest_ratio",
            "Faces of the most common label for each face of the least common.",
        ),
        (
            "Distance from " + aim,
            "{:.1f} %",
            "total_variation",
            "Total variation: the share of pictures that would have to be of another label.",
        ),
    ]
    cells = []
    for name, form, measure, words in rows:
        times = 100 if form.endswith("%") else 1
        value = form.format(times * found[measure]["value"])
        low, high = (
            form.removesuffix(" %").format(times * each) for each in found[measure]["interval_95"]
        )
        shown = f'<span class="share">{value}</span> <span class="interval">({low}–{high})</span>'
        cells.append((name, shown, words))
    return f"<section><h2>Balance</h2>{measures(cells)}</section>"


def _groups(report: Object) -> str:
    groups = sorted(report["folders"].items(), key=lambda item: -item[1]["pictures"])
    labels = list(report["target"]["shares"])
    shown = groups[:_MOST_GROUPS]
    others = report["other_folders"]
    rows = [("All groups", report["whole"]), *shown]
    if others:
        rows.append((_others(others["names"]), others))
    top = nice(
        max(
            (
                each["interval_95"][1]
                for _, group in rows
                if group["composition"]
                for each in group["composition"].values()
            ),
            default=1.0,
        )
    )
    body = "".join(_row(name, group, labels, top) for name, group in rows)
    heads = "".join(f'<th scope="col">{label}</th>' for label in labels)
    more = (
        f'<p class="soft">The {_MOST_GROUPS} largest of {len(groups):,}; report.json lists all.</p>'
        if len(groups) > _MOST_GROUPS
        else ""
    )
    return (
        '<section class="long"><h2>By group</h2><p class="soft">The groups are the folders of the '
        "set, or the values of columns if some were named. The table gives corrected shares with "
        "their 95 % intervals. Small groups have wide intervals, and about 1 interval in 20 misses "
        f"the true value. Groups with fewer than {FEWEST} faces are reported together, joined by "
        f"other groups if needed, so that their numbers cannot be worked out.</p>{more}"
        '<div class="scroll" role="region" aria-label="Composition by group" tabindex="0">'
        '<table class="folders"><thead><tr><th scope="col">Group</th>'
        '<th scope="col" class="number">Pictures</th><th scope="col" class="number">Judged</th>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _others(names: Sequence[str]) -> str:
    named = ", ".join(name or "(top)" for name in names[:_MOST_NAMES])
    more = ", …" if len(names) > _MOST_NAMES else ""
    return f"Other groups ({len(names):,}): {named}{more}"


def _row(name: str, group: Object, labels: Iterable[str], top: float) -> str:
    cells = []
    for label in labels:
        if not group["composition"]:
            cells.append('<td class="soft">withheld</td>')
            continue
        each = group["composition"][label]
        low, high = each["interval_95"]
        marks = [
            rectangle(0, 1, "grid", 3.5, 1),
            rectangle(low / top, high / top, "band", 0, 8),
            circle("dot", each["share"] / top, 4, 3),
        ]
        cells.append(
            f'<td><span class="share">{percent(each["share"])}</span> '
            f'<span class="interval">{between(each["interval_95"])}</span>{strip(marks)}</td>'
        )
    return (
        f'<tr><th scope="row">{name_of(name) or "(top)"}</th>'
        f'<td class="number">{group["pictures"]:,}</td>'
        f'<td class="number">{group["judged"]:,}</td>{"".join(cells)}</tr>'
    )


def _labels(labels: Object) -> str:
    items = "".join(f"<dt>{name}</dt><dd>{text(note)}.</dd>" for name, note in labels.items())
    return (
        '<section><h2>The five labels</h2><p class="soft">The labels come from the data sets that '
        "the classifier was trained on, and describe what annotators saw in a face.</p>"
        f'<dl class="labels">{items}</dl></section>'
    )


def _pictures(whole: Object) -> str:
    tables = [
        _histogram("Faces in a picture", whole["faces"]),
        _histogram("Shorter side, pixels", _ranges(whole["shorter_side"])),
        _histogram("Width of the largest face, pixels", _ranges(whole["face_width"])),
    ]
    return (
        "<section><h2>Pictures</h2>"
        '<p class="soft">These tables count the pictures that could be decoded. Small faces next '
        "to a large one are not searched for, and faces below about 30 pixels are judged with "
        "little confidence.</p>"
        f'<div class="two">{"".join(tables)}</div></section>'
    )


def _ranges(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts from the first to the last non-zero one, named as ranges."""
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
        f'<td class="chart">{strip([rectangle(0, count / top, "bar", 2, 10)] * bool(count))}</td>'
        f'<td class="number">{count:,} <span class="interval">{percent(count / total)}</span></td>'
        "</tr>"
        for name, count in counts.items()
    )
    return f"<div><h3>{title}</h3><table><tbody>{rows}</tbody></table></div>"


def _bad(files: list[dict[str, str]]) -> str:
    rows = "".join(
        f"<tr><td>{name_of(each['name'])}</td><td>{text(each['reason'])}</td></tr>"
        for each in files[:_MOST_FILES]
    )
    more = (
        f'<p class="soft">The first {_MOST_FILES} of {len(files):,}; report.json lists all.</p>'
        if len(files) > _MOST_FILES
        else ""
    )
    return (
        f'<section class="long"><h2>Files that could not be judged</h2>{more}'
        '<table class="files"><thead><tr><th scope="col">File</th><th scope="col">Reason</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></section>"
    )


def _method(report: Object) -> str:
    names = {"utkface": "UTKFace", "fairface": "FairFace"}
    sets = " and ".join(text(names.get(each, each)) for each in report["reference_sets"])
    return (
        f"<section><h2>Method</h2><p>{text(report['method'])}</p>"
        f"<p>The reference sets are the validation pictures of {sets}. "
        "Each picture counts once, by its largest face.</p></section>"
    )
