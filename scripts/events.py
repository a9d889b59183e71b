"""Real requests as Lambda events, one file in events/ for each; `make events` rewrites them.

Use them with `sam local invoke --event events/health.json`. The tests compare the files with this
table, and the function's answers with the expected ones. Pictures are the encoded files in
tests/data, so that the events do not depend on the version of an encoder.
"""

import base64
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.gateway import (
    Event,
    HttpRequest,
    function_url,
    http_api,
    http_api_1,
    load_balancer,
    rest_api,
)
from scripts.s3_events import S3Fixture, picture, s3_fixtures

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "events"
PICTURES = ROOT / "tests" / "data"

_COMMENT = b"\xff\xfe\xff\xff" + bytes(65_533)
"""The longest possible segment of a JPEG header."""

BOUNDARY = "----8c2d1f7e5b3a4960"


@dataclass(frozen=True)
class Fixture:
    """An event, its file in events/, and the expected answer: its status and its error code."""

    file: str
    event: Event
    status: int = 200
    code: str | None = None


def multipart(picture: bytes, *, field: str = "image", name: str = "your_face.jpg") -> HttpRequest:
    """Build the request of `curl -F "image=@your_face.jpg"`."""
    head = (
        f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return multipart_parts(head.encode() + picture)


def multipart_parts(*parts: bytes) -> HttpRequest:
    """Build a form of these parts, which include their headers."""
    body = b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in parts)
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return HttpRequest("POST", "/predict", headers, body + f"--{BOUNDARY}--\r\n".encode())


def base64_json(picture: bytes) -> HttpRequest:
    return json_text(json.dumps({"image": base64.b64encode(picture).decode()}))


def json_text(text: str) -> HttpRequest:
    """Build the request of `curl -H "Content-Type: application/json" -d '…'`."""
    return HttpRequest("POST", "/predict", {"content-type": "application/json"}, text.encode())


def raw(picture: bytes, media_type: str = "image/jpeg") -> HttpRequest:
    """Build the request of `curl -H "Content-Type: image/jpeg" --data-binary @your_face.jpg`."""
    return HttpRequest("POST", "/predict", {"content-type": media_type}, picture)


FORMS: dict[str, Callable[[bytes], HttpRequest]] = {
    "multipart": multipart,
    "json": base64_json,
    "raw": raw,
}
"""The three ways to send a picture."""

GATEWAYS: dict[str, Callable[[HttpRequest], Event]] = {
    "http_api": http_api,
    "http_api_1": http_api_1,
    "rest_api": rest_api,
    "function_url": function_url,
    "load_balancer": load_balancer,
}
"""The AWS services that can call the function."""


PREFLIGHT = {
    "access-control-request-headers": "authorization,content-type",
    "access-control-request-method": "POST",
    "origin": "https://elsewhere.example",
}
"""Headers of the preflight that a browser sends before a picture from a page of another origin."""


def fixtures() -> list[Fixture]:
    """Return the table: every body form through every service, every route, every client error."""
    return [*_predictions(), *_pages(), *_faults()]


def _predictions() -> list[Fixture]:
    portrait = picture("portrait.jpg")
    each_way = [
        Fixture(f"predict_{form}_{gateway}.json", through(request(portrait)))
        for form, request in FORMS.items()
        for gateway, through in GATEWAYS.items()
    ]
    all_faces = replace(raw(portrait), query="faces=all")
    return [*each_way, Fixture("predict_all_faces.json", http_api(all_faces))]


def _pages() -> list[Fixture]:
    pages = {
        "health": "/health",
        "model": "/model",
        "openapi": "/openapi.json",
        "docs": "/docs",
        "page": "/",
        "card": "/card",
    }
    asked_first = HttpRequest("OPTIONS", "/predict", PREFLIGHT)
    return [
        *(
            Fixture(f"{name}.json", http_api(HttpRequest("GET", path)))
            for name, path in pages.items()
        ),
        Fixture("preflight.json", http_api(asked_first), 204),
    ]


def faulty_requests() -> list[tuple[int, str, HttpRequest]]:
    """Return a request for each error that a client can cause, with its status and code."""
    portrait = picture("portrait.jpg")
    png = picture("portrait.png")
    return [
        (400, "no_image", multipart(portrait, field="photo")),
        (400, "not_jpeg", multipart(png, name="png_renamed.jpg")),
        (400, "bad_base64", json_text('{"image": "no base64!"}')),
        (400, "bad_request", json_text('{"image": ')),
        (400, "corrupt_image", raw(portrait[: len(portrait) // 2])),
        (
            400,
            "unsupported_jpeg",
            raw(portrait.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")),
        ),
        (413, "image_too_large", raw(claiming(portrait, width=10_000, height=10_000))),
        (415, "unsupported_media_type", raw(portrait, "application/pdf")),
        (422, "no_face", raw(picture("no_face.jpg"))),
        (404, "not_found", HttpRequest("GET", "/no/such/page")),
        (405, "method_not_allowed", HttpRequest("GET", "/predict")),
    ]


def _faults() -> list[Fixture]:
    return [
        Fixture(f"error_{code}.json", http_api(request), status, code)
        for status, code, request in faulty_requests()
    ]


def claiming(jpeg: bytes, *, width: int, height: int) -> bytes:
    """Return the baseline JPEG with another size in its header."""
    size = jpeg.index(b"\xff\xc0\x00\x11\x08") + 5
    return jpeg[:size] + struct.pack(">HH", height, width) + jpeg[size + 4 :]


def padded(jpeg: bytes, length: int) -> bytes:
    """Return the picture, padded to about ``length`` bytes with comments in its header."""
    return jpeg[:2] + _COMMENT * ((length - len(jpeg)) // len(_COMMENT)) + jpeg[2:]


def files() -> dict[str, str]:
    """Return the content of every file in events/, including scripts.s3_events' messages."""
    every: list[Fixture | S3Fixture] = [*fixtures(), *s3_fixtures()]
    return {each.file: json.dumps(each.event, indent=2) + "\n" for each in every}


def main() -> None:
    for old in EVENTS.glob("*.json"):
        old.unlink()
    for file, text in files().items():
        (EVENTS / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
