"""Parsing of JPEGs: bytes made by hand, and a real file."""

import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ethnicity.errors import CorruptImage, NotJpeg, UnsupportedJpeg
from ethnicity.geometry import Pixels
from ethnicity.jpeg import Jpeg, join, read_jpeg
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
    read = read_jpeg(data)
    return read.frame.width, read.frame.height, read.orientation, len(read.scans)


def parts_or_fault(data: bytes) -> Jpeg | None:
    """The parts, or None for a JPEG that is refused; any other exception fails the test."""
    try:
        return read_jpeg(data)
    except (CorruptImage, NotJpeg, UnsupportedJpeg):
        return None


def regular(data: bytes) -> bytes:
    """The regular file made from an irregular one."""
    return join(read_jpeg(data).scans)


@pytest.fixture(scope="module")
def header_length(astronaut: bytes) -> int:
    """The number of bytes before the first scan's data."""
    return astronaut.index(b"\xff\xda") + 14


# Size


def test_the_size_of_a_real_file_is_read(astronaut: bytes) -> None:
    assert facts(astronaut) == (512, 512, 1, 1)


@pytest.mark.parametrize("marker", READ)
def test_a_supported_frame_header_gives_the_size(marker: int) -> None:
    assert facts(jpeg(frame_header(640, 480, marker))) == (640, 480, 1, 1)


@pytest.mark.parametrize(
    ("kind", "markers"),
    [
        ("lossless", [0xC3, 0xF7]),
        ("hierarchical", [0xC5, 0xC6, 0xC7, 0xDE]),
        ("arithmetic coding", [0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF]),
    ],
)
def test_an_unsupported_kind_of_jpeg_is_refused_by_name(kind: str, markers: list[int]) -> None:
    for marker in markers:
        with pytest.raises(UnsupportedJpeg, match=f"^This kind of JPEG is not supported: {kind}$"):
            read_jpeg(jpeg(frame_header(640, 480, marker)))


@pytest.mark.parametrize("marker", READ)
def test_samples_of_twelve_bits_are_refused_by_name(marker: int) -> None:
    frame = bytearray(frame_header(8, 8, marker))
    frame[4] = 12
    with pytest.raises(UnsupportedJpeg, match=r": 12-bit samples$"):
        read_jpeg(jpeg(bytes(frame)))


@pytest.mark.parametrize("precision", [0, 1, 7, 9, 16, 255])
def test_samples_of_other_precisions_are_refused(precision: int) -> None:
    frame = bytearray(frame_header(8, 8))
    frame[4] = precision
    with pytest.raises(CorruptImage):
        read_jpeg(jpeg(bytes(frame)))


@pytest.mark.parametrize("count", [0, 2, 5, 255])
def test_unusual_numbers_of_channels_are_refused(count: int) -> None:
    with pytest.raises(CorruptImage):
        read_jpeg(SOI + colour_frame(*[0x11] * count) + scan() + EOI)


@pytest.mark.parametrize("factors", [0x00, 0x01, 0x10, 0x15, 0x51, 0xFF])
def test_sampling_factors_that_do_not_exist_are_refused(factors: int) -> None:
    with pytest.raises(CorruptImage):
        read_jpeg(SOI + colour_frame(factors, 0x11, 0x11) + scan_of(1, 2, 3) + EOI)


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
    # GIVEN four blocks in a row and three in a column, the last ones partly outside the picture
    names = range(1, len(factors) + 1)
    data = SOI + colour_frame(*factors, width=25, height=17) + scan_of(*names) + EOI
    frame = read_jpeg(data).frame
    assert frame.blocks(frame.channels) == blocks


@pytest.mark.parametrize("marker", [DHT, JPG, DAC])
def test_markers_numbered_between_the_frame_headers_give_no_size(marker: int) -> None:
    with pytest.raises(CorruptImage):
        read_jpeg(jpeg(frame_header(640, 480, marker)))


