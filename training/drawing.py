"""The style of all plots, written as SVG files that are the same for the same figures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

Figures = dict[str, Any]

mpl.use("svg")
mpl.rcParams |= {
    "svg.hashsalt": "the same report, the same file",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
}


def write(folder: Path, figures: Figures, plots: Mapping[str, Callable[[Figures], Figure]]) -> None:
    """Write an SVG file for each plot, by its name and the function that draws it."""
    for name, draw in plots.items():
        figure = draw(figures)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)
