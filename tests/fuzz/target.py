"""The function that sends bytes to the service, for the fuzzer and the test of its seeds."""

import json
from collections.abc import Callable
from typing import Any

from ethnicity.web.faults import STATUS
from predict.app import handler
from scripts.events import FORMS, GATEWAYS, base64_json, multipart, multipart_parts, raw
from scripts.gateway import Event, HttpRequest, http_api

FORM = multipart_parts().headers


def _with_media_type(data: bytes) -> Event:
    """The first line is the Content-Type, the rest the body."""
    media_type, _, body = data.partition(b"\n")
    return http_api(
        HttpRequest("POST", "/predict", {"content-type": media_type.decode("latin-1")}, body)
    )


def _as_request(data: bytes) -> Event:
    """The first line is method, path and query, the second a header, the rest the body."""
    line, _, rest = data.partition(b"\n")
    header, _, body = rest.partition(b"\n")
    method, _, target = line.decode("latin-1").partition(" ")
    path, _, query = target.partition("?")
    name, _, value = header.decode("latin-1").partition(":")
    headers = {"content-type": "image/jpeg", name.lower(): value.strip()}
    return GATEWAYS["function_url"](HttpRequest(method, path, headers, body, query))


def _as_event(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


WAYS: list[Callable[[bytes], Any]] = [
    lambda data: http_api(raw(data)),
    lambda data: GATEWAYS["rest_api"](multipart(data)),
    lambda data: GATEWAYS["load_balancer"](base64_json(data)),
    lambda data: http_api(HttpRequest("POST", "/predict", FORM, data)),
    lambda data: (
        http_api(raw(b""))
        | {
            "headers": {"content-type": "application/json"},
            "body": data.decode("utf-8", "replace"),
            "isBase64Encoded": False,
        }
    ),
    lambda data: (
        http_api(raw(b""))
        | {
            "body": data.decode("latin-1"),
            "isBase64Encoded": True,
        }
    ),
    _with_media_type,
    _as_request,
    _as_event,
]
"""Entry points; the first byte selects the one that gets the other bytes."""

EVENT = WAYS.index(_as_event)


def serve(data: bytes) -> int | None:
    """Send the bytes, check the answer against the contract, return its status; None if empty."""
    if not data:
        return None
    way = data[0] % len(WAYS)
    event = json.loads(json.dumps(WAYS[way](data[1:])))
    response = json.loads(json.dumps(handler(event, None)))
    status = response["statusCode"]
    assert isinstance(status, int)
    assert response["isBase64Encoded"] is False
    if status >= 400:
        body = json.loads(response["body"])
        assert body.keys() == {"error", "code"}
        assert STATUS[body["code"]] == status
    # An event that no AWS service would send may cause a fault; a request may not
    assert status < 500 or way == EVENT
    return status


def seed(way: int, data: bytes) -> bytes:
    """Return the bytes that select an entry point."""
    return bytes([way]) + data


assert set(FORMS) == {"multipart", "json", "raw"}
