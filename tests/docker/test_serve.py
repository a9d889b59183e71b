"""The image that serves without AWS: sealed except for its port, and checked by the smoke test."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.test_images import run

ROOT = Path(__file__).parents[2]
IMAGE = "apparent-ethnicity-serve:test"

SEALED = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--memory", "1g", "--memory-swap", "1g"),
)

STATE = "{{json .State}}"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, str]]:
    """Start a container with two processes, and return its name and address."""
    run(
        "docker",
        "build",
        "--file",
        "functions/Dockerfile",
        "--target",
        "serve",
        "--tag",
        IMAGE,
        ".",
    )
    name = f"serve-{uuid.uuid4()}"
    options = ("--publish", "127.0.0.1::8080", "--env", "WEB_CONCURRENCY=2")
    # The image's own health check, every second instead of every half minute
    check = ("--health-interval", "1s", "--health-start-period", "60s")
    run("docker", "run", "--detach", "--name", name, *SEALED, *options, *check, IMAGE)
    try:
        address = run("docker", "port", name, "8080").splitlines()[0].strip()
        yield name, f"http://{address}"
    finally:
        run("docker", "rm", "--force", name)


def test_the_server_image_becomes_healthy_passes_the_smoke_test_and_does_not_run_as_root(
    served: tuple[str, str],
) -> None:
    name, url = served
    # Read `docker events` until the image's own health check reports success
    events = ("docker", "events", "--since", "10m", "--filter", f"container={name}")
    with subprocess.Popen(
        [*events, "--filter", "event=health_status", "--format", "{{.Action}}"],
        stdout=subprocess.PIPE,
        text=True,
    ) as reports:
        assert reports.stdout is not None
        assert "healthy" in next(report for report in reports.stdout if ": healthy" in report)
        reports.terminate()

    done = subprocess.run(
        ["make", "--silent", "smoke", f"URL={url}", f"DEV={Path(sys.executable).parent}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert " 0 failed" in done.stdout
    state = json.loads(run("docker", "inspect", "--format", STATE, name))
    assert state["Health"]["Status"] == "healthy"
    assert run("docker", "exec", name, "id", "-u").strip() == "993"
    assert "PermissionError" not in run("docker", "logs", name)
