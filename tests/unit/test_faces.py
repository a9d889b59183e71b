"""Faces found by the committed networks in two photos, shifted, scaled and rotated."""

import io
from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from ethnicity import geometry, images, search
from ethnicity.detector import detect
from ethnicity.faces import LOOK, Face, Finder, find_faces
from ethnicity.frame import CHIP, FRAME, whole_view
from ethnicity.geometry import Pixels, Points
from ethnicity.networks import Network, Tensor
from tests.unit.pictures import difference, encode, on_canvas, resized

FACE = np.array([[180.0, 64.0], [271.0, 177.0]])
"""The box of the face in the astronaut's picture: top left, bottom right."""

CLOSE_UP = (slice(20, 200), slice(130, 310))
"""Rows and columns of a part of the astronaut's picture that is half face."""


def overlap(one: Points, other: Points) -> float:
    """Intersection over union of two boxes."""
    shared = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    intersection = np.prod(np.maximum(shared, 0))
    areas = np.prod(one[1] - one[0]) + np.prod(other[1] - other[0])
    return float(intersection / (areas - intersection))


def misplaced(face: Face, expected: Points) -> float:
    """The mean distance of the aligned face's corners from the expected ones, in side lengths."""
    side = float(np.linalg.norm(expected[1] - expected[0]))
    return float(np.linalg.norm(frame_corners(face) - expected, axis=1).mean()) / side


def frame_corners(face: Face) -> Points:
    """The corners of the aligned face in the picture."""
    return geometry.apply(geometry.invert(face.to_chip), geometry.square_corners(CHIP))


def only(found: list[Face]) -> Face:
    (face,) = found
    return face


def exactly(face: Face) -> tuple[bytes, float | None, bytes]:
    """All data of a face, for bit-exact comparison."""
    return face.corners.tobytes(), face.score, face.to_chip.tobytes()


def turned(pixels: Pixels, quarters: int) -> Pixels:
    """The picture, turned counterclockwise."""
    return np.ascontiguousarray(np.rot90(pixels, quarters))


class Shown:
    """A network that records the widths of its input images."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.widths: list[int] = []

    def __call__(self, image: Pixels) -> dict[str, Tensor]:
        self.widths.append(image.shape[1])
        return self._network(image)


def of_opinion(logit: float) -> Network:
    """A classifier that gives every face these log odds of being one."""
    return cast("Network", lambda _: {"outputs": np.array([0, 0, 0, 0, 0, logit], np.float32)})


@pytest.fixture(scope="module")
def face(finder: Finder, portrait_pixels: Pixels) -> Face:
    return only(find_faces(finder, portrait_pixels))


@pytest.fixture(scope="module")
def chip(portrait_pixels: Pixels, face: Face) -> Callable[[int], Pixels]:
    """The astronaut's face in the classifier's frame, at any size."""

    def chip(side: int) -> Pixels:
        return geometry.warp(portrait_pixels, face.to_chip * (side / CHIP), side)

    return chip


@pytest.fixture(scope="module")
def obama_pixels(obama: bytes) -> Pixels:
    """The president's picture, 280×350."""
    return resized(np.array(Image.open(io.BytesIO(obama)).convert("RGB")), 280, 350)


# Pictures with faces


def test_the_face_of_a_portrait_is_found_once(face: Face) -> None:
    assert overlap(face.corners, FACE) > 0.9
    assert face.score is not None
    assert 0.75 <= face.score <= 1


@pytest.mark.parametrize("scale", [0.1, 0.15, 0.25, 0.3, 0.5, 0.75, 1.5, 2, 3, 5])
def test_the_face_is_found_at_every_scale(
    finder: Finder, portrait_pixels: Pixels, scale: float
) -> None:
    side = round(512 * scale)
    found = only(find_faces(finder, resized(portrait_pixels, side, side)))
    assert overlap(found.corners / scale, FACE) > 0.7


@pytest.mark.parametrize("size", [(1000, 600), (600, 1200), (1300, 520), (1600, 1200)])
@pytest.mark.parametrize(("right", "down"), [(0, 0), (0.4, 1), (1, 0.5)])
def test_the_face_is_found_wherever_it_lies_on_a_canvas(
    finder: Finder, portrait_pixels: Pixels, size: tuple[int, int], right: float, down: float
) -> None:
    corner = round(right * (size[0] - 512)), round(down * (size[1] - 512))
    for grey in (0, 128, 255):
        canvas = on_canvas(portrait_pixels, size, corner, grey)
        assert overlap(only(find_faces(finder, canvas)).corners - corner, FACE) > 0.7


