"""From bytes to classifications and answers, with the committed models."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ethnicity import answers, geometry, pipeline
from ethnicity.errors import (
    CorruptImage,
    ImageTooLarge,
    NoFace,
    NoImage,
    NotJpeg,
    PictureError,
)
from ethnicity.faces import find_faces
from ethnicity.frame import CHIP
from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from ethnicity.limits import MAX_BYTES
from ethnicity.pipeline import Classification, ClassifiedFace, Models, classify
from tests.unit.pictures import encode, encode_oriented, on_canvas, resized
from tests.unit.profiles import SRGB, SRGB_CURVE, parametric, rgb

FACE_KEYS = ["ethnicity", "confidence", "probabilities", "prediction_set", "uncertain", "face"]
PICTURE_KEYS = ["faces_found", "model", "notice"]

FACE = np.array([180, 64, 91, 112])
"""The box of the face in the astronaut's picture: left, top, width, height."""


def only(classification: Classification) -> ClassifiedFace:
    (face,) = classification.faces
    return face


@pytest.fixture(scope="module")
def portrait_answer(models: Models, astronaut: bytes) -> Classification:
    return classify(models, astronaut)


@pytest.fixture(scope="module")
def two_faces(portrait_pixels: Pixels) -> bytes:
    """A face 91 pixels wide, and one 137 pixels wide to its right."""
    canvas = on_canvas(resized(portrait_pixels, 768, 768), (1280, 768), (512, 0))
    canvas[:512, :512] = portrait_pixels
    return encode(canvas, quality=90)


# Classification


def test_a_portrait_is_classified(models: Models, portrait_answer: Classification) -> None:
    face = only(portrait_answer)
    assert portrait_answer.faces_found == 1
    assert portrait_answer.model == models.classifier.version
    assert face.probabilities.shape == (5,)
    assert float(face.probabilities.sum()) == pytest.approx(1, abs=1e-6)
    assert face.prediction_set[0] == LABELS[int(face.probabilities.argmax())]
    assert face.box == pytest.approx(FACE, abs=8)
    assert face.score is not None
    assert 0.5 < face.score <= 1


def test_the_same_bytes_get_the_same_answer_after_other_pictures(
    models: Models, portrait_answer: Classification, astronaut: bytes, two_faces: bytes
) -> None:
    classify(models, two_faces, all_faces=True)
    again = classify(models, astronaut)
    assert np.array_equal(only(again).probabilities, only(portrait_answer).probabilities)
    assert only(again).box == only(portrait_answer).box


def test_all_orientations_of_a_photo_get_the_same_answer(
    models: Models, portrait_pixels: Pixels
) -> None:
    # At the highest quality, since the picture is compressed again for each orientation.
    found = [
        only(
            classify(
                models,
                encode_oriented(portrait_pixels, each, quality=100, subsampling="4:4:4"),
            )
        )
        for each in range(1, 9)
    ]
    assert float(np.ptp([face.probabilities for face in found], axis=0).max()) < 0.02
    assert np.ptp([face.box for face in found], axis=0).max() <= 3


def test_a_photo_in_another_colour_space_gets_the_same_answer(
    models: Models, portrait_pixels: Pixels
) -> None:
    # GIVEN the portrait with red and blue swapped, and a profile that declares the swap
    swapped = rgb(SRGB[::-1], parametric(3, *SRGB_CURVE))
    picture = encode(portrait_pixels[:, :, ::-1], quality=98, subsampling="4:4:4")
    with_profile = encode(
        portrait_pixels[:, :, ::-1], quality=98, subsampling="4:4:4", icc_profile=swapped
    )
    expected = only(classify(models, encode(portrait_pixels, quality=98, subsampling="4:4:4")))

    right, wrong = only(classify(models, with_profile)), only(classify(models, picture))

    def off(face: ClassifiedFace) -> float:
        return float(np.abs(face.probabilities - expected.probabilities).max())

    assert off(right) < 0.01
    assert off(right) < off(wrong) / 4


