"""The model card: MODEL_CARD.md for people, and card.json for GET /model with the same facts.

It follows Mitchell et al., "Model Cards for Model Reporting" (2019). The two templates in card/
hold the text, which does not depend on the model; the report fills in every figure.
"""

import json
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

from ethnicity.labels import LABELS
from training.markdown import between, table

_TEMPLATES = Path(__file__).parent / "card"
_FIGURES = "<!-- figures: written by make train -->"
_END_OF_FIGURES = "<!-- end of figures -->"
SET_NAMES = {"utkface": "UTKFace", "utkface_64": "UTKFace at 64 px", "fairface": "FairFace"}

ELSEWHERE = {
    "GEAR, from a browser library, 0.75 M parameters": {
        "utkface_64": "0.764 / 0.663 / 0.37",
        "fairface": "0.419 / 0.455",
    },
    "residual SE network, 126 M multiply-adds, plain recipe": {
        "utkface_64": "0.849 / 0.764 / 0.23"
    },
    "MobileNet-like network, 25 M multiply-adds, plain recipe": {
        "utkface_64": "0.826 / 0.726 / 0.14"
    },
    "the original's CNN, its own frame, 60 epochs": {"utkface_64": "0.698 / 0.567 / 0.01"},
    "logistic regression on a VGGFace2 embedding": {"utkface_64": "0.827 / 0.802 / 0.61"},
    "published, random splits, networks 10 to 100 times larger": {"utkface_64": "0.80 to 0.87"},
}
"""Figures by test set, published or measured before this model."""

Report = dict[str, Any]


def write(report: Report, root: Path, models: Path) -> None:
    """Write evaluation/report.json, the service's card.json, MODEL_CARD.md and README's figures."""
    _write_json(root / "evaluation" / "report.json", report)
    facts = json.loads((_TEMPLATES / "facts.json").read_text(encoding="utf-8"))
    figures = report["test"]
    _write_json(models / "card.json", {"model": report["model"]} | facts | {"metrics": figures})
    text = Template((_TEMPLATES / "MODEL_CARD.md").read_text(encoding="utf-8"))
    tables = {
        "version": report["model"],
        "overview": _overview(figures),
        "compared": _compared(report),
        "recalls": _recalls(figures),
        "groups": _by_set(figures, "groups", "", _group),
        "gaps": _by_set(figures, "gaps", "largest gap by", _gap),
        "ages": _by_set(figures, "ages_against_others", "", _age),
        "calibration": _calibration(figures),
        "details": _details(figures),
        "confusions": _confusions(figures),
        "spoiled": _spoiled(report["spoiled"]),
    }
    (root / "MODEL_CARD.md").write_text(text.substitute(tables), encoding="utf-8")
    readme = root / "README.md"
    if readme.exists():
        old = readme.read_text(encoding="utf-8")
        readme.write_text(with_figures(old, figures), encoding="utf-8")


def with_figures(readme: str, figures: Report) -> str:
    """The README with new tables of figures between its two marks."""
    tables = f"{_overview(figures)}\n\n{_recalls(figures)}"
    return between(readme, _FIGURES, _END_OF_FIGURES, tables)


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _overview(figures: Report) -> str:
    rows = [
        [
            SET_NAMES[name],
            str(each["pictures"]),
            _share(each["faces_found"]),
            _estimate(each["accuracy"]),
            _estimate(each["balanced_accuracy"]),
            _estimate(each["accuracy_with_own_prior"]),
        ]
        for name, each in figures.items()
    ]
    head = ["test set", "pictures", "face found", "accuracy", "balanced", "with the set's prior"]
    return table(head, rows)


def _recalls(figures: Report) -> str:
    rows = [
        [f"{SET_NAMES[name]}, {rate}", *(cell(each[key][label]) for label in LABELS)]
        for name, each in figures.items()
        for rate, key, cell in (
            ("recall", "recall", _estimate),
            ("precision at equal shares", "precision_at_equal_priors", _estimate),
        )
    ]
    return table(["", *LABELS], rows)


def _by_set(figures: Report, kind: str, head: str, cell: Callable[[Any], str]) -> str:
    """A row for each name in any set's figures; ``cell`` gets None for sets without that name."""
    names = dict.fromkeys(name for each in figures.values() for name in each[kind])
    rows = [[name, *(cell(each[kind].get(name)) for each in figures.values())] for name in names]
    return table([head, *(SET_NAMES[name] for name in figures)], rows)


def _group(group: dict[str, Any] | None) -> str:
    if group is None:
        return "too few"
    return f"{_estimate(group['balanced_accuracy'])} of {group['pictures']}"


