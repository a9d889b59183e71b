"""Parsing of JPEG files, so that an irregular header is not mistaken for damage.

Cameras and programs write irregular headers: meaningless parameters, truncated profiles, wrong
lengths, no end marker. The picture itself is intact. `read_jpeg` keeps the parts that a decoder
needs (tables, frame, scans and the two markers that define the colours) in their regular form, and
reads the metadata that the service needs. `join` makes a regular file of the parts, so a strict
decoder judges the coded data alone.

The cost of decoding is known before it begins: a few kilobytes can claim a billion pixels, or
repeat one progressive scan a thousand times.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

from ethnicity.errors import CorruptImage, NotJpeg, UnsupportedJpeg
from ethnicity.exif import is_exif, read_orientation

_START = b"\xff\xd8"
_END = b"\xff\xd9"

_SOF0, _SOF1, _SOF2, _DHT, _SOI, _EOI, _SOS = 0xC0, 0xC1, 0xC2, 0xC4, 0xD8, 0xD9, 0xDA
_DQT, _DRI, _APP0, _APP1, _APP2, _APP14 = 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES = frozenset({_SOF0, _SOF1, _SOF2})
"""Baseline, extended, progressive: the kinds that cameras and programs write."""
_UNSUPPORTED = {
    **dict.fromkeys((0xC3, 0xF7), "lossless"),
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xDE), "hierarchical"),
    **dict.fromkeys((*range(0xC9, 0xCC), *range(0xCD, 0xD0)), "arithmetic coding"),
}
"""Other frames. With arithmetic coding, a file truncated anywhere decodes without an error."""
_KEPT = _FRAMES | {_DHT, _DQT, _DRI}
"""Frame and tables."""
_SCAN_FOLLOWS = re.compile(rb"\xff[\xc4\xda\xdb\xdd]")

_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # the others stand alone or are reserved
_END_OF_CODED_DATA = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")  # neither stuffed nor a restart
_MAX_SEGMENTS = 1000  # the largest profiles need a hundred, progressive files a few for each scan
_LENGTH_TOLERANCE = 16
"""Bytes by which an application segment may be shorter than its length field."""

_ICC = b"ICC_PROFILE\0"
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_ALL_COEFFICIENTS = b"\0\x3f\0"


@dataclass(frozen=True)
class Frame:
    """The frame header.

    ``width``, ``height``: as stored, in pixels, before the EXIF orientation is applied.
    ``channels``: identifiers of the 1, 3 or 4 colour channels.
    ``factors``: horizontal and vertical sampling factors of each channel.
    """

    width: int
    height: int
    channels: bytes
    factors: tuple[tuple[int, int], ...]
    progressive: bool

    def blocks(self, channels: bytes) -> int:
        """Number of blocks of 8×8 samples in these channels."""
        across, down = self._largest_factors()
        return sum(
            -(-self.width * x // (8 * across)) * -(-self.height * y // (8 * down))
            for channel, (x, y) in zip(self.channels, self.factors, strict=True)
            if channel in channels
        )

    def units(self, channels: bytes) -> int:
        """Number of coding units of a scan: blocks for one channel, groups of blocks for more."""
        if len(channels) == 1:
            return self.blocks(channels)
        across, down = self._largest_factors()
        return -(-self.width // (8 * across)) * -(-self.height // (8 * down))

    def _largest_factors(self) -> tuple[int, int]:
        return max(x for x, _ in self.factors), max(y for _, y in self.factors)


@dataclass(frozen=True)
class Scan:
    """One scan of the picture.

    ``opening``: the segments before the data: tables, and the frame in the first scan.
    ``coded``: the data up to the next marker. For a sequential file's last scan it is the rest of
    the file, because a decoder stops by itself and searching for the marker takes time.
    ``restarts``: the number of restart markers that the data need.
    """

    opening: bytes
    channels: bytes
    coded: bytes | memoryview
    restarts: int

    def up_to_marker(self) -> Self:
        """The same scan without the bytes from the next marker on.

        Raises:
            CorruptImage: another scan follows although the picture is complete.
        """
        end = _end_of_data(self.coded, 0)
        if _SCAN_FOLLOWS.match(self.coded, end):
            raise CorruptImage
        return replace(self, coded=self.coded[:end])


@dataclass(frozen=True)
class Jpeg:
    """A JPEG's parts.

    ``orientation``: of EXIF, 1 to 8. ``icc``: the colour profile; empty if there is none.
    """

    frame: Frame
    orientation: int
    icc: bytes
    scans: tuple[Scan, ...]

    @property
    def buffered(self) -> bool:
        """Whether a decoder keeps every block until the last scan is read."""
        return self.frame.progressive or len(self.scans[0].channels) < len(self.frame.channels)


def join(scans: Iterable[Scan]) -> bytes:
    """Make a regular file of these scans."""
    parts = (part for scan in scans for part in (scan.opening, scan.coded))
    return b"".join([_START, *parts, _END])


def read_jpeg(data: bytes) -> Jpeg:
    """Parse a file.

    Raises:
        NotJpeg: the content does not start like a JPEG.
        UnsupportedJpeg: the JPEG is of an unsupported kind.
        CorruptImage: the frame is missing or broken, or scans are missing.
    """
    if not data.startswith(_START + b"\xff"):
        raise NotJpeg
    return _Reader(data).read()


class _Reader:
    """Reads a file's segments one after the other; the attributes hold their content so far.

    ``unknown``: for each coefficient of each channel, the number of low bits still to come;
    ``None`` before its first scan.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = len(_START)
        self.frame: Frame | None = None
        self.orientation: int | None = None
        self.icc_parts: list[bytes] = []
        self.jfif = False
        self.adobe: bytes | None = None
        self.kept: list[bytes] = []
        self.restart_interval = 0
        self.scans: list[Scan] = []
        self.unknown: dict[tuple[int, int], int | None] = {}

    def read(self) -> Jpeg:
        """Read until the picture is complete and no other scan follows, or up to the end marker.

        A trailer or a missing end marker therefore does no harm. A progressive file truncated
        between two scans lacks coefficients, or the last bits of some.
        """
        ended = False
        for marker, content in self.segments():
            if marker == _SOS:
                self.take_scan(content)
                if self.complete and not _SCAN_FOLLOWS.match(self.data, self.position):
                    break
            elif marker == _EOI and self.scans:
                ended = True
                break
            else:
                self.take(marker, content)
        if self.frame is None or not (self.complete or (ended and self.finished)):
            raise CorruptImage
        profile = _whole_profile(self.icc_parts) if self.icc_parts else b""
        return Jpeg(self.frame, self.orientation or 1, profile, tuple(self.scans))

    @property
    def complete(self) -> bool:
        """Whether each coefficient of each channel is known to its last bit."""
        return all(bits == 0 for bits in self.unknown.values())

    @property
    def finished(self) -> bool:
        """Whether every coefficient that was begun is complete, and each channel's first was."""
        return all(bits == 0 or (bits is None and each) for (_, each), bits in self.unknown.items())

    def segments(self) -> Iterator[tuple[int, bytes]]:
        """Markers and contents; bytes between the segments are skipped.

        Raises:
            CorruptImage: a length is impossible, or there are too many segments.
        """
        for _ in range(_MAX_SEGMENTS):
            found = _MARKER.search(self.data, self.position)
            if found is None:
                return
            start = self.position = found.end()
            marker = self.data[start - 1]
            if marker in (_SOI, _EOI):
                yield marker, b""
                continue
            end = start + int.from_bytes(self.data[start : start + 2], "big")
            if start + 2 <= end <= len(self.data):
                self.position = end
                if marker >= _APP0 and not self.data.startswith(b"\xff", end):
                    self.position = max(start + 2, end - _LENGTH_TOLERANCE)
                yield marker, self.data[start + 2 : end]
            elif marker < _APP0:
                raise CorruptImage
        raise CorruptImage

    def take(self, marker: int, content: bytes) -> None:
        """Read a segment and keep it if a decoder needs it.

        Raises:
            CorruptImage, UnsupportedJpeg
        """
        if marker in _UNSUPPORTED:
            raise UnsupportedJpeg(_UNSUPPORTED[marker])
        if marker == _SOI or (marker in _FRAMES and self.frame):
            raise CorruptImage
        if marker in _FRAMES:
            self.take_frame(marker, content)
        if marker in _KEPT:
            self.kept.append(_segment(marker, content))
        if marker == _DRI:
            self.restart_interval = int.from_bytes(content[:2], "big")
        elif marker == _APP0:
            self.jfif |= len(content) >= 14 and content.startswith(b"JFIF\0")
        elif marker == _APP1 and self.orientation is None and is_exif(content):
            self.orientation = read_orientation(content)
        elif marker == _APP2 and content.startswith(_ICC):
            self.icc_parts.append(content[len(_ICC) :])
        elif marker == _APP14 and len(content) >= 12 and content.startswith(b"Adobe"):
            self.adobe = content[:12]

    def take_frame(self, marker: int, content: bytes) -> None:
        self.frame = _read_frame(marker, content)
        coefficients = range(64 if self.frame.progressive else 1)
        self.unknown = dict.fromkeys(product(self.frame.channels, coefficients))

    def take_scan(self, content: bytes) -> None:
        """Read a scan's header and move to the end of its data.

        A sequential scan has all coefficients, regardless of its header.
        """
        end = 1 + 2 * content[0] if content else 0
        if self.frame is None or len(content) < end + 3:
            raise CorruptImage
        channels = content[1:end:2]
        coefficients = content[end:] if self.frame.progressive else _ALL_COEFFICIENTS
        first, last, bits = coefficients[:3]
        known = range(first, last + 1) if self.frame.progressive else range(1)
        for each in product(channels, known):
            if each in self.unknown:
                if (self.unknown[each] or 0) != bits >> 4:
                    raise CorruptImage  # a scan between is missing
                self.unknown[each] = bits & 15
        opening = [*self.colours(), *self.kept, _segment(_SOS, content[:end] + coefficients)]
        if self.frame.progressive or not self.complete:
            stop = _end_of_data(self.data, self.position)
        else:
            stop = len(self.data) - (len(_END) if self.data.endswith(_END) else 0)
        coded = memoryview(self.data)[self.position : stop]
        interval = self.restart_interval
        restarts = (self.frame.units(channels) - 1) // interval if interval else 0
        self.scans.append(Scan(b"".join(opening), channels, coded, restarts))
        self.position = stop
        self.kept = []

    def colours(self) -> Iterator[bytes]:
        """The two markers that define the colours for a decoder."""
        if self.jfif and not self.scans:
            yield _JFIF
        if self.adobe and self.frame and not self.scans:
            yield _segment(_APP14, _fitting(self.adobe, self.frame.channels))


