"""The GitHub workflows have pinned actions and few permissions, and run the Makefile's targets."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


@each_workflow
def test_every_action_is_pinned_by_commit_and_names_its_version(path: Path) -> None:
    used = re.findall(r"uses: (\S+)@(\S+)(.*)", path.read_text(encoding="utf-8"))

    assert len(used) == len([step for step in steps(path) if "uses" in step])
    for _, commit, comment in used:
        assert re.fullmatch("[0-9a-f]{40}", commit)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)


@each_workflow
def test_a_job_reads_the_repository_and_the_deployment_signs_in_without_a_stored_key(
    path: Path,
) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    extra = {"id-token": "write"} if path.name == "deploy.yml" else {}

    assert workflow["permissions"] == {"contents": "read", **extra}
    assert not re.search(r"AWS_(ACCESS|SECRET)", path.read_text(encoding="utf-8"))
    assert all("permissions" not in job for job in workflow["jobs"].values())


@each_workflow
def test_every_make_target_of_a_workflow_exists(path: Path) -> None:
    asked = [
        word
        for step in steps(path)
        for words in re.findall(r"^ *make ([^\n&]+)", step.get("run", ""), re.MULTILINE)
        for word in words.split()
        if "=" not in word and not word.startswith(".venv/")
    ]

    assert set(asked) <= TARGETS


def test_the_workflow_runs_every_command_of_ci_run() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    here = set(re.findall(r"^ *make ([a-z0-9-]+)", script, re.MULTILINE))
    there = {
        target
        for step in steps(ROOT / ".github" / "workflows" / "ci.yml")
        for target in re.findall(r"make ([a-z0-9-]+)", step.get("run", ""))
    }

    assert here <= there


def test_each_stage_that_can_be_deployed_is_configured_under_its_stacks_name() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    # YAML 1.1 reads the key "on" as true
    stages = workflow[True]["workflow_dispatch"]["inputs"]["stage"]["options"]
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())

    for stage in stages:
        section = config["default" if stage == "dev" else stage]
        assert section["global"]["parameters"]["stack_name"] == f"apparent-ethnicity-{stage}"
