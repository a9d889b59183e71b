"""The face detector: the committed network on one photo, and the reading of its grids."""

from typing import cast

import numpy as np
import pytest

from ethnicity.detector import Detection, detect
from ethnicity.geometry import Pixels
from ethnicity.networks import Network, Tensor
from tests.unit.pictures import on_canvas, resized

SIDE = 320

OPENCV_BOX = np.array([[114.18, 62.74], [114.18 + 90.34, 62.74 + 113.48]])
OPENCV_KEYPOINTS = np.array(
    [[136.17, 101.54], [183.21, 102.42], [156.18, 124.34], [134.45, 142.76], [175.45, 143.62]]
)
"""The answer of cv2.FaceDetectorYN for `view`, with the .onnx file of March 2023; score 0.93."""


@pytest.fixture(scope="module")
def view(portrait_pixels: Pixels) -> Pixels:
    """The astronaut's head and shoulders, 320×320."""
    return portrait_pixels[:SIDE, 64 : 64 + SIDE]


@pytest.fixture(scope="module")
def face(detector: Network, view: Pixels) -> Detection:
    return only(detect(detector, view, 0.5))


def only(found: list[Detection]) -> Detection:
    (face,) = found
    return face


# The committed network


def test_the_best_cell_agrees_with_opencv(detector: Network, view: Pixels, face: Detection) -> None:
    # With this threshold, there is no other cell to average with.
    best = only(detect(detector, view, face.score - 1e-6))
    assert best.score == pytest.approx(0.93, abs=0.005)
    assert np.allclose(best.corners, OPENCV_BOX, atol=0.1)
    assert np.allclose(best.keypoints, OPENCV_KEYPOINTS, atol=0.1)


def test_the_face_of_a_portrait_is_found_once_near_the_best_cell(face: Detection) -> None:
    assert face.score == pytest.approx(0.93, abs=0.005)
    assert np.abs(face.corners - OPENCV_BOX).max() < 6
    assert np.abs(face.keypoints - OPENCV_KEYPOINTS).max() < 4


def test_keypoints_lie_where_their_names_say(face: Detection) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = face.keypoints
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_a_mirrored_view_has_its_face_on_the_other_side(
    detector: Network, view: Pixels, face: Detection
) -> None:
    mirrored = only(detect(detector, view[:, ::-1], 0.5))
    keypoints = face.keypoints[[1, 0, 2, 4, 3]]
    keypoints[:, 0] = SIDE - keypoints[:, 0]
    assert np.abs(mirrored.keypoints - keypoints).max() < 4


def test_the_network_distinguishes_red_from_blue(
    detector: Network, view: Pixels, face: Detection
) -> None:
    swapped = only(detect(detector, view[..., ::-1], 0.5))
    assert swapped.score < face.score


@pytest.mark.parametrize(("width", "height"), [(640, 640), (640, 320), (320, 640), (384, 352)])
def test_one_file_serves_views_of_any_size(
    detector: Network, view: Pixels, face: Detection, width: int, height: int
) -> None:
    canvas = on_canvas(view, (width, height), (32, 0))
    found = only(detect(detector, canvas, 0.7))
    assert np.abs(found.keypoints - (32, 0) - face.keypoints).max() < 4


@pytest.mark.parametrize("side", [128, 160, 224, 640])
def test_the_face_is_found_at_every_size_of_view(
    detector: Network, view: Pixels, face: Detection, side: int
) -> None:
    found = only(detect(detector, resized(view, side, side), 0.7))
    scale = side / SIDE
    assert np.abs(found.keypoints / scale - face.keypoints).max() < 8


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_empty_view_has_no_face(detector: Network, grey: int) -> None:
    assert detect(detector, np.full((SIDE, SIDE, 3), grey, np.uint8), 0.1) == []


def test_the_network_fires_many_times_for_one_face(detector: Network, view: Pixels) -> None:
    grids = detector(view).values()
    assert sum(np.count_nonzero((grid[..., :2] > 0).all(axis=-1)) for grid in grids) > 1


# Reading the grids


