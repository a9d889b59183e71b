"""The notebook for teaching runs, and its text agrees with its numbers."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "teaching.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook, executed in a kernel of its own."""
    folder = tmp_path_factory.mktemp("notebook")
    out = folder / "out.ipynb"
    places = {"IPYTHONDIR": folder, "JUPYTER_RUNTIME_DIR": folder, "JUPYTER_CONFIG_DIR": folder}
    paths = (ROOT / "layers/inference/python", ROOT)
    subprocess.run(
        [sys.executable, "-m", "jupyter", "execute", str(NOTEBOOK), "--output", str(out)],
        env=os.environ
        | {name: str(place) for name, place in places.items()}
        | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "MPLCONFIGDIR": str(folder)},
        check=True,
        capture_output=True,
    )
    return json.loads(out.read_text(encoding="utf-8"))


def printed(notebook: Any) -> str:
    return "".join(
        "".join(output["text"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    )


def test_the_text_agrees_with_the_numbers(executed: Any) -> None:
    text = printed(executed)

    counting, correcting = (
        float(re.search(rf"{way} +misses a share by ([\d.]+)", text)[1])  # type: ignore[index]
        for way in ("counting", "correcting")
    )
    assert correcting < counting / 2
    truth, guess, corrected = (
        float(each)
        for each in re.search(  # type: ignore[union-attr]
            r"above White: +truth ([\d.]+) points, by guess ([\d.]+), corrected ([\d.]+)",
            text,
        ).groups()
    )
    assert guess < truth
    assert abs(corrected - truth) < abs(guess - truth) + 3
    assert "surely more often for Black than for White" in text
    assert "pairs that surely differ: 0" in text
    assert text.count("holds the truth") >= 4


def test_the_committed_notebook_shows_its_results(executed: Any) -> None:
    committed = json.loads(NOTEBOOK.read_text(encoding="utf-8"))

    for before, now in zip(committed["cells"], executed["cells"], strict=True):
        kinds = [
            {output["output_type"] for output in cell.get("outputs", [])} for cell in (before, now)
        ]
        assert kinds[0] == kinds[1]
    assert "Traceback" not in printed(committed)
    assert str(Path.home()) not in NOTEBOOK.read_text(encoding="utf-8")