def test_the_largest_size_is_read() -> None:
    assert facts(jpeg(frame_header(65535, 65535))) == (65535, 65535, 1, 1)


@pytest.mark.parametrize(("width", "height"), [(0, 480), (640, 0), (0, 0)])
def test_a_picture_without_width_or_height_is_corrupt(width: int, height: int) -> None:
    with pytest.raises(CorruptImage):
        read_jpeg(jpeg(frame_header(width, height)))


def test_a_file_with_two_frame_headers_is_corrupt() -> None:
    with pytest.raises(CorruptImage):
        read_jpeg(jpeg(frame_header(8, 8), frame_header(8, 8)))


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
        pytest.param(jpeg(b"\xff\xdb\0\0", frame_header(8, 8)), id="a table of length 0"),
        pytest.param(jpeg(b"\xff\xc4\xff\xff", frame_header(8, 8)), id="a table beyond the end"),
        pytest.param(jpeg(SOI, frame_header(8, 8)), id="a second beginning"),
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
        read_jpeg(data)


@pytest.mark.parametrize("content", OTHER_CONTENT.values(), ids=OTHER_CONTENT.keys())
def test_content_that_does_not_begin_like_a_jpeg_is_not_one(content: bytes) -> None:
    with pytest.raises(NotJpeg):
        read_jpeg(content)


def test_an_empty_file_is_not_a_jpeg() -> None:
    with pytest.raises(NotJpeg):
        read_jpeg(b"")


def test_a_header_cut_off_anywhere_is_refused(astronaut: bytes, header_length: int) -> None:
    assert all(parts_or_fault(astronaut[:length]) is None for length in range(header_length))
    assert facts(astronaut[:header_length]) == facts(astronaut)


@pytest.mark.parametrize(
    "stray",
    [
        pytest.param(b"\0", id="a zero"),
        pytest.param(b"/>", id="the end of a text"),
        pytest.param(bytes(5000), id="many zeros"),
        pytest.param(b"\xff\0\xff\x02", id="what are no markers"),
        pytest.param(b"\xff\xfe\0\0", id="a comment of length 0"),
        pytest.param(b"\xff\xe1\0\1", id="a segment of length 1"),
        pytest.param(b"\xff\xed\xff\xff", id="a segment beyond the end"),
        pytest.param(EOI, id="an end"),
    ],
)
def test_bytes_between_segments_are_skipped(stray: bytes) -> None:
    data = jpeg(segment(COMMENT), stray, segment(DQT, bytes(65)), stray, frame_header(640, 480))
    assert regular(data) == jpeg(segment(DQT, bytes(65)), frame_header(640, 480))


@pytest.mark.parametrize("off", [-8, -2, -1, 1, 2, 8])
def test_an_application_segment_may_have_a_wrong_length(off: int) -> None:
    metadata = bytearray(exif("<", (ORIENTATION, SHORT, 1, 6)) + b"<x:xmpmeta/>")
    metadata[2:4] = struct.pack(">H", len(metadata) - 2 + off)
    read = read_jpeg(jpeg(bytes(metadata), segment(DQT, bytes(65)), frame_header(8, 8)))
    assert read.orientation == 6
    assert join(read.scans) == jpeg(segment(DQT, bytes(65)), frame_header(8, 8))


