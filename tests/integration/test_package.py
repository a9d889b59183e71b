"""What `pip install .` installs."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from scripts.events import PICTURES

ROOT = Path(__file__).parents[2]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_package_depends_on_what_is_pinned_for_the_function_and_the_command() -> None:
    asked = {re.split(r"[ <>=]", dependency)[0] for dependency in PROJECT["dependencies"]}
    pinned = {
        line
        for file in ("run.in", "local.in")
        for line in (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "-"))
    }

    assert asked == pinned


def test_the_wheel_holds_the_command_the_models_and_the_pages(tmp_path: Path) -> None:
    # GIVEN a copy of the sources: building leaves files beside them
    for folder in ("audit", "cli", "functions", "layers"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / "source" / folder, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE.md"):
        shutil.copy(ROOT / file, tmp_path / "source")
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run(
        [sys.executable, "-c", build],
        cwd=tmp_path / "source",
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")

    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)

    (entry_points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "ethnicity = cli.main:ethnicity" in entry_points.read_text(encoding="utf-8")
    # THEN it classifies with nothing but itself and its dependencies, and has its pages
    use = (
        "from starlette.testclient import TestClient\n"
        "from cli.main import ethnicity\n"
        "from predict.app import app\n"
        "assert {TestClient(app).get(p).status_code for p in ('/', '/docs', '/model')} == {200}\n"
        f"ethnicity(['audit', {str(PICTURES)!r}, '--jobs', '1'], standalone_mode=False)\n"
        f"ethnicity(['predict', '--json', {str(PICTURES / 'portrait.jpg')!r}])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", use],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert '"faces_found": 1' in done.stdout
    assert {file.name for file in (tmp_path / "audit-report").iterdir()} >= {
        "report.html",
        "report.json",
    }
