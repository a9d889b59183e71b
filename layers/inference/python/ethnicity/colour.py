"""Conversion of pixels from other colour spaces to sRGB, which the classifier was trained on.

Phones write Display P3, cameras Adobe RGB. If their profile is ignored, faces look too pale. This
module reads ICC profiles made of tone curves and a matrix (ICC.1:2022, sections 9 and 10), which
includes both. For other profiles, such as CMYK's tables, the decoder's conversion is kept.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethnicity.geometry import Pixels
from ethnicity.limits import MAX_PROFILE_BYTES

_TO_LINEAR_SRGB = np.asarray(
    np.linalg.inv(
        [
            [0.4360747, 0.3850649, 0.1430804],
            [0.2225045, 0.7168786, 0.0606169],
            [0.0139322, 0.0971045, 0.7141733],
        ]
    ),
    np.float64,
)
"""From the profiles' XYZ under D50 to linear sRGB: the inverse of sRGB's primaries in XYZ."""

_LEVELS = np.arange(256) / 255
_MAX_TAGS = 100

_SAMPLES = np.concatenate(
    [np.outer(np.arange(0, 256, 5), mix) for mix in ([1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1])]
).astype(np.uint8)
"""Colours whose conversion shows whether a profile differs from sRGB."""

Curve = NDArray[np.float64]
"""Shape (256,): the light, 0 to 1, that each level stands for."""


@dataclass(frozen=True)
class Profile:
    """``curves``: shape (256, 3), one per channel; ``matrix``: (3, 3), to linear sRGB."""

    curves: NDArray[np.float64]
    matrix: NDArray[np.float64]

    def to_srgb(self, pixels: Pixels) -> Pixels:
        """The same colours in sRGB; colours outside sRGB are clipped."""
        light = np.stack([self.curves[pixels[..., i], i] for i in range(3)], axis=-1)
        light = np.clip(light @ self.matrix.T, 0, 1)
        encoded = np.where(
            light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055
        )
        return np.asarray(np.rint(encoded * 255), np.uint8)


def read_profile(icc: bytes) -> Profile | None:
    """The profile, or ``None`` if it is broken, of another kind, or equal to sRGB."""
    if len(icc) > MAX_PROFILE_BYTES:
        return None
    try:
        with np.errstate(all="raise"):
            profile = _parse(memoryview(icc))
    except (ValueError, KeyError, ArithmeticError, struct.error):
        return None
    same = np.abs(profile.to_srgb(_SAMPLES).astype(int) - _SAMPLES).max() <= 2
    return None if same else profile


def _parse(icc: memoryview) -> Profile:
    space, tags = bytes(icc[16:20]), _tags(icc)
    if space == b"GRAY":
        curve = _curve(tags[b"kTRC"])
        return Profile(np.stack([curve] * 3, axis=1), np.eye(3))
    if space != b"RGB " or b"A2B0" in tags:
        raise ValueError("made of tables")
    curves = np.stack([_curve(tags[channel + b"TRC"]) for channel in (b"r", b"g", b"b")], axis=1)
    primaries = [_fixed(tags[channel + b"XYZ"][8:20]) for channel in (b"r", b"g", b"b")]
    return Profile(curves, _TO_LINEAR_SRGB @ np.array(primaries).T)


def _tags(icc: memoryview) -> dict[bytes, memoryview]:
    """Views of the tags' content: a hundred of them may share the same bytes."""
    (count,) = struct.unpack_from(">I", icc, 128)
    entries = (struct.unpack_from(">4sII", icc, 132 + 12 * i) for i in range(min(count, _MAX_TAGS)))
    return {name: icc[start : start + size] for name, start, size in entries}


def _curve(tag: memoryview) -> Curve:
    """A tone curve, sampled at every level."""
    kind_of_curve = bytes(tag[:4])
    if kind_of_curve == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        return _parametric(kind, _fixed(tag[12:]).tolist())
    if kind_of_curve != b"curv":
        raise ValueError("a curve of an unknown type")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return _LEVELS
    points = np.frombuffer(tag[12 : 12 + 2 * count], ">u2")
    if len(points) != count:
        raise ValueError("a curve that is cut short")
    if count == 1:
        return np.asarray(_LEVELS ** (points[0] / 256))
    return np.interp(_LEVELS, np.linspace(0, 1, count), points / 65535)


def _parametric(kind: int, parameters: list[float]) -> Curve:
    """A parametric curve: a power function above a point, a line below it (section 10.18)."""
    c = f = e = 0.0
    match kind, parameters:
        case 0, [g, *_]:
            a, b, d = 1.0, 0.0, 0.0
        case 1, [g, a, b, *_]:
            d = -b / a
        case 2, [g, a, b, e, *_]:
            d, f = -b / a, e
        case 3, [g, a, b, c, d, *_]:
            pass
        case 4, [g, a, b, c, d, e, f, *_]:
            pass
        case _:
            raise ValueError("a curve of an unknown kind, or cut short")
    above = np.maximum(a * _LEVELS + b, 0) ** g + e
    return np.clip(np.where(d <= _LEVELS, above, c * _LEVELS + f), 0, 1)


def _fixed(tag: memoryview) -> NDArray[np.float64]:
    """Fixed-point numbers with 16 bits before and 16 after the point."""
    return np.asarray(np.frombuffer(tag, ">i4") / 65536)
