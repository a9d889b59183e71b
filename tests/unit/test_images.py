"""Decoding of real JPEGs of every kind, compared with Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from ethnicity.errors import (
    CorruptImage,
    ImageTooLarge,
    NoImage,
    NotJpeg,
    PictureError,
    UnsupportedJpeg,
)
from ethnicity.geometry import Pixels
from ethnicity.images import Picture, check_size, decode
from ethnicity.limits import MAX_BYTES, MAX_PIXELS
from ethnicity.web import body
from tests.hostile import FULL, Scan, progressive
from tests.oddities import damaged, oddities
from tests.unit.mosaic import mosaic
from tests.unit.pictures import (
    EOI,
    OTHER_CONTENT,
    SOI,
    as_displayed,
    difference,
    encode,
    encode_oriented,
    frame_header,
    on_canvas,
    resized,
    scan,
    segment,
    with_claimed_size,
)

ORIENTATIONS = range(1, 9)


class Decoded(Exception):
    """Raised instead of decoding."""


@pytest.fixture
def decoder_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make decoding raise, to show which files are refused before it."""

    def decode_jpeg(*_: object, **__: object) -> None:
        raise Decoded

    monkeypatch.setattr("simplejpeg.decode_jpeg", decode_jpeg)


def picture_or_none(data: bytes) -> Picture | None:
    """The picture, or None if it is corrupt."""
    try:
        return decode(data)
    except CorruptImage:
        return None


def flat_progressive(side: int, refinements: int) -> bytes:
    """A picture of one colour with scans of a few bytes, the last one repeated many times."""
    data = encode(Image.new("RGB", (side, side), (90, 120, 200)), progressive=True)
    last = data[data.rindex(b"\xff\xda") : -len(EOI)]
    return data[: -len(EOI)] + last * refinements + EOI


def thumbnail(pixels: Pixels) -> Pixels:
    """One pixel for every block of 8×8."""
    return np.array(Image.fromarray(pixels).reduce(8))


def inked(pixels: Pixels) -> Image.Image:
    """The picture in CMYK, with black in place of half of the grey of the other inks."""
    black = (255 - pixels).min(axis=2, keepdims=True) // 2
    inks = (255 - pixels * 255.0 / (255 - black)).astype(np.uint8)
    channels = [*Image.fromarray(inks).split(), Image.fromarray(black[..., 0])]
    return Image.merge("CMYK", channels)


# Correct pixels


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="baseline"),
        pytest.param({"progressive": True}, id="progressive"),
        pytest.param({"subsampling": "4:4:4"}, id="chroma in full"),
        pytest.param({"subsampling": "4:2:2"}, id="chroma halved in width"),
        pytest.param({"restart_marker_blocks": 1}, id="restart markers"),
        pytest.param({"restart_marker_rows": 1, "progressive": True}, id="restarts, progressive"),
        pytest.param({"optimize": True, "quality": 100}, id="best quality"),
        pytest.param({"quality": 1}, id="worst quality"),
        pytest.param({"keep_rgb": True}, id="stored as RGB"),
        pytest.param({"icc_profile": bytes(200_000)}, id="a profile over several segments"),
        pytest.param({"comment": b"\xff\xd9\xff\xda" * 9}, id="a comment"),
    ],
)
def test_pixels_agree_with_those_of_another_decoder(
    small_pixels: Pixels, options: dict[str, object]
) -> None:
    data = encode(small_pixels, **options)
    picture = decode(data)
    assert picture.pixels.dtype == np.uint8
    assert (picture.width, picture.height) == (120, 96)
    assert difference(picture.pixels, as_displayed(data)) < 0.5


def test_a_greyscale_picture_comes_in_three_equal_channels(small_pixels: Pixels) -> None:
    data = encode(Image.fromarray(small_pixels).convert("L"))
    pixels = decode(data).pixels
    assert np.array_equal(pixels, pixels[..., :1].repeat(3, axis=2))
    assert difference(pixels, as_displayed(data)) < 0.5


def test_a_cmyk_picture_has_its_colours(small_pixels: Pixels) -> None:
    data = encode(inked(small_pixels), quality=95)
    assert difference(decode(data).pixels, as_displayed(data)) < 2
    assert difference(decode(data).pixels, small_pixels) < 6


