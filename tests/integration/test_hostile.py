"""Files made to be expensive get the expected answer within limited memory."""

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scripts.events import FORMS, raw
from scripts.gateway import http_api
from tests.hostile import crafted, most_memory

if TYPE_CHECKING:
    from tests.conftest import Call

FILES = crafted()

MAX_MEMORY_MB = 400
"""The service takes 100, these files and the leftovers of earlier ones 90, and the coefficients of
the largest progressive ones 200. A photo of 12 megapixels stays below 150."""


def use_them_all() -> tuple[dict[str, str | None], int]:
    """Each file's error code, in the form that copies it most often, and the peak memory in MB."""
    from predict.app import handler  # noqa: PLC0415 - its memory counts too

    codes = {}
    for name, (data, _) in FILES.items():
        response = handler(http_api(FORMS["multipart"](data)), None)
        codes[name] = json.loads(response["body"]).get("code")
    return codes, most_memory()


@pytest.mark.slow
def test_no_file_takes_more_memory_than_the_limit() -> None:
    # GIVEN a process of its own, which runs this file as a script
    done = subprocess.run(
        [sys.executable, __file__],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )

    codes, memory = json.loads(done.stdout.splitlines()[-1])

    assert codes == {name: code for name, (_, code) in FILES.items()}
    assert memory < MAX_MEMORY_MB


@pytest.mark.parametrize("name", [name for name, (data, _) in FILES.items() if len(data) < 100_000])
def test_the_same_file_gets_the_same_answer_in_every_form(call: "Call", name: str) -> None:
    data, code = FILES[name]
    expected = call(raw(data))

    assert expected.body.get("code") == code
    for form in FORMS.values():
        assert call(form(data)).body == expected.body


if __name__ == "__main__":
    sys.stdout.write(json.dumps(use_them_all()))
