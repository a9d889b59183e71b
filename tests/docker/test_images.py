"""The images that are deployed: built by SAM, invoked by SAM, and run as Lambda runs them.

Needs a Docker daemon; `make e2e-docker` runs it.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from samcli.yamlhelper import yaml_dump, yaml_parse

from scripts.events import FORMS, Fixture, fixtures
from scripts.gateway import http_api
from scripts.s3_events import BUCKET, S3Fixture, s3_fixtures
from tests import aws
from tests.e2e.test_predict import jpeg_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).parents[2]
SAM = Path(sys.executable).with_name("sam")
RESULTS = "results"
IMAGE = "predictfunction:latest"

SEALED = (
    *("--read-only", "--network", "none", "--cap-drop", "ALL", "--user", "993:990"),
    *("--memory", "512m", "--memory-swap", "512m", "--security-opt", "no-new-privileges"),
)
"""Docker options: no writable file (/tmp included), no network, no privileges."""

SEND = """
import http.client, json, sys
requests, rounds = json.load(sys.stdin)
wrong = []
for _ in range(rounds):
    for event, expected in requests:
        connection = http.client.HTTPConnection("127.0.0.1", 8080)
        connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if not answer.items() >= expected.items():
            wrong.append([expected, answer])
print(json.dumps(wrong))
"""
"""Runs inside the container, which has no network: the emulator takes one request at a time."""

MEMORY = """
from pathlib import Path
for process in Path("/proc").glob("[0-9]*"):
    program, *arguments = (process / "cmdline").read_bytes().split(b"\\0")
    if b"/python" in program and any(each.endswith(b"bootstrap.py") for each in arguments):
        lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        print(lines["VmRSS"].split()[0])
"""
"""Find the function's process, not the emulator, whose command line has the same script."""

LIST = """
from pathlib import Path
for folder in ("/opt/python", "/var/task"):
    for path in Path(folder).rglob("*"):
        print(path)
"""


def run(*command: str | Path, stdin: str | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0"},
        input=stdin,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="session")
def built() -> Path:
    """The built template, which names the images."""
    run(SAM, "build", "--cached")
    return ROOT / ".aws-sam" / "build" / "template.yaml"


@pytest.fixture(scope="session")
def audit_built() -> Path:
    """The built template of the audit's stack."""
    run(SAM, "build", "--config-env", "audit")
    return ROOT / ".aws-sam" / "audit" / "template.yaml"


def sam_local_invoke(built: Path, function: str, event: str, *options: str) -> Any:
    """The function's answer, which SAM prints last."""
    command = (SAM, "local", "invoke", function, "--template", built, "--skip-pull-image")
    return json.loads(run(*command, "--event", f"events/{event}", *options).splitlines()[-1])


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.file)
def test_sam_local_invoke_answers_every_request(built: Path, fixture: Fixture) -> None:
    answer = sam_local_invoke(built, "PredictFunction", fixture.file)

    assert answer["statusCode"] == fixture.status
    if fixture.code is not None:
        assert json.loads(answer["body"])["code"] == fixture.code


@pytest.fixture(scope="session")
def s3() -> Iterator["S3Client"]:
    """Run moto at the address by which containers reach this machine."""
    subnet = "{{(index .IPAM.Config 0).Subnet}}"
    network = ip_network(run("docker", "network", "inspect", "bridge", "--format", subnet).strip())
    with (
        aws.moto_server(str(network[1])) as moto,
        closing(aws.SESSION.client("s3", endpoint_url=moto)) as client,
    ):
        yield client


@pytest.mark.parametrize("fixture", s3_fixtures(), ids=lambda fixture: fixture.file)
def test_sam_local_invoke_answers_every_notification(
    built: Path, s3: "S3Client", tmp_path: Path, fixture: S3Fixture
) -> None:
    # GIVEN the event's objects in a bucket, and a function that can reach the bucket
    moto = s3.meta.endpoint_url
    aws.reset(moto)
    for bucket in (BUCKET, RESULTS):
        aws.create_bucket(s3, bucket)
    for each in fixture.objects:
        s3.put_object(Bucket=each.bucket, Key=each.key, Body=each.content)
    # SAM passes a function only those variables that the template names
    template = yaml_parse(built.read_text(encoding="utf-8"))
    variables = template["Resources"]["S3UploadFunction"]["Properties"]["Environment"]["Variables"]
    variables |= aws.environment(moto, RESULTS_BUCKET=RESULTS)
    altered = tmp_path / "template.yaml"
    altered.write_text(yaml_dump(template), encoding="utf-8")

    answer = sam_local_invoke(
        altered,
        "S3UploadFunction",
        fixture.file,
        *("--parameter-overrides", "EnableS3Variant=true"),
    )

    listed = s3.list_objects_v2(Bucket=RESULTS).get("Contents", [])
    bodies = {
        each["Key"]: json.loads(s3.get_object(Bucket=RESULTS, Key=each["Key"])["Body"].read())
        for each in listed
    }
    assert {key: body.get("code") for key, body in bodies.items()} == fixture.outcomes
    if answer is not None:  # only a queue's batch has an answer
        assert len(answer["batchItemFailures"]) == len(fixture.failed)


