"""Plots of the model card, drawn from the report alone."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ethnicity.labels import LABELS
from training import drawing
from training.card import SET_NAMES, Report
from training.robustness import CONDITIONS

_COLOURS = {"utkface": "#2a6f97", "utkface_64": "#89b6cf", "fairface": "#c8553d"}
_GREY = "#888888"


def write(report: Report, folder: Path) -> None:
    """Write recalls.svg, reliability.svg and robustness.svg."""
    plots = {"recalls": _recalls, "reliability": _reliability, "robustness": _robustness}
    drawing.write(folder, report, plots)


def _recalls(report: Report) -> Figure:
    """Recall of each label, with its interval."""
    figure, axes = plt.subplots(figsize=(7, 2.8))
    count = len(report["test"])
    for row, (name, each) in enumerate(report["test"].items()):
        recalls = [each["recall"][label] for label in LABELS]
        values = [100 * recall["value"] for recall in recalls]
        bounds = [[100 * bound for bound in recall["interval_95"]] for recall in recalls]
        places = [index + 0.78 / count * (row - (count - 1) / 2) for index in range(len(LABELS))]
        axes.bar(places, values, 0.74 / count, color=_COLOURS[name], label=SET_NAMES[name])
        errors = [
            [value - low for value, (low, _) in zip(values, bounds, strict=True)],
            [high - value for value, (_, high) in zip(values, bounds, strict=True)],
        ]
        axes.errorbar(places, values, errors, fmt="none", ecolor="#222222", capsize=2, lw=1)
        for place, value in zip(places, values, strict=True):
            axes.text(place, 2, f"{value:.0f}", ha="center", color="white")
    axes.axhline(20, color=_GREY, lw=1, ls=":")
    axes.text(4.5, 20, "chance", va="center", color=_GREY, fontsize=8)
    axes.set_xlim(-0.5, 5)
    axes.set_xticks(range(len(LABELS)), LABELS)
    axes.set_ylim(0, 100)
    axes.set_ylabel("recall, %")
    axes.legend(frameon=False, ncols=count, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _reliability(report: Report) -> Figure:
    """Accuracy by confidence; a dot's area shows the number of answers."""
    figure, panels = plt.subplots(
        1, len(report["test"]), figsize=(9, 3.4), sharey=True, squeeze=False
    )
    for axes, (name, each) in zip(panels[0], report["test"].items(), strict=True):
        bins = each["reliability"]
        confidence, right = ([100 * row[key] for row in bins] for key in ("confidence", "right"))
        axes.plot([20, 100], [20, 100], color=_GREY, lw=1, ls=":")
        axes.plot(confidence, right, color=_COLOURS[name], lw=1)
        axes.scatter(confidence, right, [600 * row["share"] for row in bins], color=_COLOURS[name])
        by_chance = each["calibration_error_by_chance"]["value"]
        axes.set_title(
            f"{SET_NAMES[name]}: error {each['expected_calibration_error']:.3f}, "
            f"expected by chance {by_chance:.3f}"
        )
        axes.set_xlim(18, 102)
        axes.set_ylim(0, 102)
        axes.set_xlabel("confidence, %")
    panels[0, 0].set_ylabel("accuracy, %")
    return figure


def _robustness(report: Report) -> Figure:
    """Balanced accuracy, faces found and share of uncertain answers, by condition and level."""
    figure, panels = plt.subplots(2, 3, figsize=(9, 5.4), sharey=True)
    for axes, condition in zip(panels.flat, CONDITIONS, strict=True):
        for name, by_condition in report["spoiled"].items():
            _curves(axes, by_condition[condition.name], _COLOURS[name], SET_NAMES[name])
        levels = ["none", *(f"{level:g}" for level in condition.levels)]
        axes.set_xticks(range(len(levels)), levels)
        axes.set_title(condition.name)
        axes.set_xlabel(condition.unit)
        axes.set_ylim(0, 100)
    for axes in panels[:, 0]:
        axes.set_ylabel("%")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, ncols=3, loc="outside upper center")
    return figure


def _curves(axes: Axes, levels: list[dict[str, Any]], colour: str, name: str) -> None:
    places = range(len(levels))
    accuracy = [each["balanced_accuracy"] for each in levels]
    low, high = ([100 * each["interval_95"][end] for each in accuracy] for end in (0, 1))
    axes.fill_between(places, low, high, color=colour, alpha=0.15, lw=0)
    values = [100 * each["value"] for each in accuracy]
    axes.plot(places, values, color=colour, marker="o", ms=3, label=f"{name}: balanced accuracy")
    for key, style, share in (
        ("uncertain_share", "--", "more than one label"),
        ("faces_found", ":", "face found"),
    ):
        shares = [float("nan") if each[key] is None else 100 * each[key] for each in levels]
        axes.plot(places, shares, color=colour, lw=1, ls=style, label=f"{name}: {share}")
