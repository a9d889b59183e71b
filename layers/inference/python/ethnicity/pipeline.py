"""The whole way, in one direction: bytes, picture, faces, probabilities."""

from dataclasses import dataclass
from pathlib import Path

from ethnicity import faces, images
from ethnicity.classifier import Classifier, Probabilities, load_classifier
from ethnicity.errors import NoFace
from ethnicity.faces import Face, Finder
from ethnicity.images import Picture
from ethnicity.networks import MODELS, load_network

DETECTOR_FILE = "face_detection_short_range.tflite"
VERIFIER_FILE = "face_verifier.tflite"


@dataclass(frozen=True)
class Models:
    """What is loaded once and used for every picture. Not safe to share among threads."""

    finder: Finder
    classifier: Classifier


@dataclass(frozen=True)
class ClassifiedFace:
    """One face's answer.

    ``box``: left, top, width, height in whole pixels of the picture as displayed.
    ``score``: how sure it is that this is a face, 0 to 1; ``None`` where the picture itself is a
    face crop.
    """

    probabilities: Probabilities
    prediction_set: tuple[str, ...]
    box: tuple[int, int, int, int]
    score: float | None


@dataclass(frozen=True)
class Classification:
    """The classified faces of a picture, largest first, of all that were found in it."""

    faces: tuple[ClassifiedFace, ...]
    faces_found: int
    model: str


def load_models(folder: Path = MODELS) -> Models:
    """Load and check the model files.

    Raises:
        ModelFileError: a file is missing or is not the one that was released.
    """
    return Models(load_finder(folder), load_classifier(folder))


def load_finder(folder: Path = MODELS) -> Finder:
    """Load the two networks that find faces.

    Raises:
        ModelFileError: as `load_models`.
    """
    return Finder(load_network(DETECTOR_FILE, folder), load_network(VERIFIER_FILE, folder))


def classify(
    models: Models,
    data: bytes,
    *,
    all_faces: bool = False,
    max_bytes: int = images.MAX_BYTES,
) -> Classification:
    """Classify the largest face of a JPEG, or all of them.

    Raises:
        PictureError: one of its kinds for each fault that a picture can have; see `errors`.
    """
    picture = images.decode(data, max_bytes)
    found = faces.find_faces(models.finder, picture.pixels, thorough=all_faces)
    if not found:
        raise NoFace
    chosen = found if all_faces else found[:1]
    answers = tuple(_classify_face(models.classifier, picture, face) for face in chosen)
    return Classification(answers, len(found), models.classifier.version)


def _classify_face(classifier: Classifier, picture: Picture, face: Face) -> ClassifiedFace:
    chip = faces.align(picture.pixels, face)
    if picture.profile:
        chip = picture.profile.to_srgb(chip)
    probabilities, prediction_set = classifier.judge(chip)
    left, top, right, bottom = (round(edge) for edge in (face.corners * picture.reduction).ravel())
    return ClassifiedFace(
        probabilities=probabilities,
        prediction_set=prediction_set,
        box=(left, top, min(right, picture.width) - left, min(bottom, picture.height) - top),
        score=face.score,
    )
