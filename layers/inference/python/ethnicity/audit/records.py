"""An audit's record of a picture: its size and its answer."""

from dataclasses import dataclass

UNREADABLE = "unreadable"
"""The code of a picture whose bytes could not be read."""

CRASHED = "crashed"
"""The code of a picture that crashed its process."""

NOT_DONE = "not_done"
"""The code of a picture whose batch failed, on AWS."""

NO_FACE = "no_face"


@dataclass(frozen=True)
class Record:
    """One picture's contribution.

    ``name``: its path within the set. ``group``: the folder, split or class that it counts for.
    ``fault``: an error code; all other fields are then empty, except the size for `NO_FACE`.
    ``width``, ``height``: in pixels, as displayed. ``faces``: number of faces found.
    ``face_width``: of the largest face, in pixels. ``probabilities``: of the largest face, in the
    order of LABELS; empty if there is none. ``prediction_set``: its labels, most probable first.
    """

    name: str
    group: str = ""
    fault: str | None = None
    width: int = 0
    height: int = 0
    faces: int = 0
    face_width: int = 0
    probabilities: tuple[float, ...] = ()
    prediction_set: tuple[str, ...] = ()

    @property
    def uncertain(self) -> bool:
        """Whether more than one label is in the prediction set."""
        return len(self.prediction_set) > 1