def test_a_header_with_any_byte_changed_is_read_or_refused(
    astronaut: bytes, header_length: int
) -> None:
    file = bytearray(astronaut[: header_length + 500])
    for position in range(header_length):
        right = file[position]
        for wrong in {0x00, 0x01, 0x7F, 0xC0, 0xD9, 0xDA, 0xE1, 0xFF, right ^ 1, right ^ 0x80}:
            file[position] = wrong
            parts_or_fault(bytes(file))
        file[position] = right


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_after_the_start_are_read_or_refused(content: bytes) -> None:
    parts_or_fault(SOI + content)
    parts_or_fault(SOI + b"\xff" + content)


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
def test_the_header_is_found_among_any_other_segments(
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
    assert read_jpeg(jpeg(metadata, frame_header(8, 8))).orientation == orientation


def test_the_orientation_is_found_among_other_tags() -> None:
    metadata = exif(
        ">", (0x010F, 2, 4, 6), (0x0110, 2, 4, 8), (ORIENTATION, SHORT, 1, 6), (0x0128, SHORT, 1, 2)
    )
    assert read_jpeg(jpeg(metadata, frame_header(8, 8))).orientation == 6


@pytest.mark.parametrize("fill_byte", [b"\0", b"\xff", b" "])
def test_the_padding_byte_of_the_exif_identifier_may_have_any_value(fill_byte: bytes) -> None:
    metadata = exif("<", (ORIENTATION, SHORT, 1, 6)).replace(b"Exif\0\0", b"Exif\0" + fill_byte)
    assert read_jpeg(jpeg(metadata, frame_header(8, 8))).orientation == 6


def test_the_orientation_may_follow_the_frame_header() -> None:
    metadata = exif("<", (ORIENTATION, SHORT, 1, 8))
    assert read_jpeg(jpeg(frame_header(8, 8), metadata)).orientation == 8


@pytest.mark.parametrize("first", [True, False])
def test_an_xmp_segment_next_to_the_exif_segment_changes_nothing(*, first: bool) -> None:
    metadata = exif("<", (ORIENTATION, SHORT, 1, 3))
    xmp = segment(APP1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>")
    segments = [xmp, metadata] if first else [metadata, xmp]
    assert read_jpeg(jpeg(*segments, frame_header(8, 8))).orientation == 3


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
    assert read_jpeg(jpeg(metadata, second, frame_header(8, 8))).orientation == 6


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
def test_an_undefined_orientation_counts_as_upright(entry: tuple[int, int, int, int]) -> None:
    assert read_jpeg(jpeg(exif("<", entry), frame_header(8, 8))).orientation == 1


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
    assert 1 <= read_jpeg(data).orientation <= 8


# The regular file


def test_a_regular_file_stays_unchanged_except_for_its_metadata(small_pixels: Pixels) -> None:
    data = encode(small_pixels, exif=Image.Exif(), comment=b"a comment")
    start = data.index(b"\xff\xdb")
    assert regular(data) == data[:20] + data[start:]


@pytest.mark.parametrize("version", [b"\2\1", b"\0\0", b"\1\2"])
def test_the_jfif_marker_gets_a_known_version(version: bytes) -> None:
    data = jpeg(segment(APP0, b"JFIF\0" + version + bytes(7)), frame_header(8, 8))
    assert regular(data)[2:13] == b"\xff\xe0\0\x10JFIF\0\1\1"


@pytest.mark.parametrize(
    "content", [b"", b"JFIF\0\1\1", b"JFXX\0" + bytes(20), b"AVI1" + bytes(12)]
)
def test_an_invalid_jfif_marker_is_left_out(content: bytes) -> None:
    data = jpeg(segment(APP0, content), frame_header(8, 8))
    assert regular(data) == jpeg(frame_header(8, 8))


@pytest.mark.parametrize(
    ("channels", "transform", "meant"),
    [
        (b"\1\2\3", 0, 0),
        (b"\1\2\3", 1, 1),
        (b"\1\2\3", 2, 1),
        (b"\1\2\3", 255, 1),
        (b"RGB", 2, 0),
        (b"\1\2\3\4", 0, 0),
        (b"\1\2\3\4", 1, 2),
        (b"\1\2\3\4", 2, 2),
        (b"CMYK", 1, 0),
        (b"CMYK", 2, 2),
    ],
)
def test_adobes_transform_is_adapted_to_the_channels(
    channels: bytes, transform: int, meant: int
) -> None:
    frame = bytearray(colour_frame(*[0x11] * len(channels)))
    frame[10::3] = channels
    adobe = b"Adobe\0\x64\0\0\0\0"
    data = SOI + segment(0xEE, adobe + bytes([transform, 7])) + frame + scan_of(*channels) + EOI
    assert segment(0xEE, adobe + bytes([meant])) in regular(data)


def test_a_broken_adobe_marker_is_left_out() -> None:
    assert regular(jpeg(segment(0xEE, b"Adobe\0"), frame_header(8, 8))) == jpeg(frame_header(8, 8))


@pytest.mark.parametrize("coefficients", [(0, 0, 0), (1, 63, 0), (0, 63, 0x11), (255, 255, 255)])
@pytest.mark.parametrize("marker", [0xC0, 0xC1])
def test_a_sequential_scan_has_all_coefficients(
    marker: int, coefficients: tuple[int, int, int]
) -> None:
    first, last, bits = coefficients
    frame = colour_frame(0x22, 0x11, 0x11, marker=marker)
    written = scan_of(1, 2, 3, first=first, last=last, bits=bits)
    assert regular(SOI + frame + written + EOI) == SOI + frame + scan_of(1, 2, 3) + EOI


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"\xff\xd9", id="as it should be"),
        pytest.param(b"\xff\xfe\0\2\xff\xd9", id="a comment before it"),
        pytest.param(b"\xff\xd8\xff\xe0", id="another picture"),
        pytest.param(b"\xff\x44SEFT", id="a trailer"),
    ],
)
@pytest.mark.parametrize("marker", READ)
def test_a_complete_picture_may_lack_its_end_marker(marker: int, end: bytes) -> None:
    last = read_jpeg(SOI + frame_header(8, 8, marker) + scan() + end).scans[-1]
    assert last.up_to_marker().coded == b"\x12\x34"