def _calibration(figures: Report) -> str:
    rows = []
    for name, each in figures.items():
        sets = each["prediction_sets"]
        rows.append(
            [
                SET_NAMES[name],
                f"{each['expected_calibration_error']:.3f}",
                _by_chance(each["calibration_error_by_chance"]),
                f"{max(each['calibration_error_by_class'].values()):.3f}",
                *(_share(sets["coverage"][label]) for label in LABELS),
                f"{sets['mean_size']:.2f}",
                _share(sets["uncertain_share"]),
            ]
        )
    head = ["test set", "ECE", "by chance", "worst class", *LABELS, "mean size", "> 1 label"]
    return table(head, rows)


def _by_chance(estimate: dict[str, Any]) -> str:
    low, high = estimate["interval_95"]
    return f"{estimate['value']:.3f} ({low:.3f}–{high:.3f})"


def _compared(report: Report) -> str:
    """The served model, networks trained here for comparison, and figures from elsewhere."""
    served = {
        name: {
            "accuracy": each["accuracy"]["value"],
            "balanced_accuracy": each["balanced_accuracy"]["value"],
            "recall_of_others": each["recall"]["Others"]["value"],
        }
        for name, each in report["test"].items()
    }
    here = {"**this model, as served**": served} | report.get("compared", {})
    rows = [[name, *(_three(each.get(faces)) for faces in served)] for name, each in here.items()]
    rows += [
        [name, *(figures.get(faces, "") for faces in served)] for name, figures in ELSEWHERE.items()
    ]
    return table(["", *(SET_NAMES[name] for name in served)], rows)


def _three(figures: dict[str, float] | None) -> str:
    if figures is None:
        return ""
    return (
        f"{figures['accuracy']:.3f} / {figures['balanced_accuracy']:.3f} / "
        f"{figures['recall_of_others']:.2f}"
    )


def _age(age: dict[str, Any] | None) -> str:
    """The cell of an age group with too few pictures of some label for the table of groups."""
    if age is None:
        return ""
    return f"{_points(age)}: {', '.join(age['labels'])}; {age['pictures']} pictures"


def _points(estimate: dict[str, Any]) -> str:
    low, high = (f"{100 * bound:.1f}" for bound in estimate["interval_95"])
    return f"{100 * estimate['value']:.1f} points ({low} to {high})"


def _gap(gap: dict[str, Any] | None) -> str:
    if gap is None:
        return "too few"
    return f"{_points(gap)}: {gap['highest']} above {gap['lowest']}"


def _spoiled(figures: Report) -> str:
    rows: dict[str, list[str]] = {}
    for condition in next(iter(figures.values())):
        for levels in zip(*(each[condition] for each in figures.values()), strict=True):
            level = levels[0]["level"]
            name = "unchanged" if level is None else f"{condition}, {level:g}"
            rows.setdefault(name, [name, *map(_spoiled_cell, levels)])
    return table(["", *(SET_NAMES[name] for name in figures)], list(rows.values()))


def _spoiled_cell(level: dict[str, Any]) -> str:
    found, unsure = level["faces_found"], level["uncertain_share"]
    balanced = level["balanced_accuracy"]["value"]
    return f"{_share(found)}, {_share(balanced)}, {'–' if unsure is None else _share(unsure)}"


def _details(figures: Report) -> str:
    rows = [
        [
            f"{SET_NAMES[name]}, {row['min_detail']} or more",
            str(row["pictures"]),
            _share(row["accuracy"]),
            _share(row["mean_confidence"]),
            _share(row["lowest_coverage"]),
            f"{row['mean_set_size']:.2f}",
            _share(row["uncertain_share"]),
        ]
        for name, each in figures.items()
        for row in each["by_detail"]
    ]
    head = ["detail", "faces", "accuracy", "mean confidence", "lowest coverage", "mean size"]
    return table([*head, "> 1 label"], rows)


def _confusions(figures: Report) -> str:
    parts = []
    for name, each in figures.items():
        rows = []
        for label, counts in zip(LABELS, each["confusion"], strict=True):
            shares = [f"{100 * count / sum(counts):.0f}" for count in counts]
            rows.append([label, *shares])
        head = [f"{SET_NAMES[name]}: labelled ↓, predicted →", *LABELS]
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _estimate(figure: dict[str, Any]) -> str:
    low, high = figure["interval_95"]
    return f"{100 * figure['value']:.1f} % ({100 * low:.1f}–{100 * high:.1f})"
