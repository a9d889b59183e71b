"""What no service can do without, on a raw JPEG: no HTTP, and in the barest case no finding."""

from typing import Any

import numpy as np
import pybase64

from ethnicity.faces import CHIP
from ethnicity.pipeline import Models, classify, load_models

Event = dict[str, Any]

_models: Models = load_models()


def _answer() -> Event:
    return {"statusCode": 200, "body": ""}


def stages(event: Event, _: object) -> Event:
    """Decode, find, classify: the inference package called directly."""
    everyone = event["rawQueryString"] == "faces=all"
    classify(_models, pybase64.b64decode(event["body"]), all_faces=everyone)
    return _answer()


def bare(event: Event, _: object) -> Event:
    """OpenCV's decoder, then the classifier's network once, on the whole picture."""
    import cv2  # noqa: PLC0415

    data = np.frombuffer(pybase64.b64decode(event["body"]), np.uint8)
    picture = cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    _models.classifier.network(cv2.resize(picture, (CHIP, CHIP)).astype(np.float32))
    return _answer()


def decoding(event: Event, _: object) -> Event:
    """The decoder, at the scale that the service decodes at."""
    import simplejpeg  # noqa: PLC0415

    simplejpeg.decode_jpeg(pybase64.b64decode(event["body"]), min_width=1000, min_factor=2)
    return _answer()
