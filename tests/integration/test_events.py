"""The files of events/: they are up to date, and their answers agree with the documentation."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from ethnicity import web
from scripts.events import EVENTS, Fixture, files, fixtures

if TYPE_CHECKING:
    from tests.conftest import Answer, Invoke

OPENAPI = Path(web.__file__).with_name("openapi.json")

UNDOCUMENTED = {"not_found", "method_not_allowed"}
"""Faults of requests that have, by their nature, no operation in the document."""


def each_event(but: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    chosen = [fixture for fixture in fixtures() if fixture.file not in but]
    return pytest.mark.parametrize("fixture", chosen, ids=[fixture.file for fixture in chosen])


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    document = json.loads(OPENAPI.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def answer_to(fixture: Fixture, invoke: "Invoke") -> "Answer":
    return invoke(json.loads((EVENTS / fixture.file).read_text(encoding="utf-8")))


def test_the_committed_files_equal_the_output_of_make_events() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in EVENTS.glob("*.json")}

    assert committed.keys() == files().keys()
    stale = [file for file, text in files().items() if committed[file] != text]
    assert stale == []


def test_the_table_has_every_error_that_a_client_can_cause(openapi: dict[str, Any]) -> None:
    codes = set(openapi["components"]["schemas"]["Error"]["properties"]["code"]["enum"])

    assert {fixture.code for fixture in fixtures()} - {None} == codes - {"internal", "busy"}


@each_event()
def test_every_event_gets_its_status_and_code(fixture: Fixture, invoke: "Invoke") -> None:
    answer = answer_to(fixture, invoke)

    assert answer.status == fixture.status
    if fixture.code is not None:
        assert answer.body["code"] == fixture.code


@each_event(but=("card.json", "docs.json", "openapi.json", "page.json", "preflight.json"))
def test_every_answer_has_the_documented_form(
    fixture: Fixture, invoke: "Invoke", openapi: dict[str, Any]
) -> None:
    # GIVEN the document's schema for this route, method and status
    if fixture.code in UNDOCUMENTED:
        schema = {"$ref": "#/components/schemas/Error"}
    else:
        operation = openapi["paths"][_path(fixture)][_method(fixture)]
        response = operation["responses"][str(fixture.status)]
        schema = response["content"]["application/json"]["schema"]

    answer = answer_to(fixture, invoke)

    # THEN the body has that form; the references lead to the document's own components
    assert answer.status == fixture.status
    validator = Draft202012Validator({**schema, "components": openapi["components"]})
    assert [error.message for error in validator.iter_errors(answer.body)] == []


def test_the_document_is_valid_openapi_and_the_service_returns_it(
    invoke: "Invoke", openapi: dict[str, Any]
) -> None:
    (served,) = [fixture for fixture in fixtures() if fixture.file == "openapi.json"]

    assert openapi["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(openapi).iter_errors()] == []
    assert answer_to(served, invoke).body == openapi


def _path(fixture: Fixture) -> str:
    return str(fixture.event.get("rawPath") or fixture.event["path"])


def _method(fixture: Fixture) -> str:
    http = fixture.event["requestContext"].get("http", {})
    return str(http.get("method") or fixture.event["httpMethod"]).lower()
