"""Irregular but complete JPEGs, as some cameras and programs write them, made from a regular one.

Each represents a kind seen in practice: in bug reports of libjpeg-turbo, OpenCV, Pillow and sharp,
which are named, or in the test suites of other libraries.
"""

import struct
from collections.abc import Iterator

from tests.hostile import EOI, segment

XMP = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta></x:xmpmeta>")
SAMSUNG = (
    b"\0\0\1\n\x0e\0\0\0Image_UTC_Data1527151512345\0\0\xa1\n\x08\0\0\0Samsung_Capture_Info"
    + bytes(60)
    + b"SEFHe\0\0\0\1\0\0\0SEFT"
)
FILM = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42\0\0\2\x9cmoov" + bytes(range(256)) * 4
TRAILERS = {
    "samsung": SAMSUNG,
    "samsung and film": SAMSUNG + FILM,
    "film": FILM,
    "text": b'\r\nvivo{"version": 1, "date": "2024-01-01 12:00:00"}cdbw',
    "zeros": bytes(300),
}
"""Bytes after the coded data of a file without an end marker."""


def oddities(data: bytes) -> dict[str, bytes]:
    """Odd files by name, made from a baseline file that starts with JFIF's segment."""
    body, start = data[: -len(EOI)], data.index(b"\xff\xda")
    odd = {
        "no end": body,
        "the first byte of an end only": body + b"\xff",
        "another picture instead of an end": body + data,
        "padding of zeros": body + bytes(300) + EOI,
        "padding of fill bytes": body + b"\xff" * 300 + EOI,
        "padding of a line's end": body + b"\r\n" + EOI,
        "comment before the end": body + segment(0xFE, b"\xff\xd8\xff\xda") + EOI,
        "trailer behind the end": data + SAMSUNG + FILM,
        # opencv 24212, sharp 1578, libjpeg-turbo 778: Samsung's selfies and panoramas
        "scan of no coefficients": with_coefficients(data, b"\0\0\0"),
        "scan of all bits": with_coefficients(data, b"\0\x3f\x11"),
        "scan of invalid coefficients": with_coefficients(data, b"\xff\xff\xff"),
        "JFIF 2.1": data.replace(b"JFIF\0\1\1", b"JFIF\0\2\1"),
        "Adobe's transform of inks": with_first(data, adobe(2)),
        "empty segments": with_first(data, *[segment(marker) for marker in range(0xE0, 0xF0)]),
    }
    for name, trailer in TRAILERS.items():
        odd[f"trailer instead of an end: {name}"] = body + trailer
    # Pillow 4613
    for name, numbers in {
        "second missing": [(1, 2)],
        "doubled": [(1, 1), (1, 1)],
        "from zero": [(0, 2), (1, 2)],
        "miscounted": [(1, 3), (2, 3)],
    }.items():
        parts = [segment(0xE2, b"ICC_PROFILE\0" + bytes(each) + bytes(200)) for each in numbers]
        odd[f"profile, {name}"] = with_first(data, *parts)
    # Trail cameras and old editors
    for off in (-8, -2, -1, 1, 2):
        wrong = XMP[:2] + struct.pack(">H", len(XMP) - 2 + off) + XMP[4:]
        odd[f"metadata with a length off by {off}"] = with_first(data, wrong)
    for name, stray in {"zeros": bytes(5), "text": b"/>", "a marker": b"\xff\x01"}.items():
        for number, place in enumerate(_segment_ends(data, start)):
            odd[f"stray {name} behind segment {number}"] = data[:place] + stray + data[place:]
    return odd


def adobe(transform: int) -> bytes:
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def with_coefficients(data: bytes, coefficients: bytes) -> bytes:
    """Change the coefficients that the first scan declares."""
    start = data.index(b"\xff\xda")
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    return data[: end - 3] + coefficients + data[end:]


def with_first(data: bytes, *segments: bytes) -> bytes:
    """Insert segments after the first one, which is JFIF's."""
    place = 4 + int.from_bytes(data[4:6], "big")
    return data[:place] + b"".join(segments) + data[place:]


def damaged(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Files with a part missing, by kind of damage, made from a file's coded data."""
    start = data.index(b"\xff\xda") + 14
    for percent in range(5, 100, 5):
        length = start + (len(data) - start) * percent // 100
        cut, missing = data[:length], len(data) - length - len(EOI)
        endings = {
            "nothing": b"",
            "an end": EOI,
            "zeros": bytes(missing),
            "zeros and an end": bytes(missing) + EOI,
            "fill bytes": b"\xff" * missing + EOI,
            "another picture": data,
            **TRAILERS,
        }
        for name, ending in endings.items():
            yield f"{percent} %, then {name}", cut + ending


def _segment_ends(data: bytes, start: int) -> Iterator[int]:
    """End positions of the segments up to the first scan."""
    place = 2
    while place < start:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        yield place
