"""The OpenAPI document's examples: commands that run, answers that conform to their schemas."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ethnicity import web
from scripts.events import PICTURES

DOCUMENT = json.loads(Path(web.__file__).with_name("openapi.json").read_text(encoding="utf-8"))

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}

COMMANDS = [
    pytest.param(name, sample["source"], id=f"{name}, {sample['label']}")
    for name, operation in OPERATIONS.items()
    for sample in operation["x-codeSamples"]
]


def success(name: str) -> tuple[str, dict[str, Any]]:
    """The media type of an operation's response 200, and the document's entry for it."""
    ((media_type, about),) = OPERATIONS[name]["responses"]["200"]["content"].items()
    return media_type, about


def examples(about: dict[str, Any]) -> list[Any]:
    single = [about["example"]] if "example" in about else []
    return single + [each["value"] for each in about.get("examples", {}).values()]


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    return [error.message for error in validator.iter_errors(value)]


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_a_command_gets_an_answer_of_the_documented_form(
    origin: str, tmp_path: Path, name: str, command: str
) -> None:
    shutil.copy(PICTURES / "astronaut.jpg", tmp_path / "photo.jpg")
    here = command.replace("http://localhost:5000", origin).replace("curl ", "curl -sf ")

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    media_type, about = success(name)
    body = json.loads(done.stdout) if media_type == "application/json" else done.stdout
    assert complaints(about["schema"], body) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_example_conforms_to_its_schema(name: str) -> None:
    assert examples(success(name)[1]), "no example of success"
    for response in OPERATIONS[name]["responses"].values():
        for about in response.get("content", {}).values():
            for example in examples(about):
                assert complaints(about["schema"], example) == []