@pytest.mark.parametrize("left", range(620, 800, 20))
def test_a_face_cut_by_the_border_of_a_tile_is_found_once(
    finder: Finder, portrait_pixels: Pixels, left: int
) -> None:
    # Tiles of the second level begin or end at columns 751 and 849.
    canvas = on_canvas(portrait_pixels[:400, 100:400], (1600, 800), (left - 80, 200))
    for all_faces in (False, True):
        found = only(find_faces(finder, canvas, all_faces=all_faces))
        assert overlap(found.corners - (left - 180, 200), FACE) > 0.7


@pytest.mark.parametrize("degrees", [-40, -20, 20, 40])
@pytest.mark.parametrize("farthest", [0.4, 0.12])
def test_a_tilted_face_is_found_and_aligned_upright(
    finder: Finder, portrait_pixels: Pixels, face: Face, degrees: int, farthest: float
) -> None:
    turn = np.array(cv2.getRotationMatrix2D((223.0, 124.0), degrees, 1.0), np.float64)
    tilted = cv2.warpAffine(portrait_pixels, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    found = only(find_faces(finder, tilted.astype(np.uint8)))
    assert overlap(found.corners, FACE) > 0.6
    assert misplaced(found, geometry.apply(turn, frame_corners(face))) < farthest


@pytest.mark.parametrize("side", [128, 200, 256, 512])
def test_a_mirrored_portrait_is_aligned_to_the_mirror_image(
    finder: Finder, portrait_pixels: Pixels, side: int
) -> None:
    pixels = resized(portrait_pixels[:300, 80:380], side, side)
    face = only(find_faces(finder, pixels))
    mirrored = only(find_faces(finder, np.ascontiguousarray(pixels[:, ::-1])))
    corners = frame_corners(face)[[1, 0, 3, 2]]
    corners[:, 0] = side - corners[:, 0]
    assert misplaced(mirrored, corners) < 0.05


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_in_a_turned_picture_is_found_where_it_is_displayed(
    finder: Finder, portrait_pixels: Pixels, obama_pixels: Pixels, quarters: int
) -> None:
    for pixels, least in ((portrait_pixels, 0.5), (obama_pixels, 0.9)):
        box = np.zeros(pixels.shape[:2], np.uint8)
        (left, top), (right, bottom) = only(find_faces(finder, pixels)).corners.round().astype(int)
        box[top:bottom, left:right] = 1
        rows, columns = np.nonzero(turned(box, quarters))
        expected = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])
        found = only(find_faces(finder, turned(pixels, quarters)))
        assert overlap(found.corners, expected) > least


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("name", ["obama_pixels", "portrait_pixels"])
def test_a_face_in_a_turned_picture_is_aligned_upright(
    finder: Finder, request: pytest.FixtureRequest, name: str, quarters: int
) -> None:
    pixels: Pixels = request.getfixturevalue(name)
    both = pixels, turned(pixels, quarters)
    assert difference(*(only(find_faces(finder, each)).chip for each in both)) < 15


@pytest.mark.parametrize("box", [(200, 0, 512, 512), (0, 90, 512, 512), (100, 0, 400, 150)])
def test_the_box_of_a_face_cut_by_the_edge_lies_in_the_picture(
    finder: Finder, portrait_pixels: Pixels, box: tuple[int, int, int, int]
) -> None:
    left, top, right, bottom = box
    found = only(find_faces(finder, portrait_pixels[top:bottom, left:right]))
    assert (found.corners >= 0).all()
    assert (found.corners <= (right - left, bottom - top)).all()
    assert overlap(found.corners + np.array([left, top]), FACE) > 0.4


def test_a_repeated_search_finds_the_same_faces(
    finder: Finder, portrait_pixels: Pixels, face: Face
) -> None:
    find_faces(finder, np.zeros((300, 300, 3), np.uint8))
    assert exactly(only(find_faces(finder, portrait_pixels))) == exactly(face)


# Several faces, from coarse to fine

Composed = dict[str, tuple[Pixels, int, int]]
"""By name: a picture, and its numbers of faces by default and if all are requested."""


