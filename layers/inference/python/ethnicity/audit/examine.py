"""A picture's bytes to its record."""

import numpy as np

from ethnicity import jpeg
from ethnicity.audit.records import NO_FACE, Record
from ethnicity.errors import PictureError
from ethnicity.pipeline import Models, classify


def examine(models: Models, name: str, group: str, data: bytes) -> Record:
    """Find and classify the largest face of a picture."""
    try:
        answer = classify(models, data)
    except PictureError as fault:
        width, height = _size(data) if fault.code == NO_FACE else (0, 0)
        return Record(name, group, fault.code, width, height)
    width, height = _size(data)
    face = answer.faces[0]
    return Record(
        name,
        group,
        width=width,
        height=height,
        faces=answer.faces_found,
        face_width=face.box[2],
        probabilities=tuple(np.round(face.probabilities, 6).tolist()),
        uncertain=face.uncertain,
    )


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG that decodes, as displayed."""
    header = jpeg.read_header(data)
    frame, turned = header.frame, header.orientation >= 5
    return (frame.height, frame.width) if turned else (frame.width, frame.height)
