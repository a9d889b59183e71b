"""The minimum that any service has to do with a raw JPEG, without HTTP."""

from typing import Any

import cv2
import numpy as np
import pybase64
import simplejpeg

from ethnicity.frame import CHIP
from ethnicity.pipeline import classify, load_models

Event = dict[str, Any]

_ANSWER = {"statusCode": 200, "body": ""}

_models = load_models()


def stages(event: Event, _: object) -> Event:
    """Decode, find, classify: the inference package called directly."""
    everyone = event["rawQueryString"] == "faces=all"
    classify(_models, pybase64.b64decode(event["body"]), all_faces=everyone)
    return _ANSWER


def bare(event: Event, _: object) -> Event:
    """OpenCV's decoder, then the classifier's network once, on the whole picture."""
    data = np.frombuffer(pybase64.b64decode(event["body"]), np.uint8)
    picture = cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    _models.classifier.network(np.asarray(cv2.resize(picture, (CHIP, CHIP)), np.uint8))
    return _ANSWER


def decoding(event: Event, _: object) -> Event:
    """The decoder alone, at the scale that the service uses."""
    simplejpeg.decode_jpeg(pybase64.b64decode(event["body"]), min_width=1000, min_factor=2)
    return _ANSWER
