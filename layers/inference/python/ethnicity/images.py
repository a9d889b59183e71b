"""Decoding of a picture's bytes to pixels, in memory."""

from dataclasses import dataclass

import numpy as np

from ethnicity import decoding
from ethnicity.colour import Profile, read_profile
from ethnicity.errors import CorruptImage, ImageTooLarge, NoImage, NotJpeg
from ethnicity.geometry import Pixels
from ethnicity.jpeg import Jpeg, read_jpeg
from ethnicity.limits import MAX_BYTES, MAX_PIXELS
from ethnicity.stills import Still, read_still

_MAX_SCANS = 100
_MAX_SCAN_PIXELS = 20 * MAX_PIXELS
"""Limits on scans, and on scans times pixels: a decoder visits every pixel in every scan. Files of
ten scans are common (18 in CMYK); a file of a thousand is an attack."""

_BLOCK_BYTES = 128
_MAX_BUFFER = 210_000_000
"""Limit on the bytes of coefficients that a decoder has to keep, 64 of two bytes per block. A
progressive file of 50 megapixels needs 150 MB at half the colour resolution in both directions. At
full colour resolution it would need 300 MB, so such files are limited to 34 megapixels."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    ``pixels``: uint8, shape (rows, columns, 3), RGB, possibly smaller than the picture itself.
    ``width``, ``height``: of the picture as displayed, in pixels.
    ``profile``: converts the pixels to sRGB; ``None`` if they are already sRGB.
    """

    pixels: Pixels
    width: int
    height: int
    profile: Profile | None

    @property
    def reduction(self) -> float:
        """Pixels of the picture per pixel of ``pixels``, along one side; 1 or more."""
        return self.width / int(self.pixels.shape[1])


def check_size(length: int, max_bytes: int = MAX_BYTES) -> None:
    """Refuse a file that is empty or too long, before it is read or decoded.

    Raises:
        NoImage, ImageTooLarge
    """
    if length == 0:
        raise NoImage
    if length > max_bytes:
        raise ImageTooLarge.bytes(max_bytes)


def decode(data: bytes, *, jpeg_only: bool = True) -> Picture:
    """Decode a picture and apply its EXIF orientation; reads any kind of JPEG that browsers show.

    ``jpeg_only``: if false, also PNG and WebP, and the first picture of an animation.

    Raises:
        NoImage, ImageTooLarge, NotJpeg, UnsupportedJpeg: detected before decoding.
        CorruptImage: a part of the picture is missing or damaged.
    """
    check_size(len(data))
    stored = _read(data, jpeg_only=jpeg_only)
    if isinstance(stored, Still):
        _check_pixels(stored.width, stored.height)
        pixels = decoding.decode_still(stored)
    else:
        _check_cost(stored, len(data))
        pixels = decoding.decode_jpeg(stored)
    profile = read_profile(stored.icc) if stored.icc else None
    return Picture(_upright(pixels, stored.orientation), *_size(stored), profile)


def _read(data: bytes, *, jpeg_only: bool) -> Jpeg | Still:
    if jpeg_only:
        return read_jpeg(data)
    try:
        return read_still(data) or read_jpeg(data)
    except NotJpeg as error:
        raise NotJpeg.nor_still() from error


def _size(stored: Jpeg | Still) -> tuple[int, int]:
    frame = stored.frame if isinstance(stored, Jpeg) else stored
    turned = stored.orientation >= 5
    return (frame.height, frame.width) if turned else (frame.width, frame.height)


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageTooLarge.pixels(MAX_PIXELS)


def _check_cost(jpeg: Jpeg, length: int) -> None:
    """Refuse files that take too much time or memory to decode, or are too short for their size.

    Raises:
        ImageTooLarge, CorruptImage
    """
    frame = jpeg.frame
    _check_pixels(frame.width, frame.height)
    pixels = frame.width * frame.height
    blocks = frame.blocks(frame.channels)
    buffer = blocks * _BLOCK_BYTES
    if jpeg.buffered and buffer > _MAX_BUFFER:
        raise ImageTooLarge.pixels(pixels * _MAX_BUFFER // buffer)
    if len(jpeg.scans) > _MAX_SCANS or len(jpeg.scans) * pixels > _MAX_SCAN_PIXELS:
        raise CorruptImage
    if 8 * length < blocks:  # each block takes at least one bit
        raise CorruptImage


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels as displayed, for an EXIF orientation of 1 to 8."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