def test_a_mirrored_photo_has_its_face_on_the_other_side(
    models: Models, portrait_pixels: Pixels, portrait_answer: Classification
) -> None:
    mirrored = only(classify(models, encode(portrait_pixels[:, ::-1], quality=95)))
    left, top, width, height = only(portrait_answer).box
    assert mirrored.box == pytest.approx((512 - left - width, top, width, height), abs=8)


def test_the_largest_of_several_faces_is_classified(models: Models, two_faces: bytes) -> None:
    answer = classify(models, two_faces)
    assert answer.faces_found == 2
    left, _, width, _ = only(answer).box
    assert left > 512
    assert width > 120


def test_all_faces_are_classified_on_request(models: Models, two_faces: bytes) -> None:
    answer = classify(models, two_faces, all_faces=True)
    first, second = answer.faces
    assert answer.faces_found == 2
    assert first.box[2] > second.box[2]
    assert np.array_equal(first.probabilities, only(classify(models, two_faces)).probabilities)


def test_the_box_is_in_the_pixels_of_a_picture_that_is_decoded_smaller(
    models: Models, portrait_pixels: Pixels
) -> None:
    answer = classify(models, encode(resized(portrait_pixels, 3000, 3000)))
    scale = 3000 / 512
    assert only(answer).box == pytest.approx(FACE * scale, abs=50)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_box_is_in_the_picture_as_displayed(
    models: Models, portrait_pixels: Pixels, orientation: int
) -> None:
    canvas = on_canvas(resized(portrait_pixels, 1000, 1000), (2600, 1300), (100, 200))
    answer = classify(models, encode_oriented(canvas, orientation))
    expected = FACE * 1000 / 512 + (100, 200, 0, 0)
    assert only(answer).box == pytest.approx(expected, abs=30)


@pytest.mark.parametrize("side", [64, 200])
def test_a_face_crop_is_taken_whole(models: Models, portrait_pixels: Pixels, side: int) -> None:
    (found,) = find_faces(models.finder, portrait_pixels)
    crop = geometry.warp(portrait_pixels, found.to_chip * (side / CHIP), side)
    answer = classify(models, encode(crop, quality=95))
    assert answer.faces_found == 1
    assert only(answer).box == (0, 0, side, side)
    assert only(answer).score is None


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (slice(200, 512), slice(0, 170)),
        (slice(0, 240), slice(0, 400)),
        (slice(100, 400), slice(0, 160)),
        (slice(100, 400), slice(90, 400)),
    ],
)
@pytest.mark.parametrize("longer_side", [450, 2400])
def test_the_box_of_a_face_cut_by_the_edge_lies_in_the_picture(
    models: Models, portrait_pixels: Pixels, columns: slice, rows: slice, longer_side: int
) -> None:
    part = portrait_pixels[rows, columns]
    scale = longer_side / max(part.shape)
    # An odd height: decoded at half the size, the last row lies half outside the picture.
    width, height = (round(length * scale) // 2 * 2 for length in part.shape[1::-1])
    height += 1
    box = only(classify(models, encode(resized(part, width, height)))).box
    assert min(box) >= 0
    assert box[0] + box[2] <= width
    assert box[1] + box[3] <= height
    assert min(box[2], box[3]) > 50 * scale


def test_a_greyscale_photo_is_classified(models: Models, portrait_pixels: Pixels) -> None:
    answer = classify(models, encode(Image.fromarray(portrait_pixels).convert("L")))
    assert only(answer).box == pytest.approx(FACE, abs=10)


# Faults


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (20, 6000)])
def test_a_picture_without_a_face_is_refused(models: Models, size: tuple[int, int]) -> None:
    with pytest.raises(NoFace, match=r"^No face found in the image$"):
        classify(models, encode(Image.new("RGB", size, (90, 140, 60))))