@pytest.fixture(scope="module")
def composed(portrait_pixels: Pixels, obama_pixels: Pixels) -> Composed:
    larger = on_canvas(resized(portrait_pixels, 760, 760), (1272, 760), (0, 0))
    larger[:512, 760:] = portrait_pixels
    beside = on_canvas(resized(portrait_pixels[CLOSE_UP], 720, 720), (1080, 720), (0, 0))
    for top in (50, 270, 490):
        beside[top : top + 160, 800:960] = portrait_pixels[40:200, 144:304]
    finest = on_canvas(resized(portrait_pixels, 1200, 1200), (2000, 1200), (0, 0))
    finest[500:632, 1500:1632] = resized(portrait_pixels, 132, 132)
    crowd = np.zeros((1600, 1600, 3), np.uint8)
    for number in range(16):
        side, (top, left) = 200 + 12 * number, (400 * each for each in divmod(number, 4))
        part = resized(portrait_pixels[:400, 50:450], side, side)
        crowd[top : top + side, left : left + side] = part
    couple = on_canvas(obama_pixels, (560, 350), (0, 0))
    couple[:280, 280:504] = resized(obama_pixels, 224, 280)
    return {
        "portrait": (portrait_pixels, 1, 1),
        "the same face twice": (np.concatenate([portrait_pixels, portrait_pixels], axis=1), 2, 2),
        "a larger face on the left": (larger, 2, 2),
        "a larger face on the right": (np.ascontiguousarray(larger[:, ::-1]), 2, 2),
        "small faces beside a large one": (beside, 1, 4),
        "a tiny face beside a large one": (finest, 1, 2),
        "crowd": (crowd, 16, 16),
        "turned": (turned(obama_pixels, 1), 1, 1),
        "two faces turned": (turned(couple, 3), 2, 2),
    }


def test_a_search_for_all_faces_adds_smaller_ones_and_moves_none(
    finder: Finder, composed: Composed
) -> None:
    for name, (pixels, at_once, in_all) in composed.items():
        found = find_faces(finder, pixels)
        everyone = find_faces(finder, pixels, all_faces=True)
        widths = [np.ptp(each.corners[:, 0]) for each in everyone]
        assert (len(found), len(everyone)) == (at_once, in_all), name
        assert exactly(everyone[0]) == exactly(found[0]), name
        assert {*map(exactly, found)} <= {*map(exactly, everyone)}, name
        assert widths == sorted(widths, reverse=True), name


def test_two_faces_are_where_they_were_put(finder: Finder, composed: Composed) -> None:
    larger, smaller = find_faces(finder, composed["a larger face on the left"][0])
    assert overlap(larger.corners, FACE * 760 / 512) > 0.8
    assert overlap(smaller.corners, FACE + np.array([760, 0])) > 0.8


@pytest.mark.parametrize(("all_faces", "tiles"), [(False, 0), (True, 5)])
def test_a_large_face_ends_the_search_unless_all_faces_are_requested(
    finder: Finder, portrait_pixels: Pixels, *, all_faces: bool, tiles: int
) -> None:
    detector = Shown(finder.detector)
    shown = Finder(cast("Network", detector), finder.classifier)
    only(find_faces(shown, resized(portrait_pixels[CLOSE_UP], 800, 800), all_faces=all_faces))
    assert detector.widths.count(LOOK) == 2  # a glance, and a closer look at its result
    assert len(detector.widths) == 2 + tiles


def test_the_classifier_contributes_to_the_verdict_on_a_face(
    finder: Finder, portrait_pixels: Pixels
) -> None:
    tiny = resized(portrait_pixels, 51, 51)
    for pixels, opinion, found in (
        (portrait_pixels, -9, False),
        (tiny, -9, False),
        (tiny, 9, True),
    ):
        faces = find_faces(Finder(finder.detector, of_opinion(opinion)), pixels)
        assert bool(faces) == found


