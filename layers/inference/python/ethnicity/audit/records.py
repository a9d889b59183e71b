"""What an audit keeps of a picture: its size and its answer."""

from dataclasses import dataclass

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
    LABELS; empty where there is none. ``prediction_set``: the labels that are kept, the most
    probable first.
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
        """Whether more than one label is kept."""
        return len(self.prediction_set) > 1
