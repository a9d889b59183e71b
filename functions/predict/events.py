"""Lambda events made safe for the adapter, and faults in the form that API Gateway takes."""

from typing import Any

import pybase64
from mangum import Mangum
from mangum.types import LambdaContext
from starlette.responses import JSONResponse

from ethnicity.web.faults import BadBase64, BadRequest

Event = dict[str, Any]


def with_decoded_body(event: Event) -> Event:
    """The event with its body as bytes: Mangum would decode base64 leniently, or fail at it.

    Raises:
        BadRequest: the event is not an HTTP request.
        BadBase64: its body is marked as base64 and is not.
    """
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        raise BadRequest(
            "The event is not an HTTP request of API Gateway, a function URL or a load balancer"
        )
    if not event.get("isBase64Encoded"):
        return event
    try:
        body = pybase64.b64decode(event.get("body") or "", validate=True)
    except (ValueError, TypeError) as error:
        raise BadBase64 from error
    return event | {"body": body, "isBase64Encoded": False}


def check_readable(adapter: Mangum, event: Event, context: LambdaContext) -> None:
    """Refuse an event that the adapter cannot read, before it is passed on.

    Raises:
        BadRequest
    """
    try:
        _ = adapter.infer(event, context).scope
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadRequest("The event's path, query or headers cannot be read") from error


def to_gateway(response: JSONResponse) -> dict[str, Any]:
    """The response as API Gateway takes it from a function."""
    return {
        "statusCode": response.status_code,
        "headers": dict(response.headers),
        "body": bytes(response.body).decode(),
        "isBase64Encoded": False,
    }
