"""The header of a JPEG, read from bytes made by hand and from a real file's."""

import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicity.errors import CorruptImage, NotJpeg
from ethnicity.geometry import Pixels
from ethnicity.jpeg import JpegHeader, read_header
from tests.unit.pictures import (
    APP1,
    COMMENT,
    EOI,
    OTHER_CONTENT,
    SOI,
    SOS,
    encode,
    exif,
    frame_header,
    scan,
    segment,
)

ORIENTATION = 0x0112
SHORT = 3

DHT, JPG, DAC, DQT, DRI, APP0, APP2 = 0xC4, 0xC8, 0xCC, 0xDB, 0xDD, 0xE0, 0xE2
PROGRESSIVE = 0xC2
READ = [0xC0, 0xC1, PROGRESSIVE]
"""The frame headers of baseline, extended and progressive files."""


def jpeg(*segments: bytes) -> bytes:
    return SOI + b"".join(segments) + scan() + EOI


def fill(count: int) -> bytes:
    return b"\xff" * count


def colour_frame(*factors: int, width: int = 8, height: int = 8, marker: int = 0xC0) -> bytes:
    """A frame header whose channels, named 1 and so on, have these sampling factors."""
    channels = b"".join(bytes([name + 1, each, 0]) for name, each in enumerate(factors))
    size = struct.pack(">BHHB", 8, height, width, len(factors))
    return segment(marker, size + channels)


def scan_of(*names: int, first: int = 0, last: int = 63, bits: int = 0) -> bytes:
    """A scan of these channels: coefficients from first to last, ``bits`` as in its last byte."""
    channels = b"".join(bytes([name, 0]) for name in names)
    return segment(SOS, bytes([len(names)]) + channels + bytes([first, last, bits])) + b"\x12\x34"


def facts(data: bytes) -> tuple[int, int, int, int]:
    """Width, height, orientation and number of scans."""
    header = read_header(data)
    return header.frame.width, header.frame.height, header.orientation, header.scans


def header_or_fault(data: bytes) -> JpegHeader | None:
    """The header, or None for a JPEG that is refused; any other exception is the test's failure."""
    try:
        return read_header(data)
    except (CorruptImage, NotJpeg):
        return None


@pytest.fixture(scope="module")
def header_length(astronaut: bytes) -> int:
    """Up to the first scan's data."""
    return astronaut.index(b"\xff\xda") + 14


# Size


def test_a_real_file_says_its_size(astronaut: bytes) -> None:
    assert facts(astronaut) == (512, 512, 1, 1)


@pytest.mark.parametrize("marker", READ)
def test_a_frame_header_of_a_kind_that_is_read_says_the_size(marker: int) -> None:
    assert facts(jpeg(frame_header(640, 480, marker))) == (640, 480, 1, 1)


@pytest.mark.parametrize("marker", sorted(set(range(0xC3, 0xD0)) - {DHT, JPG, DAC}))
def test_lossless_hierarchical_and_arithmetic_files_are_refused(marker: int) -> None:
    with pytest.raises(CorruptImage):
        read_header(jpeg(frame_header(640, 480, marker)))


@pytest.mark.parametrize("precision", [0, 1, 7, 9, 12, 16, 255])
def test_other_samples_than_of_eight_bits_are_refused(precision: int) -> None:
    frame = bytearray(frame_header(8, 8))
    frame[4] = precision
    with pytest.raises(CorruptImage):
        read_header(jpeg(bytes(frame)))


@pytest.mark.parametrize("count", [0, 2, 5, 255])
def test_other_numbers_of_channels_than_of_pictures_are_refused(count: int) -> None:
    with pytest.raises(CorruptImage):
        read_header(SOI + colour_frame(*[0x11] * count) + scan() + EOI)


@pytest.mark.parametrize("factors", [0x00, 0x01, 0x10, 0x15, 0x51, 0xFF])
def test_sampling_factors_that_do_not_exist_are_refused(factors: int) -> None:
    with pytest.raises(CorruptImage):
        read_header(SOI + colour_frame(factors, 0x11, 0x11) + scan_of(1, 2, 3) + EOI)