def answering(*found: tuple[int, int, int, float, list[float]]) -> Network:
    """A network that finds faces in these cells: stride, row, column, score and points of each.

    A cell's score is the geometric mean of two probabilities, which are equal here. The grids
    come in no particular order.
    """

    def run(image: Pixels) -> dict[str, Tensor]:
        height, width = image.shape[0], image.shape[1]
        grids = {
            stride: np.full((height // stride, width // stride, 16), -20, np.float32)
            for stride in (16, 32, 8)
        }
        for stride, row, column, score, points in found:
            logit = np.log(score / (1 - score))
            grids[stride][row, column] = [logit, logit, *points]
        return {str(stride): grid for stride, grid in grids.items()}

    return cast("Network", run)


def points(x: float, y: float, width: float, height: float) -> list[float]:
    """The numbers for a box, in cells, with all five keypoints at its middle."""
    return [x, y, float(np.log(width)), float(np.log(height)), *([x, y] * 5)]


def seen_by(network: Network, min_score: float = 0.5) -> list[Detection]:
    return detect(network, np.zeros((SIDE, 2 * SIDE, 3), np.uint8), min_score)


@pytest.mark.parametrize("stride", [8, 16, 32])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (7, 0), (9, 19)])
def test_each_cell_maps_to_its_place_in_the_view(stride: int, row: int, column: int) -> None:
    found = only(seen_by(answering((stride, row, column, 0.9, points(0.5, 0.25, 2, 3)))))
    x, y = (column + 0.5) * stride, (row + 0.25) * stride
    right, bottom = x + stride, y + 1.5 * stride
    assert np.allclose(found.corners[1], [right, bottom], rtol=1e-5)
    assert np.allclose(found.corners.mean(axis=0), [x, y])
    assert np.allclose(found.keypoints, [[x, y]] * 5)
    assert found.score == pytest.approx(0.9)


@pytest.mark.parametrize(("class_", "objectness"), [(0.9, 0.4), (0.4, 0.9), (0.6, 0.6)])
def test_the_score_is_the_geometric_mean_of_class_and_objectness(
    class_: float, objectness: float
) -> None:
    def run(_: Pixels) -> dict[str, Tensor]:
        odds = np.array([class_ / (1 - class_), objectness / (1 - objectness)])
        return {"": np.array([[[*np.log(odds), *points(0, 0, 1, 1)]]], np.float32)}

    found = only(seen_by(cast("Network", run)))
    assert found.score == pytest.approx(0.6)
    assert seen_by(cast("Network", run), 0.61) == []


def test_overlapping_detections_are_averaged_by_their_scores_above_the_minimum() -> None:
    network = answering(
        (8, 4, 4, 0.9, points(0, 0, 5, 5)),
        (8, 4, 5, 0.6, points(0, 0, 5, 5)),
    )
    found = only(seen_by(network))
    assert found.score == pytest.approx(0.9)
    x = 32 + 8 * 0.1 / 0.5
    assert np.allclose(found.corners, [[x - 20, 12], [x + 20, 52]], rtol=1e-5)
    assert np.allclose(found.keypoints, [[x, 32]] * 5, rtol=1e-5)


def test_one_face_found_in_two_grids_is_one_detection() -> None:
    network = answering(
        (8, 4, 4, 0.7, points(0, 0, 6, 6)),
        (16, 2, 2, 0.8, points(0, 0, 3, 3)),
    )
    assert only(seen_by(network)).score == pytest.approx(0.8)


def test_a_candidate_just_above_the_minimum_score_hardly_moves_the_average() -> None:
    sure, hardly = (8, 4, 4, 0.9, points(0, 0, 5, 5)), (8, 4, 5, 0.5001, points(0, 0, 5, 5))
    alone, together = only(seen_by(answering(sure))), only(seen_by(answering(sure, hardly)))
    assert np.abs(alone.corners - together.corners).max() < 0.01


def test_separate_detections_stay_separate_best_first() -> None:
    network = answering((8, 0, 0, 0.7, points(0, 0, 1, 1)), (16, 9, 9, 0.9, points(0, 0, 1, 1)))
    assert [found.score for found in seen_by(network)] == pytest.approx([0.9, 0.7])


def test_detections_with_low_scores_are_left_out() -> None:
    network = answering((8, 0, 0, 0.7, points(0, 0, 1, 1)), (16, 9, 9, 0.4, points(0, 0, 1, 1)))
    assert len(seen_by(network, 0.5)) == 1
    assert len(seen_by(network, 0.3)) == 2
    assert seen_by(network, 0.8) == []


def test_a_face_mapped_to_a_turned_picture_has_an_upright_box() -> None:
    face = Detection(np.array([[10.0, 20.0], [30.0, 60.0]]), np.array([[12.0, 25.0]] * 5), 0.9)
    mapped = face.mapped(np.array([[0.0, -2.0, 200.0], [2.0, 0.0, 5.0]]))
    assert mapped.corners.tolist() == [[80, 25], [160, 65]]
    assert mapped.keypoints.tolist() == [[150, 29]] * 5
    assert (mapped.width, mapped.centre, mapped.score) == (80, (120, 45), 0.9)
