"""Faces, found by the committed detector in one photo, many times placed, scaled and turned."""

import itertools
from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from ethnicity import blazeface, geometry, images
from ethnicity.blazeface import SIDE, Detection
from ethnicity.faces import CHIP, FRAME, Face, Finder, align, find_faces
from ethnicity.geometry import Pixels, Points
from ethnicity.networks import Network, Tensor
from tests.unit.pictures import difference, encode, encode_oriented, on_canvas, resized

FACE = np.array([[169.0, 70.0], [277.0, 178.0]])
"""In the astronaut's picture: top left, bottom right."""


def overlap(one: Points, other: Points) -> float:
    """Intersection over union of two boxes."""
    shared = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    intersection = float(np.prod(np.maximum(shared, 0)))
    return intersection / float(
        np.prod(one[1] - one[0]) + np.prod(other[1] - other[0]) - intersection
    )


def misplaced(face: Face, expected: Points) -> float:
    """The mean distance of the aligned face's corners from those expected, in sides of it."""
    corners = frame_corners(face)
    side = float(np.linalg.norm(expected[1] - expected[0]))
    return float(np.linalg.norm(corners - expected, axis=1).mean()) / side


def frame_corners(face: Face) -> Points:
    """The corners of the aligned face in the picture."""
    return geometry.apply(geometry.invert(face.to_chip), geometry.square_corners(CHIP))


def only(faces: list[Face]) -> Face:
    (face,) = faces
    return face


@pytest.fixture(scope="module")
def face(finder: Finder, portrait_pixels: Pixels) -> Face:
    return only(find_faces(finder, portrait_pixels))


@pytest.fixture(scope="module")
def chip(portrait_pixels: Pixels, face: Face) -> Callable[[int], Pixels]:
    """The astronaut's face in the classifier's frame, at any size."""

    def chip(side: int) -> Pixels:
        return geometry.warp(portrait_pixels, face.to_chip * (side / CHIP), side)

    return chip


# Where faces are


def test_the_face_of_a_portrait_is_found_once(face: Face) -> None:
    assert overlap(face.corners, FACE) > 0.8
    assert face.score is not None
    assert 0.75 <= face.score <= 1
    assert face.width == pytest.approx(face.corners[1, 0] - face.corners[0, 0])


@pytest.mark.parametrize("scale", [0.25, 0.3, 0.5, 0.75, 1.5, 2, 3, 5])
def test_the_face_is_found_at_every_scale(
    finder: Finder, portrait_pixels: Pixels, scale: float
) -> None:
    side = round(512 * scale)
    found = only(find_faces(finder, resized(portrait_pixels, side, side)))
    assert overlap(found.corners / scale, FACE) > 0.7


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize(
    ("size", "corner"),
    [
        ((1000, 600), (0, 0)),
        ((1000, 600), (480, 80)),
        ((600, 1200), (50, 650)),
        ((600, 700), (88, 0)),
        ((1300, 520), (400, 5)),
        ((1600, 1200), (700, 500)),
        ((1600, 1200), (1088, 688)),
    ],
)
def test_the_face_is_found_wherever_it_lies_on_a_canvas(
    finder: Finder,
    portrait_pixels: Pixels,
    size: tuple[int, int],
    corner: tuple[int, int],
    grey: int,
) -> None:
    canvas = on_canvas(portrait_pixels, size, corner, grey)
    found = only(find_faces(finder, canvas))
    assert overlap(found.corners - corner, FACE) > 0.6


@pytest.mark.parametrize("degrees", [-40, -20, 20, 40])
def test_a_tilted_face_is_found_and_aligned_upright(
    finder: Finder, portrait_pixels: Pixels, face: Face, degrees: int
) -> None:
    turn = np.array(cv2.getRotationMatrix2D((223.0, 124.0), degrees, 1.0), np.float64)
    tilted = cv2.warpAffine(
        portrait_pixels, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE
    ).astype(np.uint8)
    found = only(find_faces(finder, tilted))
    assert misplaced(found, geometry.apply(turn, frame_corners(face))) < 0.08


