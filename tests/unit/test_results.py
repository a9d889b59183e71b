"""The published speeds agree with the measurements."""

import json
from pathlib import Path

from benchmarks.speed import results

ROOT = Path(__file__).parents[2]
FOUND = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))


def test_the_table_of_results_follows_from_the_measurements() -> None:
    published = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert results.text(FOUND) == published


def test_the_table_in_the_readme_follows_from_the_measurements() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert results.with_table(readme, FOUND) == readme


def test_every_plot_is_committed() -> None:
    plots = ROOT / "benchmarks" / "plots"
    assert {path.name for path in plots.iterdir()} == {"candidates.svg", "growth.svg"}
