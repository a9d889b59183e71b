"""JPEGs with the highest cost per byte, each testing one limit of the service.

Made by hand, since no encoder writes them: with Huffman tables of one code, "0", a file's data are
zeros, and a block takes a bit or two.
"""

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PORTRAIT = Path(__file__).parent / "data" / "portrait.jpg"

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
BASELINE, PROGRESSIVE, LOSSLESS, ARITHMETIC = 0xC0, 0xC2, 0xC3, 0xC9
GREY = (0x11,)
FULL = (0x11, 0x11, 0x11)
HALF = (0x21, 0x11, 0x11)  # 4:2:2
QUARTER = (0x22, 0x11, 0x11)  # 4:2:0
INKS = (0x11, 0x11, 0x11, 0x11)
EIGHT = (0x42, 0x11, 0x11)  # luma blocks for each chroma block: legal, and rarely written
SIDE = 7071
"""Side of a square of 50 megapixels."""

_NO_DIFFERENCE, _END_OF_BLOCK, _16384_EMPTY_BLOCKS = 0x00, 0x00, 0xE0
"""Possible symbols of a table with one code."""


@dataclass(frozen=True)
class Scan:
    """A scan's channels, coefficients, and bit positions (successive approximation)."""

    channels: tuple[int, ...]
    first: int = 0
    last: int = 63
    before: int = 0
    after: int = 0