# Colour profiles


def profile(*numbers: tuple[int, int], size: int = 1) -> bytes:
    """A file whose profile is in parts, each with its number and the number of all parts."""
    parts = [segment(APP2, b"ICC_PROFILE\0" + bytes(each) + b"x" * size) for each in numbers]
    return jpeg(*parts, frame_header(8, 8))


@pytest.mark.parametrize("numbers", [[(1, 1)], [(1, 2), (2, 2)], [(3, 3), (1, 3), (2, 3)]])
def test_the_parts_of_a_profile_are_joined(numbers: list[tuple[int, int]]) -> None:
    assert read_jpeg(profile(*numbers)).icc == b"x" * len(numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([(1, 2)], id="the second missing"),
        pytest.param([(2, 2)], id="the first missing"),
        pytest.param([(1, 1), (1, 1)], id="doubled"),
        pytest.param([(1, 2), (1, 2), (2, 2)], id="one doubled"),
        pytest.param([(0, 2), (1, 2)], id="numbered from 0"),
        pytest.param([(1, 3), (2, 3)], id="counted wrongly"),
        pytest.param([(1, 2), (2, 3)], id="counted in two ways"),
        pytest.param([(1, 0)], id="counted as none"),
        pytest.param([(each % 256, 44) for each in range(1, 301)], id="more than can be numbered"),
    ],
)
def test_an_incomplete_profile_is_left_out(numbers: list[tuple[int, int]]) -> None:
    assert read_jpeg(profile(*numbers)).icc == b""


@pytest.mark.parametrize("content", [b"", b"\1"])
def test_a_profile_without_a_number_is_left_out(content: bytes) -> None:
    data = jpeg(segment(APP2, b"ICC_PROFILE\0" + content), frame_header(8, 8))
    assert read_jpeg(data).icc == b""


# Scans


def test_the_scans_of_a_progressive_file_are_counted(small_pixels: Pixels) -> None:
    data = encode(small_pixels, progressive=True)
    assert len(read_jpeg(data).scans) == len(re.findall(b"\xff\xda", data)) > 1