def test_a_cmyk_picture_stored_as_luma_and_chroma_has_its_colours(small_pixels: Pixels) -> None:
    # As Photoshop writes it: cyan, magenta and yellow converted as if RGB to YCbCr, and black,
    # all inverted. Pillow inverts CMYK channels itself, so give it the inverse.
    *inks, black = inked(small_pixels).split()
    luma_and_chroma = Image.merge("RGB", inks).convert("YCbCr").split()
    inverse = [channel.point(lambda value: 255 - value) for channel in luma_and_chroma]
    data = bytearray(encode(Image.merge("CMYK", [*inverse, black]), quality=95))
    data[data.index(b"Adobe") + 11] = 2  # the transform: YCCK
    assert difference(decode(bytes(data)).pixels, as_displayed(bytes(data))) < 2
    assert difference(decode(bytes(data)).pixels, small_pixels) < 6


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 9), (17, 16)])
def test_pictures_of_any_size_are_decoded_completely(size: tuple[int, int]) -> None:
    data = encode(Image.new("RGB", size, (200, 30, 90)), quality=95)
    picture = decode(data)
    assert (picture.width, picture.height) == size
    assert difference(picture.pixels, as_displayed(data)) < 0.5


def test_bytes_of_a_memoryview_are_decoded(small_pixels: Pixels) -> None:
    data = encode(small_pixels)
    assert np.array_equal(decode(bytes(memoryview(data))).pixels, decode(data).pixels)


# Orientation


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_displayed_upright(small_pixels: Pixels, orientation: int) -> None:
    data = encode_oriented(small_pixels, orientation, quality=100, subsampling="4:4:4")
    picture = decode(data)
    assert (picture.width, picture.height) == (120, 96)
    assert picture.reduction == 1
    assert picture.pixels.flags.c_contiguous
    assert difference(picture.pixels, as_displayed(data)) < 0.5
    assert difference(picture.pixels, small_pixels) < 1.5


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_of_a_large_picture_is_reduced_equally(
    portrait_pixels: Pixels, orientation: int
) -> None:
    wide = resized(portrait_pixels, 2400, 1200)
    picture = decode(encode_oriented(wide, orientation, quality=90))
    assert (picture.width, picture.height) == (2400, 1200)
    assert picture.pixels.shape == (600, 1200, 3)
    assert picture.reduction == 2
    assert difference(picture.pixels, resized(portrait_pixels, 1200, 600)) < 4


# Reduction


@pytest.mark.parametrize(
    ("width", "height", "longer_side"),
    [
        (3000, 2000, 1125),
        (2000, 3000, 1125),
        (4000, 400, 1000),
        (9000, 90, 1125),
        (2001, 2001, 1001),
        (2000, 16, 1000),
    ],
)
def test_a_large_picture_is_decoded_smaller_with_a_longer_side_of_a_thousand_or_more(
    portrait_pixels: Pixels, width: int, height: int, longer_side: int
) -> None:
    data = encode(resized(portrait_pixels, width, height))
    picture = decode(data)
    assert (picture.width, picture.height) == (width, height)
    assert max(picture.pixels.shape) == longer_side >= 1000
    assert picture.reduction == pytest.approx(width / picture.pixels.shape[1])
    rows = picture.pixels.shape[0]
    assert (rows - 1) * picture.reduction < height <= rows * picture.reduction + 1


def test_a_picture_decoded_smaller_looks_the_same(portrait_pixels: Pixels) -> None:
    data = encode(resized(portrait_pixels, 3200, 1600))
    pixels = decode(data).pixels
    assert pixels.shape == (600, 1200, 3)
    expected = Image.fromarray(as_displayed(data)).resize((1200, 600), Image.Resampling.BOX)
    assert difference(pixels, np.array(expected)) < 2


@pytest.mark.parametrize(("width", "height"), [(1000, 700), (1500, 1200), (900, 1998)])
def test_a_picture_that_cannot_be_halved_is_decoded_in_full(
    portrait_pixels: Pixels, width: int, height: int
) -> None:
    picture = decode(encode(resized(portrait_pixels, width, height)))
    assert picture.pixels.shape == (height, width, 3)
    assert picture.reduction == 1


# Bytes after the picture


@pytest.mark.parametrize(
    "trailing",
    [
        pytest.param(bytes(1000), id="zeros"),
        pytest.param(b"\n", id="a line's end"),
        pytest.param(b"\xff\xd9" * 3, id="more ends"),
        pytest.param(b"ftypmp42" + bytes(range(256)) * 40, id="a film"),
        pytest.param(b"\xff\xda" * 9000, id="what looks like scans"),
    ],
)
def test_bytes_after_the_end_are_skipped(small_pixels: Pixels, trailing: bytes) -> None:
    data = encode(small_pixels)
    assert np.array_equal(decode(data + trailing).pixels, decode(data).pixels)


