"""Classifications and faults as the JSON objects of the contract, for every way out."""

from typing import Any

from ethnicity.errors import PictureError
from ethnicity.labels import LABELS
from ethnicity.pipeline import Classification, ClassifiedFace

NOTICE = (
    "Apparent ethnicity, judged by a model from appearance alone: ethnicity is a social construct "
    "that no picture shows; for research and education only, never for decisions about a person."
)

_DECIMALS = 4


def largest_face(classification: Classification) -> dict[str, Any]:
    """The answer for the largest face, its two main fields at the top level."""
    return _face(classification.faces[0]) | _picture(classification)


def all_faces(classification: Classification) -> dict[str, Any]:
    """The answer for all faces, largest first."""
    return {"faces": [_face(face) for face in classification.faces]} | _picture(classification)


def error(fault: PictureError) -> dict[str, str]:
    """The answer for a picture that cannot be classified."""
    return {"error": str(fault), "code": fault.code}


def _face(face: ClassifiedFace) -> dict[str, Any]:
    return {
        "ethnicity": face.label,
        "confidence": round(face.confidence, _DECIMALS),
        "probabilities": {
            label: round(float(probability), _DECIMALS)
            for label, probability in zip(LABELS, face.probabilities, strict=True)
        },
        "prediction_set": list(face.prediction_set),
        "uncertain": face.uncertain,
        "face": {
            "box": list(face.box),
            "score": None if face.score is None else round(face.score, _DECIMALS),
        },
    }


def _picture(classification: Classification) -> dict[str, Any]:
    return {
        "faces_found": classification.faces_found,
        "model": classification.model,
        "notice": NOTICE,
    }
