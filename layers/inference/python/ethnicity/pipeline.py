"""The pipeline, in one direction: bytes, picture, faces, probabilities."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ethnicity import faces, images
from ethnicity.classifier import Classifier, Probabilities, load_classifier
from ethnicity.errors import NoFace
from ethnicity.faces import Face, Finder
from ethnicity.images import Picture
from ethnicity.labels import LABELS
from ethnicity.limits import MAX_BYTES
from ethnicity.model_files import MODELS
from ethnicity.networks import load_network

DETECTOR_FILE = "face_detection_yunet.tflite"


@dataclass(frozen=True)
class Models:
    """The networks and their calibration; loaded once, shared by all pictures and threads."""

    finder: Finder
    classifier: Classifier


@dataclass(frozen=True)
class ClassifiedFace:
    """The classifier's answer for one face.

    ``probabilities``: float64, shape (5,), in the order of `LABELS`, summing to 1; calibrated for
    equally common labels.
    ``prediction_set``: the labels that a conformal predictor keeps at 90 % coverage, most probable
    first; never empty.
    ``box``: left, top, width, height in whole pixels of the picture as displayed.
    ``score``: the probability that this is a face, 0 to 1; ``None`` if the picture itself is a face
    crop.
    ``thresholds``: float64, shape (5,); a label is in the set if its probability reaches its
    threshold, which depends on the face's detail.
    """

    probabilities: Probabilities
    prediction_set: tuple[str, ...]
    box: tuple[int, int, int, int]
    score: float | None
    thresholds: NDArray[np.float64]

    @property
    def label(self) -> str:
        """The most probable label."""
        return LABELS[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The probability of that label, 0.2 to 1."""
        return float(self.probabilities.max())

    @property
    def uncertain(self) -> bool:
        """Whether more than one label is in the prediction set."""
        return len(self.prediction_set) > 1


@dataclass(frozen=True)
class Classification:
    """The classified faces of a picture, largest first.

    ``faces_found``: number of faces found, also if ``faces`` has only the largest.
    ``model``: the version of the classifier.
    """

    faces: tuple[ClassifiedFace, ...]
    faces_found: int
    model: str


def load_models(folder: Path = MODELS) -> Models:
    """Load and check the model files.

    Raises:
        ModelFileError: a file is missing or is not the one that was released.
    """
    classifier = load_classifier(folder)
    detector = load_network(DETECTOR_FILE, folder)
    return Models(Finder(detector, classifier.network), classifier)


def classify(
    models: Models,
    jpeg: bytes | bytearray | memoryview | str | os.PathLike[str],
    *,
    all_faces: bool = False,
    jpeg_only: bool = True,
) -> Classification:
    """Classify the largest face of a JPEG, or all of them with ``all_faces``.

    ``jpeg``: the file's bytes, or the path of the file; up to 25 MB and 50 megapixels.
    ``jpeg_only``: if false, the picture may also be a PNG or WebP.

    Threads may share ``models`` and call this at the same time.

    >>> from ethnicity import classify, load_models
    >>> result = classify(load_models(), "tests/data/portrait.jpg")
    >>> result.faces[0].label, result.faces[0].prediction_set
    ('White', ('White',))

    Raises:
        PictureError: the picture cannot be classified; `errors` has a subclass for each fault.
        OSError: the path cannot be read.
        TypeError: an argument has the wrong type.
    """
    if not isinstance(models, Models):
        raise TypeError(f"models must be the result of load_models(), not {_type_name(models)}")
    return classify_picture(
        models, images.decode(_read(jpeg), jpeg_only=jpeg_only), all_faces=all_faces
    )


def classify_picture(
    models: Models, picture: Picture, *, all_faces: bool = False
) -> Classification:
    """Classify the largest face of a decoded picture, or all of them with ``all_faces``.

    Raises:
        NoFace: no face is found in it.
    """
    found = faces.find_faces(models.finder, picture.pixels, all_faces=all_faces)
    if not found:
        raise NoFace
    chosen = found if all_faces else found[:1]
    answers = tuple(_classify_face(models.classifier, picture, face) for face in chosen)
    return Classification(answers, len(found), models.classifier.version)


def _read(jpeg: object) -> bytes:
    """The bytes; of a file that is too large, only one more than the limit."""
    if isinstance(jpeg, bytes):
        return jpeg
    if isinstance(jpeg, bytearray | memoryview):
        return bytes(jpeg)
    if isinstance(jpeg, str | os.PathLike):
        with open(jpeg, "rb") as file:  # noqa: PTH123 - also takes other libraries' paths
            return file.read(MAX_BYTES + 1)
    raise TypeError(f"jpeg must be the bytes of a JPEG or a path to one, not {_type_name(jpeg)}")


def _type_name(value: object) -> str:
    return type(value).__name__


def _classify_face(classifier: Classifier, picture: Picture, face: Face) -> ClassifiedFace:
    if picture.profile:
        judgement = classifier.judge(picture.profile.to_srgb(face.chip))
    else:
        judgement = classifier.judge(face.chip, face.outputs)
    left, top, right, bottom = (round(edge) for edge in (face.corners * picture.reduction).ravel())
    return ClassifiedFace(
        probabilities=judgement.probabilities,
        prediction_set=judgement.prediction_set,
        box=(left, top, min(right, picture.width) - left, min(bottom, picture.height) - top),
        score=face.score,
        thresholds=judgement.thresholds,
    )