def test_a_mirrored_portrait_has_its_face_on_the_other_side(
    finder: Finder, portrait_pixels: Pixels
) -> None:
    found = only(find_faces(finder, np.ascontiguousarray(portrait_pixels[:, ::-1])))
    mirrored = np.array([[512 - FACE[1, 0], FACE[0, 1]], [512 - FACE[0, 0], FACE[1, 1]]])
    assert overlap(found.corners, mirrored) > 0.8


@pytest.mark.parametrize("side", [128, 200, 256, 512])
def test_a_mirrored_portrait_is_aligned_to_the_mirror_image(
    finder: Finder, portrait_pixels: Pixels, side: int
) -> None:
    pixels = resized(portrait_pixels[:300, 80:380], side, side)
    face = only(find_faces(finder, pixels))
    mirrored = only(find_faces(finder, np.ascontiguousarray(pixels[:, ::-1])))
    corners = frame_corners(face)[[1, 0, 3, 2]]
    corners[:, 0] = side - corners[:, 0]
    assert misplaced(mirrored, corners) < 0.02


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_portrait_stored_turned_has_the_same_face(
    finder: Finder, portrait_pixels: Pixels, face: Face, orientation: int
) -> None:
    picture = images.decode(encode_oriented(portrait_pixels, orientation, quality=95))
    found = only(find_faces(finder, picture.pixels))
    assert overlap(found.corners, face.corners) > 0.9
    assert misplaced(found, frame_corners(face)) < 0.05


@pytest.mark.parametrize("larger_first", [True, False])
def test_two_faces_are_both_found_the_largest_first(
    finder: Finder, portrait_pixels: Pixels, *, larger_first: bool
) -> None:
    larger = resized(portrait_pixels, 760, 760)
    larger_left, smaller_left = (0, 760) if larger_first else (512, 0)
    canvas = on_canvas(larger, (1272, 760), (larger_left, 0))
    canvas[:512, smaller_left : smaller_left + 512] = portrait_pixels
    first, second = find_faces(finder, canvas)
    assert overlap(first.corners, FACE * (760 / 512) + np.array([larger_left, 0])) > 0.6
    assert overlap(second.corners, FACE + np.array([smaller_left, 0])) > 0.6
    assert first.width > second.width


def test_the_same_face_twice_is_two_faces(finder: Finder, portrait_pixels: Pixels) -> None:
    found = find_faces(finder, np.concatenate([portrait_pixels, portrait_pixels], axis=1))
    assert len(found) == 2
    left, right = sorted(found, key=lambda face: float(face.corners[0, 0]))
    assert overlap(left.corners, FACE) > 0.6
    assert overlap(right.corners, FACE + np.array([512, 0])) > 0.6


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (slice(200, 512), slice(0, 512)),
        (slice(0, 512), slice(90, 512)),
        (slice(0, 250), slice(0, 400)),
        (slice(100, 400), slice(0, 150)),
    ],
)
def test_the_box_of_a_face_cut_by_the_edge_lies_in_the_picture(
    finder: Finder, portrait_pixels: Pixels, columns: slice, rows: slice
) -> None:
    part = np.ascontiguousarray(portrait_pixels[rows, columns])
    found = only(find_faces(finder, part))
    assert (found.corners >= 0).all()
    assert (found.corners <= part.shape[1::-1]).all()
    assert overlap(found.corners + np.array([columns.start, rows.start]), FACE) > 0.4


def test_looking_twice_finds_the_same(finder: Finder, portrait_pixels: Pixels) -> None:
    first = only(find_faces(finder, portrait_pixels))
    find_faces(finder, np.zeros((300, 300, 3), np.uint8))
    again = only(find_faces(finder, portrait_pixels))
    assert np.array_equal(first.corners, again.corners)
    assert np.array_equal(first.to_chip, again.to_chip)
    assert first.score == again.score


# Where none are


def drawn_house() -> Pixels:
    image = Image.new("RGB", (640, 480), "skyblue")
    draw = ImageDraw.Draw(image)
    draw.rectangle((200, 200, 440, 480), fill="brown")
    draw.polygon([(180, 200), (320, 80), (460, 200)], fill="red")
    draw.rectangle((240, 260, 290, 310), fill="yellow")
    draw.rectangle((350, 260, 400, 310), fill="yellow")
    draw.rectangle((300, 380, 350, 480), fill="black")
    return np.array(image)