def test_restart_markers_do_not_count_as_scans(small_pixels: Pixels) -> None:
    data = encode(small_pixels, restart_marker_blocks=1)
    assert data.count(b"\xff\xd3") > 1
    assert len(read_jpeg(data).scans) == 1


@pytest.mark.parametrize(
    ("interval", "channels", "restarts"),
    [
        pytest.param(0, [(1, 2, 3)], [0], id="none"),
        pytest.param(1, [(1, 2, 3)], [3], id="at each group of blocks"),
        pytest.param(3, [(1, 2, 3)], [1], id="the last interval shorter"),
        pytest.param(4, [(1, 2, 3)], [0], id="at none"),
        pytest.param(4, [(1,), (2,), (3,)], [2, 0, 0], id="channel by channel"),
    ],
)
def test_the_restarts_of_a_scan_are_counted(
    interval: int, channels: list[tuple[int, ...]], restarts: list[int]
) -> None:
    # GIVEN two by two groups of blocks; the first channel alone has three by three blocks
    frame = colour_frame(0x22, 0x11, 0x11, width=17, height=20)
    scans = b"".join(scan_of(*each) for each in channels)
    read = read_jpeg(SOI + segment(DRI, struct.pack(">H", interval)) + frame + scans + EOI)
    assert [each.restarts for each in read.scans] == restarts


def test_a_scan_after_a_complete_picture_is_refused() -> None:
    read = read_jpeg(SOI + frame_header(8, 8) + scan() * 7)
    assert len(read.scans) == 1
    with pytest.raises(CorruptImage):
        read.scans[0].up_to_marker()


@pytest.mark.parametrize("count", [1, 2, 200])
def test_every_scan_is_counted(count: int) -> None:
    tables = segment(DHT, b"\x10" + bytes(16))
    data = SOI + frame_header(8, 8, PROGRESSIVE) + (tables + fill(2) + scan()) * count + EOI
    assert len(read_jpeg(data).scans) == count


def test_scans_are_counted_in_a_file_without_an_end_marker() -> None:
    assert len(read_jpeg(SOI + frame_header(8, 8, PROGRESSIVE) + scan() * 7).scans) == 7


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
def test_bytes_that_only_look_like_a_scan_are_not_counted(noise: bytes) -> None:
    assert len(read_jpeg(SOI + frame_header(8, 8, PROGRESSIVE) + scan(noise)).scans) == 1


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
    # GIVEN eight scans of one coefficient each, and a ninth with all others
    bands = [(each, each) for each in range(8)] + [(8, 63)]
    scans = [scan_of(1, first=first, last=last) + cover for first, last in bands]
    read = read_jpeg(SOI + frame_header(8, 8, PROGRESSIVE) + b"".join(scans) + EOI)
    assert len(read.scans) == 9


@pytest.mark.parametrize(
    "scans",
    [
        pytest.param([scan_of(1)], id="luma alone"),
        pytest.param([scan_of(1), scan_of(2)], id="one of two colours"),
        pytest.param([scan_of(1, 2)], id="one of two colours, in one scan"),
        pytest.param([scan_of(1, 2), scan_of(4)], id="a channel that is not there"),
    ],
)
@pytest.mark.parametrize("end", [EOI, b"", b"trailer", b"\xff\xc4\0"])
@pytest.mark.parametrize("marker", READ)
def test_a_channel_without_a_scan_is_missing(marker: int, scans: list[bytes], end: bytes) -> None:
    # GIVEN a file cut between two scans, which a decoder would show in grey
    data = SOI + colour_frame(0x22, 0x11, 0x11, marker=marker) + b"".join(scans) + end
    with pytest.raises(CorruptImage):
        read_jpeg(data)


