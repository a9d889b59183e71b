"""Tallies: sums over the pictures of a group, without the names of judged pictures.

Tallies can be added. Workers of the AWS variant return tallies, and reports are made from them; a
few thousand numbers are enough for a million pictures. The tally of a single picture is that
picture's answer, so reports withhold groups below `figures.FEWEST`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ethnicity.audit.prevalence import Answers
from ethnicity.audit.records import NO_FACE, Record
from ethnicity.labels import LABELS

EDGES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Edges of the ranges in which sizes are counted, in pixels."""

_STEPS = 6
"""Answers whose probabilities' square roots round to the same sixths are combined."""

_DECIMALS = 6


@dataclass
class Tally:
    """Sums over pictures.

    ``pictures``: number of all pictures. ``faults``: pictures by error code. ``bad``: name and code
    of each picture that could not be judged, except those without a face.
    ``faces``: pictures by number of faces found. ``shorter_side``, ``face_width``: pictures by the
    lower edge of their size's range, from EDGES or 0. ``counted``: faces by most probable label.
    ``uncertain``: faces with more than one label in their set.
    ``answers``: by cell, the number of faces and the sum of their probabilities.
    """

    pictures: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[str, str]] = field(default_factory=list)
    faces: Counter[int] = field(default_factory=Counter)
    shorter_side: Counter[int] = field(default_factory=Counter)
    face_width: Counter[int] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    uncertain: int = 0
    answers: dict[str, tuple[int, tuple[float, ...]]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Count a picture."""
        self.pictures += 1
        if record.fault is not None:
            self.faults[record.fault] += 1
            if record.fault != NO_FACE:
                self.bad.append((record.name, record.fault))
                return
        self.faces[record.faces] += 1
        self.shorter_side[_edge(min(record.width, record.height))] += 1
        if record.probabilities:
            self.face_width[_edge(record.face_width)] += 1
            self.counted[LABELS[int(np.argmax(record.probabilities))]] += 1
            self.uncertain += record.uncertain
            self._add_answer(_cell(record.probabilities), 1, record.probabilities)

    def merge(self, other: "Tally") -> None:
        """Add the pictures of another tally."""
        self.pictures += other.pictures
        self.uncertain += other.uncertain
        self.bad += other.bad
        for mine, theirs in (
            (self.faults, other.faults),
            (self.faces, other.faces),
            (self.shorter_side, other.shorter_side),
            (self.face_width, other.face_width),
            (self.counted, other.counted),
        ):
            mine.update(theirs)  # type: ignore[arg-type] # both are keyed alike
        for cell, (count, probabilities) in other.answers.items():
            self._add_answer(cell, count, probabilities)

    def _add_answer(self, cell: str, count: int, probabilities: Iterable[float]) -> None:
        before, sums = self.answers.get(cell, (0, (0.0,) * len(LABELS)))
        added = tuple(a + b for a, b in zip(sums, probabilities, strict=True))
        self.answers[cell] = (before + count, added)

    @property
    def judged(self) -> int:
        """Number of pictures with a judged face."""
        return sum(self.counted.values())

    def as_answers(self) -> Answers:
        """The answers in the form of `prevalence`."""
        count = np.array([count for count, _ in self.answers.values()], np.int64)
        sums = np.array([sums for _, sums in self.answers.values()], np.float64)
        return Answers(count, sums.reshape(-1, len(LABELS)) / np.maximum(count, 1)[:, np.newaxis])

    def to_json(self) -> dict[str, Any]:
        """The tally as a JSON object for `from_json`."""
        return {
            "pictures": self.pictures,
            "faults": self.faults,
            "bad": self.bad,
            "faces": self.faces,
            "shorter_side": self.shorter_side,
            "face_width": self.face_width,
            "counted": self.counted,
            "uncertain": self.uncertain,
            "answers": {
                cell: [count, *(round(each, _DECIMALS) for each in sums)]
                for cell, (count, sums) in self.answers.items()
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read a tally from JSON, whose keys are strings instead of numbers."""
        return cls(
            pictures=content["pictures"],
            faults=Counter(content["faults"]),
            bad=[(name, code) for name, code in content["bad"]],
            faces=_numbered(content["faces"]),
            shorter_side=_numbered(content["shorter_side"]),
            face_width=_numbered(content["face_width"]),
            counted=Counter(content["counted"]),
            uncertain=content["uncertain"],
            answers={
                cell: (count, tuple(sums)) for cell, (count, *sums) in content["answers"].items()
            },
        )


def _numbered(counts: Mapping[str, int]) -> Counter[int]:
    return Counter({int(key): count for key, count in counts.items()})


def _edge(pixels: int) -> int:
    return max((edge for edge in EDGES if edge <= pixels), default=0)


def _cell(probabilities: tuple[float, ...]) -> str:
    return "".join(str(round(each**0.5 * _STEPS)) for each in probabilities)
