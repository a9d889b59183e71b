"""A client that openapi-python-client generates from the OpenAPI document, at a running server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ethnicity import web
from scripts.events import PICTURES, raw

if TYPE_CHECKING:
    from tests.conftest import Call

DOCUMENT = Path(web.__file__).with_name("openapi.json")

GENERATOR = """
post_hooks: []  # it would format what it writes
content_type_overrides:
  image/jpeg: application/octet-stream  # it knows no other name for a body of bytes
"""

USE = """
import base64, io, json, sys
from client import Client
from client.api.classification import predict
from client.api.service import health, model, page
from client.models import Error, Prediction, Predictions, PredictFaces, PredictFilesBody
from client.models import PredictJsonBody
from client.types import File

origin, picture = sys.argv[1:]
client = Client(base_url=origin, raise_on_unexpected_status=True)
portrait = open(picture, "rb").read()
bodies = [
    PredictFilesBody(image=File(payload=io.BytesIO(portrait), file_name="your_face.jpg")),
    PredictJsonBody(image=base64.b64encode(portrait).decode()),
    File(payload=io.BytesIO(portrait)),
]
answers = [predict.sync(client=client, body=body) for body in bodies]
assert all(isinstance(answer, Prediction) for answer in answers)
every = predict.sync(client=client, body=bodies[1], faces=PredictFaces.ALL)
assert isinstance(every, Predictions)
refused = predict.sync(client=client, body=PredictJsonBody(image="no base64!"))
assert isinstance(refused, Error)
assert health.sync(client=client).status == "ok"
assert "White" in model.sync(client=client).labels.to_dict()
assert page.sync(client=client).startswith("<!doctype html>")
print(json.dumps([*(answer.to_dict() for answer in answers), every.to_dict(), refused.to_dict()]))
"""


def test_a_generated_client_gets_the_answers_of_the_contract(
    call: "Call", origin: str, tmp_path: Path, portrait: bytes
) -> None:
    # GIVEN a client that is generated without a warning
    (tmp_path / "generator.yaml").write_text(GENERATOR, encoding="utf-8")
    generator = Path(sys.executable).with_name("openapi-python-client")
    options = ("--meta", "none", "--config", "generator.yaml", "--fail-on-warning")
    generate = (generator, "generate", "--path", DOCUMENT, "--output-path", "client", *options)
    subprocess.run(generate, cwd=tmp_path, check=True)

    done = subprocess.run(
        [sys.executable, "-c", USE, origin, PICTURES / "portrait.jpg"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    *each_form, every, refused = json.loads(done.stdout)
    expected = call(raw(portrait)).body
    assert each_form == [expected] * 3
    assert every["faces"][0]["ethnicity"] == expected["ethnicity"]
    assert refused["code"] == "bad_base64"