STEPS = [
    scan_of(1, 2, 3, last=0, bits=0x01),
    scan_of(1, first=1, last=5, bits=0x02),
    scan_of(1, first=6, bits=0x02),
    scan_of(2, first=1, bits=0x01),
    scan_of(3, first=1, bits=0x01),
    scan_of(1, first=1, bits=0x21),
    scan_of(1, 2, 3, last=0, bits=0x10),
    scan_of(2, first=1, bits=0x10),
    scan_of(3, first=1, bits=0x10),
    scan_of(1, first=1, bits=0x10),
]
"""The scans of a progressive file, each with the coefficients that it begins or refines."""


@pytest.mark.parametrize("end", [EOI, b"", bytes(100)])
def test_a_progressive_file_without_one_of_its_scans_is_corrupt(end: bytes) -> None:
    frame = colour_frame(0x22, 0x11, 0x11, marker=PROGRESSIVE)
    assert len(read_jpeg(SOI + frame + b"".join(STEPS) + end).scans) == len(STEPS)
    for missing in range(len(STEPS)):
        with pytest.raises(CorruptImage):
            read_jpeg(SOI + frame + b"".join(STEPS[:missing]) + end)
        with pytest.raises(CorruptImage):
            read_jpeg(SOI + frame + b"".join(STEPS[:missing] + STEPS[missing + 1 :]) + end)


def test_coefficients_may_be_left_out_of_a_progressive_file_that_ends_properly() -> None:
    frame = colour_frame(0x22, 0x11, 0x11, marker=PROGRESSIVE)
    scans = scan_of(1, 2, 3, last=0) + scan_of(1, first=1)
    assert len(read_jpeg(SOI + frame + scans + EOI).scans) == 2
    with pytest.raises(CorruptImage):
        read_jpeg(SOI + frame + scans)


@pytest.mark.parametrize(
    ("marker", "scans", "buffered"),
    [
        pytest.param(0xC0, [scan_of(1, 2, 3)], False, id="baseline"),
        pytest.param(0xC0, [scan_of(1), scan_of(2), scan_of(3)], True, id="channel by channel"),
        pytest.param(0xC0, [scan_of(3), scan_of(1, 2)], True, id="one channel first"),
        pytest.param(0xC2, [scan_of(1, 2, 3)], True, id="progressive"),
    ],
)
def test_a_picture_in_several_scans_is_buffered_until_the_last(
    marker: int, scans: list[bytes], *, buffered: bool
) -> None:
    data = SOI + colour_frame(0x22, 0x11, 0x11, marker=marker) + b"".join(scans) + EOI
    assert read_jpeg(data).buffered is buffered


# Cost


@pytest.mark.parametrize(
    "padding",
    [segment(COMMENT, b"") * 1_250_000, b"\xff\xe1\0\0" * 1_250_000],
    ids=["empty comments", "segments without a length"],
)
def test_a_header_of_a_million_segments_is_refused_early(padding: bytes) -> None:
    with pytest.raises(CorruptImage):
        read_jpeg(jpeg(padding, frame_header(8, 8)))


def test_megabytes_of_markers_that_stand_alone_are_skipped() -> None:
    assert facts(jpeg(b"\xff\x01" * 2_500_000 + frame_header(8, 8))) == (8, 8, 1, 1)


@pytest.mark.parametrize(
    "padding",
    [
        segment(COMMENT, b"") * 1_240_000,
        segment(DHT, bytes(17)) * 1000,
        b"\xff\xda\0\2" * 1_240_000,
    ],
    ids=["empty comments", "tables", "empty scans"],
)
def test_a_million_segments_after_the_first_scan_are_refused_early(
    padding: bytes,
) -> None:
    begun, rest = scan_of(1, last=0), scan_of(1, first=1)
    with pytest.raises(CorruptImage):
        read_jpeg(SOI + frame_header(8, 8, PROGRESSIVE) + begun + padding + rest + EOI)


def test_megabytes_of_fill_bytes_are_skipped() -> None:
    assert facts(jpeg(fill(5_000_000) + frame_header(8, 8))) == (8, 8, 1, 1)
