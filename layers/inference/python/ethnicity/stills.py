"""Extraction of the picture from a PNG or WebP file before it is decoded.

The result is the smallest file that holds the picture, without animations, text and other chunks
that take memory to read.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ethnicity.errors import CorruptImage
from ethnicity.exif import read_orientation
from ethnicity.limits import MAX_PROFILE_BYTES

_PNG = b"\x89PNG\r\n\x1a\n"
_RIFF, _WEBP = b"RIFF", b"WEBP"
_MAX_CHUNKS = 100_000

_ANIMATION_FRAME = 16
"""Bytes of an animation frame's header, before its picture."""


@dataclass(frozen=True)
class Still:
    """A PNG or WebP file of one picture.

    ``kind``: the format's name.
    ``width``, ``height``: as stored, in pixels, before the EXIF orientation is applied.
    ``orientation``: of EXIF, 1 to 8. ``icc``: the colour profile; empty if there is none.
    """

    kind: str
    width: int
    height: int
    orientation: int
    icc: bytes
    file: bytes


def read_still(data: bytes) -> Still | None:
    """Extract the picture of a PNG or WebP file; the first picture of an animation.

    ``None`` if the content is of another kind.

    Raises:
        CorruptImage
    """
    if data.startswith(_PNG):
        return _read_png(data)
    if data.startswith(_RIFF) and data[8:12] == _WEBP:
        return _read_webp(data)
    return None


def _read_png(data: bytes) -> Still:
    """Read a PNG (third edition, section 5).

    The chunks have checksums, so damage is detected before decoding.
    """
    kept = [_PNG]
    icc, orientation, frame = b"", 1, (0, 0)
    for kind, content, chunk in _png_chunks(data):
        if kind == b"IHDR" and len(content) == 13 and len(kept) == 1:
            frame = struct.unpack_from(">II", content)
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            kept.append(chunk)
        elif kind == b"eXIf":
            orientation = read_orientation(content)
        elif kind == b"iCCP":
            icc = _inflated(content.partition(b"\0")[2][1:])
        if kind == b"IEND":
            break
    else:
        raise CorruptImage.of("PNG")
    if 0 in frame:
        raise CorruptImage.of("PNG")
    return Still("PNG", *frame, orientation, icc, b"".join(kept))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, content and all bytes of each chunk; checksums of critical chunks are checked."""
    position = len(_PNG)
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):
            return
        (length,) = struct.unpack_from(">I", data, position)
        chunk = data[position : position + 12 + length]
        kind, content = chunk[4:8], chunk[8:-4]
        critical = kind[:1].isupper()
        if critical and zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise CorruptImage.of("PNG")
        yield kind, content, chunk
        position += 12 + length


def _inflated(deflated: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(deflated, MAX_PROFILE_BYTES)
    except zlib.error:
        return b""
    return inflated if inflater.eof else b""


def _read_webp(data: bytes) -> Still:
    """Read a WebP file (RFC 9649)."""
    icc, orientation, size, picture = b"", 1, (0, 0), b""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise CorruptImage.of("WebP")
    for kind, content in _webp_chunks(data, 12, end):
        if kind == b"ICCP":
            icc = content
        elif kind == b"EXIF":
            orientation = read_orientation(content)
        elif not picture:
            animated = kind == b"ANMF"
            inside = _webp_chunks(content, _ANIMATION_FRAME, len(content))
            for codec, coded in inside if animated else [(kind, content)]:
                if codec in _SIZES:
                    size = _SIZES[codec](coded)
                    padding = b"\0" * (len(coded) % 2)
                    picture = codec + struct.pack("<I", len(coded)) + coded + padding
    if not picture or 0 in size:
        raise CorruptImage.of("WebP")
    file = _RIFF + struct.pack("<I", 4 + len(picture)) + _WEBP + picture
    return Still("WebP", *size, orientation, icc, file)


def _webp_chunks(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(_MAX_CHUNKS):
        if position + 8 > end:
            return
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if position + 8 + length > end:
            raise CorruptImage.of("WebP")
        yield data[position : position + 4], data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _lossy_size(coded: bytes) -> tuple[int, int]:
    if len(coded) < 10 or coded[3:6] != b"\x9d\x01\x2a":
        raise CorruptImage.of("WebP")
    width, height = struct.unpack_from("<HH", coded, 6)
    return width & 0x3FFF, height & 0x3FFF


def _lossless_size(coded: bytes) -> tuple[int, int]:
    if len(coded) < 5 or coded[0] != 0x2F:
        raise CorruptImage.of("WebP")
    bits = int.from_bytes(coded[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


_SIZES = {b"VP8 ": _lossy_size, b"VP8L": _lossless_size}
"""Functions that read a picture's size, by its coding."""
