"""The candidates: handlers, their environments, and the events that send them a picture."""

import base64
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.events import json_text, multipart, raw
from scripts.gateway import Event, HttpRequest, http_api

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".bench"
"""The folder of weights and events; not committed."""

_HERE = "benchmarks.speed.handlers"


def _analyze(picture: bytes) -> HttpRequest:
    """A request to deepface."""
    body = {
        "img": "data:image/jpeg;base64," + base64.b64encode(picture).decode(),
        "actions": ["race"],
        "detector_backend": "skip",
    }
    return replace(json_text(json.dumps(body)), path="/analyze")


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to serve.

    ``venv``: name of its environment below .venv.
    ``request``: sends it a picture.
    ``calls``: how many calls make a sample, so that all candidates' samples take about as long.
    """

    title: str
    handler: str
    venv: str = "bench"
    request: Callable[[bytes], HttpRequest] = raw
    calls: int = 10
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        return ROOT / ".venv" / self.venv / "bin" / "python"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the stack's template sets, and those of the candidate."""
        path = (ROOT / "layers" / "inference" / "python", ROOT / "functions", ROOT)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(WORK),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **self.variables,
        }

    def event(self, picture: bytes, *, all_faces: bool = False) -> Event:
        """The event that asks for one face in a picture, or for all."""
        request = self.request(picture)
        return http_api(replace(request, query="faces=all") if all_faces else request)

    def run(
        self, *arguments: str, capture_output: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """Run its Python with these arguments."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=capture_output,
            text=True,
            check=True,
        )


SERVICE = Candidate("this service", "predict.app.handler", request=multipart)
ON_TENSORFLOW = Candidate(
    "this service on TensorFlow", f"{_HERE}.tensorflow_engine.handler", request=multipart
)
ORIGINAL = Candidate(
    "the original: Flask and TensorFlow",
    f"{_HERE}.original.handler",
    request=multipart,
    calls=3,
    variables={"ORIGINAL_MODEL": str(WORK / "original.h5")},
)
DEEPFACE = Candidate(
    "deepface's REST service",
    f"{_HERE}.deepface_api.handler",
    venv="deepface",
    request=_analyze,
    calls=1,
    variables={"DEEPFACE_HOME": str(WORK), "DEEPFACE_LOG_LEVEL": "50"},
)
RAW = Candidate("this service, sent `image/jpeg`", "predict.app.handler")
IMPORTS = Candidate("importing fastapi, mangum, powertools, numpy", f"{_HERE}.imports.handler")
STAGES = Candidate("floor: decode, find, classify, called directly", f"{_HERE}.floor.stages")
BARE = Candidate("bare: cv2.imdecode and one run of the net", f"{_HERE}.floor.bare")
DECODING = Candidate("decoding alone, at the reduced scale", f"{_HERE}.floor.decoding")

SERVICES = (SERVICE, ON_TENSORFLOW, ORIGINAL, DEEPFACE)
