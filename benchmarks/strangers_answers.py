"""Strangers' photographs sent through the service: faces found, and answers without a face."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from benchmarks import strangers
from benchmarks.strangers import LabelledFace, Photograph
from ethnicity import answers
from ethnicity.errors import NoFace
from ethnicity.pipeline import Classification, Models, classify
from training.markdown import table

_SAME_PLACE = 0.5
"""A box matches a labelled face if their centres are closer than this fraction of its width."""

_GROUP = 3
"""Least number of labelled faces in a group photo."""

_COLUMNS = ("photographs", "answered, `largest`", "certain", "answered, `all`")


def tables(models: Models, folder: Path, halves: Iterable[str]) -> list[str]:
    """Send the photographs of these halves through the service, and write the tables."""
    answered = {
        half: [
            _answer(models, each, folder)
            for each in tqdm(strangers.photographs(half), half, unit="photo")
        ]
        for half in halves
    }
    return [_without_people(answered), _labelled_faces(answered), _boxes(answered)]


@dataclass(frozen=True)
class Answered:
    """A stranger's photograph and the service's two answers; ``None`` for no face."""

    photograph: Photograph
    largest: Classification | None
    all_faces: Classification | None

    @property
    def certain(self) -> bool:
        """Whether the service answers ``uncertain: false``."""
        return self.largest is not None and not answers.largest_face(self.largest)["uncertain"]

    @property
    def agree(self) -> bool:
        """Whether both answers give the same first face, to the digit."""
        if self.largest is None or self.all_faces is None:
            return self.largest is self.all_faces
        largest = answers.largest_face(self.largest)
        first = answers.all_faces(self.all_faces)["faces"][0]
        return bool(first == {key: largest[key] for key in first})

    @property
    def found(self) -> tuple[list[LabelledFace], int]:
        """The labelled faces that have a box of their own, and the number of other boxes."""
        boxes = [face.box for face in self.all_faces.faces] if self.all_faces else []
        centres = [(left + width / 2, top + height / 2) for left, top, width, height in boxes]
        found = []
        for face in self.photograph.faces:
            apart = [float(np.hypot(x - face.x, y - face.y)) for x, y in centres]
            if apart and min(apart) < _SAME_PLACE * face.width:
                found.append(face)
                centres.pop(int(np.argmin(apart)))
        return found, len(centres)


def _answer(models: Models, photograph: Photograph, folder: Path) -> Answered:
    """Classify a photograph in both ways; one in another format becomes a JPEG first."""
    file = photograph.file(folder)
    data = file.read_bytes()
    if not data.startswith(b"\xff\xd8"):
        pixels = np.asarray(cv2.imread(str(file)))
        data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 95))[1].tobytes()
    both: list[Classification | None] = []
    for all_faces in (False, True):
        try:
            both.append(classify(models, data, all_faces=all_faces))
        except NoFace:
            both.append(None)
    return Answered(photograph, *both)


def _without_people(answered: dict[str, list[Answered]]) -> str:
    rows, listed = [], []
    nobody = {
        half: [each for each in some if each.photograph.kind != strangers.PEOPLE]
        for half, some in answered.items()
    }
    kinds = sorted({each.photograph.kind for some in nobody.values() for each in some})
    for name, counted in [(kind, {kind}) for kind in kinds] + [("all", set(kinds))]:
        cells: list[str] = []
        for some in nobody.values():
            of_kind = [each for each in some if each.photograph.kind in counted]
            largest = sum(each.largest is not None for each in of_kind)
            certain = sum(each.certain for each in of_kind)
            all_faces = sum(each.all_faces is not None for each in of_kind)
            cells += map(str, (len(of_kind), largest, certain, all_faces))
        rows.append([name, *cells])
    for half, some in nobody.items():
        names = [
            f"`{Path(each.photograph.path).name}` ({each.photograph.package.name})"
            for each in some
            if each.largest or each.all_faces
        ]
        listed.append(f"Answered with a face, {half}: {', '.join(names) or 'none'}.")
    head = ["", *(f"{half}: {each}" for half in nobody for each in _COLUMNS)]
    return f"""## Strangers' photographs without people

From public packages (`benchmarks/strangers.py`), as they are; one in another format becomes a JPEG.
Answered: with a face, for `largest` or for `all`; certain: with `uncertain: false`.
After an earlier verdict had reported faces in five of the reporting half's photographs, the verdict
was fitted again, to photographs of the choosing half and of other packages.

{table(head, rows)}

{chr(10).join(listed)}
"""


def _labelled_faces(answered: dict[str, list[Answered]]) -> str:
    rows = []
    for flag in strangers.FLAGS:
        cells = []
        for some in answered.values():
            labelled = [
                face for each in some for face in each.photograph.faces if face.flag == flag
            ]
            found = [face for each in some for face in each.found[0] if face.flag == flag]
            cells.append(f"{len(found)} of {len(labelled)}")
        rows.append([flag or "clear", *cells])
    return f"""## Strangers' photographs of people: labelled faces found

With `all`. Found: a box of its own whose centre is within half a width of the face's.

{table(["faces", *answered], rows)}
"""


def _boxes(answered: dict[str, list[Answered]]) -> str:
    rows = []
    for half, some in answered.items():
        people = [each for each in some if each.photograph.kind == strangers.PEOPLE]
        groups = [each for each in people if len(each.photograph.faces) >= _GROUP]
        clear = [face for each in groups for face in each.photograph.faces if not face.flag]
        found = [face for each in groups for face in each.found[0] if not face.flag]
        rows.append(
            [
                half,
                str(len(people)),
                str(sum(each.found[1] for each in people)),
                f"{len(found)} of {len(clear)}",
                str(sum(each.found[1] for each in groups)),
                str(sum(not each.agree for each in people)),
            ]
        )
    head = [
        "",
        "photographs of people",
        "boxes without a face",
        f"clear faces found in photos of {_GROUP} and more",
        "boxes without a face in them",
        "`largest` and `all` differ",
    ]
    return f"""## Strangers' photographs of people: other boxes, and the two answers

Differ: the first face's box, score or probabilities.

{table(head, rows)}
"""