def _end_of_data(data: bytes | memoryview, position: int) -> int:
    """The end of the coded data that begin at ``position``: the next marker except restarts."""
    found = _END_OF_CODED_DATA.search(data, position)
    return found.start() if found else len(data)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _fitting(adobe: bytes, channels: bytes) -> bytes:
    """Adobe's segment; a transform that does not fit the channels is derived from their names."""
    luma_and_chroma = 2 if len(channels) == 4 else 1
    transform = adobe[11]
    if transform not in (0, luma_and_chroma):
        transform = 0 if channels in (b"RGB", b"CMYK") else luma_and_chroma
    return adobe[:11] + bytes([transform])


def _read_frame(marker: int, content: bytes) -> Frame:
    """The frame header: precision, height, width, and each channel's name and sampling factors."""
    if len(content) < 6:
        raise CorruptImage
    precision, height, width, count = struct.unpack_from(">BHHB", content)
    if precision == 12:
        raise UnsupportedJpeg("12-bit samples")
    if precision != 8 or 0 in (width, height) or count not in (1, 3, 4):
        raise CorruptImage
    if len(content) != 6 + 3 * count:
        raise CorruptImage
    factors = tuple((byte >> 4, byte & 15) for byte in content[7::3])
    if not all(1 <= factor <= 4 for pair in factors for factor in pair):
        raise CorruptImage
    return Frame(width, height, content[6::3], factors, marker == _SOF2)


def _whole_profile(parts: list[bytes]) -> bytes:
    """The joined profile; empty if a part is missing, doubled or wrongly numbered."""
    count = len(parts)
    numbered = sorted((tuple(part[:2]), part[2:]) for part in parts)
    whole = [place for place, _ in numbered] == [(number + 1, count) for number in range(count)]
    return b"".join(part for _, part in numbered) if whole else b""
