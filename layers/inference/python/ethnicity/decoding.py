"""Decoding of coded data to pixels; missing or damaged data are refused."""

import re
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import simplejpeg

from ethnicity.errors import CorruptImage
from ethnicity.geometry import Pixels
from ethnicity.jpeg import Frame, Jpeg, Scan, join
from ethnicity.stills import Still

_MIN_SIDE = 1000
"""Pixels that the longer side keeps when a picture is decoded at 1/2 to 1/8 of its size. A reduced
12-megapixel photo decodes in half the time; factors above 1/2 take longer than full size."""

# simplejpeg's messages, in libjpeg-turbo's words
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x(d\d)")
_EOI = "d9"
_UNUSUAL_SAMPLING = "Could not determine subsampling"
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")

_PADDING = frozenset(b"\0\xff\t\n\r ")
_NAME = re.compile(rb"[ -~]{16,}")
_MIN_TRAILER, _WINDOW, _LOOK_BACK = 16, 32, 1024
"""Bytes that identify a trailer, at least and at most, and how far back a name is searched."""
_AHEAD = 8
"""The decoder reads up to this many bytes ahead before it counts those left over."""

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_PROBE = b"\x5a" * 16
"""Arbitrary bytes, enough for a block."""


def decode_jpeg(jpeg: Jpeg) -> Pixels:
    """The pixels as they are stored, at full size or smaller.

    Raises:
        CorruptImage: blocks are missing, damaged or left over.
    """
    try:
        return _decode(jpeg.frame, join(jpeg.scans), strict=True)
    except ValueError as error:
        complaint = str(error)  # about the first fault only
    *others, last = jpeg.scans
    trimmed = last.up_to_marker()
    if len(trimmed.coded) < len(last.coded):
        return decode_jpeg(replace(jpeg, scans=(*others, trimmed)))
    if _UNUSUAL_SAMPLING in complaint:
        return _decode_unusual(jpeg)
    if left_over := _LEFT_OVER.search(complaint):
        return _decode_despite(jpeg, int(left_over[1]), left_over[2])
    raise CorruptImage


def _decode_despite(jpeg: Jpeg, left_over: int, marker: str) -> Pixels:
    """Decode a picture with bytes left over before a marker.

    Leftover bytes are not always damage. They may be padding, a trailer that follows without an
    end marker, or rows below the picture, which some scanners write.
    """
    *others, last = jpeg.scans
    rows_below = [*_RESTART.finditer(last.coded)][last.restarts :]
    try:
        if marker == _EOI and _ends_in_trailer(last, left_over):
            return _decode(jpeg.frame, join(jpeg.scans), strict=False)
        if rows_below:
            picture = replace(last, coded=last.coded[: rows_below[0].start()])
            return _decode(jpeg.frame, join([*others, picture]), strict=True)
    except ValueError as error:
        raise CorruptImage from error
    raise CorruptImage


def _decode(frame: Frame, stream: bytes, *, strict: bool) -> Pixels:
    wide = frame.width >= frame.height
    pixels: Pixels = simplejpeg.decode_jpeg(
        stream,
        colorspace="RGB",
        min_width=_MIN_SIDE if wide else 0,
        min_height=0 if wide else _MIN_SIDE,
        min_factor=2,
        strict=strict,
    )
    return pixels


def _ends_in_trailer(scan: Scan, left_over: int) -> bool:
    """Whether padding or a trailer begins where the last block ends.

    If it begins earlier, its first bytes were decoded as blocks, and the real blocks are missing.
    Blocks of plain colour may be zeros, and so may padding; zeros count as blocks if the next byte
    is their last one, filled up with ones, or if a trailer comes next.
    """
    end = len(scan.coded) - left_over
    sure = max(0, end - _AHEAD)
    read = bytes(scan.coded[max(0, sure - _LOOK_BACK) : sure])
    around = bytes(scan.coded[max(0, sure - _WINDOW) : end + _MIN_TRAILER])
    behind = bytes(scan.coded[end : end + _WINDOW])
    begins_before = (
        _is_padding(around)
        or _is_trailer(read[-_WINDOW:])
        or any(len(set(name)) >= 8 for name in _NAME.findall(read))
    )
    ends = _is_padding(behind) or _is_trailer(behind)
    return ends and not begins_before and _has_restarts(scan)


def _is_padding(data: bytes) -> bool:
    return _PADDING.issuperset(data)


def _is_trailer(data: bytes) -> bool:
    """Whether these bytes begin a trailer rather than coded data.

    Coded data look random, or repeat a few bytes in areas of one colour. A trailer begins with
    names and small numbers: nearly all of its bytes are below 128, and many of them differ.
    """
    small = sum(each < 0x80 for each in data)
    return len(data) >= _MIN_TRAILER and small >= 7 / 8 * len(data) and len(set(data)) >= 11


def _has_restarts(scan: Scan) -> bool:
    """Whether all restart markers are present and in order."""
    found = [marker[1] & 7 for marker in _RESTART.findall(scan.coded)]
    return found[: scan.restarts] == [each % 8 for each in range(scan.restarts)]


def _decode_unusual(jpeg: Jpeg) -> Pixels:
    """Decode a picture with legal sampling factors that simplejpeg does not support, by OpenCV.

    OpenCV reports damage only on standard error, so the pixels are compared instead. Bytes added
    after the data of each scan and restart change the pixels only if blocks are missing there.
    Bytes removed from the end of the first scan leave them unchanged only if bytes are left over.
    """
    if not all(_has_restarts(scan) for scan in jpeg.scans):
        raise CorruptImage
    longer = [
        replace(scan, coded=_RESTART.sub(_PROBE + rb"\g<0>", scan.coded) + _PROBE)
        for scan in (replace(scan, coded=bytes(scan.coded).rstrip(b"\xff")) for scan in jpeg.scans)
    ]
    first, *others = jpeg.scans
    shorter = [replace(first, coded=first.coded[: -len(_PROBE)]), *others]
    pixels = _decode_by_opencv(jpeg, jpeg.scans)
    missing = not np.array_equal(pixels, _decode_by_opencv(jpeg, longer))
    if missing or np.array_equal(pixels, _decode_by_opencv(jpeg, shorter)):
        raise CorruptImage
    return pixels


def _decode_by_opencv(jpeg: Jpeg, scans: Sequence[Scan]) -> Pixels:
    side = max(jpeg.frame.width, jpeg.frame.height)
    reduction = max(each for each in _REDUCED if each * _MIN_SIDE <= side or each == 1)
    pixels = _opencv(join(scans), _REDUCED[reduction])
    if pixels is None:
        raise CorruptImage
    return pixels


def decode_still(still: Still) -> Pixels:
    """The pixels as they are stored, at full size or smaller, without transparency.

    Raises:
        CorruptImage
    """
    pixels = _opencv(still.file, cv2.IMREAD_COLOR)
    if pixels is None:
        raise CorruptImage.of(still.kind)
    reduction = max(still.width, still.height) // _MIN_SIDE
    if reduction < 2:
        return pixels
    size = (-(-still.width // reduction), -(-still.height // reduction))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _opencv(file: bytes, flags: int) -> Pixels | None:
    try:
        pixels = cv2.imdecode(np.frombuffer(file, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    if pixels is None:
        return None
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
