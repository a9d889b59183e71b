"""JPEGs with any sampling factors, which Pillow cannot write; each block has a single tone.

A block is coded as its difference from the one before: a four-bit Huffman code for the number of
bits, these bits, and a bit that ends the block.
"""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ethnicity.geometry import Pixels
from tests.hostile import EOI, SOI, segment

_TONES = segment(0xC4, b"\0" + bytes([0, 0, 0, 12, *bytes(12)]) + bytes(range(12)))
_NOTHING_ELSE = segment(0xC4, b"\x10" + bytes([1, *bytes(15)]) + b"\0")
_QUANTISATION = segment(0xDB, b"\0" + b"\x08" * 64)  # a coded difference of 1 is one grey level


def mosaic(
    picture: Pixels, factors: Sequence[tuple[int, int]], *, restart_interval: int = 0
) -> bytes:
    """The picture as a JPEG with these sampling factors, luma and chroma first."""
    height, width = picture.shape[:2]
    colours = Image.fromarray(picture).convert("YCbCr")
    channels = [np.asarray(each) for each in colours.split()]
    channels += [np.full((height, width), 255, np.uint8)] * (len(factors) - 3)
    frame = struct.pack(">BHHB", 8, height, width, len(factors))
    names = b""
    for name, (across, down) in enumerate(factors, start=1):
        frame += bytes([name, across << 4 | down, 0])
        names += bytes([name, 0])
    scan = bytes([len(factors)]) + names + b"\0\x3f\0"
    tables = _QUANTISATION + segment(0xC0, frame) + _TONES + _NOTHING_ELSE
    restarts = segment(0xDD, struct.pack(">H", restart_interval))
    return (
        SOI
        + tables
        + restarts
        + segment(0xDA, scan)
        + _coded(channels, factors, restart_interval)
        + EOI
    )


def _coded(
    channels: Sequence[Pixels], factors: Sequence[tuple[int, int]], restart_interval: int
) -> bytes:
    height, width = channels[0].shape
    columns, rows = (8 * max(each) for each in zip(*factors, strict=True))
    groups = [
        (row, column) for row in range(0, height, rows) for column in range(0, width, columns)
    ]
    tones = [
        _tones(channel, (x * -(-width // columns), y * -(-height // rows)))
        for channel, (x, y) in zip(channels, factors, strict=True)
    ]
    data, bits = b"", ""
    before = [0] * len(channels)
    for number, (row, column) in enumerate(groups):
        if restart_interval and number and number % restart_interval == 0:
            data += _stuffed(bits) + bytes([0xFF, 0xD0 + (number // restart_interval - 1) % 8])
            bits, before = "", [0] * len(channels)
        for channel, (x, y) in enumerate(factors):
            place = tones[channel][row // rows * y :, column // columns * x :][:y, :x]
            for tone in place.ravel().tolist():
                bits += _difference(tone - before[channel]) + "0"
                before[channel] = tone
    return data + _stuffed(bits)


def _tones(channel: Pixels, size: tuple[int, int]) -> NDArray[np.int64]:
    """The mean tone of each block, less 128."""
    return np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BOX), np.int64) - 128


def _difference(value: int) -> str:
    size = abs(value).bit_length()
    return f"{size:04b}" + (
        f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""
    )


def _stuffed(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
