"""The report page's section on an outcome."""

from ethnicity.audit.charts import (
    AIM_KEY,
    BAND_KEY,
    COUNT_KEY,
    DOT_KEY,
    Object,
    Row,
    chart,
    key,
    percent,
    points,
    text,
)
from ethnicity.audit.figures import FEWEST
from ethnicity.audit.frame import measures, pictures_of


def outcome_part(outcome: Object) -> str:
    """The rates by label and their differences."""
    name = text(f"{outcome['column']} = {outcome['positive']}")
    overall = outcome["overall"]["rate"] and outcome["overall"]["rate"]["value"]
    rows = [
        Row(
            label,
            each and each["rate"],
            each and each["counted_rate"],
            overall,
            (_counted_rate(each), _about(each)),
        )
        for label, each in outcome["labels"].items()
    ]
    rows += [
        Row(
            words,
            outcome[part]["rate"],
            None,
            overall,
            ('<td class="number soft counted-rate"></td>', _of(outcome[part])),
        )
        for words, part in (("All faces", "overall"), ("No face found", "without_face"))
        if outcome[part]["rate"]
    ]
    marks = {
        "95 % interval": BAND_KEY,
        "corrected rate": DOT_KEY,
        "rate by predicted label: hides differences": COUNT_KEY,
        "all faces": AIM_KEY,
    }
    heads = ("By predicted label", "Faces")
    left_out = ""
    if outcome["without_face"]["pictures"] and not outcome["without_face"]["rate"]:
        left_out += f" {pictures_of(outcome['without_face']['pictures'])} had no face."
    if outcome["unknown"]:
        left_out += f" {pictures_of(outcome['unknown'])} had no value in this column."
    return (
        f"<section><h2>How often {name}, by label</h2>"
        '<p class="soft">The label shares are estimated among the faces with this outcome and '
        "among those without it, and converted to rates by Bayes’ rule. A label is withheld "
        f"unless the set surely has at least {FEWEST} of its faces.{left_out}</p>"
        f"{chart(rows, f'Rate of {name}', 'Corrected, 95 % interval', heads)}{key(marks)}"
        f"{_gaps(outcome)}</section>"
    )


def _counted_rate(label: Object | None) -> str:
    rate = label["counted_rate"] if label else None
    words = "" if rate is None else percent(rate)
    return f'<td class="number soft counted-rate">{words}</td>'


def _about(label: Object | None) -> str:
    if label is None:
        return '<td class="number soft about"></td>'
    low, high = label["faces"]["interval_95"]
    return (
        f'<td class="number soft about faces">{label["faces"]["value"]:,.0f} '
        f'<span class="interval">({low:,.0f}–{high:,.0f})</span></td>'
    )


def _of(counted: Object) -> str:
    return f'<td class="number soft about">{counted["positive"]:,} of {counted["pictures"]:,}</td>'


def _gaps(outcome: Object) -> str:
    """The largest difference and ratio; empty if no labels could be compared."""
    gap, ratio = outcome["largest_difference"], outcome["largest_ratio"]
    if not gap:
        return ""
    least, most = ratio["interval_95"]
    span = f"({least:.1f}–{most:.1f})" if most is not None else f"(at least {least:.1f})"
    factor = f'<span class="share">{ratio["value"]:.1f}</span> <span class="interval">{span}</span>'
    rows = (
        (
            "Largest difference",
            points(gap),
            (
                f"{gap['higher']} above {gap['lower']} in these pictures. The interval is for the "
                "largest true difference between any two labels."
            ),
        ),
        (
            "Largest ratio",
            factor,
            "The higher rate divided by the lower.",
        ),
    )
    return f"<h3>Differences</h3>{measures(rows)}"
