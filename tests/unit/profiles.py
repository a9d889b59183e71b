"""ICC profiles made for the tests, byte by byte (ICC.1:2022, section 7)."""

import struct

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
"""Display P3's red, green and blue in XYZ under D50."""

SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))

ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + fixed(*values)


def parametric(kind: int, *parameters: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*parameters)


def gamma(exponent: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


def sampled(points: list[int]) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(points)}H", len(points), *points)


def rgb(primaries: tuple[tuple[float, ...], ...], *curves: bytes) -> bytes:
    """A profile with these primaries and either one tone curve or one for each channel."""
    red, green, blue = curves * (3 // len(curves))
    tags = {b"rTRC": red, b"gTRC": green, b"bTRC": blue}
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags |= {name: xyz(values) for name, values in zip(names, primaries, strict=True)}
    return profile(b"RGB ", tags | {b"wtpt": xyz((0.9642, 1.0, 0.8249))})


def grey(curve: bytes) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve, b"wtpt": xyz((0.9642, 1.0, 0.8249))})


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    start = 132 + 12 * len(tags)
    entries, contents = b"", b""
    for name, content in tags.items():
        entries += struct.pack(">4sII", name, start + len(contents), len(content))
        contents += content + bytes(-len(content) % 4)
    body = struct.pack(">I", len(tags)) + entries + contents
    header = bytearray(128)
    struct.pack_into(">I4sI", header, 0, 128 + len(body), b"test", 0x02400000)
    struct.pack_into(">4s4s4s", header, 12, b"mntr", space, b"XYZ ")
    struct.pack_into(">HHHHHH4s", header, 24, 2026, 1, 1, 0, 0, 0, b"acsp")
    header[68:80] = fixed(0.9642, 1.0, 0.8249)
    return bytes(header) + body