def test_each_fault_of_a_picture_has_its_own_exception(models: Models, astronaut: bytes) -> None:
    with pytest.raises(NoImage):
        classify(models, b"")
    with pytest.raises(NotJpeg):
        classify(models, b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CorruptImage):
        classify(models, astronaut[:40_000])
    with pytest.raises(ImageTooLarge):
        classify(models, astronaut.ljust(MAX_BYTES + 1, b"\0"))


def test_a_picture_may_be_bytes_of_any_kind_or_a_path(
    models: Models, portrait: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "portrait.jpg"
    path.write_bytes(portrait)
    expected = answers.largest_face(classify(models, portrait))

    for same in (bytearray(portrait), memoryview(portrait), path, str(path)):
        assert answers.largest_face(classify(models, same)) == expected


def test_a_file_that_is_too_large_is_not_read_to_its_end(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ImageTooLarge):
        classify(models, path)


def test_a_path_that_cannot_be_read_raises_the_systems_error(models: Models) -> None:
    with pytest.raises(FileNotFoundError):
        classify(models, "no/such/file.jpg")


@pytest.mark.parametrize("wrong", [None, 1, np.zeros((8, 8, 3), np.uint8), Image.new("L", (8, 8))])
def test_the_error_for_a_wrong_picture_type_names_it_and_the_accepted_types(
    models: Models, wrong: Any
) -> None:
    with pytest.raises(
        TypeError, match=rf"bytes of a JPEG or a path to one, not {type(wrong).__name__}$"
    ):
        classify(models, wrong)


def test_the_error_for_wrong_models_says_how_to_load_them(portrait: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^models must be the result of load_models\(\), not bytes$"
    ):
        classify(portrait, portrait)


def test_threads_that_share_the_models_get_the_same_answers_as_one(
    models: Models, portrait: bytes, astronaut: bytes
) -> None:
    pictures = [portrait, astronaut] * 8
    expected = [answers.all_faces(classify(models, each, all_faces=True)) for each in pictures]

    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda each: classify(models, each, all_faces=True), pictures)
        assert [answers.all_faces(each) for each in found] == expected


# Answers


def a_face(
    probabilities: tuple[float, ...] = (0.62, 0.01, 0.3, 0.03, 0.04),
    prediction_set: tuple[str, ...] = ("White", "Asian"),
    score: float | None = 0.98765432,
) -> ClassifiedFace:
    thresholds = np.array([0.2, 0.25, 0.3, 0.123456, 0.1])
    box = (1, 2, 30, 40)
    return ClassifiedFace(np.array(probabilities), prediction_set, box, score, thresholds)


def as_sent(answer: dict[str, Any]) -> Any:
    """The answer as a client gets it: strict JSON, with its keys in order."""
    return json.loads(json.dumps(answer, allow_nan=False))


def test_the_answer_for_the_largest_face_follows_the_contract() -> None:
    answer = as_sent(answers.largest_face(Classification((a_face(),), 3, "1.2.3")))
    assert answer == {
        "ethnicity": "White",
        "confidence": 0.62,
        "probabilities": {
            "White": 0.62,
            "Black": 0.01,
            "Asian": 0.3,
            "Indian": 0.03,
            "Others": 0.04,
        },
        "prediction_set": ["White", "Asian"],
        "uncertain": True,
        "face": {"box": [1, 2, 30, 40], "score": 0.9877},
        "faces_found": 3,
        "model": "1.2.3",
        "notice": answers.NOTICE,
    }
    assert list(answer) == FACE_KEYS + PICTURE_KEYS
    assert list(answer["probabilities"]) == list(LABELS)
    assert list(answer["face"]) == ["box", "score"]


