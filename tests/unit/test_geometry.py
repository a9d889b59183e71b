"""Transforms and warped pictures, to a fraction of a pixel."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ethnicity.geometry import (
    Pixels,
    Points,
    Transform,
    apply,
    fit_similarity,
    invert,
    square_corners,
    warp,
)

coordinates = st.floats(-1000, 1000)
points = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=8)
transforms = st.builds(
    lambda scale, angle, x, y: similarity(scale, angle, (x, y)),
    st.floats(0.01, 100),
    st.floats(-180, 180),
    coordinates,
    coordinates,
)


def similarity(
    scale: float, degrees: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> Transform:
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


def centred(scale: float, degrees: float, centre: tuple[float, float], side: int) -> Transform:
    """Maps ``centre`` to the middle of a square of ``side``."""
    transform = similarity(scale, degrees)
    transform[:, 2] = side / 2 - transform[:, :2] @ centre
    return transform


def spot(width: int, height: int, centre: tuple[float, float], radius: float) -> Pixels:
    """A soft white spot on black; ``centre`` in continuous coordinates, as everywhere."""
    x = np.arange(width) + 0.5 - centre[0]
    y = np.arange(height) + 0.5 - centre[1]
    light = 255 * np.exp(-(x**2 + y[:, np.newaxis] ** 2) / (2 * radius**2))
    pixels: Pixels = np.rint(light).astype(np.uint8)[..., np.newaxis].repeat(3, axis=2)
    return pixels


def centre_of_light(pixels: Pixels) -> Points:
    light = pixels[..., 0].astype(float)
    x = np.arange(pixels.shape[1]) + 0.5
    y = np.arange(pixels.shape[0]) + 0.5
    total = light.sum()
    return np.array([light.sum(axis=0) @ x / total, light.sum(axis=1) @ y / total])


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


# Transforms


@settings(deadline=None)
@given(points, transforms)
def test_a_similarity_is_recovered_from_points_and_their_images(
    pairs: list[tuple[float, float]], transform: Transform
) -> None:
    source = np.array(pairs)
    spread = np.abs(source - source.mean(axis=0)).max()
    assume(spread > 1)
    target = apply(transform, source)
    found = fit_similarity(source, target)
    size = np.abs(target).max() + np.abs(transform).max()
    assert np.allclose(apply(found, source), target, rtol=0, atol=1e-9 * size)
    assert np.allclose(found[:, :2], transform[:, :2], rtol=0, atol=1e-9 * size)


@settings(deadline=None)
@given(points, points, st.floats(0.9, 1.1), st.floats(-5, 5), coordinates)
def test_no_other_similarity_comes_closer_than_the_fitted_one(
    source_pairs: list[tuple[float, float]],
    target_pairs: list[tuple[float, float]],
    scale: float,
    degrees: float,
    shift: float,
) -> None:
    count = min(len(source_pairs), len(target_pairs))
    source, target = np.array(source_pairs[:count]), np.array(target_pairs[:count])
    assume(np.abs(source - source.mean(axis=0)).max() > 1)
    found = fit_similarity(source, target)

    def misfit(transform: Transform) -> float:
        return float(((apply(transform, source) - target) ** 2).sum())

    change = similarity(scale, degrees)[:, :2]
    other = np.column_stack([change @ found[:, :2], found[:, 2] + shift])
    assert misfit(found) <= misfit(other) * (1 + 1e-9) + 1e-6


def test_a_mirrored_target_is_fitted_without_mirroring() -> None:
    source = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
    found = fit_similarity(source, source * (-1, 1))
    assert np.linalg.det(found[:, :2]) >= 0


@settings(deadline=None)
@given(points, transforms)
def test_the_inverse_maps_every_point_back(
    pairs: list[tuple[float, float]], transform: Transform
) -> None:
    source = np.array(pairs)
    back = apply(invert(transform), apply(transform, source))
    assert np.allclose(back, source, rtol=0, atol=1e-6)


def test_points_are_turned_then_shifted() -> None:
    quarter_turn = similarity(2, 90, (10, 20))
    assert np.allclose(apply(quarter_turn, np.array([[1.0, 0.0], [0.0, 1.0]])), [[10, 22], [8, 20]])


def test_the_corners_of_a_square_run_clockwise_from_the_top_left() -> None:
    assert square_corners(5).tolist() == [[0, 0], [5, 0], [5, 5], [0, 5]]


# Pictures


def test_a_picture_mapped_to_itself_is_itself() -> None:
    pixels = noise(64, 64)
    assert np.array_equal(warp(pixels, similarity(1), 64), pixels)


@pytest.mark.parametrize("shift", [(3, 0), (0, 5), (-7, 2)])
def test_a_shift_by_whole_pixels_moves_whole_pixels(shift: tuple[int, int]) -> None:
    pixels = noise(64, 64)
    moved = warp(pixels, similarity(1, 0, shift), 64)
    x, y = shift
    inner = slice(10, 54)
    assert np.array_equal(moved[inner, inner], pixels[10 - y : 54 - y, 10 - x : 54 - x])


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 6, 7, 8, 10, 16, 22, 25, 28])
def test_a_picture_shrunk_by_a_whole_factor_is_the_average_of_areas(factor: int) -> None:
    side = 20
    pixels = noise(side * factor, side * factor)
    areas = pixels.reshape(side, factor, side, factor, 3).mean(axis=(1, 3))
    shrunk = warp(pixels, similarity(1 / factor), side)
    assert np.abs(shrunk - areas).max() <= 0.5 + 1e-9
    resized = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    assert np.array_equal(shrunk, resized)


@pytest.mark.parametrize("scale", [0.05, 0.1, 0.21, 0.26, 0.3, 0.34, 0.45, 0.49])
def test_shrinking_averages_noise_out_as_areas_would(scale: float) -> None:
    # A target pixel averages 1/scale² independent source pixels: its standard deviation is scale
    # times theirs. Sampling without averaging would leave more than half of theirs.
    pixels = noise(int(64 / scale) + 9, int(64 / scale) + 9)
    shrunk = warp(pixels, similarity(scale, 0, (0.3, 0.4)), 64)
    assert float(shrunk.std()) < 1.2 * scale * float(pixels.std()) + 1


@pytest.mark.parametrize("degrees", [0, 10, -25, 45, 90, 135, 180])
@pytest.mark.parametrize("scale", [0.05, 0.1, 0.2, 0.3, 0.37, 0.5, 0.7, 1, 1.5, 4])
def test_the_warped_picture_follows_the_transform(scale: float, degrees: int) -> None:
    # An off-centre spot, whose place in the square is known to a twentieth of a pixel.
    side = 64
    seen = np.array([26.3, 40.6])
    centre = (700.25, 600.5)
    transform = centred(scale, degrees, (700, 600), side)
    centre_x, centre_y = apply(invert(transform), seen[np.newaxis])[0]
    half = int(32 / scale) + 80
    left, top = int(centre[0]) - half, int(centre[1]) - half
    pixels = spot(2 * half, 2 * half, (centre_x - left, centre_y - top), 4 / scale)
    transform[:, 2] += transform[:, :2] @ (left, top)
    found = centre_of_light(warp(pixels, transform, side))
    assert np.abs(found - seen).max() < 0.05


@pytest.mark.parametrize("scale", [0.1, 0.3, 1, 3])
def test_a_flat_picture_stays_flat_even_beyond_its_edges(scale: float) -> None:
    pixels = np.full((50, 70, 3), (10, 200, 90), np.uint8)
    seen = warp(pixels, similarity(scale, 30, (20, 10)), 64)
    assert np.array_equal(seen, np.full((64, 64, 3), (10, 200, 90), np.uint8))


@pytest.mark.parametrize("scale", [0.125, 0.2, 1, 2])
def test_beyond_the_picture_its_edge_is_repeated(scale: float) -> None:
    size = int(32 / scale)
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[:, : size // 2] = 50
    pixels[:, size // 2 :] = 200
    seen = warp(pixels, similarity(scale, 0, (16, 16)), 64)  # the picture fills 32 of 64 pixels
    assert np.array_equal(seen[:, :30], np.full((64, 30, 3), 50, np.uint8))
    assert np.array_equal(seen[:, 34:], np.full((64, 30, 3), 200, np.uint8))


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_a_square_far_beside_the_picture_shows_its_nearest_edge(scale: float) -> None:
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:, 40:] = 120
    assert (warp(pixels, similarity(scale, 0, (-9000 * scale, 0)), 16) == 120).all()
    assert (warp(pixels, similarity(scale, 0, (9000 * scale, 0)), 16) == 0).all()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 900), (900, 1), (3, 200), (4000, 7)])
@pytest.mark.parametrize("scale", [0.01, 0.3, 1, 50])
def test_pictures_of_any_shape_are_warped(width: int, height: int, scale: float) -> None:
    seen = warp(np.full((height, width, 3), 77, np.uint8), centred(scale, 20, (0, 0), 32), 32)
    assert seen.shape == (32, 32, 3)
    assert (seen == 77).all()


@pytest.mark.parametrize("scale", [0.15, 0.6, 2])
def test_repeated_warping_gives_the_same_and_changes_nothing(scale: float) -> None:
    pixels, transform = noise(200, 150), similarity(scale, 12, (3, 4))
    pixels_before, transform_before = pixels.copy(), transform.copy()
    first = warp(pixels, transform, 48)
    assert np.array_equal(warp(pixels, transform, 48), first)
    assert np.array_equal(pixels, pixels_before)
    assert np.array_equal(transform, transform_before)
