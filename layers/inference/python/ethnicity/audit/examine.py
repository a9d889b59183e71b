"""A picture's bytes to its record."""

import numpy as np

from ethnicity.audit.records import NO_FACE, Record
from ethnicity.errors import PictureError
from ethnicity.images import read_size
from ethnicity.pipeline import Models, classify


def examine(models: Models, name: str, group: str, data: bytes) -> Record:
    """Find and classify the largest face of a picture."""
    try:
        answer = classify(models, data, jpeg_only=False)
    except PictureError as fault:
        width, height = read_size(data) if fault.code == NO_FACE else (0, 0)
        return Record(name, group, fault.code, width, height)
    width, height = read_size(data)
    face = answer.faces[0]
    return Record(
        name,
        group,
        width=width,
        height=height,
        faces=answer.faces_found,
        face_width=face.box[2],
        probabilities=tuple(np.round(face.probabilities, 6).tolist()),
        prediction_set=face.prediction_set,
    )