@pytest.mark.parametrize(
    ("factors", "blocks"),
    [
        pytest.param([0x11], 12, id="grey"),
        pytest.param([0x44], 12, id="grey, whatever its factors"),
        pytest.param([0x11, 0x11, 0x11], 36, id="4:4:4"),
        pytest.param([0x22, 0x11, 0x11], 12 + 2 * 4, id="4:2:0"),
        pytest.param([0x21, 0x11, 0x11], 12 + 2 * 6, id="4:2:2"),
        pytest.param([0x11, 0x22, 0x11], 12 + 2 * 4, id="the second in full"),
        pytest.param([0x11, 0x11, 0x11, 0x11], 48, id="CMYK"),
    ],
)
def test_the_blocks_of_all_channels_are_counted(factors: list[int], blocks: int) -> None:
    # GIVEN four blocks in a row and three in a column, the last ones begun only
    names = range(1, len(factors) + 1)
    data = SOI + colour_frame(*factors, width=25, height=17) + scan_of(*names) + EOI
    assert read_header(data).frame.blocks == blocks


@pytest.mark.parametrize("marker", [DHT, JPG, DAC])
def test_markers_among_the_frame_headers_that_are_none_say_no_size(marker: int) -> None:
    with pytest.raises(CorruptImage):
        read_header(jpeg(frame_header(640, 480, marker)))


def test_the_largest_size_is_read() -> None:
    assert facts(jpeg(frame_header(65535, 65535))) == (65535, 65535, 1, 1)


@pytest.mark.parametrize(("width", "height"), [(0, 480), (640, 0), (0, 0)])
def test_a_picture_without_width_or_height_is_corrupt(width: int, height: int) -> None:
    with pytest.raises(CorruptImage):
        read_header(jpeg(frame_header(width, height)))


def test_two_frame_headers_are_corrupt() -> None:
    with pytest.raises(CorruptImage):
        read_header(jpeg(frame_header(8, 8), frame_header(8, 8)))


def test_the_frame_header_of_an_embedded_thumbnail_is_not_the_pictures() -> None:
    thumbnail = jpeg(frame_header(160, 120))
    data = jpeg(segment(APP1, b"Exif\0\0" + thumbnail), frame_header(640, 480))
    assert facts(data) == (640, 480, 1, 1)


# Segments


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_fill_bytes_before_a_marker_are_skipped(count: int) -> None:
    data = jpeg(fill(count) + segment(DQT, bytes(65)), fill(count) + frame_header(640, 480))
    assert facts(data) == (640, 480, 1, 1)


@pytest.mark.parametrize("marker", [0x01, *range(0xD0, 0xD8)])
def test_markers_that_stand_alone_are_skipped(marker: int) -> None:
    alone = bytes([0xFF, marker])
    data = jpeg(alone, segment(DQT, bytes(65)), alone, fill(3) + alone, frame_header(640, 480))
    assert facts(data) == (640, 480, 1, 1)


def test_segments_may_be_empty() -> None:
    data = jpeg(segment(COMMENT), segment(APP0), frame_header(640, 480), segment(COMMENT))
    assert facts(data) == (640, 480, 1, 1)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(SOI + fill(1), id="nothing after the first marker's first byte"),
        pytest.param(SOI + fill(100), id="fill bytes only"),
        pytest.param(SOI + b"\xff\x01", id="a marker that stands alone only"),
        pytest.param(SOI + EOI + EOI, id="the end at once"),
        pytest.param(SOI + frame_header(8, 8) + EOI, id="no scan"),
        pytest.param(SOI + segment(COMMENT) + scan() + EOI, id="no frame header"),
        pytest.param(jpeg(b"\xff\xfe\0\0", frame_header(8, 8)), id="a length of 0"),
        pytest.param(jpeg(b"\xff\xfe\0\1", frame_header(8, 8)), id="a length of 1"),
        pytest.param(jpeg(segment(COMMENT), b"\0", frame_header(8, 8)), id="a stray byte"),
        pytest.param(SOI + b"\xff\xfe\0", id="half a length"),
        pytest.param(SOI + b"\xff\xfe\0\x03", id="content missing"),
        pytest.param(SOI + b"\xff\xe1\xff\xff" + bytes(99), id="longer than the file"),
        pytest.param(jpeg(segment(0xC0, b"\x08\0\x08\0\x08")), id="frame header too short"),
        pytest.param(jpeg(segment(0xC0)), id="frame header empty"),
        pytest.param(jpeg(frame_header(8, 8)[:-1]), id="a channel cut short"),
        pytest.param(
            jpeg(segment(0xC0, frame_header(8, 8)[4:] + b"\0")), id="frame header too long"
        ),
        pytest.param(SOI + frame_header(8, 8) + segment(SOS) + EOI, id="an empty scan header"),
        pytest.param(SOI + frame_header(8, 8) + scan()[:8], id="half a scan header"),
    ],
)
def test_broken_segments_are_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptImage):
        read_header(data)