def drawn_slope() -> Pixels:
    y, x = np.mgrid[:480, :640]
    return np.dstack([x * 255 // 640, y * 255 // 480, (x + y) * 255 // 1120]).astype(np.uint8)


def drawn_board() -> Pixels:
    y, x = np.mgrid[:600, :600] // 50
    return np.dstack([(x + y) % 2 * 255] * 3).astype(np.uint8)


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(drawn_house(), id="house"),
        pytest.param(drawn_slope(), id="slope"),
        pytest.param(drawn_board(), id="board"),
        pytest.param(
            np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8), id="noise"
        ),
    ],
)
def test_no_face_is_found_in_drawings(finder: Finder, pixels: Pixels) -> None:
    assert find_faces(finder, pixels) == []


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (220, 180, 150)])
@pytest.mark.parametrize("size", [(64, 64), (200, 200), (480, 640)])
def test_no_face_is_found_in_one_colour(
    finder: Finder, size: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    assert find_faces(finder, np.full((*size, 3), colour, np.uint8)) == []


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (2, 1), (3, 200), (200, 3), (10_000, 20), (20, 10_000), (8192, 1), (255, 256)],
)
def test_pictures_of_odd_shapes_are_searched(
    finder: Finder, portrait_pixels: Pixels, width: int, height: int
) -> None:
    pixels = cv2.resize(portrait_pixels, (width, height)).astype(np.uint8)
    for found in find_faces(finder, pixels):
        assert (found.corners >= 0).all()
        assert (found.corners <= (width, height)).all()


# The frame


def test_an_aligned_face_has_eyes_and_mouth_where_the_classifier_expects_them(
    finder: Finder, chip: Callable[[int], Pixels]
) -> None:
    with_border = np.array([[1, 0, SIDE / 4], [0, 1, SIDE / 4]]) / 1.5
    (found,) = blazeface.detect(finder.detector, geometry.warp(chip(SIDE), with_border, SIDE), 0.5)
    points = found.keypoints / SIDE * 1.5 - 0.25
    assert np.abs(points[[0, 1, 3]] - FRAME).max() < 0.04


def test_an_aligned_face_has_the_size_that_the_classifier_takes(
    portrait_pixels: Pixels, face: Face
) -> None:
    aligned = align(portrait_pixels, face)
    assert aligned.shape == (CHIP, CHIP, 3)
    assert aligned.dtype == np.uint8


def test_a_face_is_aligned_alike_whatever_the_pictures_size(
    finder: Finder, portrait_pixels: Pixels, face: Face
) -> None:
    for side in (400, 1024, 1600):
        pixels = resized(portrait_pixels, side, side)
        found = only(find_faces(finder, pixels))
        assert misplaced(found, frame_corners(face) * (side / 512)) < 0.05


def test_a_chip_that_the_detector_is_sure_of_is_one_whatever_the_verifier_says(
    finder: Finder, chip: Callable[[int], Pixels]
) -> None:
    assert only(find_faces(Finder(finder.detector, of_opinion(-9)), chip(200))).score is None


def test_a_chip_that_the_detector_is_less_sure_of_is_for_the_verifier_to_judge(
    finder: Finder, chip: Callable[[int], Pixels]
) -> None:
    half = chip(200)
    half[:, :90] = 128
    assert only(find_faces(finder, half)).score is None
    assert find_faces(Finder(finder.detector, of_opinion(-9)), half) == []


