"""What an audit notes of a picture: nothing in it is the picture."""

from dataclasses import dataclass

import numpy as np

from ethnicity import jpeg
from ethnicity.errors import PictureError
from ethnicity.images import MAX_FILE_BYTES
from ethnicity.pipeline import Models, classify

UNREADABLE = "unreadable"
"""The code of a picture whose bytes could not be had."""

CRASHED = "crashed"
"""The code of a picture that took its process with it."""

NOT_DONE = "not_done"
"""The code of a picture whose batch failed, on AWS."""

NO_FACE = "no_face"


@dataclass(frozen=True)
class Record:
    """One picture's contribution.

    ``name``: its path within the set. ``group``: the folder, split or class that it counts for.
    ``fault``: the code of what is wrong with it, and all else zero; for `NO_FACE` it has a size.
    ``width``, ``height``: in pixels, as displayed. ``faces``: how many were found.
    ``face_width``: of the largest, in pixels. ``probabilities``: of the largest, in the order of
    LABELS; empty where there is none. ``uncertain``: more than one label cannot be ruled out.
    """

    name: str
    group: str = ""
    fault: str | None = None
    width: int = 0
    height: int = 0
    faces: int = 0
    face_width: int = 0
    probabilities: tuple[float, ...] = ()
    uncertain: bool = False


def examine(models: Models, name: str, group: str, data: bytes) -> Record:
    """Find and judge the largest face of a picture."""
    try:
        answer = classify(models, data, max_bytes=MAX_FILE_BYTES)
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
        uncertain=len(face.prediction_set) > 1,
    )


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG that decodes, as displayed."""
    header = jpeg.read_header(data)
    frame, turned = header.frame, header.orientation >= 5
    return (frame.height, frame.width) if turned else (frame.width, frame.height)
