"""Colour profiles, compared with LittleCMS in Pillow."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from ethnicity.colour import read_profile
from ethnicity.geometry import Pixels
from ethnicity.images import decode
from tests.unit import profiles
from tests.unit.pictures import encode
from tests.unit.profiles import ADOBE, P3, SRGB, SRGB_CURVE, gamma, parametric, rgb, sampled

CURVES = {
    "linear": sampled([]),
    "gamma 2.2": gamma(2.2),
    "table": sampled([round(65535 * (i / 255) ** 1.8) for i in range(256)]),
    "table of three": sampled([0, 20000, 65535]),
    "parametric 0": parametric(0, 1.8),
    "parametric 1": parametric(1, 2.4, 0.95, 0.05),
    "parametric 2": parametric(2, 2.4, 0.9, 0.05, 0.02),
    "parametric 3": parametric(3, *SRGB_CURVE),
    "parametric 4": parametric(4, *SRGB_CURVE, 0.0, 0.0),
}


@pytest.fixture(scope="module")
def colours() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def by_littlecms(icc: bytes, pixels: Pixels) -> Pixels:
    """Convert with the relative colorimetric intent, which matrix profiles are made for."""
    converted = ImageCms.profileToProfile(
        Image.fromarray(pixels),
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    return np.array(converted)


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
@pytest.mark.parametrize("primaries", [P3, ADOBE], ids=["Display P3", "Adobe RGB"])
def test_converted_colours_agree_with_littlecms(
    colours: Pixels, primaries: tuple[tuple[float, ...], ...], curve: bytes
) -> None:
    icc = rgb(primaries, curve)
    profile = read_profile(icc)
    assert profile is not None
    difference = profile.to_srgb(colours).astype(int) - by_littlecms(icc, colours)
    assert np.abs(difference).max() <= 2
    assert np.abs(difference).mean() < 0.5


def test_each_channel_has_its_own_curve(colours: Pixels) -> None:
    icc = rgb(P3, gamma(1.8), gamma(2.2), gamma(2.6))
    profile = read_profile(icc)
    assert profile is not None
    assert np.abs(profile.to_srgb(colours).astype(int) - by_littlecms(icc, colours)).max() <= 2


def test_grey_pictures_have_one_curve_and_stay_grey() -> None:
    profile = read_profile(profiles.grey(gamma(1.8)))
    assert profile is not None
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    converted = profile.to_srgb(levels)
    assert (converted == converted[:, :1]).all()
    linear = (np.arange(256) / 255) ** 1.8
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert converted[:, 0] == pytest.approx(255 * expected, abs=1)


def test_an_srgb_profile_is_ignored() -> None:
    assert read_profile(rgb(SRGB, parametric(3, *SRGB_CURVE))) is None
    assert read_profile(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()) is None


GOOD = rgb(P3, gamma(2.2))


@pytest.mark.parametrize(
    "icc",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(200), id="zeros"),
        pytest.param(GOOD[:100], id="cut in its header"),
        pytest.param(GOOD[:150], id="cut in its table"),
        pytest.param(GOOD[:260], id="cut in a tag"),
        pytest.param(GOOD.replace(b"RGB ", b"CMYK"), id="CMYK"),
        pytest.param(GOOD.replace(b"wtpt", b"A2B0"), id="made of tables"),
        pytest.param(GOOD.replace(b"gTRC", b"none"), id="without a curve"),
        pytest.param(rgb(P3, b"what\0\0\0\0"), id="unknown curve"),
        pytest.param(rgb(P3, parametric(9, 2.2)), id="unknown kind of curve"),
        pytest.param(rgb(P3, parametric(3, 2.2)), id="curve with too few parameters"),
        pytest.param(rgb(P3, parametric(1, 2.2, 0, 1)), id="curve that divides by zero"),
        pytest.param(rgb(P3, sampled([0, 1, 2])[:-2]), id="table cut short"),
        pytest.param(rgb(P3, parametric(1, -9000, 0.001, 0.001)), id="curve that overflows"),
    ],
)
def test_broken_and_unsupported_profiles_are_ignored(icc: bytes) -> None:
    assert read_profile(icc) is None


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=40))
def test_a_damaged_profile_never_raises(position: int, damage: bytes) -> None:
    profile = read_profile(GOOD[:position] + damage + GOOD[position + len(damage) :])
    if profile is not None:
        assert profile.to_srgb(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)


def test_tags_that_share_bytes_take_no_additional_memory() -> None:
    icc = bytearray(GOOD.ljust(1_000_000, b"\0"))
    count = int.from_bytes(icc[128:132], "big")
    tags = [struct.pack(">4sII", b"%04d" % tag, tag, 999_000) for tag in range(90)]
    start = 132 + 12 * count
    moved = b"".join(tags) + bytes(icc[start:])
    for entry in range(132, start, 12):
        offset = int.from_bytes(icc[entry + 4 : entry + 8], "big") + 12 * len(tags)
        icc[entry + 4 : entry + 8] = offset.to_bytes(4, "big")
    icc[128:132] = (count + len(tags)).to_bytes(4, "big")
    crowded = (bytes(icc[:start]) + moved)[:1_000_000]

    tracemalloc.start()
    try:
        profile = read_profile(crowded)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert profile is not None
    assert most < 2_000_000


def test_a_profile_above_the_size_limit_is_ignored() -> None:
    assert read_profile(GOOD.ljust(1_000_000, b"\0")) is not None
    assert read_profile(GOOD.ljust(1_000_001, b"\0")) is None


# In a JPEG


def test_a_decoded_picture_has_its_profile(small_pixels: Pixels) -> None:
    profile = decode(encode(small_pixels, icc_profile=GOOD)).profile
    assert profile is not None
    expected = read_profile(GOOD)
    assert expected is not None
    assert np.array_equal(profile.matrix, expected.matrix)


def test_a_profile_in_several_segments_is_joined(small_pixels: Pixels) -> None:
    table = sampled([round(65535 * (i / 39_999) ** 2.2) for i in range(40_000)])
    picture = decode(encode(small_pixels, icc_profile=rgb(P3, table)))
    assert picture.profile is not None


def test_a_picture_without_a_profile_counts_as_srgb(small_pixels: Pixels) -> None:
    assert decode(encode(small_pixels)).profile is None
