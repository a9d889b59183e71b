"""Classifications and errors as the JSON objects of the contract, for HTTP, S3 and command line."""

from typing import Any

from ethnicity.classifier import Probabilities
from ethnicity.errors import PictureError
from ethnicity.labels import LABELS
from ethnicity.pipeline import Classification, ClassifiedFace

NOTICE = (
    "Apparent ethnicity is a model's guess from appearance alone, not a fact about the person, "
    "because ethnicity is a social construct that no photo shows; use it for research and "
    "education only, never for decisions about people."
)

_DECIMALS = 4


def largest_face(classification: Classification, *, thresholds: bool = False) -> dict[str, Any]:
    """The answer for the largest face, with the face's fields at the top level."""
    return _face(classification.faces[0], thresholds=thresholds) | _picture(classification)


def all_faces(classification: Classification, *, thresholds: bool = False) -> dict[str, Any]:
    """The answer for all faces, largest first."""
    faces = [_face(face, thresholds=thresholds) for face in classification.faces]
    return {"faces": faces} | _picture(classification)


def error(fault: PictureError) -> dict[str, str]:
    """The answer for a picture that cannot be classified."""
    return {"error": str(fault), "code": fault.code}


def _face(face: ClassifiedFace, *, thresholds: bool) -> dict[str, Any]:
    return {
        "ethnicity": face.label,
        "confidence": round(face.confidence, _DECIMALS),
        "probabilities": _by_label(face.probabilities),
        **({"thresholds": _by_label(face.thresholds)} if thresholds else {}),
        "prediction_set": list(face.prediction_set),
        "uncertain": face.uncertain,
        "face": {
            "box": list(face.box),
            "score": None if face.score is None else round(face.score, _DECIMALS),
        },
    }


def _by_label(values: Probabilities) -> dict[str, float]:
    return {
        label: round(float(value), _DECIMALS) for label, value in zip(LABELS, values, strict=True)
    }


def _picture(classification: Classification) -> dict[str, Any]:
    return {
        "faces_found": classification.faces_found,
        "model": classification.model,
        "notice": NOTICE,
    }
