"""POST /predict in Lambda's own runtime loop: events in over HTTP, one at a time, as JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.events import FORMS, GATEWAYS, Fixture, fixtures, padded, raw
from scripts.gateway import HttpRequest, http_api
from tests.e2e.emulator import FILE_WRITTEN, MAX_REQUEST, Emulator, FunctionError
from tests.e2e.system_calls import needs_strace, opened_for_writing, strace

PORTRAIT = Path(__file__).parents[1] / "data" / "portrait.jpg"


@pytest.fixture(scope="module")
def function() -> Iterator[Emulator]:
    with Emulator("predict.app.handler") as emulator:
        yield emulator
        assert not [line for line in emulator.log if line.startswith(FILE_WRITTEN)]


def jpeg_of(size: int) -> bytes:
    """The portrait, padded to about ``size`` bytes with comments in its header."""
    return padded(PORTRAIT.read_bytes(), size)


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.file)
def test_every_event_gets_its_answer(function: Emulator, fixture: Fixture) -> None:
    answer = function.invoke(fixture.event)
    assert answer["statusCode"] == fixture.status
    if fixture.code is not None:
        assert json.loads(answer["body"])["code"] == fixture.code


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_as_large_as_lambda_accepts_is_classified(function: Emulator, form: str) -> None:
    # GIVEN a JPEG of 4.4 MB, whose event with base64 fills Lambda's 6 MB
    event = http_api(FORMS[form](jpeg_of(4_450_000)))
    assert MAX_REQUEST * 0.9 < len(json.dumps(event)) <= MAX_REQUEST
    # THEN it gets the same answer as the small one
    answer, small = function.invoke(event), function.invoke(http_api(raw(PORTRAIT.read_bytes())))
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == json.loads(small["body"])


@pytest.mark.parametrize("event", [{}, [], None, "text", {"Records": []}], ids=repr)
def test_an_event_that_is_not_a_request_gets_an_answer_instead_of_a_runtime_error(
    function: Emulator, event: object
) -> None:
    assert function.invoke(event)["statusCode"] == 400


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize(
    ("kind", "counted"), [("on-demand", [1.0]), ("provisioned-concurrency", [])]
)
def test_a_cold_start_is_counted_once_and_with_provisioned_concurrency_never(
    kind: str, counted: list[float]
) -> None:
    environment = {"AWS_LAMBDA_INITIALIZATION_TYPE": kind, "POWERTOOLS_SERVICE_NAME": "predict"}
    with Emulator("predict.app.handler", environment) as function:
        for _ in range(2):
            function.invoke(http_api(HttpRequest("GET", "/health")))
        function.kill()
        metrics = [json.loads(line) for line in function.log if line.startswith('{"_aws"')]

    assert len([each for each in metrics if "Requests" in each]) == 2
    starts = [each for each in metrics if "ColdStart" in each]
    assert [each["ColdStart"] for each in starts] == [counted] * len(counted)
    # THEN the metric has the dimensions that the dashboard shows
    for each in starts:
        assert (each["function_name"], each["service"]) == ("predict", "predict")


@pytest.mark.parametrize("setting", ["faces", "/faces/"])
def test_the_base_path_of_a_custom_domain_or_named_stage_can_be_set(setting: str) -> None:
    asked = HttpRequest("GET", "/health")
    below = replace(asked, path="/faces/health")
    another = replace(asked, path="/facesandmore/health")

    with Emulator("predict.app.handler", {"API_BASE_PATH": setting}) as function:
        for through in GATEWAYS.values():
            answers = [function.invoke(through(each)) for each in (asked, below, another)]
            assert [answer["statusCode"] for answer in answers] == [200, 200, 404]


def test_no_file_is_opened_for_writing_by_the_process_or_its_children(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    with Emulator("predict.app.handler", through=strace(trace)) as traced:
        for form in FORMS.values():
            assert traced.invoke(http_api(form(jpeg_of(4_450_000))))["statusCode"] == 200

    assert "predict/" in trace.read_text()
    assert opened_for_writing(trace) == []


@needs_strace
def test_strace_sees_a_temporary_file(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = "import tempfile; tempfile.TemporaryFile()"
    subprocess.run([*strace(trace), sys.executable, "-c", program], check=True)
    assert opened_for_writing(trace) != []


def test_a_function_whose_model_is_damaged_does_not_start(tmp_path: Path) -> None:
    # GIVEN the package with one byte of its network changed
    package = tmp_path / "ethnicity"
    source = Path(__file__).parents[2] / "layers" / "inference" / "python" / "ethnicity"
    for file in source.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            copy = package / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    network = package / "models" / "ethnicity.tflite"
    network.write_bytes(network.read_bytes()[:-1] + b"?")
    # WHEN the function is invoked
    functions = Path(__file__).parents[2] / "functions"
    path = os.pathsep.join([str(tmp_path), str(functions)])
    with (
        Emulator("predict.app.handler", {"PYTHONPATH": path}, timeout=10) as damaged,
        pytest.raises(FunctionError),
    ):
        damaged.invoke(http_api(raw(PORTRAIT.read_bytes())))
    # THEN the log says what to do
    assert any("does not match its checksum: reinstall the package" in line for line in damaged.log)
