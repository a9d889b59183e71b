"""The pictures in the requests, all made from the portraits of tests/data."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from benchmarks.large_photo import photo as large_photo
from ethnicity.geometry import Pixels
from scripts.events import PICTURES


def _read(name: str) -> Pixels:
    return np.asarray(cv2.imread(str(PICTURES / name)), np.uint8)


def _encoded(pixels: cv2.typing.MatLike) -> bytes:
    _, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 90))
    return data.tobytes()


def chip() -> bytes:
    """A tight face of 200 pixels, such as UTKFace's."""
    return _encoded(cv2.resize(_read("astronaut.jpg")[70:179, 171:281], (200, 200)))


def photo(megapixels: float) -> bytes:
    """A part of the portrait in the ratio 4:3, enlarged."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    portrait = _read("obama.jpg")[:420]
    size = (round(height * 4 / 3), height)
    return _encoded(cv2.resize(portrait, size, interpolation=cv2.INTER_CUBIC))


def group(faces: int) -> bytes:
    """A picture of that number of faces of 130 pixels, in rows of five."""
    face = cv2.resize(_read("astronaut.jpg")[10:250, 100:340], (280, 280))
    rows = -(-faces // 5)
    picture = np.full((300 * rows, 1500, 3), 128, np.uint8)
    for index in range(faces):
        top, left = 300 * (index // 5) + 10, 300 * (index % 5) + 10
        picture[top : top + 280, left : left + 280] = face[:, :: 1 if index % 2 else -1]
    return _encoded(picture)


class Photo(NamedTuple):
    """A picture of the tables, the function that makes it, and whether all faces are requested."""

    title: str
    make: Callable[[], bytes]
    all_faces: bool = False


PHOTOS = {
    "chip": Photo("a chip of 200 pixels", chip),
    "1 MP": Photo("a photo of 1 megapixel", lambda: photo(1)),
    "12 MP": Photo("a photo of 12 megapixels, 4.4 MB", large_photo),
    "20 faces": Photo("a group of 20, `faces=all`", lambda: group(20), all_faces=True),
}
"""The pictures by their names in results.json."""