@dataclass(frozen=True)
class Container:
    """A sealed container in which the emulator waits for requests."""

    name: str

    def send(self, requests: list[tuple[Any, dict[str, Any]]], rounds: int = 1) -> list[Any]:
        """Return the answers that lack an expected part, each with that part."""
        command = ("docker", "exec", "--interactive", self.name, "python3", "-c", SEND)
        wrong: list[Any] = json.loads(run(*command, stdin=json.dumps([requests, rounds])))
        return wrong

    def memory(self) -> int:
        """Memory of the function's process, in KiB."""
        return int(run("docker", "exec", self.name, "python3", "-c", MEMORY))


@contextmanager
def running(image: str, handler: str) -> Iterator[Container]:
    name = f"sealed-{uuid.uuid4()}"
    run("docker", "run", "--detach", "--name", name, *SEALED, image, handler)
    try:
        yield Container(name)
    finally:
        run("docker", "rm", "--force", name)


@pytest.fixture(scope="module")
def sealed(built: Path) -> Iterator[Container]:
    assert built.exists()
    with running(IMAGE, "predict.app.handler") as container:
        yield container


MIXED = [(fixture.event, {"statusCode": fixture.status}) for fixture in fixtures()]


def test_a_sealed_container_answers_a_thousand_mixed_requests(sealed: Container) -> None:
    assert sealed.send(MIXED, rounds=-(-1000 // len(MIXED))) == []


def test_a_sealed_container_answers_the_largest_requests(sealed: Container) -> None:
    forms = [http_api(FORMS[form](jpeg_of(4_450_000))) for form in FORMS]
    largest = [(event, {"statusCode": 200}) for event in forms]
    assert sealed.send(largest, rounds=2) == []


def test_ten_thousand_requests_take_no_more_memory_than_a_thousand(sealed: Container) -> None:
    sealed.send(MIXED, rounds=-(-1000 // len(MIXED)))
    before = sealed.memory()
    assert sealed.send(MIXED, rounds=-(-9000 // len(MIXED))) == []
    assert sealed.memory() <= 1.05 * before


@pytest.mark.usefixtures("audit_built")
@pytest.mark.parametrize(
    ("handler", "event", "expected"),
    [
        (
            "audit_worker.app.handler",
            {"BatchInput": {"prefix": "photos"}, "Items": [{"key": "photos/notes.txt", "size": 1}]},
            {"groups": {}, "left": 0},
        ),
        ("audit_summary.app.handler", {"manifest": "no.json"}, {"errorType": "NotDone"}),
    ],
)
def test_the_audits_image_starts_both_of_its_functions(
    handler: str, event: dict[str, Any], expected: dict[str, Any]
) -> None:
    """A sealed container reaches no bucket: the worker reads no picture, the summary fails."""
    with running("auditworkerfunction:latest", handler) as container:
        assert container.send([(event, expected)]) == []


def test_each_stack_names_the_images_that_were_built_for_it(built: Path, audit_built: Path) -> None:
    images = {
        path: {
            resource["Properties"]["ImageUri"]
            for resource in yaml_parse(path.read_text(encoding="utf-8"))["Resources"].values()
            if resource["Type"] == "AWS::Serverless::Function"
        }
        for path in (built, audit_built)
    }

    assert images[built] == {IMAGE, "s3uploadfunction:latest"}
    assert images[audit_built] == {"auditworkerfunction:latest", "auditsummaryfunction:latest"}


@pytest.mark.usefixtures("built")
def test_the_image_contains_only_needed_files() -> None:
    listed = run("docker", "run", "--rm", "--entrypoint", "python3", IMAGE, "-c", LIST)
    names = {Path(line).name for line in listed.splitlines()}
    assert {"ethnicity", "ethnicity.tflite", "app.py"} <= names
    assert not names & {"pip", "tensorflow", "keras", "pytest", "tests", "training", "boto3"}