@pytest.mark.parametrize("side", [64, 100, 200, 400])
def test_a_picture_that_is_a_chip_is_taken_whole(
    finder: Finder, chip: Callable[[int], Pixels], side: int
) -> None:
    pixels = images.decode(encode(chip(side), quality=95)).pixels
    found = only(find_faces(finder, pixels))
    assert found.score is None
    assert found.corners.tolist() == [[0, 0], [side, side]]
    whole = cv2.resize(pixels, (CHIP, CHIP), interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert difference(align(pixels, found), whole) < 3


def test_a_chip_of_the_classifiers_size_is_not_touched(
    finder: Finder, chip: Callable[[int], Pixels]
) -> None:
    pixels = chip(CHIP)
    assert np.array_equal(align(pixels, only(find_faces(finder, pixels))), pixels)


@pytest.mark.parametrize("side", [64, 200])
def test_a_chip_is_aligned_as_any_face_where_that_is_asked_for(
    finder: Finder, chip: Callable[[int], Pixels], side: int
) -> None:
    pixels = chip(side)
    found = only(find_faces(finder, pixels, take_chips_whole=False))
    assert found.score is not None
    assert misplaced(found, geometry.square_corners(side)) < 0.08


@pytest.mark.parametrize("border", [0.25, 0.5])
def test_a_face_with_room_around_it_is_no_chip(
    finder: Finder, portrait_pixels: Pixels, face: Face, border: float
) -> None:
    transform = face.to_chip * 2
    transform[:, 2] += 2 * CHIP * border
    side = round(2 * CHIP * (1 + 2 * border))
    pixels = geometry.warp(portrait_pixels, transform, side)
    assert only(find_faces(finder, pixels)).score is not None


# The detector itself


def answering(*found: tuple[int, float, list[float]]) -> Network:
    """A network whose anchors of these numbers answer with this logit and these offsets."""

    def run(image: Tensor) -> dict[str, Tensor]:
        assert image.shape == (SIDE, SIDE, 3)
        logits = np.full((896, 1), -20, np.float32)
        offsets = np.zeros((896, 16), np.float32)
        for anchor, logit, offset in found:
            logits[anchor] = logit
            offsets[anchor] = offset
        return {"classificators": logits, "regressors": offsets}

    return cast("Network", run)


def offsets(x: float, y: float, width: float, height: float) -> list[float]:
    """A box's, with the six keypoints at its middle."""
    return [x, y, width, height, *([x, y] * 6)]


def answering_in_turn(*networks: Network) -> Network:
    """A network that answers as the first, then as the second, and so on."""
    turns = iter(networks)

    def run(image: Tensor) -> dict[str, Tensor]:
        return next(turns)(image)

    return cast("Network", run)


def seen_by(network: Network, min_score: float = 0.5) -> list[Detection]:
    return blazeface.detect(network, np.zeros((SIDE, SIDE, 3), np.uint8), min_score)


@pytest.mark.parametrize(
    ("anchor", "centre"),
    [
        (0, (4, 4)),
        (1, (4, 4)),
        (2, (12, 4)),
        (32, (4, 12)),
        (511, (124, 124)),
        (512, (8, 8)),
        (517, (8, 8)),
        (518, (24, 8)),
        (560, (8, 24)),
        (895, (120, 120)),
    ],
)
def test_each_anchor_has_its_place(anchor: int, centre: tuple[int, int]) -> None:
    (found,) = seen_by(answering((anchor, 5, offsets(0, 0, 20, 10))))
    x, y = centre
    assert np.allclose(found.corners, [[x - 10, y - 5], [x + 10, y + 5]])
    assert np.allclose(found.keypoints, [[x, y]] * 6)
    assert found.score == pytest.approx(1 / (1 + np.exp(-5)))


def test_overlapping_detections_are_merged_weighted_by_score_above_the_least() -> None:
    even = float(np.log(0.9 / 0.1)), float(np.log(0.6 / 0.4))
    network = answering((0, even[0], offsets(0, 0, 40, 40)), (1, even[1], offsets(5, 0, 40, 40)))
    (found,) = seen_by(network)
    assert found.score == pytest.approx(0.9)
    shift = 5 * 0.1 / 0.5
    assert np.allclose(found.corners, [[4 + shift - 20, -16], [4 + shift + 20, 24]])
    assert np.allclose(found.keypoints, [[4 + shift, 4]] * 6)


def test_one_that_hardly_counts_moves_the_average_by_next_to_nothing() -> None:
    sure, hardly = (0, 2.0, offsets(0, 0, 40, 40)), (1, 1e-4, offsets(5, 0, 40, 40))
    (alone,), (together,) = seen_by(answering(sure)), seen_by(answering(sure, hardly))
    assert np.abs(alone.corners - together.corners).max() < 0.01


def test_detections_apart_stay_apart_the_best_first() -> None:
    network = answering((0, 1, offsets(0, 0, 8, 8)), (300, 3, offsets(0, 0, 8, 8)))
    scores = [found.score for found in seen_by(network)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2


def test_detections_that_score_too_little_are_left_out() -> None:
    network = answering((0, 0.1, offsets(0, 0, 8, 8)), (300, -0.1, offsets(0, 0, 8, 8)))
    assert len(seen_by(network, 0.5)) == 1
    assert len(seen_by(network, 0.4)) == 2
    assert seen_by(network, 0.9) == []


def test_the_committed_detector_fires_many_times_for_one_face_and_reports_it_once(
    detector: Network, chip: Callable[[int], Pixels]
) -> None:
    view = chip(SIDE)
    logits = detector(view.astype(np.float32) / 127.5 - 1)["classificators"]
    assert logits.shape == (896, 1)
    assert int((logits > 0).sum()) > 1
    assert len(blazeface.detect(detector, view, 0.5)) == 1


MIDDLE, CORNER = 238, 34  # anchors at (60, 60) and (12, 12)
MIRRORED = {MIDDLE: 240, CORNER: 60}
"""Anchors at (68, 60) and (116, 12): where the mirror shows what is in those places."""

FEATURES = [0.0, 0, 30, 30, -8, -8, 8, -8, 0, 0, 0, 9, -16, -6, 16, -6]
"""Box, eyes, nose, mouth and ears of a drawn face."""

BLACK = np.zeros((200, 200, 3), np.uint8)


def of_opinion(*logits: float) -> Network:
    """A verifier that has these opinions in turn, or one of whatever it is shown."""
    opinions = itertools.cycle(logits)
    return cast("Network", lambda _: {"logits": np.array([next(opinions)], np.float32)})


def verdict_of(detected: float, verified: float) -> float:
    """Both networks' verdict, of the detector's logit and the verifier's."""
    return float(1 / (1 + np.exp(-(verified + 1.8 * detected - 2.25) / 2.2)))


def proposing(*looks: Network) -> Network:
    """A detector that proposes a face, looks closer as given, and sees nothing else."""
    return answering_in_turn(answering((MIDDLE, 0, FEATURES)), *looks, *([answering()] * 5))


@pytest.mark.parametrize(
    ("anchor", "logit", "verdict", "scores"),
    [
        pytest.param(MIDDLE, 1, 2, [verdict_of(1, 2)], id="there and verified"),
        pytest.param(MIDDLE, 1, -6, [], id="there and rejected by the verifier"),
        pytest.param(MIDDLE, -2, 2, [], id="hardly there"),
        pytest.param(CORNER, 3, 2, [], id="another one"),
        pytest.param(
            MIDDLE,
            -2,
            11,
            [verdict_of(np.log(0.25 / 0.75), 11)],
            id="hardly there but clear to the verifier",
        ),
    ],
)
def test_a_face_counts_if_a_closer_look_shows_it_in_its_place_and_the_verifier_agrees(
    anchor: int, logit: float, verdict: float, scores: list[float]
) -> None:
    # GIVEN a detector that proposes a face, and looks again, also at the mirror image
    looks = answering((anchor, logit, FEATURES)), answering((MIRRORED[anchor], logit, FEATURES))

    found = find_faces(Finder(proposing(*looks), of_opinion(verdict)), BLACK)

    assert [each.score for each in found] == pytest.approx(scores, abs=1e-4)


def test_what_is_in_doubt_must_pass_for_a_face_from_nearer_and_from_farther_off_too() -> None:
    seen = answering((MIDDLE, 1, FEATURES)), answering((MIRRORED[MIDDLE], 1, FEATURES))
    # GIVEN a verifier that is shown a face, its mirror image, and then both at other distances
    for opinions, found in (([1] * 6, True), ([1, 1, *[-9] * 4], False), ([1, 5] * 3, True)):
        faces = find_faces(Finder(proposing(*seen), of_opinion(*opinions)), BLACK)
        assert [each.score for each in faces] == [pytest.approx(verdict_of(1, 1))] * found


def test_what_is_beyond_doubt_is_verified_once() -> None:
    seen = answering((MIDDLE, 1.5, FEATURES)), answering((MIRRORED[MIDDLE], 1.5, FEATURES))
    (face,) = find_faces(Finder(proposing(*seen), of_opinion(7, 7, *[-9] * 4)), BLACK)
    assert face.score == pytest.approx(verdict_of(1.5, 7))


def test_what_both_closer_looks_are_sure_of_is_a_face_whatever_the_verifier_says() -> None:
    seen = answering((MIDDLE, 2, FEATURES)), answering((MIRRORED[MIDDLE], 2, FEATURES))
    (face,) = find_faces(Finder(proposing(*seen), of_opinion(-9)), BLACK)
    assert face.score == pytest.approx(verdict_of(2, 8))


def test_what_fills_much_of_the_picture_is_a_face_from_a_lower_score_on() -> None:
    for width, found in ((30, False), (70, True)):
        features = [0.0, 0, width, width, *FEATURES[4:]]
        seen = answering((MIDDLE, 1, features)), answering((MIRRORED[MIDDLE], 1, features))
        faces = find_faces(Finder(proposing(*seen), of_opinion(0)), BLACK)
        assert [each.score for each in faces] == [pytest.approx(verdict_of(1, 0))] * found


def test_what_only_one_of_the_closer_looks_shows_counts_half() -> None:
    seen, nothing = answering((MIDDLE, 3, FEATURES)), answering()
    for detector in proposing(seen, nothing), proposing(nothing, seen):
        (found,) = find_faces(Finder(detector, of_opinion(4)), BLACK)
        half = 0.5 / (1 + np.exp(-3))
        assert found.score == pytest.approx(verdict_of(np.log(half / (1 - half)), 4))


def test_where_a_look_errs_to_one_side_the_look_in_the_mirror_makes_up_for_it() -> None:
    def found(right: float) -> Face:
        features = [each + right * (index % 2 == 0) for index, each in enumerate(FEATURES)]
        features[2] = FEATURES[2]  # the width
        looks = answering((MIDDLE, 3, features)), answering((MIRRORED[MIDDLE], 3, features))
        return only(find_faces(Finder(proposing(*looks), of_opinion(2)), BLACK))

    assert found(right=6).to_chip == pytest.approx(found(right=0).to_chip)
    assert found(right=6).corners == pytest.approx(found(right=0).corners)


def test_a_detector_that_has_no_doubt_at_all_is_believed_and_not_divided_by() -> None:
    # GIVEN a logit whose score is 1 to the last bit
    certain = answering((MIDDLE, 50, FEATURES))
    nothing = answering()
    detector = answering_in_turn(certain, certain, certain, *([nothing] * 4))

    (found,) = find_faces(Finder(detector, of_opinion(2)), BLACK)

    assert found.score is not None
    assert 0.99 < found.score <= 1


@pytest.mark.parametrize("degrees", [-90, 90, 180])
def test_a_face_in_a_picture_held_wrongly_is_found_and_aligned_upright(
    finder: Finder, portrait_pixels: Pixels, face: Face, degrees: int
) -> None:
    turned = np.ascontiguousarray(np.rot90(portrait_pixels, degrees // 90))
    found = only(find_faces(finder, turned))
    upright = align(portrait_pixels, face).astype(int)
    assert np.abs(align(turned, found).astype(int) - upright).mean() < 25


def test_small_faces_beside_a_large_one_are_found_only_by_a_thorough_search(
    finder: Finder, portrait_pixels: Pixels
) -> None:
    pixels = np.zeros((400, 800, 3), np.uint8)
    pixels[:, :400] = portrait_pixels[20:260, 100:340].repeat(2, 0).repeat(2, 1)[:400, :400]
    pixels[300:380, 700:780] = resized(portrait_pixels[60:188, 160:288], 80, 80)
    assert len(find_faces(finder, pixels)) == 1
    assert len(find_faces(finder, pixels, thorough=True)) == 2
