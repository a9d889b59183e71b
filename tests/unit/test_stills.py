"""PNG and WebP, which the command and the audit read: files written by Pillow, and hostile ones."""

import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ethnicity.errors import CorruptImage, ImageTooLarge, NoImage, NotJpeg, PictureError
from ethnicity.geometry import Pixels
from ethnicity.images import Picture, decode
from ethnicity.stills import read_still
from tests.unit.pictures import difference, encode, resized
from tests.unit.profiles import P3, gamma, rgb


def png(picture: Pixels | Image.Image, **options: Any) -> bytes:
    return stored(picture, "PNG", **options)


def webp(picture: Pixels | Image.Image, **options: Any) -> bytes:
    return stored(picture, "WEBP", **options)


def stored(picture: Pixels | Image.Image, kind: str, **options: Any) -> bytes:
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes) -> Picture:
    return decode(data, jpeg_only=False)


def picture_or_none(data: bytes) -> Picture | None:
    try:
        return decoded(data)
    except CorruptImage:
        return None


def chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def png_of(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def head(width: int, height: int, depth: int = 8, kind: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))


FORMATS = pytest.mark.parametrize("write", [png, webp])
"""Each format's writer."""


# Correct pixels


@pytest.mark.parametrize(
    ("write", "options"),
    [
        pytest.param(png, {}, id="PNG"),
        pytest.param(png, {"optimize": True, "compress_level": 9}, id="PNG, small"),
        pytest.param(webp, {"lossless": True}, id="WebP, lossless"),
        pytest.param(webp, {"quality": 90}, id="WebP"),
    ],
)
def test_pixels_agree_with_those_of_another_decoder(
    small_pixels: Pixels, write: Callable[..., bytes], options: dict[str, Any]
) -> None:
    data = write(small_pixels, **options)
    picture = decoded(data)
    expected = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    assert (picture.width, picture.height) == (120, 96)
    assert picture.pixels.dtype == np.uint8
    assert difference(picture.pixels, expected) < 0.5


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_a_png_of_any_kind_is_read(small_pixels: Pixels, mode: str) -> None:
    grey = Image.fromarray(small_pixels).convert("L")
    image = (
        Image.fromarray(np.asarray(grey, np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    )
    expected = np.array((grey.convert("1") if mode == "1" else grey).convert("RGB"))
    assert difference(decoded(png(image)).pixels, expected) < 2


def test_transparency_is_ignored(small_pixels: Pixels) -> None:
    image = Image.fromarray(small_pixels)
    image.putalpha(0)
    for data in (png(image), webp(image, lossless=True, exact=True)):
        assert np.array_equal(decoded(data).pixels, small_pixels)


@FORMATS
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_displayed_upright(
    small_pixels: Pixels, write: Callable[..., bytes], orientation: int
) -> None:
    metadata = Image.Exif()
    metadata[0x0112] = orientation
    data = write(small_pixels, lossless=True, exif=metadata)
    upright = decode(encode(small_pixels, exif=metadata, quality=95)).pixels
    picture = decoded(data)
    assert difference(picture.pixels, upright) < 3
    assert (picture.width, picture.height) == upright.shape[1::-1]


@FORMATS
def test_a_colour_profile_is_read(small_pixels: Pixels, write: Callable[..., bytes]) -> None:
    assert decoded(write(small_pixels, icc_profile=rgb(P3, gamma(2.2)))).profile is not None
    assert decoded(write(small_pixels)).profile is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"name\0\0not deflated", id="not deflated"),
        pytest.param(b"name\0\0" + zlib.compress(rgb(P3, gamma(2.2)))[:-9], id="cut short"),
        pytest.param(b"name\0\0" + zlib.compress(bytes(2_000_000)), id="too large"),
    ],
)
def test_an_incomplete_profile_is_left_out(small_pixels: Pixels, content: bytes) -> None:
    data = png(small_pixels)
    odd = data[:33] + chunk(b"iCCP", content) + data[33:]
    picture = decoded(odd)
    assert picture.profile is None
    assert np.array_equal(picture.pixels, small_pixels)


@FORMATS
def test_a_large_picture_is_reduced(portrait_pixels: Pixels, write: Callable[..., bytes]) -> None:
    data = write(resized(portrait_pixels, 2400, 1201), lossless=True)
    picture = decoded(data)
    assert (picture.width, picture.height) == (2400, 1201)
    assert picture.pixels.shape == (601, 1200, 3)
    assert picture.reduction == 2
    assert difference(picture.pixels, resized(portrait_pixels, 1200, 601)) < 4


@FORMATS
def test_the_first_picture_of_an_animation_is_decoded(
    small_pixels: Pixels, write: Callable[..., bytes]
) -> None:
    others = [Image.new("RGB", (120, 96), (200, each, 0)) for each in range(9)]
    data = write(small_pixels, lossless=True, save_all=True, append_images=others)
    assert b"acTL" in data or b"ANMF" in data
    picture = decoded(data)
    assert np.array_equal(picture.pixels, small_pixels)
    assert len(read_still(data).file) < len(data)  # type: ignore[union-attr]


