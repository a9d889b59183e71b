"""A comparison of two reports as an HTML page."""

from collections.abc import Sequence

from ethnicity.audit.charts import BAND_KEY, DOT_KEY, Object, Row, chart, key
from ethnicity.audit.frame import caveats, filled, verdict


def comparison_page(comparison: Object) -> str:
    """The page for a comparison made by `compare.compare`."""
    titles = [comparison[each]["title"] for each in ("one", "two")]
    parts = [_side_by_side("Composition", "Share of faces", comparison["shares"], titles)]
    outcome = comparison["outcome"]
    if outcome:
        names = [
            f"{title} ({outcome[each]})" for title, each in zip(titles, ("one", "two"), strict=True)
        ]
        parts.append(_side_by_side("Outcome", "Rate", outcome["labels"], names))
    parts.append(caveats(comparison["caveats"]))
    faces = " and ".join(f"{comparison[each]['faces']:,}" for each in ("one", "two"))
    return filled(
        title=f"{titles[0]} and {titles[1]}",
        subtitle=f"Comparison of two audited sets of face pictures, {faces} faces. "
        f"Model {comparison['model']}.",
        verdicts=[verdict("Comparison", comparison["verdict"])],
        parts=parts,
    )


def _side_by_side(heading: str, axis: str, differences: Object, titles: Sequence[str]) -> str:
    rows = []
    for label, each in differences.items():
        if each is None:
            rows.append(Row(label, None, cells=("",)))
            continue
        low, high = (f"{100 * end:+.1f}" for end in each["interval_95"])
        sure = " <strong>more than chance</strong>" if each["more_than_chance"] else ""
        difference = (
            f'<td class="number about">{100 * each["difference"]:+.1f} '
            f'<span class="interval">({low} to {high})</span>{sure}</td>'
        )
        rows += [
            Row(f"{label}: {titles[0]}", each["one"], cells=('<td class="number about"></td>',)),
            Row(f"{label}: {titles[1]}", each["two"], cells=(difference,)),
        ]
    return (
        f"<section><h2>{heading}</h2>"
        f"{chart(rows, axis, '95 % interval', ('Difference, percentage points',))}"
        f"{key({'95 % interval': BAND_KEY, 'value': DOT_KEY})}</section>"
    )
