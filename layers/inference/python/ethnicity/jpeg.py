"""What a JPEG's header says, read before anything is decoded.

The decoder is only handed files whose cost is known: a few kilobytes can claim a billion pixels, or
repeat one progressive scan a thousand times.
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
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_SEGMENT = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # among scans' data; other markers stand alone
_MAX_SEGMENTS = 1000  # before the first scan; large profiles and panoramas need a hundred or two
_FILL = re.compile(rb"\xff+")
_ORIENTATION_TAG = 0x0112
_ICC = b"ICC_PROFILE\0"


@dataclass(frozen=True)
class JpegHeader:
    """Width and height as stored, in pixels, before the EXIF orientation (1 to 8) is applied.

    ``icc``: the colour profile, empty where there is none.
    """

    width: int
    height: int
    orientation: int
    scans: int
    icc: bytes = b""


def read_header(data: bytes) -> JpegHeader:
    """Walk the segments up to the first scan and count the scans: a third of a millisecond a MB.

    Raises:
        NotJpeg: the content does not start as a JPEG does.
        CorruptImage: the segments are broken, or there is no frame header or no scan.
    """
    if not data.startswith(_START_OF_IMAGE):
        raise NotJpeg
    size: tuple[int, int] | None = None
    orientation = None
    icc_parts = []
    position = 2
    for _ in range(_MAX_SEGMENTS):
        marker, start, end = _segment(data, position)
        if marker == _START_OF_SCAN:
            break
        if marker in _FRAME_HEADERS:
            if size is not None or end - start < 6:
                raise CorruptImage
            height, width = struct.unpack_from(">HH", data, start + 1)
            size = (width, height)
        elif marker == _APP1 and not orientation and data.startswith(b"Exif\0\0", start, end):
            orientation = _exif_orientation(data[start + 6 : end])
        elif marker == _APP2 and data.startswith(_ICC, start, end):
            icc_parts.append(data[start + len(_ICC) : end])
        position = end
    else:
        raise CorruptImage
    if size is None or 0 in size:
        raise CorruptImage
    icc = b"".join(
        part[2:] for part in sorted(icc_parts)
    )  # each starts with its number, and theirs
    return JpegHeader(*size, orientation or 1, _count_scans(data, position), icc)


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


def _count_scans(data: bytes, position: int) -> int:
    """The scans from ``position`` on that a decoder comes upon.

    Not what looks like one inside a segment or behind the end of the image, where many files carry
    a second image or a film.
    """
    scans = 0
    while found := _SEGMENT.search(data, position):
        marker, position = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            break
        scans += marker == _START_OF_SCAN
        position += int.from_bytes(data[position : position + 2], "big")
    return scans


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