def segment(marker: int, content: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def opening(
    width: int, height: int, factors: Sequence[int], process: int, precision: int = 8
) -> bytes:
    """The part of a file before the first scan."""
    frame = struct.pack(">BHHB", precision, height, width, len(factors))
    for name, factor in enumerate(factors, start=1):
        frame += bytes([name, factor, 0])
    ac = _16384_EMPTY_BLOCKS if process == PROGRESSIVE else _END_OF_BLOCK
    quantisation = segment(0xDB, b"\0" + b"\1" * 64)
    return SOI + quantisation + segment(process, frame) + table(0, _NO_DIFFERENCE) + table(1, ac)


def table(kind: int, meaning: int) -> bytes:
    """A Huffman table with a single one-bit code, for DC (0) or AC (1)."""
    return segment(0xC4, bytes([kind << 4, 1, *bytes(15), meaning]))


def coded(scan: Scan, bits: int) -> bytes:
    channels = b"".join(bytes([channel, 0]) for channel in scan.channels)
    which = bytes([scan.first, scan.last, scan.before << 4 | scan.after])
    return segment(0xDA, bytes([len(scan.channels)]) + channels + which) + bytes(-(-bits // 8))


def blocks(width: int, height: int, factors: Sequence[int], channels: Iterable[int]) -> int:
    """The number of 8×8 blocks of these channels."""
    across, down = max(each >> 4 for each in factors), max(each & 15 for each in factors)
    total = 0
    for channel in channels:
        x, y = factors[channel - 1] >> 4, factors[channel - 1] & 15
        total += -(-width * x // (8 * across)) * -(-height * y // (8 * down))
    return total


def baseline(
    width: int,
    height: int,
    factors: Sequence[int],
    *,
    apart: bool = False,
    extra: bytes = b"",
) -> bytes:
    """A uniformly grey picture, in one scan or one scan per channel."""
    names = tuple(range(1, len(factors) + 1))
    data = opening(width, height, factors, BASELINE) + extra
    for channels in [(name,) for name in names] if apart else [names]:
        data += coded(Scan(channels), 2 * blocks(width, height, factors, channels))
    return data + EOI


def progressive(width: int, height: int, factors: Sequence[int], scans: Iterable[Scan]) -> bytes:
    data = opening(width, height, factors, PROGRESSIVE)
    for scan in scans:
        count = blocks(width, height, factors, scan.channels)
        data += coded(scan, count if scan.first == 0 else 15 * -(-count // 16384))
    return data + EOI


def refined(channels: Sequence[int], refinements: int) -> list[Scan]:
    """A whole picture, then each channel's coefficients bit by bit: the most expensive scans."""
    scans = [Scan(tuple(channels), last=0)]
    scans += [Scan((each,), first=1, after=refinements) for each in channels]
    for bit in range(refinements, 0, -1):
        scans += [Scan((each,), first=1, before=bit, after=bit - 1) for each in channels]
    return scans


def with_segments(*segments: bytes) -> bytes:
    """The portrait with these segments first."""
    portrait = PORTRAIT.read_bytes()
    return portrait[:2] + b"".join(segments) + portrait[2:]


def with_profile(icc: bytes) -> bytes:
    """The portrait with a colour profile, split over segments as needed."""
    parts = [icc[start : start + 65_519] for start in range(0, len(icc), 65_519)]
    return with_segments(
        *(
            segment(0xE2, b"ICC_PROFILE\0" + bytes([number % 256, len(parts) % 256]) + part)
            for number, part in enumerate(parts, start=1)
        )
    )


def profile_of_tags_that_overlap(size: int) -> bytes:
    """A profile of a hundred tags that each span nearly the whole profile."""
    tags = b"".join(struct.pack(">4sII", b"%04d" % tag, tag, size - 100) for tag in range(100))
    return (bytes(16) + b"RGB " + bytes(108) + struct.pack(">I", 100) + tags).ljust(size, b"\0")


def exif_of_many_entries() -> bytes:
    entries = struct.pack("<HHII", 1, 1, 1, 1) * 5_000
    return segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + entries)


def exif_in_a_circle() -> bytes:
    """A directory that refers to itself as next directory, EXIF, GPS and thumbnail."""
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005, 0x0201)
    )
    directory = struct.pack("<H", 4) + entries + struct.pack("<I", 8)
    return segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + directory)


def crafted() -> dict[str, tuple[bytes, str | None]]:
    """Files by name, each with its expected error code, or None if it is classified."""
    comment, restart_each = segment(0xFE), segment(0xDD, b"\0\1")
    restart_late = segment(0xDD, b"\xff\xff")
    grey = baseline(8, 8, GREY)
    first = Scan((1, 2, 3), last=0)
    colour = refined((1, 2, 3), 5)[:20]
    luma = [first, *refined((1,), 13)[1:], *[first] * 5]
    hundred = [*refined((1, 2, 3), 13), *[first] * 99][:100]
    return {
        "50 megapixels": (baseline(SIDE, SIDE, FULL), "no_face"),
        "50 megapixels, wide": (baseline(65_500, 763, FULL), "no_face"),
        "50 megapixels, tall": (baseline(763, 65_500, FULL), "no_face"),
        "50 megapixels, CMYK": (baseline(SIDE, SIDE, INKS), "no_face"),
        "34 megapixels, channel by channel": (baseline(5_900, 5_900, FULL, apart=True), "no_face"),
        "50 megapixels, channel by channel": (
            baseline(SIDE, SIDE, FULL, apart=True),
            "image_too_large",
        ),
        "34 megapixels, progressive": (progressive(5_900, 5_900, FULL, colour), "no_face"),
        "50 megapixels, progressive, 4:2:0": (
            progressive(SIDE, SIDE, QUARTER, luma),
            "no_face",
        ),
        "50 megapixels, progressive, 4:2:2": (
            progressive(SIDE, 7_000, HALF, luma),
            "no_face",
        ),
        "50 megapixels, progressive": (
            progressive(SIDE, SIDE, FULL, colour),
            "image_too_large",
        ),
        "a hundred scans": (progressive(3_160, 3_160, FULL, hundred), "no_face"),
        "more scans": (progressive(16, 16, FULL, [*hundred, first]), "corrupt_image"),
        "a hundred thousand scans": (
            grey[:-2] + coded(Scan((1,)), 2) * 100_000 + EOI,
            "corrupt_image",
        ),
        "a million comments": (with_segments(comment * 1_000_000), "corrupt_image"),
        "a million comments behind the scan": (
            grey[:-2] + comment * 1_000_000 + EOI,
            "no_face",
        ),
        "thousands of APP segments": (
            with_segments(segment(0xED, b"x" * 99) * 5_000),
            "corrupt_image",
        ),
        "9 KB that claim 50 megapixels": (baseline(SIDE, SIDE, FULL)[:9_000], "corrupt_image"),
        "9 KB that claim 50 megapixels, ended": (
            baseline(SIDE, SIDE, FULL)[:9_000] + EOI,
            "corrupt_image",
        ),
        "a restart due at each block": (
            baseline(SIDE, SIDE, FULL, extra=restart_each),
            "corrupt_image",
        ),
        "a restart due once": (baseline(SIDE, SIDE, FULL, extra=restart_late), "corrupt_image"),
        "arithmetic coding without data": (
            opening(SIDE, SIDE, FULL, ARITHMETIC) + coded(Scan((1, 2, 3)), 80) + EOI,
            "unsupported_jpeg",
        ),
        "lossless": (
            opening(8, 8, GREY, LOSSLESS) + coded(Scan((1,)), 64) + EOI,
            "unsupported_jpeg",
        ),
        "hierarchical": (
            SOI + segment(0xDE, b"\x08\0\x08\0\x08\1\1\x11\0") + grey[2:],
            "unsupported_jpeg",
        ),
        "12 bits": (opening(8, 8, GREY, 0xC1, 12) + coded(Scan((1,)), 2) + EOI, "unsupported_jpeg"),
        "two channels": (baseline(16, 16, (0x11, 0x11)), "corrupt_image"),
        "height to be defined by DNL": (
            opening(16, 0, GREY, BASELINE) + coded(Scan((1,)), 8) + segment(0xDC, b"\0\x10") + EOI,
            "corrupt_image",
        ),
        "colours missing": (
            opening(64, 64, FULL, BASELINE) + coded(Scan((1,)), 128) + EOI,
            "corrupt_image",
        ),
        "50 megapixels of unusual sampling": (baseline(SIDE, SIDE, EIGHT), "corrupt_image"),
        "50 megapixels and a trailer": (
            baseline(SIDE, SIDE, FULL)[:-2] + b"\0\0\1\n\x0e\0\0\0Image_UTC_Data" * 9,
            "no_face",
        ),
        "a megabyte between the segments": (with_segments(comment, bytes(1_000_000)), None),
        "a megabyte instead of an end": (PORTRAIT.read_bytes()[:-2] + bytes(1_000_000), None),
        "a profile of tags that overlap": (
            with_profile(profile_of_tags_that_overlap(4_900_000)),
            None,
        ),
        "metadata of many entries": (with_segments(exif_of_many_entries() * 80), None),
        "metadata in a circle": (with_segments(exif_in_a_circle()), None),
    }


def most_memory() -> int:
    """Peak memory of this process in MB; getrusage would include its parent's."""
    (kilobytes,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) // 1024
