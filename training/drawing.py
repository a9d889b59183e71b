"""How plots look, and SVG files that are the same for the same figures."""

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
    """Write a file for each plot, drawn by its function, under its name."""
    for name, draw in plots.items():
        figure = draw(figures)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)
