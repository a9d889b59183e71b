"""JPEGs made for the tests, by Pillow's encoder or byte by byte."""

import io
import struct
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ethnicity.geometry import Pixels

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
SOS = 0xDA
APP1 = 0xE1
COMMENT = 0xFE

# For each EXIF orientation, how to store a picture so that it is displayed upright.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}

# The first bytes of files in other formats, and text.
OTHER_CONTENT = {
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "GIF": b"GIF89a\x01\0\x01\0",
    "BMP": b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0",
    "WebP": b"RIFF\x24\0\0\0WEBPVP8 ",
    "TIFF": b"II*\0\x08\0\0\0",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "JPEG XL": b"\xff\x0a\xfa\x7f",
    "PDF": b"%PDF-1.7\n",
    "text": b"a photo of a face",
    "zeros": bytes(64),
    "JPEG of one byte": b"\xff",
    "JPEG of two bytes": SOI,
    "JPEG behind a space": b" " + SOI + b"\xff\xe0",
}


def encode(picture: Pixels | Image.Image, **options: Any) -> bytes:
    """A JPEG, encoded by Pillow."""
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def encode_oriented(picture: Pixels | Image.Image, orientation: int, **options: Any) -> bytes:
    """A JPEG that is stored turned or mirrored and displayed as ``picture``."""
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    if orientation in _STORED:
        image = image.transpose(_STORED[orientation])
    metadata = Image.Exif()
    metadata[0x0112] = orientation
    return encode(image, exif=metadata, **options)


def as_displayed(jpeg: bytes) -> Pixels:
    """The pixels of a JPEG as Pillow displays it."""
    return np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(jpeg))).convert("RGB"))


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture at another size, by Lanczos resampling."""
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def on_canvas(
    pixels: Pixels, size: tuple[int, int], corner: tuple[int, int], grey: int = 128
) -> Pixels:
    """The picture on a grey canvas, cropped where it extends beyond the canvas."""
    (width, height), (left, top) = size, corner
    canvas = np.full((height, width, 3), grey, np.uint8)
    place = canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]]
    place[:] = pixels[: place.shape[0], : place.shape[1]]
    return canvas


def difference(one: Pixels, other: Pixels) -> float:
    """The mean difference of two pictures of the same size, in grey levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def segment(marker: int, content: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def frame_header(width: int, height: int, marker: int = 0xC0) -> bytes:
    """The frame header of a greyscale picture."""
    return segment(marker, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")


def scan(data: bytes = b"\x12\x34") -> bytes:
    return segment(SOS, b"\x01\x01\x00\x00\x3f\x00") + data


def exif(order: str, *entries: tuple[int, int, int, int]) -> bytes:
    """An EXIF segment; ``order`` as for struct, each entry a tag, kind, count and short value."""
    tiff = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        tiff += struct.pack(order + "HHIHH", tag, kind, count, value, 0)
    return segment(APP1, b"Exif\0\0" + tiff + bytes(4))


def with_claimed_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The same file with another size in its frame header."""
    frame = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2"))  # baseline or progressive
    start = frame + 5
    return jpeg[:start] + struct.pack(">HH", height, width) + jpeg[start + 4 :]