@pytest.mark.parametrize("content", OTHER_CONTENT.values(), ids=OTHER_CONTENT.keys())
def test_what_does_not_begin_as_a_jpeg_is_none(content: bytes) -> None:
    with pytest.raises(NotJpeg):
        read_header(content)


def test_no_byte_is_no_jpeg() -> None:
    with pytest.raises(NotJpeg):
        read_header(b"")


def test_a_header_cut_off_anywhere_is_refused(astronaut: bytes, header_length: int) -> None:
    assert all(header_or_fault(astronaut[:length]) is None for length in range(header_length))
    assert read_header(astronaut[:header_length]) == read_header(astronaut)


def test_a_header_with_any_byte_changed_is_read_or_refused(
    astronaut: bytes, header_length: int
) -> None:
    file = bytearray(astronaut[: header_length + 500])
    for position in range(header_length):
        right = file[position]
        for wrong in {0x00, 0x01, 0x7F, 0xC0, 0xD9, 0xDA, 0xE1, 0xFF, right ^ 1, right ^ 0x80}:
            file[position] = wrong
            header_or_fault(bytes(file))
        file[position] = right


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_after_the_start_are_read_or_refused(content: bytes) -> None:
    header_or_fault(SOI + content)
    header_or_fault(SOI + b"\xff" + content)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.builds(segment, st.sampled_from([DHT, DQT, DRI, APP0, APP2, COMMENT]), st.binary())
    ),
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.integers(1, 8),
    st.binary(),
)
def test_whatever_the_other_segments_hold_the_header_is_found(
    others: list[bytes], width: int, height: int, orientation: int, trailing: bytes
) -> None:
    middle = len(others) // 2
    before, after = others[:middle], others[middle:]
    metadata = exif("<", (ORIENTATION, SHORT, 1, orientation))
    data = jpeg(*before, metadata, *after, frame_header(width, height), *before) + trailing
    assert facts(data) == (width, height, orientation, 1)


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_orientation_is_read_in_both_byte_orders(order: str, orientation: int) -> None:
    metadata = exif(order, (ORIENTATION, SHORT, 1, orientation))
    assert read_header(jpeg(metadata, frame_header(8, 8))).orientation == orientation


def test_the_orientation_is_found_among_other_tags() -> None:
    metadata = exif(
        ">", (0x010F, 2, 4, 6), (0x0110, 2, 4, 8), (ORIENTATION, SHORT, 1, 6), (0x0128, SHORT, 1, 2)
    )
    assert read_header(jpeg(metadata, frame_header(8, 8))).orientation == 6


def test_the_orientation_may_follow_the_frame_header() -> None:
    metadata = exif("<", (ORIENTATION, SHORT, 1, 8))
    assert read_header(jpeg(frame_header(8, 8), metadata)).orientation == 8