def test_a_video_after_a_photo_does_not_count_as_scans() -> None:
    photo = encode(Image.new("RGB", (1500, 1500), (90, 120, 200)))
    assert decode(photo + b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 1000).width == 1500


def test_the_first_of_several_pictures_is_decoded(small_pixels: Pixels) -> None:
    second = encode(Image.new("RGB", (64, 64)))
    index = segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\0\0")
    data = encode(small_pixels)
    several = data[:2] + index + data[2:] + second
    assert np.array_equal(decode(several).pixels, decode(data).pixels)


# Corrupt pictures


@pytest.fixture(
    scope="module",
    params=[
        pytest.param({}, id="baseline"),
        pytest.param({"progressive": True}, id="progressive"),
        pytest.param({"restart_marker_rows": 1}, id="restarts"),
    ],
)
def coded(small_pixels: Pixels, request: pytest.FixtureRequest) -> bytes:
    return encode(small_pixels, **request.param)


def lengths(data: bytes) -> range:
    """Lengths to truncate a file to: within its scans, without at least the last block's bytes."""
    return range(data.index(b"\xff\xda"), len(data) - 10, 5)


def test_a_truncated_picture_is_corrupt(coded: bytes) -> None:
    assert all(picture_or_none(coded[:length]) is None for length in lengths(coded))


def test_a_picture_may_lack_its_end_marker(coded: bytes) -> None:
    whole = decode(coded).pixels
    assert np.array_equal(decode(coded[:-1]).pixels, whole)
    assert np.array_equal(decode(coded[:-2]).pixels, whole)


@pytest.mark.parametrize("end", [b"", EOI])
def test_a_picture_whose_tail_is_zeros_is_corrupt(coded: bytes, end: bytes) -> None:
    for length in lengths(coded):
        zeroed = coded[:length].ljust(len(coded) - len(end), b"\0") + end
        assert picture_or_none(zeroed) is None


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 2}])
def test_a_truncated_picture_with_an_end_marker_added_is_corrupt(
    small_pixels: Pixels, options: dict[str, object]
) -> None:
    data = encode(small_pixels, **options)
    assert all(picture_or_none(data[:length] + EOI) is None for length in lengths(data))


def test_a_truncated_progressive_picture_with_an_end_marker_added_is_corrupt(
    small_pixels: Pixels,
) -> None:
    data = encode(small_pixels, progressive=True, quality=50)
    pictures = [picture_or_none(data[:length] + EOI) for length in range(600, len(data) - 10)]
    assert pictures == [None] * len(pictures)


def test_a_changed_size_makes_a_picture_corrupt(small_pixels: Pixels) -> None:
    data = encode(resized(small_pixels, 64, 64))
    for bit in range(16):
        for size in ((64 ^ (1 << bit), 64), (64, 64 ^ (1 << bit))):
            with pytest.raises(CorruptImage):
                decode(with_claimed_size(data, *size))


