"""The report page's section that compares the classifier with the user's labels."""

from ethnicity.audit.charts import (
    BAND_KEY,
    DOT_KEY,
    Object,
    Row,
    chart,
    key,
    name_of,
    percent,
    points,
    text,
    with_interval,
)
from ethnicity.audit.frame import measures, pictures_of


def truth_part(truth: Object) -> str:
    """Recall, precision and prediction sets by label; confusion, calibration, other columns."""
    rows = [
        Row(label, each and each["recall"], cells=_cells(each))
        for label, each in truth["labels"].items()
    ]
    heads = ("Precision in this set", "Label in the prediction set", "Pictures")
    unlabelled = f" {pictures_of(truth['unlabelled'])} had no label." if truth["unlabelled"] else ""
    words = (
        "Recall: the share of the pictures with your label that the classifier gave the same "
        "label; a picture without a face counts as wrong. Precision: the share of the pictures "
        "with the classifier’s label that have the same label from you; it depends on how common "
        f"the label is in this set.{unlabelled}"
    )
    parts = [
        chart(rows, "Recall", "Recall, 95 % interval", heads),
        key({"95 % interval": BAND_KEY, "recall": DOT_KEY}),
        _scores(truth),
        _confusion(truth["confusion"]),
        _calibration(truth["calibration"]),
        *(_by(name, each) for name, each in truth["by"].items()),
    ]
    return (
        f"<section><h2>The classifier against your labels ({text(truth['column'])})</h2>"
        f'<p class="soft">{words}</p>{"".join(parts)}</section>'
    )


def _cells(label: Object | None) -> tuple[str, ...]:
    if label is None:
        return ("", "", "")
    return (
        *(
            f'<td class="number soft {kind}">{_maybe(label[kind])}</td>'
            for kind in ("precision", "set_coverage")
        ),
        f'<td class="number soft about pictures">{label["pictures"]:,}</td>',
    )


def _scores(truth: Object) -> str:
    """Figures over all labels."""
    gap, sets = truth["largest_difference"], truth["prediction_sets"]
    rows = [
        ("Accuracy", _maybe(truth["accuracy"]), "The share of labelled pictures that are right."),
        (
            "Balanced accuracy",
            _maybe(truth["balanced_accuracy"]),
            "The mean of the labels’ recalls; guessing gives 20 %.",
        ),
    ]
    if gap:
        words = (
            f"Recall of {gap['higher']} above {gap['lower']} in these pictures. The interval is "
            "for the largest true difference between any two labels."
        )
        rows.append(("Largest difference", points(gap), words))
    if sets:
        words = (
            "How often they contain your label; the target is 90 % of the pictures of each label. "
            f"They have {sets['mean_size']:.2f} labels on average."
        )
        rows.append(("Prediction sets", _maybe(sets["coverage"]), words))
    return measures(rows)


def _confusion(confusion: Object) -> str:
    labels = list(confusion)
    heads = "".join(f'<th scope="col" class="number">{name}</th>' for name in (*labels, "No face"))
    rows = []
    for label, counts in confusion.items():
        if counts is None:
            cells = f'<td class="soft" colspan="{len(labels) + 1}">withheld: too few pictures</td>'
        else:
            total = max(1, sum(counts.values()))
            cells = "".join(
                f'<td class="number{" right" if given == label else ""}">'
                f"{percent(count / total, 0)}</td>"
                for given, count in counts.items()
            )
        rows.append(f'<tr><th scope="row">{label}</th>{cells}</tr>')
    return (
        '<h3>Confusion</h3><p class="soft">Of the pictures with your label (rows), the share that '
        "the classifier gave each label (columns).</p>"
        '<div class="scroll" role="region" aria-label="Confusion" tabindex="0">'
        '<table class="grid-table"><thead><tr><th scope="col">Your label</th>'
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _calibration(calibration: Object | None) -> str:
    if calibration is None:
        return ""
    rows = []
    for each in calibration["bins"]:
        name = f"from {percent(each['from'], 0)}"
        shown = each["right"] is not None
        cells = [
            percent(each["confidence"]) if shown else "–",
            percent(each["right"]) if shown else "–",
            f"{each['pictures']:,}",
        ]
        numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        rows.append(f'<tr><th scope="row">{name}</th>{numbers}</tr>')
    return (
        '<h3>Calibration</h3><p class="soft">How often answers of each confidence are right. All '
        "labels have the same weight, because the confidence assumes equally common labels. The "
        f"two columns differ by {100 * calibration['error']:.1f} points on average, partly by "
        "chance.</p>"
        '<table class="grid-table"><thead><tr><th scope="col">Confidence</th>'
        '<th scope="col" class="number">Mean confidence</th><th scope="col" class="number">Right'
        '</th><th scope="col" class="number">Faces</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _by(column: str, by: Object) -> str:
    if not by["values"] and not by["others"]:
        return ""
    named = [*by["values"].items()]
    if by["others"]:
        named.append((f"{by['others']['values']} other values", by["others"]))
    labels = list(named[0][1]["recall"])
    heads = "".join(f'<th scope="col" class="number">{label}</th>' for label in labels)
    rows = "".join(
        f'<tr><th scope="row">{name_of(name) or "(empty)"}</th>'
        f'<td class="number">{row["pictures"]:,}</td>'
        f'<td class="number">{_stacked(row["balanced_accuracy"])}</td>'
        + "".join(f'<td class="number">{_stacked(row["recall"][label])}</td>' for label in labels)
        + "</tr>"
        for name, row in named
    )
    gap = by["largest_difference"]
    compared = ", ".join(by["labels_compared"])
    words = (
        f"Balanced over {compared}. "
        if compared
        else "No label has enough pictures for every value. "
    )
    if gap:
        low, high = (f"{100 * end:.1f}" for end in gap["interval_95"])
        words += (
            f"Largest difference: {text(gap['higher'])} above {text(gap['lower'])} by "
            f"{100 * gap['value']:.1f} points; interval of the largest true one: {low} to {high}."
        )
    return (
        f'<h3>By {text(column)}</h3><p class="soft">Recall, with 95 % intervals. {words}</p>'
        f'<div class="scroll" role="region" aria-label="By {text(column)}" tabindex="0">'
        '<table class="folders"><thead><tr><th scope="col">Value</th>'
        '<th scope="col" class="number">Pictures</th><th scope="col" class="number">Balanced</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _stacked(found: Object | None) -> str:
    return with_interval(found) if found else '<span class="soft">withheld</span>'


def _maybe(found: Object | None) -> str:
    return with_interval(found) if found else "–"
