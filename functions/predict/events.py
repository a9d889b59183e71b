"""Lambda events, made safe for the adapter."""

from typing import Any

import pybase64

from predict.faults import BadBase64, BadRequest

Event = dict[str, Any]


def with_decoded_body(event: Event) -> Event:
    """The event with its body as bytes: Mangum would decode base64 leniently, or fail at it.

    Raises:
        BadRequest: the event is no HTTP request.
        BadBase64: its body is marked as base64 and is none.
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
