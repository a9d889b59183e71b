"""The result of `pip install .` in an environment that contains nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from scripts.events import PICTURES

ROOT = Path(__file__).parents[2]
UV = ROOT / ".venv" / "uv" / "bin" / "uv"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

AWS_ONLY = {"aws-lambda-powertools", "mangum"}
"""Packages that only the Lambda functions import."""

S3_ONLY = {"boto3", "botocore", "s3transfer"}


def names(lines: list[str]) -> set[str]:
    """The packages that requirements name, without versions, options and comments."""
    return {re.split(r"[ <>=\[]", line)[0] for line in lines if line and line[0] not in "#-"}


def pinned(*files: str) -> set[str]:
    texts = [(ROOT / "requirements" / file).read_text(encoding="utf-8") for file in files]
    return names([line for text in texts for line in text.splitlines()])


def test_the_package_depends_on_its_pinned_packages_without_those_for_aws() -> None:
    locked = pinned("functions.in", "predict.in", "local.in")
    assert names(PROJECT["dependencies"]) == locked - AWS_ONLY


def test_the_extras_match_the_packages_pinned_for_s3_and_training() -> None:
    extras = PROJECT["optional-dependencies"]
    assert names(extras["s3"]) == pinned("s3.in")
    assert names(extras["training"]) == pinned("train.in") - {
        "click",
        "pytest",
        "pytest-xdist",
        "tqdm",
    }


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds the wheel and, from uv's cache, its dependencies."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"  # a copy: building leaves files beside the sources
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "layers", source / "layers", ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE.md"):
        shutil.copy(ROOT / file, source)
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, stdout=subprocess.DEVNULL, check=True)
    (wheel,) = folder.glob("*.whl")
    new = folder / "environment"
    uv("venv", "--python", sys.executable, new)
    uv("pip", "sync", "--python", new, ROOT / "requirements" / "local.txt")
    uv("pip", "uninstall", "--python", new, *AWS_ONLY, *S3_ONLY)
    uv("pip", "install", "--python", new, "--no-deps", wheel)
    return new


def uv(*arguments: str | Path) -> None:
    subprocess.run([UV, "--quiet", "--offline", *arguments], check=True)


def run(environment: Path, *arguments: str) -> str:
    """Return the output of a program of the environment, without the checkout in its path."""
    program, *rest = arguments
    done = subprocess.run(
        [environment / "bin" / program, *rest],
        cwd=environment,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


LIST = """
from importlib.metadata import packages_distributions
names = packages_distributions().items()
print(*sorted(name for name, owners in names if "apparent-ethnicity" in owners))
"""


def test_the_wheel_installs_only_the_name_ethnicity(environment: Path) -> None:
    assert run(environment, "python", "-c", LIST).split() == ["ethnicity"]


def test_predict_runs_where_only_the_wheel_is_installed(environment: Path) -> None:
    answer = json.loads(
        run(environment, "ethnicity", "predict", "--json", str(PICTURES / "portrait.jpg"))
    )
    assert answer["faces_found"] == 1


def test_audit_runs_where_only_the_wheel_is_installed(environment: Path, tmp_path: Path) -> None:
    run(environment, "ethnicity", "audit", str(PICTURES), "--jobs", "1", "--out", str(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == {"report.html", "report.json"}


def test_an_audit_of_s3_says_which_extra_it_needs(environment: Path) -> None:
    done = subprocess.run(
        [environment / "bin" / "ethnicity", "audit", "s3://bucket/prefix"],
        cwd=environment,
        env={"PATH": os.environ["PATH"]},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "Error: Reading from S3 needs boto3: pip install boto3\n"


def test_serve_runs_where_only_the_wheel_is_installed(environment: Path) -> None:
    command = [str(environment / "bin" / "ethnicity"), "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        running = next(line for line in server.stderr if "running on" in line)
        address = next(word for word in running.split() if word.startswith("http://"))
        answers = [httpx.get(f"{address}{path}", timeout=60) for path in ("/", "/docs", "/model")]
        server.terminate()
    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_the_python_api_runs_where_only_the_wheel_is_installed(environment: Path) -> None:
    portrait = str(PICTURES / "portrait.jpg")
    program = (
        "from ethnicity import LABELS, classify, load_models\n"
        f"print(classify(load_models(), {portrait!r}).faces[0].label in LABELS)"
    )
    assert run(environment, "python", "-c", program) == "True\n"
