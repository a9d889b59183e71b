"""Lambda events made safe for the adapter, and responses in the form that API Gateway expects."""

from typing import Any

import pybase64
from mangum import Mangum
from mangum.types import LambdaContext
from starlette.responses import JSONResponse

from ethnicity.web.faults import BadBase64, BadRequest

Event = dict[str, Any]

_ADDRESS = {"host", "x-forwarded-port"}
"""Headers from which Mangum computes the server's address, which the application never uses.

Behind a chain of proxies they can hold values that make Mangum fail, such as ``443,80`` or
``[::1]:3000``.
"""


def readable(event: Event) -> Event:
    """Return the event as Mangum can read it: the body as bytes, the headers without address.

    Mangum itself would accept invalid base64, or fail.

    Raises:
        BadRequest: the event is not an HTTP request, or its body is not text.
        BadBase64: its body is marked as base64 but is not valid base64.
    """
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        raise BadRequest(
            "The event is not an HTTP request of API Gateway, a function URL or a load balancer"
        )
    headers = {
        kind: {name: value for name, value in event[kind].items() if name.lower() not in _ADDRESS}
        for kind in ("headers", "multiValueHeaders")
        if isinstance(event.get(kind), dict)
    }
    return event | headers | {"body": _body(event), "isBase64Encoded": False}


def _body(event: Event) -> bytes:
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            return pybase64.b64decode(body, validate=True)
        except (ValueError, TypeError) as error:
            raise BadBase64 from error
    try:
        return body.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise BadRequest("The body is not valid text") from error


def check_readable(adapter: Mangum, event: Event, context: LambdaContext) -> None:
    """Check that the adapter can read the event.

    Raises:
        BadRequest: the event's path, query or headers cannot be read.
    """
    try:
        _ = adapter.infer(event, context).scope
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadRequest("The event's path, query or headers cannot be read") from error


def to_gateway(response: JSONResponse) -> dict[str, Any]:
    """Return the response in the form that API Gateway expects from a function."""
    return {
        "statusCode": response.status_code,
        "headers": dict(response.headers),
        "body": bytes(response.body).decode(),
        "isBase64Encoded": False,
    }