def test_a_flipped_bit_in_the_header_gives_a_picture_of_that_size_or_a_fault(
    small_pixels: Pixels,
) -> None:
    data = bytearray(encode(resized(small_pixels, 32, 32)))
    for bit in range(8 * (data.index(b"\xff\xda") + 14)):
        data[bit // 8] ^= 1 << bit % 8
        try:
            picture = decode(bytes(data))
        except PictureError:
            pass
        else:
            assert picture.pixels.shape == (32, 32, 3)
        data[bit // 8] ^= 1 << bit % 8


def test_damage_anywhere_gives_a_picture_of_that_size_or_a_fault(coded: bytes) -> None:
    random = np.random.default_rng(11)
    for _ in range(200):
        data = bytearray(coded)
        for position in random.integers(2, len(data), 3):
            data[position] = random.integers(256)
        try:
            picture = decode(bytes(data))
        except PictureError:
            continue
        assert picture.pixels.shape[:2] == (picture.height, picture.width)


def test_a_header_without_data_is_corrupt() -> None:
    with pytest.raises(CorruptImage):
        decode(SOI + frame_header(8, 8) + scan(b"") + EOI)


@pytest.mark.usefixtures("decoder_out_of_reach")
def test_a_picture_of_twelve_bits_is_not_decoded(small_pixels: Pixels) -> None:
    data = bytearray(encode(small_pixels))
    start = data.index(b"\xff\xc0")
    data[start + 1], data[start + 4] = 0xC1, 12  # the extended process, and 12-bit precision
    with pytest.raises(UnsupportedJpeg, match=r": 12-bit samples$"):
        decode(bytes(data))


@pytest.fixture(scope="module")
def restarting(small_pixels: Pixels) -> bytes:
    """A file with a restart marker after each row of blocks."""
    return encode(small_pixels, restart_marker_rows=1, subsampling=0)


def test_rows_below_the_picture_are_skipped(restarting: bytes) -> None:
    # GIVEN a scanner's file with more rows than its header says
    shorter = with_claimed_size(restarting, 120, 64)
    assert np.array_equal(decode(shorter).pixels[:60], decode(restarting).pixels[:60])


def test_lost_restart_markers_make_a_picture_corrupt(restarting: bytes) -> None:
    for marker in (b"\xff\xd0", b"\xff\xd7"):
        assert picture_or_none(restarting.replace(marker, b"")) is None
        assert picture_or_none(with_claimed_size(restarting.replace(marker, b""), 120, 64)) is None


# Odd files


ODDITIES = oddities(encode(Image.new("RGB", (16, 16))))


@pytest.mark.parametrize("name", ODDITIES)
def test_an_irregular_file_has_all_its_pixels(astronaut: bytes, name: str) -> None:
    assert np.array_equal(decode(oddities(astronaut)[name]).pixels, decode(astronaut).pixels)


@pytest.mark.parametrize("name", [name for name in ODDITIES if "end" in name])
def test_a_reduced_irregular_file_has_all_its_pixels(portrait_pixels: Pixels, name: str) -> None:
    data = encode(resized(portrait_pixels, 2400, 1200))
    assert np.array_equal(decode(oddities(data)[name]).pixels, decode(data).pixels)


FILLED, WHOLE = 328, 344
"""Widths at which the plain blocks end within a byte, padded with ones, or with a whole byte."""


def plain_below(portrait: bytes, width: int) -> bytes:
    """The portrait on a background of one colour, whose blocks are coded as zeros."""
    face = np.array(Image.open(io.BytesIO(portrait)))
    canvas = on_canvas(face, (width, 400), (0, 0), grey=200)
    data = encode(canvas, optimize=True, subsampling=0)
    assert data.endswith(bytes(50) + {FILLED: b"\x0f", WHOLE: b"\0"}[width] + EOI)
    return data


@pytest.mark.parametrize(
    ("width", "name"),
    [(FILLED, name) for name in ODDITIES if "end" in name]
    # Zeros after zeros could be background or padding
    + [(WHOLE, name) for name in ODDITIES if "end" in name and "zeros" not in name],
)
def test_a_plain_background_is_not_taken_for_padding(
    portrait: bytes, width: int, name: str
) -> None:
    data = plain_below(portrait, width)
    assert np.array_equal(decode(oddities(data)[name]).pixels, decode(data).pixels)


@pytest.mark.parametrize("width", [FILLED, WHOLE])
def test_padding_is_not_taken_for_a_plain_background(portrait: bytes, width: int) -> None:
    # GIVEN a file that lacks a part of the face or of the background
    data = plain_below(portrait, width)
    whole = decode(data).pixels
    pictures = {name: picture_or_none(file) for name, file in damaged(data)}
    differing = [n for n, each in pictures.items() if each and np.any(each.pixels != whole)]
    assert differing == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="baseline"),
        pytest.param({"progressive": True}, id="progressive"),
        pytest.param({"restart_marker_rows": 1}, id="restarts"),
        pytest.param({"quality": 40, "optimize": True}, id="small"),
    ],
)
def test_an_incomplete_file_is_corrupt_regardless_of_its_trailer(
    portrait_pixels: Pixels, options: dict[str, object]
) -> None:
    data = encode(resized(portrait_pixels, 320, 320), **options)
    taken = [name for name, file in damaged(data) if picture_or_none(file)]
    assert taken == []


@pytest.mark.parametrize("transform", [1, 3, 255])
def test_a_cmyk_picture_with_an_undefined_transform_has_its_colours(
    small_pixels: Pixels, transform: int
) -> None:
    data = bytearray(encode(inked(small_pixels), quality=95))
    data[data.index(b"Adobe") + 11] = transform
    assert difference(decode(bytes(data)).pixels, small_pixels) < 6


# Unusual sampling