@pytest.mark.parametrize("first", [True, False])
def test_an_xmp_segment_beside_the_exif_one_changes_nothing(*, first: bool) -> None:
    metadata = exif("<", (ORIENTATION, SHORT, 1, 3))
    xmp = segment(APP1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>")
    segments = [xmp, metadata] if first else [metadata, xmp]
    assert read_header(jpeg(*segments, frame_header(8, 8))).orientation == 3


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(exif("<"), id="without an orientation"),
        pytest.param(exif("<", (ORIENTATION, SHORT, 1, 1)), id="with another orientation"),
        pytest.param(segment(APP1, b"Exif\0\0" + bytes(50)), id="the first one's continuation"),
    ],
)
def test_the_first_exif_segment_decides(second: bytes) -> None:
    metadata = exif("<", (ORIENTATION, SHORT, 1, 6))
    assert read_header(jpeg(metadata, second, frame_header(8, 8))).orientation == 6


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param((ORIENTATION, SHORT, 1, 0), id="0"),
        pytest.param((ORIENTATION, SHORT, 1, 9), id="9"),
        pytest.param((ORIENTATION, SHORT, 2, 6), id="two values"),
        pytest.param((ORIENTATION, 2, 1, 6), id="text"),
        pytest.param((ORIENTATION + 1, SHORT, 1, 6), id="another tag"),
    ],
)
def test_an_orientation_that_means_nothing_is_upright(entry: tuple[int, int, int, int]) -> None:
    assert read_header(jpeg(exif("<", entry), frame_header(8, 8))).orientation == 1


@pytest.mark.parametrize(
    "tiff",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"II*", id="cut in the byte order"),
        pytest.param(b"XX*\0\x08\0\0\0", id="unknown byte order"),
        pytest.param(b"II*\0\xff\xff\xff\xff", id="directory beyond the end"),
        pytest.param(b"II*\0\x08\0\0\0", id="no directory"),
        pytest.param(b"II*\0\x08\0\0\0\xff\xff\x12\x01", id="more entries than there are"),
        pytest.param(b"II*\0\0\0\0\0", id="directory in the header"),
    ],
)
def test_broken_metadata_do_not_make_the_picture_unreadable(tiff: bytes) -> None:
    data = jpeg(segment(APP1, b"Exif\0\0" + tiff), frame_header(8, 8))
    assert facts(data) == (8, 8, 1, 1)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([b"", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0"]), st.binary(max_size=100))
def test_any_metadata_give_an_orientation(start: bytes, rest: bytes) -> None:
    data = jpeg(segment(APP1, b"Exif\0\0" + start + rest), frame_header(8, 8))
    assert 1 <= read_header(data).orientation <= 8


# Scans


def test_the_scans_of_a_progressive_file_are_counted(small_pixels: Pixels) -> None:
    data = encode(small_pixels, progressive=True)
    assert read_header(data).scans == len(re.findall(b"\xff\xda", data)) > 1


def test_restart_markers_are_no_scans(small_pixels: Pixels) -> None:
    data = encode(small_pixels, restart_marker_blocks=1)
    assert data.count(b"\xff\xd3") > 1
    assert read_header(data).scans == 1


def test_a_decoder_takes_no_scan_behind_one_that_holds_the_whole_picture() -> None:
    assert read_header(SOI + frame_header(8, 8) + scan() * 7).scans == 1


@pytest.mark.parametrize("count", [1, 2, 400])
def test_every_scan_is_counted(count: int) -> None:
    tables = segment(DHT, b"\x10" + bytes(16))
    data = SOI + frame_header(8, 8, PROGRESSIVE) + (tables + fill(2) + scan()) * count + EOI
    assert read_header(data).scans == count


def test_scans_are_counted_in_a_file_without_an_end() -> None:
    assert read_header(SOI + frame_header(8, 8, PROGRESSIVE) + scan() * 7).scans == 7


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(segment(COMMENT, bytes([0xFF, SOS]) * 9), id="inside a segment"),
        pytest.param(b"\xff\0\xda", id="in stuffed data"),
        pytest.param(EOI + bytes([0xFF, SOS]) * 9, id="behind the end"),
        pytest.param(EOI + bytes(2) + bytes([0xFF, SOS]) * 9, id="in a film behind the end"),
        pytest.param(EOI + jpeg(frame_header(8, 8, PROGRESSIVE)), id="in a second image"),
    ],
)
def test_what_only_looks_like_a_scan_is_not_counted(noise: bytes) -> None:
    assert read_header(SOI + frame_header(8, 8, PROGRESSIVE) + scan(noise)).scans == 1


