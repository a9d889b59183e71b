"""Classification of a picture's bytes into its record."""

import numpy as np

from ethnicity import images
from ethnicity.audit.records import Record
from ethnicity.errors import NoFace, PictureError
from ethnicity.pipeline import Models, classify_picture


def examine(models: Models, name: str, group: str, data: bytes) -> Record:
    """Find and classify the largest face of a picture; a fault is part of the record."""
    try:
        picture = images.decode(data, jpeg_only=False)
    except PictureError as fault:
        return Record(name, group, fault.code)
    try:
        answer = classify_picture(models, picture)
    except NoFace as fault:
        return Record(name, group, fault.code, picture.width, picture.height)
    face = answer.faces[0]
    return Record(
        name,
        group,
        width=picture.width,
        height=picture.height,
        faces=answer.faces_found,
        face_width=face.box[2],
        probabilities=tuple(np.round(face.probabilities, 6).tolist()),
        prediction_set=face.prediction_set,
    )