UNUSUAL = pytest.mark.parametrize(
    "factors",
    [
        pytest.param([(4, 2), (1, 1), (1, 1)], id="eight of luma"),
        pytest.param([(3, 1), (1, 1), (1, 1)], id="three of luma"),
        pytest.param([(2, 1), (1, 1), (2, 1)], id="one of two colours halved"),
        pytest.param([(1, 1), (2, 2), (2, 2)], id="luma halved"),
        pytest.param([(2, 2), (2, 1), (1, 2)], id="each in its own way"),
        pytest.param([(2, 2), (1, 1), (1, 1), (1, 1)], id="three of four inks halved"),
    ],
)
"""Legal sampling factors that simplejpeg does not support."""


@UNUSUAL
@pytest.mark.parametrize("restart_interval", [0, 3])
def test_unusual_sampling_is_read(
    portrait_pixels: Pixels, factors: list[tuple[int, int]], restart_interval: int
) -> None:
    data = mosaic(resized(portrait_pixels, 200, 200), factors, restart_interval=restart_interval)
    assert difference(decode(data).pixels, as_displayed(data)) < 1.5


def test_a_large_picture_of_unusual_sampling_is_reduced(portrait_pixels: Pixels) -> None:
    data = mosaic(resized(portrait_pixels, 2400, 600), [(4, 2), (1, 1), (1, 1)])
    picture = decode(data)
    assert picture.pixels.shape == (300, 1200, 3)
    assert difference(picture.pixels, resized(as_displayed(data), 1200, 300)) < 3


@UNUSUAL
@pytest.mark.parametrize("restart_interval", [0, 3])
def test_a_missing_part_is_detected_with_unusual_sampling(
    portrait_pixels: Pixels, factors: list[tuple[int, int]], restart_interval: int
) -> None:
    data = mosaic(resized(portrait_pixels, 200, 200), factors, restart_interval=restart_interval)
    coded = data.index(b"\xff\xda") + 8 + 2 * len(factors)
    for length in range(coded, len(data) - 10, 61):
        assert picture_or_none(data[:length]) is None
        assert picture_or_none(data[:length] + EOI) is None
        assert picture_or_none(data[:length] + b"\xff" + EOI) is None
    for marker in (b"\xff\xd0", b"\xff\xd3"):
        assert picture_or_none(data.replace(marker, b"", 1)) is None or not restart_interval


def test_illegal_sampling_is_corrupt(small_pixels: Pixels) -> None:
    # GIVEN a group of 18 blocks; the limit is ten
    assert picture_or_none(mosaic(small_pixels, [(4, 4), (1, 1), (1, 1)])) is None


# Refused before decoding


@pytest.mark.parametrize("content", OTHER_CONTENT.values(), ids=OTHER_CONTENT.keys())
@pytest.mark.usefixtures("decoder_out_of_reach")
def test_content_other_than_a_jpeg_is_not_decoded(content: bytes) -> None:
    with pytest.raises(NotJpeg, match=r"^Only JPG/JPEG images are allowed$"):
        decode(content)


@pytest.mark.usefixtures("decoder_out_of_reach")
def test_an_empty_file_is_not_an_image() -> None:
    with pytest.raises(NoImage, match=r"^No image provided$"):
        decode(b"")


@pytest.mark.usefixtures("decoder_out_of_reach")
def test_too_many_bytes_are_not_decoded(astronaut: bytes) -> None:
    with pytest.raises(ImageTooLarge, match=r"^The image is larger than 25 MB$"):
        decode(astronaut.ljust(25_000_001, b"\0"))


def test_the_largest_allowed_file_is_decoded(astronaut: bytes) -> None:
    assert decode(astronaut.ljust(25_000_000, b"\0")).width == 512


@pytest.mark.parametrize(
    ("width", "height"), [(10_000, 5_001), (5_001, 10_000), (65_535, 65_535), (65_500, 764)]
)
@pytest.mark.usefixtures("decoder_out_of_reach")
def test_too_many_pixels_are_not_decoded(astronaut: bytes, width: int, height: int) -> None:
    with pytest.raises(ImageTooLarge, match=r"^The image has more than 50 megapixels$"):
        decode(with_claimed_size(astronaut, width, height))


@pytest.mark.usefixtures("decoder_out_of_reach")
def test_the_largest_allowed_picture_is_decoded(astronaut: bytes) -> None:
    with pytest.raises(Decoded):
        decode(with_claimed_size(astronaut, 10_000, 5_000).ljust(1_000_000))


