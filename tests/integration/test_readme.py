"""What the README shows is what happens."""

import json
import re
from pathlib import Path

from scripts.gateway import HttpRequest
from tests.conftest import Call

README = Path(__file__).parents[2] / "README.md"


def test_the_answer_in_the_readme_is_the_one_that_make_predict_prints(
    call: Call, astronaut: bytes
) -> None:
    shown = re.search(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    answer = call(HttpRequest("POST", "/predict", {"content-type": "image/jpeg"}, astronaut))
    assert json.loads(shown.group(1)) == answer.body