def test_the_answer_for_all_faces_follows_the_contract() -> None:
    second = a_face((0.1, 0.7, 0.1, 0.05, 0.05), ("Black",), None)
    answer = as_sent(answers.all_faces(Classification((a_face(), second), 2, "1.2.3")))
    assert list(answer) == ["faces", *PICTURE_KEYS]
    assert [list(face) for face in answer["faces"]] == [FACE_KEYS] * 2
    assert [face["ethnicity"] for face in answer["faces"]] == ["White", "Black"]
    assert [face["uncertain"] for face in answer["faces"]] == [True, False]
    assert answer["faces"][1]["face"] == {"box": [1, 2, 30, 40], "score": None}
    assert answer["faces_found"] == 2


@pytest.mark.parametrize("all_faces", [False, True])
def test_the_answer_has_thresholds_on_request(*, all_faces: bool) -> None:
    form = answers.all_faces if all_faces else answers.largest_face
    answer = as_sent(form(Classification((a_face(),), 1, "1.2.3"), thresholds=True))
    face = answer["faces"][0] if all_faces else answer
    assert face["thresholds"] == {
        "White": 0.2,
        "Black": 0.25,
        "Asian": 0.3,
        "Indian": 0.1235,
        "Others": 0.1,
    }
    # AND everything else is the same as without them
    plain = as_sent(form(Classification((a_face(),), 1, "1.2.3")))
    del face["thresholds"]
    assert answer == plain


def test_numbers_are_rounded_to_four_decimals() -> None:
    exact = (0.333333, 0.333371, 0.33326, 0.00003, 0.000006)
    answer = as_sent(answers.largest_face(Classification((a_face(exact),), 1, "")))
    assert list(answer["probabilities"].values()) == [0.3333, 0.3334, 0.3333, 0.0, 0.0]
    assert (answer["ethnicity"], answer["confidence"]) == ("Black", 0.3334)


@pytest.mark.parametrize("all_faces", [False, True])
def test_a_real_answer_is_strict_json(models: Models, two_faces: bytes, *, all_faces: bool) -> None:
    form = answers.all_faces if all_faces else answers.largest_face
    answer = as_sent(form(classify(models, two_faces, all_faces=all_faces)))
    faces = answer["faces"] if all_faces else [answer]
    assert len(faces) == (2 if all_faces else 1)
    for face in faces:
        assert face["confidence"] == face["probabilities"][face["ethnicity"]]
        assert face["confidence"] == max(face["probabilities"].values())
        assert sum(face["probabilities"].values()) == pytest.approx(1, abs=3e-4)
        assert face["prediction_set"][0] == face["ethnicity"]
        assert face["uncertain"] is (len(face["prediction_set"]) > 1)
        assert all(type(edge) is int for edge in face["face"]["box"])


def test_the_notice_limits_the_answer_to_appearance_and_its_use_to_research() -> None:
    for word in ("Apparent", "appearance alone", "research and education only"):
        assert word in answers.NOTICE
    assert answers.NOTICE.count(".") == 1


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        (NoImage(), "no_image", "No image provided"),
        (NotJpeg(), "not_jpeg", "Only JPG/JPEG images are allowed"),
        (CorruptImage(), "corrupt_image", "The JPEG is corrupt or truncated"),
        (ImageTooLarge.bytes(5_000_000), "image_too_large", "The image is larger than 5 MB"),
        (
            ImageTooLarge.pixels(50_000_000),
            "image_too_large",
            "The image has more than 50 megapixels",
        ),
        (NoFace(), "no_face", "No face found in the image"),
    ],
)
def test_every_fault_has_the_code_and_text_of_the_contract(
    fault: PictureError, code: str, text: str
) -> None:
    assert as_sent(answers.error(fault)) == {"error": text, "code": code}


def test_the_labels_are_those_of_the_contract() -> None:
    assert LABELS == ("White", "Black", "Asian", "Indian", "Others")


def test_models_are_loaded_from_the_folder_of_the_package_by_default(models: Models) -> None:
    assert pipeline.load_models().classifier.version == models.classifier.version