@pytest.mark.usefixtures("decoder_out_of_reach")
def test_a_file_too_short_for_the_blocks_that_it_claims_is_not_decoded(astronaut: bytes) -> None:
    # GIVEN 4:2:0: two chroma blocks for four luma blocks, 1,172,500 in all, of at least one bit
    claiming = with_claimed_size(astronaut, 10_000, 5_000)
    with pytest.raises(CorruptImage):
        decode(claiming.ljust(146_562))
    with pytest.raises(Decoded):
        decode(claiming.ljust(146_563))


@pytest.mark.usefixtures("decoder_out_of_reach")
def test_a_picture_of_a_thousand_scans_is_not_decoded() -> None:
    with pytest.raises(CorruptImage, match=r"^The JPEG is corrupt or truncated$"):
        decode(flat_progressive(1200, 1000))


@pytest.mark.usefixtures("decoder_out_of_reach")
def test_a_small_picture_of_a_hundred_and_one_scans_is_not_decoded() -> None:
    again = Scan((1, 2, 3), last=0)
    scans = [again, *(Scan((each,), first=1) for each in (1, 2, 3)), *[again] * 97]
    with pytest.raises(Decoded):
        decode(progressive(16, 16, FULL, scans[:100]))
    with pytest.raises(CorruptImage):
        decode(progressive(16, 16, FULL, scans))


BUFFERED = pytest.mark.parametrize(
    ("mode", "subsampling", "megapixels"),
    [
        pytest.param("L", 0, 50, id="grey"),
        pytest.param("RGB", 2, 50, id="4:2:0"),
        pytest.param("RGB", 1, 50, id="4:2:2"),
        pytest.param("RGB", 0, 34, id="4:4:4"),
        pytest.param("CMYK", 0, 26, id="CMYK"),
    ],
)
"""The most megapixels that a progressive file may have within 400 MB of memory."""


@BUFFERED
@pytest.mark.usefixtures("decoder_out_of_reach")
def test_the_largest_allowed_progressive_picture_is_decoded(
    small_pixels: Pixels, mode: str, subsampling: int, megapixels: int
) -> None:
    picture = Image.fromarray(small_pixels).convert(mode)
    data = encode(picture, progressive=True, subsampling=subsampling)
    with pytest.raises(Decoded):
        decode(with_claimed_size(data, 10_000, 100 * megapixels).ljust(1_000_000))


@BUFFERED
@pytest.mark.usefixtures("decoder_out_of_reach")
def test_larger_progressive_pictures_are_refused_with_the_limit(
    small_pixels: Pixels, mode: str, subsampling: int, megapixels: int
) -> None:
    picture = Image.fromarray(small_pixels).convert(mode)
    data = encode(picture, progressive=True, subsampling=subsampling)
    with pytest.raises(ImageTooLarge, match=f"^The image has more than {megapixels} megapixels$"):
        decode(with_claimed_size(data, 10_000, 100 * megapixels + 100).ljust(1_000_000))


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
@pytest.mark.usefixtures("decoder_out_of_reach")
def test_a_picture_in_one_scan_takes_no_buffer_and_has_the_full_limit(
    small_pixels: Pixels, mode: str
) -> None:
    data = encode(Image.fromarray(small_pixels).convert(mode), subsampling=0)
    with pytest.raises(Decoded):
        decode(with_claimed_size(data, 10_000, 5_000).ljust(1_000_000))


def test_the_decoders_messages_stay_out_of_the_answer(astronaut: bytes) -> None:
    with pytest.raises(CorruptImage, match=r"^The JPEG is corrupt or truncated$"):
        decode(astronaut[:30_000])


# Sizes


@pytest.mark.parametrize("length", [1, MAX_BYTES])
def test_a_size_up_to_the_limit_is_accepted(length: int) -> None:
    check_size(length)


@pytest.mark.parametrize(
    ("length", "limit", "fault"),
    [
        (0, MAX_BYTES, NoImage),
        (MAX_BYTES + 1, MAX_BYTES, ImageTooLarge),
        (5_000_001, 5_000_000, ImageTooLarge),
    ],
)
def test_an_empty_file_or_a_size_above_the_limit_is_refused(
    length: int, limit: int, fault: type[PictureError]
) -> None:
    with pytest.raises(fault):
        check_size(length, limit)


def test_the_limits_are_those_of_the_contract() -> None:
    assert body.MAX_BYTES == 5_000_000
    assert MAX_BYTES == 25_000_000
    assert MAX_PIXELS == 50_000_000