def test_the_number_of_closer_looks_is_bounded() -> None:
    small_face = [-1, -1, 0.5, 0.5, -1, -1, 0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1]

    def seeing_many(image: Pixels) -> dict[str, Tensor]:
        height, width = image.shape[:2]
        grids = [np.full((height // n, width // n, 16), -20, np.float32) for n in (8, 16, 32)]
        if width > LOOK:
            grids[1][:] = small_face
        return dict(zip("abc", grids, strict=True))

    detector = Shown(cast("Network", seeing_many))
    finder = Finder(cast("Network", detector), of_opinion(9))
    assert find_faces(finder, np.zeros((700, 700, 3), np.uint8)) == []
    # A glance, two levels and three turns.
    assert detector.widths.count(LOOK) == 1 + 5 * search.MAX_PROPOSALS


# Pictures without faces


def drawn_house() -> Pixels:
    image = Image.new("RGB", (640, 480), "skyblue")
    draw = ImageDraw.Draw(image)
    draw.rectangle((200, 200, 440, 480), fill="brown")
    draw.rectangle((240, 260, 290, 310), fill="yellow")
    draw.rectangle((350, 260, 400, 310), fill="yellow")
    draw.rectangle((300, 380, 350, 480), fill="black")
    return np.array(image)


Y, X = np.mgrid[:480, :640]
DRAWINGS = {
    "house": drawn_house(),
    "slope": np.dstack([X * 0.4, Y * 0.5, (X + Y) * 0.2]).astype(np.uint8),
    "board": np.dstack([(X // 50 + Y // 50) % 2 * 255] * 3).astype(np.uint8),
    "noise": np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_face_is_found_in_drawings(finder: Finder, name: str) -> None:
    assert find_faces(finder, DRAWINGS[name]) == []
    assert find_faces(finder, resized(DRAWINGS[name], 200, 200)) == []


@pytest.mark.parametrize(("left", "top"), [(100, 300), (330, 0)])
def test_a_square_next_to_the_face_is_not_a_chip(
    finder: Finder, portrait_pixels: Pixels, left: int, top: int
) -> None:
    assert find_faces(finder, portrait_pixels[top : top + 182, left : left + 182]) == []


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (220, 180, 150)])
def test_no_face_is_found_in_one_colour(finder: Finder, colour: tuple[int, int, int]) -> None:
    for height, width in ((64, 64), (200, 200), (480, 640)):
        assert find_faces(finder, np.full((height, width, 3), colour, np.uint8)) == []


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (2, 1), (3, 200), (200, 3), (10_000, 20), (20, 10_000), (8192, 1), (255, 256)],
)
def test_pictures_of_odd_shapes_are_searched(
    finder: Finder, portrait_pixels: Pixels, width: int, height: int
) -> None:
    pixels = np.asarray(cv2.resize(portrait_pixels, (width, height)), np.uint8)
    for found in find_faces(finder, pixels, all_faces=True):
        assert (found.corners >= 0).all()
        assert (found.corners <= (width, height)).all()


# Alignment


def test_an_aligned_face_has_eyes_and_mouth_where_the_classifier_expects_them(
    detector: Network, chip: Callable[[int], Pixels]
) -> None:
    with_border = 0.75 * np.array([[1, 0, LOOK / 6], [0, 1, LOOK / 6]])
    (found,) = detect(detector, geometry.warp(chip(LOOK), with_border, LOOK), 0.5)
    points = geometry.apply(geometry.invert(with_border), found.keypoints) / LOOK
    assert np.abs(points[[0, 1, 3, 4]] - FRAME).max() < 0.04


@pytest.mark.parametrize("side", [200, 400, 1024, 1600])
def test_a_face_is_aligned_equally_in_pictures_of_any_size(
    finder: Finder, portrait_pixels: Pixels, face: Face, side: int
) -> None:
    found = only(find_faces(finder, resized(portrait_pixels, side, side)))
    assert misplaced(found, frame_corners(face) * (side / 512)) < 0.03


@pytest.mark.parametrize("side", [64, CHIP, 100, 200, 400])
def test_a_picture_that_is_a_chip_is_taken_whole(
    finder: Finder, chip: Callable[[int], Pixels], side: int
) -> None:
    pixels = images.decode(encode(chip(side), quality=95)).pixels
    for all_faces in (False, True):
        found = only(find_faces(finder, pixels, all_faces=all_faces))
        assert np.array_equal(found.to_chip, whole_view(side, side))
    assert found.score is None
    assert found.corners.tolist() == [[0, 0], [side, side]]
    whole = cv2.resize(pixels, (CHIP, CHIP), interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert found.chip.dtype == np.uint8
    assert difference(found.chip, whole) <= (0 if side == CHIP else 3)


def test_a_face_comes_with_what_the_classifier_sees_and_says(
    finder: Finder, portrait_pixels: Pixels, face: Face
) -> None:
    assert np.array_equal(face.chip, geometry.warp(portrait_pixels, face.to_chip, CHIP))
    (outputs,) = finder.classifier(face.chip).values()
    assert face.outputs is not None
    assert np.array_equal(face.outputs, outputs)


@pytest.mark.parametrize("side", [64, 200])
def test_a_chip_is_aligned_like_any_face_on_request(
    finder: Finder, chip: Callable[[int], Pixels], side: int
) -> None:
    found = only(find_faces(finder, chip(side), take_chips_whole=False))
    assert found.score is not None
    assert misplaced(found, geometry.square_corners(side)) < 0.05


@pytest.mark.parametrize("border", [0.2, 0.25, 0.5])
def test_a_face_with_space_around_it_is_not_a_chip(
    finder: Finder, portrait_pixels: Pixels, face: Face, border: float
) -> None:
    transform = face.to_chip * 2
    transform[:, 2] += 2 * CHIP * border
    pixels = geometry.warp(portrait_pixels, transform, round(2 * CHIP * (1 + 2 * border)))
    assert only(find_faces(finder, pixels)).score is not None
