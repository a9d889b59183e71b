"""What is measured: handlers, the environments they run in, and how each takes a picture."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.events import json_text, multipart, raw
from scripts.gateway import Event, HttpRequest, http_api

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".bench"
"""Where weights and events lie; not committed."""

_HERE = "benchmarks.speed.handlers"


def _to_the_service(picture: bytes, *, all_faces: bool) -> Event:
    return _asking(multipart(picture), all_faces=all_faces)


def _raw(picture: bytes, *, all_faces: bool) -> Event:
    return _asking(raw(picture), all_faces=all_faces)


def _asking(request: HttpRequest, *, all_faces: bool) -> Event:
    return http_api(replace(request, query="faces=all") if all_faces else request)


def _to_deepface(picture: bytes, *, all_faces: bool) -> Event:
    del all_faces
    body = {
        "img": "data:image/jpeg;base64," + base64.b64encode(picture).decode(),
        "actions": ["race"],
        "detector_backend": "skip",
    }
    return http_api(replace(json_text(json.dumps(body)), path="/analyze"))


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to serve.

    ``venv``: name of its environment below .venv.
    ``calls``: how many make a sample of about the same length as the others'.
    """

    title: str
    handler: str
    venv: str = "bench"
    event: Callable[..., Event] = _raw
    calls: int = 10
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        return ROOT / ".venv" / self.venv / "bin" / "python"

    @property
    def environment(self) -> dict[str, str]:
        """As the stack's template sets it, and what the candidate needs beside."""
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


SERVICE = Candidate("this service", "predict.app.handler", event=_to_the_service)
ON_TENSORFLOW = Candidate(
    "this service on TensorFlow", f"{_HERE}.tensorflow_engine.handler", event=_to_the_service
)
ORIGINAL = Candidate(
    "the original: Flask and TensorFlow",
    f"{_HERE}.original.handler",
    event=_to_the_service,
    calls=3,
    variables={"ORIGINAL_MODEL": str(WORK / "original.h5")},
)
DEEPFACE = Candidate(
    "deepface's REST service",
    f"{_HERE}.deepface_api.handler",
    venv="deepface",
    event=_to_deepface,
    calls=1,
    variables={"DEEPFACE_HOME": str(WORK), "DEEPFACE_LOG_LEVEL": "50"},
)
RAW = Candidate("this service, sent `image/jpeg`", "predict.app.handler")
IMPORTS = Candidate("importing fastapi, mangum, powertools, numpy", f"{_HERE}.imports.handler")
STAGES = Candidate("floor: decode, find, classify, called directly", f"{_HERE}.floor.stages")
BARE = Candidate("bare: cv2.imdecode and one run of the net", f"{_HERE}.floor.bare")
DECODING = Candidate("decoding alone, at the reduced scale", f"{_HERE}.floor.decoding")

SERVICES = (SERVICE, ON_TENSORFLOW, ORIGINAL, DEEPFACE)
