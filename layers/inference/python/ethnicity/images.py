"""JPEG bytes to pixels, in memory."""

from dataclasses import dataclass

import numpy as np
import simplejpeg

from ethnicity.colour import Profile, read_profile
from ethnicity.errors import CorruptImage, ImageTooLarge, NoImage
from ethnicity.geometry import Pixels
from ethnicity.jpeg import JpegHeader, read_header
from ethnicity.limits import MAX_BYTES, MAX_PIXELS

_MAX_SCANS = 100
_MAX_SCAN_PIXELS = 20 * MAX_PIXELS
"""Scans, and scans times pixels: a decoder visits every pixel at every scan, and files of ten scans
are common (in CMYK, of 18) while one of a thousand is an attack."""

_BLOCK_BYTES = 128
_MAX_BUFFER = 210_000_000
"""Bytes of coefficients that a decoder may have to keep, 64 of two bytes a block. Progressive files
of 50 megapixels keep 150 MB at half the colour resolution in both directions, and 300 MB in full:
those may have 34."""

_ENOUGH = 1000
"""A picture is decoded at 1/2 to 1/8 if its longer side keeps at least this many pixels: the
networks look at 128 and 96, and a 12-megapixel photo decodes in half the time. (At more than 1/2 it
would take longer than in full.)"""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    ``pixels``: uint8, shape (rows, columns, 3), RGB, perhaps smaller than the picture itself.
    ``width``, ``height``: of the picture as it is displayed, in pixels.
    ``profile``: turns the pixels' colours into sRGB's, where they are not yet.
    """

    pixels: Pixels
    width: int
    height: int
    profile: Profile | None

    @property
    def reduction(self) -> float:
        """The picture's pixels to one pixel here, 1 or more."""
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


def decode(data: bytes) -> Picture:
    """Decode a JPEG: greyscale, CMYK and progressive ones too, its EXIF orientation applied.

    Raises:
        NoImage, ImageTooLarge, NotJpeg: found without decoding.
        CorruptImage: the data does not decode, or only partly.
    """
    check_size(len(data))
    header = read_header(data)
    frame = header.frame
    _check_cost(header, len(data))
    wide = frame.width >= frame.height
    try:
        pixels = simplejpeg.decode_jpeg(
            data,
            colorspace="RGB",
            min_width=_ENOUGH if wide else 0,
            min_height=0 if wide else _ENOUGH,
            min_factor=2,
            strict=True,
        )
    except ValueError as error:
        raise CorruptImage from error
    turned = header.orientation >= 5
    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
    profile = read_profile(header.icc) if header.icc else None
    return Picture(_upright(pixels, header.orientation), width, height, profile)


def _check_cost(header: JpegHeader, length: int) -> None:
    """Refuse what would take too much time or memory to decode, or is too short to hold it all.

    Raises:
        ImageTooLarge, CorruptImage
    """
    frame = header.frame
    pixels = frame.width * frame.height
    if pixels > MAX_PIXELS:
        raise ImageTooLarge.pixels(MAX_PIXELS)
    buffer = frame.blocks * _BLOCK_BYTES
    if header.buffered and buffer > _MAX_BUFFER:
        raise ImageTooLarge.pixels(pixels * _MAX_BUFFER // buffer)
    if header.scans > _MAX_SCANS or header.scans * pixels > _MAX_SCAN_PIXELS:
        raise CorruptImage
    if 8 * length < frame.blocks:  # each takes a bit at least
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
