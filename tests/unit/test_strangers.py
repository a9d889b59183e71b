from collections import Counter

import numpy as np
import pytest

from benchmarks.strangers import FLAGS, HALVES, PEOPLE, photographs
from benchmarks.strangers_answers import Answered
from ethnicity.pipeline import Classification, ClassifiedFace

PEOPLE_PHOTOGRAPH = next(each for each in photographs() if len(each.faces) == 1)


def test_every_photograph_is_listed_once_and_is_in_one_half() -> None:
    listed = photographs()

    assert len({each.sha256 for each in listed}) == len(listed)
    assert sum(len(photographs(half)) for half in HALVES) == len(listed)


def test_both_halves_have_equally_many_photographs_of_each_kind() -> None:
    choosing, reporting = (Counter(each.kind for each in photographs(half)) for half in HALVES)

    assert choosing.keys() == reporting.keys()
    assert all(abs(choosing[kind] - reporting[kind]) <= 1 for kind in choosing)


def test_faces_are_labelled_where_there_are_people_and_nowhere_else() -> None:
    for each in photographs():
        assert bool(each.faces) == (each.kind == PEOPLE)
        assert all(face.flag in FLAGS and face.width > 0 for face in each.faces)


@pytest.mark.parametrize(
    ("places", "found", "others"),
    [
        ([], 0, 0),
        ([(0, 0)], 1, 0),
        ([(0.4, 0)], 1, 0),
        ([(0, 0.6)], 0, 1),
        ([(0, 0), (0.1, 0)], 1, 1),
    ],
)
def test_a_face_is_found_by_one_box_near_its_centre(
    places: list[tuple[float, float]], found: int, others: int
) -> None:
    (face,) = PEOPLE_PHOTOGRAPH.faces
    left, top = face.x - face.width // 2, face.y - face.width // 2
    answer = Classification(
        tuple(
            ClassifiedFace(
                np.full(5, 0.2),
                (),
                (round(left + x * face.width), round(top + y * face.width), face.width, face.width),
                1.0,
                np.full(5, 0.1),
            )
            for x, y in places
        ),
        len(places),
        "",
    )

    faces, rest = Answered(PEOPLE_PHOTOGRAPH, None, answer).found

    assert (len(faces), rest) == (found, others)
