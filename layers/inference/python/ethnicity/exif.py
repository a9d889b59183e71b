"""The orientation in EXIF metadata, the only tag that changes how a picture is displayed."""

import re
import struct

_OPENING = re.compile(rb"Exif\0.", re.DOTALL)  # the last byte is padding; browsers accept any
_ORIENTATION = 0x0112
_SHORT = 3
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def is_exif(segment: bytes) -> bool:
    """Whether an application segment of a JPEG holds EXIF metadata."""
    return _OPENING.match(segment) is not None


def read_orientation(metadata: bytes) -> int:
    """The orientation tag of the first image directory; 1, upright, if there is none.

    ``metadata``: EXIF (2.32, section 4.5), with or without the identifier that precedes it in a
    JPEG.
    """
    opening = _OPENING.match(metadata)
    tiff = metadata[opening.end() if opening else 0 :]
    try:
        order = _BYTE_ORDERS[tiff[:4]]
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(entries):
            tag, kind, count, value = struct.unpack_from(
                order + "HHIH", tiff, directory + 2 + 12 * entry
            )
            if (tag, kind, count) == (_ORIENTATION, _SHORT, 1) and 1 <= value <= 8:
                return int(value)
    except (KeyError, struct.error):
        pass  # broken metadata does not make the picture unreadable
    return 1
