"""What a JPEG's header says, read before anything is decoded.

The decoder is only handed files whose cost is known: a few kilobytes can claim a billion pixels, or
repeat one progressive scan a thousand times. Nor is it handed those of which it could not tell that
a part is missing.
"""

import re
import struct
from dataclasses import dataclass

from ethnicity.errors import CorruptImage, NotJpeg

_START_OF_IMAGE = b"\xff\xd8\xff"
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_APP1 = 0xE1
_APP2 = 0xE2
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = 0xC2
_PROCESSES = frozenset({0xC0, 0xC1, _PROGRESSIVE})
"""Baseline, extended, progressive: what cameras and programs write. Of the others, lossless and
hierarchical files hold no picture for a face; arithmetic coding has no end of its own: a file cut
short anywhere decodes without complaint."""
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_SEGMENT = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # among scans' data; other markers stand alone
_MAX_SEGMENTS = 1000  # up to the first scan, and again from there; large profiles need a hundred
_FILL = re.compile(rb"\xff+")
_ORIENTATION_TAG = 0x0112
_ICC = b"ICC_PROFILE\0"


@dataclass(frozen=True)
class Frame:
    """What the frame header says of the picture.

    ``width``, ``height``: as stored, in pixels, before the EXIF orientation is applied.
    ``components``: identifiers of the colour channels, 1, 3 or 4 of them.
    ``blocks``: of 8×8 samples, in all channels together.
    """

    width: int
    height: int
    components: bytes
    blocks: int
    progressive: bool


@dataclass(frozen=True)
class JpegHeader:
    """The frame, the EXIF orientation (1 to 8), and what decoding has to do.

    ``icc``: the colour profile, empty where there is none.
    ``buffered``: whether every block is kept until the last scan is read.
    """

    frame: Frame
    orientation: int
    scans: int
    icc: bytes = b""
    buffered: bool = False


def read_header(data: bytes) -> JpegHeader:
    """Walk the segments up to the first scan, and from there on if there may be others.

    Raises:
        NotJpeg: the content does not start as a JPEG does.
        CorruptImage: the segments are broken, there is no frame header or one of a kind that is not
            read, or a channel has no scan.
    """
    if not data.startswith(_START_OF_IMAGE):
        raise NotJpeg
    frame = None
    orientation = None
    icc_parts = []
    position = 2
    for _ in range(_MAX_SEGMENTS):
        marker, start, end = _segment(data, position)
        if marker == _START_OF_SCAN:
            break
        if marker in _FRAME_HEADERS:
            if frame is not None:
                raise CorruptImage
            frame = _read_frame(marker, data[start:end])
        elif marker == _APP1 and not orientation and data.startswith(b"Exif\0\0", start, end):
            orientation = _exif_orientation(data[start + 6 : end])
        elif marker == _APP2 and data.startswith(_ICC, start, end):
            icc_parts.append(data[start + len(_ICC) : end])
        position = end
    else:
        raise CorruptImage
    if frame is None:
        raise CorruptImage
    scans = _read_scans(data, position, frame)
    begun = {component for scan in scans if scan.first for component in scan.components}
    if not begun.issuperset(frame.components):
        raise CorruptImage
    icc = b"".join(part[2:] for part in sorted(icc_parts))  # behind its number, and the last one's
    apart = len(scans[0].components) < len(frame.components)
    return JpegHeader(frame, orientation or 1, len(scans), icc, frame.progressive or apart)


def _read_frame(marker: int, content: bytes) -> Frame:
    """The frame header: precision, height, width, and each channel's name and sampling factors."""
    if marker not in _PROCESSES or len(content) < 6:
        raise CorruptImage
    precision, height, width, count = struct.unpack_from(">BHHB", content)
    if precision != 8 or 0 in (width, height) or count not in (1, 3, 4):
        raise CorruptImage
    if len(content) != 6 + 3 * count:
        raise CorruptImage
    factors = [(byte >> 4, byte & 15) for byte in content[7::3]]
    across, down = (max(each) for each in zip(*factors, strict=True))
    if not all(1 <= factor <= 4 for pair in factors for factor in pair):
        raise CorruptImage
    blocks = sum(-(-width * x // (8 * across)) * -(-height * y // (8 * down)) for x, y in factors)
    return Frame(width, height, content[6::3], blocks, marker == _PROGRESSIVE)


def _segment(data: bytes, position: int) -> tuple[int, int, int]:
    """The next marker from ``position`` on, and where its content starts and ends."""
    fill = _FILL.match(data, position)  # any number of fill bytes is allowed
    if fill is None or fill.end() == len(data):
        raise CorruptImage
    position = fill.end() + 1
    marker = data[position - 1]
    if marker in _STANDALONE:
        return marker, position, position
    if marker == _END_OF_IMAGE or position + 2 > len(data):
        raise CorruptImage
    (length,) = struct.unpack_from(">H", data, position)
    if length < 2 or position + length > len(data):
        raise CorruptImage
    return marker, position + 2, position + length


@dataclass(frozen=True)
class _Scan:
    """The channels of a scan, and whether it is one that begins them: not all progressive ones."""

    components: bytes
    first: bool


def _read_scans(data: bytes, position: int, frame: Frame) -> list[_Scan]:
    """The scans from ``position`` on that a decoder comes upon.

    Not what looks like one inside a segment or behind the end of the image, where many files carry
    a second image or a film. Where the first scan holds the whole picture, as in most photos, a
    decoder takes no other, and none is looked for: that takes a third of a millisecond a MB.
    """
    scans: list[_Scan] = []
    for _ in range(_MAX_SEGMENTS):
        found = _SEGMENT.search(data, position)
        if found is None or data[found.end() - 1] == _END_OF_IMAGE:
            return scans
        position = found.end()
        length = int.from_bytes(data[position : position + 2], "big")
        if data[position - 1] == _START_OF_SCAN:
            scans.append(_read_scan(data[position + 2 : position + length]))
            if not frame.progressive and len(scans[0].components) == len(frame.components):
                return scans
        position += length
    raise CorruptImage


def _read_scan(content: bytes) -> _Scan:
    """A scan's header: a count of channels, each one's name and tables, which coefficients."""
    end = 1 + 2 * content[0] if content else 0
    if len(content) < end + 3:
        raise CorruptImage
    return _Scan(content[1:end:2], first=content[end] == 0 and content[end + 2] >> 4 == 0)


def _exif_orientation(tiff: bytes) -> int:
    """The orientation tag of the first image directory; 1, upright, where there is none."""
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[tiff[:4]]
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(entries):
            tag, kind, count, value = struct.unpack_from(
                order + "HHIH", tiff, directory + 2 + 12 * entry
            )
            if (tag, kind, count) == (_ORIENTATION_TAG, 3, 1) and 1 <= value <= 8:
                return int(value)
    except (KeyError, struct.error):
        pass  # broken metadata does not make the picture unreadable
    return 1
