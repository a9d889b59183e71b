"""Apparent ethnicity from face photos: bytes in, calibrated probabilities out, nothing on disk.

    from ethnicity import classify, load_models

    models = load_models()
    result = classify(models, "photo.jpg")
    print(result.faces[0].label, result.faces[0].prediction_set)

Load the models once, which takes about a tenth of a second, and pass them to every call of
`classify`; threads may share them. A picture that cannot be classified raises a `PictureError`.
"""

from typing import TYPE_CHECKING, Any

from ethnicity.errors import PictureError
from ethnicity.labels import LABELS

if TYPE_CHECKING:
    from ethnicity.pipeline import Classification, ClassifiedFace, Models, classify, load_models

__version__ = "1.0.0"

__all__ = [
    "LABELS",
    "Classification",
    "ClassifiedFace",
    "Models",
    "PictureError",
    "classify",
    "load_models",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    """Import the pipeline, and with it the runtime, when one of its names is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ethnicity import pipeline  # noqa: PLC0415

    return getattr(pipeline, name)