@pytest.mark.parametrize(
    "cover",
    [
        pytest.param(segment(COMMENT, EOI), id="an end inside a segment"),
        pytest.param(b"\xff\0\xd9", id="an end in stuffed data"),
        pytest.param(b"\xff\xd3\xff\xff", id="a restart marker"),
        pytest.param(b"\xff\x01\xff\xff", id="a marker that stands alone"),
        pytest.param(b"\xff\x02\xf0\x00", id="a reserved marker"),
        pytest.param(b"\xff\xff\xff", id="fill bytes"),
        pytest.param(b"\xff\xfe\0\0", id="a length of 0"),
    ],
)
def test_no_scan_can_be_hidden_from_the_count(cover: bytes) -> None:
    assert read_header(SOI + frame_header(8, 8, PROGRESSIVE) + scan(cover) * 9 + EOI).scans == 9


@pytest.mark.parametrize(
    "scans",
    [
        pytest.param([scan_of(1)], id="luma alone"),
        pytest.param([scan_of(1), scan_of(2)], id="one of two colours"),
        pytest.param([scan_of(1, 2)], id="one of two colours, in one scan"),
        pytest.param([scan_of(1, 2), scan_of(4)], id="a channel that is not there"),
    ],
)
@pytest.mark.parametrize("marker", READ)
def test_a_channel_without_a_scan_is_missing(marker: int, scans: list[bytes]) -> None:
    # GIVEN a file cut between two scans and ended properly, which a decoder would show in grey
    data = SOI + colour_frame(0x22, 0x11, 0x11, marker=marker) + b"".join(scans) + EOI
    with pytest.raises(CorruptImage):
        read_header(data)


@pytest.mark.parametrize(
    "later", [pytest.param({"first": 1}, id="AC"), pytest.param({"bits": 0x10}, id="a refinement")]
)
def test_a_channel_that_no_scan_begins_is_missing(later: dict[str, int]) -> None:
    frame = colour_frame(0x22, 0x11, 0x11, marker=0xC2)
    with pytest.raises(CorruptImage):
        read_header(SOI + frame + scan_of(1, 2) + scan_of(3, **later) + EOI)


@pytest.mark.parametrize(
    ("marker", "scans", "buffered"),
    [
        pytest.param(0xC0, [scan_of(1, 2, 3)], False, id="baseline"),
        pytest.param(0xC0, [scan_of(1), scan_of(2), scan_of(3)], True, id="channel by channel"),
        pytest.param(0xC0, [scan_of(3), scan_of(1, 2)], True, id="one channel first"),
        pytest.param(0xC2, [scan_of(1, 2, 3)], True, id="progressive"),
    ],
)
def test_what_is_not_in_one_scan_has_to_be_kept_until_the_last(
    marker: int, scans: list[bytes], *, buffered: bool
) -> None:
    data = SOI + colour_frame(0x22, 0x11, 0x11, marker=marker) + b"".join(scans) + EOI
    assert read_header(data).buffered is buffered


# Cost


@pytest.mark.parametrize(
    "padding",
    [segment(COMMENT, b"") * 1_250_000, b"\xff\x01" * 2_500_000],
    ids=["empty comments", "markers that stand alone"],
)
def test_a_header_of_a_million_segments_is_refused_before_it_is_walked(padding: bytes) -> None:
    with pytest.raises(CorruptImage):
        read_header(jpeg(padding, frame_header(8, 8)))


@pytest.mark.parametrize(
    "padding",
    [
        segment(COMMENT, b"") * 1_240_000,
        segment(DHT, bytes(17)) * 1000,
        b"\xff\xda\0\2" * 1_240_000,
    ],
    ids=["empty comments", "tables", "empty scans"],
)
def test_a_million_segments_behind_the_first_scan_are_refused_before_they_are_walked(
    padding: bytes,
) -> None:
    with pytest.raises(CorruptImage):
        read_header(SOI + frame_header(8, 8, PROGRESSIVE) + scan() + padding + EOI)


def test_megabytes_of_fill_bytes_are_skipped() -> None:
    assert facts(jpeg(fill(5_000_000) + frame_header(8, 8))) == (8, 8, 1, 1)