# Damage


@FORMATS
def test_a_truncated_picture_is_corrupt(small_pixels: Pixels, write: Callable[..., bytes]) -> None:
    data = write(small_pixels)
    assert all(picture_or_none(data[:length]) is None for length in range(16, len(data) - 12, 97))


def test_a_changed_byte_makes_a_png_corrupt(small_pixels: Pixels) -> None:
    data = png(small_pixels)
    for place in range(8, len(data), 101):
        changed = data[:place] + bytes([data[place] ^ 8]) + data[place + 1 :]
        assert picture_or_none(changed) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png_of(), id="nothing"),
        pytest.param(png_of(chunk(b"IEND", b"")), id="an end only"),
        pytest.param(png_of(head(8, 8), chunk(b"IEND", b"")), id="no data"),
        pytest.param(png_of(head(8, 8)[:20]), id="half a head"),
        pytest.param(
            png_of(head(0, 8), chunk(b"IDAT", zlib.compress(bytes(9))), chunk(b"IEND", b"")),
            id="no width",
        ),
        pytest.param(
            png_of(head(64, 64), chunk(b"IDAT", zlib.compress(bytes(99))), chunk(b"IEND", b"")),
            id="too little data",
        ),
        pytest.param(
            png_of(head(8, 8, 7), chunk(b"IDAT", zlib.compress(bytes(999))), chunk(b"IEND", b"")),
            id="a depth that does not exist",
        ),
        pytest.param(
            png_of(head(8, 8, 8, 3), chunk(b"IDAT", zlib.compress(bytes(72))), chunk(b"IEND", b"")),
            id="no palette",
        ),
        pytest.param(b"RIFF\4\0\0\0WEBP", id="an empty WebP"),
        pytest.param(b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0" + bytes(10), id="no start code"),
        pytest.param(b"RIFF\x12\0\0\0WEBPVP8L\5\0\0\0" + bytes(6), id="no signature"),
        pytest.param(b"RIFF\x0e\0\0\0WEBPVP8 \xff\xff\xff\xff", id="a chunk beyond the end"),
        pytest.param(b"RIFF\xff\xff\xff\xffWEBPVP8 ", id="longer than the file"),
    ],
)
def test_a_broken_file_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptImage, match=r"^The (PNG|WebP) is corrupt or truncated$"):
        decoded(data)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([png_of(head(8, 8)), b"RIFF\x40\0\0\0WEBPVP8X"]), st.binary(max_size=200))
def test_any_bytes_give_a_picture_or_a_fault(start: bytes, rest: bytes) -> None:
    with contextlib.suppress(PictureError):
        decoded(start + rest)


# Limits, before decoding


@pytest.fixture
def decoder_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("cv2.imdecode")


def vp8(width: int, height: int) -> bytes:
    coded = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return (
        b"RIFF" + struct.pack("<I", 12 + len(coded)) + b"WEBPVP8 " + struct.pack("<I", 10) + coded
    )


@pytest.mark.parametrize(
    "data",
    [
        png_of(head(10_000, 5_001), chunk(b"IDAT", b""), chunk(b"IEND", b"")),
        png_of(head(2**31 - 1, 2**31 - 1), chunk(b"IEND", b"")),
        vp8(16_383, 16_383),
    ],
)
@pytest.mark.usefixtures("decoder_out_of_reach")
def test_too_many_pixels_are_not_decoded(data: bytes) -> None:
    with pytest.raises(ImageTooLarge, match=r"^The image has more than 50 megapixels$"):
        decoded(data)


@pytest.mark.usefixtures("decoder_out_of_reach")
def test_too_many_bytes_are_not_decoded(small_pixels: Pixels) -> None:
    with pytest.raises(ImageTooLarge, match=r"^The image is larger than 25 MB$"):
        decoded(png(small_pixels).ljust(25_000_001, b"\0"))
    with pytest.raises(NoImage):
        decoded(b"")


@pytest.mark.parametrize(
    "data",
    [
        png_of(head(8, 8), chunk(b"tEXt", b"") * 200_000),
        b"RIFF" + struct.pack("<I", 4 + 8 * 200_000) + b"WEBP" + b"JUNK\0\0\0\0" * 200_000,
    ],
    ids=["PNG", "WebP"],
)
def test_hundreds_of_thousands_of_chunks_are_refused(data: bytes) -> None:
    assert picture_or_none(data) is None


@FORMATS
def test_png_and_webp_are_refused_where_only_jpegs_are_allowed(
    small_pixels: Pixels, write: Callable[..., bytes]
) -> None:
    with pytest.raises(NotJpeg, match=r"^Only JPG/JPEG images are allowed$"):
        decode(write(small_pixels))


def test_content_of_other_kinds_is_refused() -> None:
    with pytest.raises(NotJpeg, match=r"^Only JPEG, PNG and WebP pictures are read$"):
        decoded(b"GIF89a\x01\0\x01\0")
