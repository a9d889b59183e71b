"""What the README shows is what happens, and what SECURITY.md calls proved has a test."""

import json
import re
from pathlib import Path

from scripts.gateway import HttpRequest
from tests.conftest import Call

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def test_the_answer_in_the_readme_is_the_one_that_make_predict_prints(
    call: Call, astronaut: bytes
) -> None:
    shown = re.search(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    answer = call(HttpRequest("POST", "/predict", {"content-type": "image/jpeg"}, astronaut))
    assert json.loads(shown.group(1)) == answer.body


def test_every_proof_that_security_md_names_is_there() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)(?:::(test_\w+))?`", text)

    assert len(named) > 10
    for file, test in named:
        assert f"def {test}" in (ROOT / file).read_text(encoding="utf-8")
