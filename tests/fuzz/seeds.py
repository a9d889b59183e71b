"""The fuzzer's seeds: one small file for each entry point and each feature of JPEGs.

`python -m tests.fuzz.seeds` writes them to corpus/.
"""

import base64
import json
from pathlib import Path

from scripts.events import base64_json, multipart, multipart_parts
from scripts.gateway import http_api
from scripts.s3_events import S3Object, notification
from tests.fuzz.target import WAYS, seed
from tests.hostile import (
    EIGHT,
    FULL,
    GREY,
    INKS,
    PORTRAIT,
    QUARTER,
    Scan,
    baseline,
    crafted,
    exif_in_a_circle,
    progressive,
    refined,
    segment,
)
from tests.oddities import SAMSUNG, XMP, adobe
from tests.unit.profiles import P3, gamma, rgb

CORPUS = Path(__file__).parent / "corpus"

_SMALLEST = baseline(16, 16, GREY)


def seeds() -> dict[str, bytes]:
    """The files of corpus/ by name."""
    pictures = _pictures()
    bodies = {
        "form": seed(3, multipart(_SMALLEST).body),
        "json": seed(4, base64_json(_SMALLEST).body),
        "text_field": seed(3, _text_field(base64.b64encode(_SMALLEST))),
        "base64": seed(5, base64.b64encode(_SMALLEST)),
        "media_type": seed(6, b"multipart/form-data; boundary=b\n" + _form_of_boundary_b()),
        "request": seed(7, b"POST /predict?faces=all\nhost: example.org\n" + _SMALLEST),
        "event": seed(8, json.dumps(http_api(multipart(_SMALLEST))).encode()),
        "notification": seed(8, json.dumps(notification(S3Object("uploads/a", b""))).encode()),
    }
    ways = {f"sent_{way}": seed(way, _SMALLEST) for way in range(len(WAYS))}
    return bodies | ways | {name: seed(0, picture) for name, picture in pictures.items()}


def _pictures() -> dict[str, bytes]:
    profile = segment(0xE2, b"ICC_PROFILE\0\1\1" + rgb(P3, gamma(1.8)))
    few = {
        name.replace(" ", "_").replace(",", ""): data
        for name, (data, _) in crafted().items()
        if len(data) < 1_000
    }
    return few | {
        "face": PORTRAIT.read_bytes(),
        "colour": baseline(24, 17, QUARTER),
        "inks": baseline(16, 16, INKS),
        "channel_by_channel": baseline(16, 16, FULL, apart=True),
        "progressive": progressive(24, 17, FULL, refined((1, 2, 3), 2)),
        "one_scan": progressive(16, 16, FULL, [Scan((1, 2, 3), last=0)]),
        "profile": baseline(16, 16, FULL, extra=profile),
        "metadata": baseline(16, 16, GREY, extra=exif_in_a_circle()),
        "unusual_sampling": baseline(24, 17, EIGHT),
        "no_end": _SMALLEST[:-2],
        "trailer": _SMALLEST[:-2] + SAMSUNG,
        "stray": _SMALLEST[:2] + b"\0/>\xff\xe1\0\0" + XMP + _SMALLEST[2:],
        "inks_of_adobe": baseline(16, 16, INKS, extra=adobe(1)),
        "restarts": baseline(16, 16, GREY, extra=segment(0xDD, b"\0\4")),
    }


def _text_field(content: bytes) -> bytes:
    part = b'Content-Disposition: form-data; name="image"\r\n\r\n' + content
    return multipart_parts(part).body


def _form_of_boundary_b() -> bytes:
    return multipart(_SMALLEST).body.replace(b"----8c2d1f7e5b3a4960", b"b")


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    for name, content in seeds().items():
        (CORPUS / name).write_bytes(content)


if __name__ == "__main__":
    main()
