"""Random weights of the right shapes, since the trained ones are not available.

Run in each candidate's environment: `python -m benchmarks.speed.weights original|deepface`.
"""

import sys

from benchmarks.speed.candidates import WORK


def original() -> None:
    """The original's network as a Keras file."""
    from training.networks import original as network  # noqa: PLC0415

    network(side=64).save(WORK / "original.h5")


def deepface() -> None:
    """The file that deepface would download for its race model: VGG-Face, 540 MB."""
    from deepface.commons import weight_utils  # noqa: PLC0415
    from deepface.models.demography.tf import Race  # noqa: PLC0415

    file = WORK / ".deepface" / "weights" / "race_model_single_batch.h5"
    file.parent.mkdir(parents=True, exist_ok=True)
    weight_utils.download_weights_if_necessary = lambda **_: str(file)
    weight_utils.load_model_weights = lambda model, weight_file: model.save(weight_file)
    Race.load_model()


if __name__ == "__main__":
    {"original": original, "deepface": deepface}[sys.argv[1]]()
