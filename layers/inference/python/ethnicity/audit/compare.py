"""Comparison of two reports: which of their differences are more than chance.

The comparison is a JSON object, described by comparison.schema.json in this folder.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ethnicity.audit.figures import rounded
from ethnicity.audit.summary import SCHEMA
from ethnicity.labels import LABELS

COMPARISON_SCHEMA = "apparent-ethnicity-comparison/1"

_ALL_LABELS = 2.575829 / 1.959964
"""Factor by which an interval widens to hold for all five labels at once (Bonferroni)."""

CAVEATS = (
    (
        "The intervals allow for each set's pictures to differ from the reference sets in its own "
        "way. Two sets of the same kind have similar errors, so smaller differences between them "
        "may be real too."
    ),
    (
        "If the sets share pictures, the intervals are too wide. If a set shows only few persons, "
        "they are too narrow."
    ),
)

Report = Mapping[str, Any]


class NotComparable(Exception):
    """The two files cannot be compared; the message says why."""


def compare(one: Report, two: Report) -> dict[str, Any]:
    """Compare two reports; differences are the second's value minus the first's.

    Raises:
        NotComparable: a file is not a report of this version or has no composition, or the reports
            are of different models.
    """
    for report in (one, two):
        if not isinstance(report, Mapping) or report.get("schema") != SCHEMA:
            raise NotComparable(
                f"Both files must be a report.json of schema {SCHEMA}: audit the set again"
            )
        if report["whole"]["composition"] is None:
            raise NotComparable(f"{report['title']} has too few faces for a composition")
    if one["model"] != two["model"]:
        raise NotComparable(
            f"The reports are of different models ({one['model']}, {two['model']}): "
            "audit both sets with the same model"
        )
    shares = _differences(*(_shares(report) for report in (one, two)))
    outcome = _outcome(one["outcome"], two["outcome"])
    return {
        "schema": COMPARISON_SCHEMA,
        "model": one["model"],
        "one": {"title": one["title"], "faces": one["whole"]["judged"]},
        "two": {"title": two["title"], "faces": two["whole"]["judged"]},
        "shares": shares,
        "outcome": outcome,
        "verdict": _verdict(one, two, shares, outcome),
        "caveats": list(CAVEATS),
    }


def _shares(report: Report) -> dict[str, Any]:
    return {
        label: {"value": each["share"], "interval_95": each["interval_95"]}
        for label, each in report["whole"]["composition"].items()
    }


def _outcome(one: Report | None, two: Report | None) -> dict[str, Any] | None:
    """The rates by label, if both reports have an outcome."""
    if one is None or two is None:
        return None
    rates = [
        {label: each and each["rate"] for label, each in outcome["labels"].items()}
        for outcome in (one, two)
    ]
    names = [f"{outcome['column']} = {outcome['positive']}" for outcome in (one, two)]
    return {"one": names[0], "two": names[1], "labels": _differences(*rates)}


def _differences(one: Report, two: Report) -> dict[str, Any]:
    """Both values of each label and their difference; ``None`` if one is withheld."""
    return {
        label: difference(one[label], two[label]) if one[label] and two[label] else None
        for label in LABELS
    }


def difference(one: Report, two: Report) -> dict[str, Any]:
    """The difference of two values, with an interval from both intervals (Zou and Donner 2008).

    ``more_than_chance``: whether the interval excludes zero with all labels considered at once.
    """
    value = two["value"] - one["value"]
    (low_one, high_one), (low_two, high_two) = one["interval_95"], two["interval_95"]
    below = float(np.hypot(two["value"] - low_two, high_one - one["value"]))
    above = float(np.hypot(high_two - two["value"], one["value"] - low_one))
    return {
        "one": dict(one),
        "two": dict(two),
        "difference": rounded(value),
        "interval_95": [rounded(value - below), rounded(value + above)],
        "more_than_chance": bool(
            value - _ALL_LABELS * below > 0 or value + _ALL_LABELS * above < 0
        ),
    }


def _verdict(one: Report, two: Report, shares: Report, outcome: Report | None) -> dict[str, str]:
    """The differences that are more than chance, in words; ``level``: different or not_shown."""
    sentences = _sentences(shares, f"the share in {two['title']}", f"in {one['title']}")
    if outcome:
        rates = outcome["labels"]
        rate = f"the rate of “{outcome['two']}” in {two['title']}"
        sentences += _sentences(rates, rate, f"in {one['title']}")
    if not sentences:
        text = "No difference is more than chance, with all labels considered at once."
        return {"level": "not_shown", "text": text}
    return {"level": "different", "text": " ".join(sentences)}


def _sentences(differences: Report, quantity: str, than: str) -> list[str]:
    sentences = []
    for label, each in differences.items():
        if each and each["more_than_chance"]:
            amount = 100 * abs(each["difference"])
            low, high = sorted(100 * abs(end) for end in each["interval_95"])
            way = "higher" if each["difference"] > 0 else "lower"
            sentences.append(
                f"{label}: {quantity} is {amount:.1f} percentage points ({low:.1f}–{high:.1f}) "
                f"{way} than {than}."
            )
    return sentences


def as_text(comparison: Report) -> str:
    """The comparison as a table for a terminal."""
    titles = [comparison[each]["title"] for each in ("one", "two")]
    lines = [f"Shares of faces, %: {titles[0]} | {titles[1]} | difference"]
    lines += _lines(comparison["shares"])
    if outcome := comparison["outcome"]:
        lines += ["", f"Rates, %: {outcome['one']} | {outcome['two']} | difference"]
        lines += _lines(outcome["labels"])
    return "\n".join([*lines, "", comparison["verdict"]["text"]])


def _lines(differences: Report) -> list[str]:
    lines = []
    for label, each in differences.items():
        if each is None:
            lines.append(f"  {label:7} withheld: too few faces")
            continue
        values = [
            f"{100 * found['value']:5.1f} ({_span(found['interval_95'], '–')})".ljust(20)
            for found in (each["one"], each["two"])
        ]
        difference = f"{100 * each['difference']:+5.1f} ({_span(each['interval_95'], ' to ')})"
        sure = "  more than chance" if each["more_than_chance"] else ""
        lines.append(f"  {label:7} {' '.join(values)} {difference}{sure}")
    return lines


def _span(ends: Sequence[float], between: str) -> str:
    return between.join(f"{100 * end:.1f}" for end in ends)
