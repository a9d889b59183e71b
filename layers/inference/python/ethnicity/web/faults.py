"""Faults of a request other than its picture, and the responses to all faults."""

import logging

from starlette.responses import JSONResponse

from ethnicity.logs import kind_and_places

logger = logging.getLogger(__name__)


class RequestFault(Exception):
    """The request cannot be served; the client has to change it."""

    code: str


class BadRequest(RequestFault):
    """Malformed JSON or multipart, an unknown parameter; the message says which."""

    code = "bad_request"


class BadBase64(RequestFault):
    """The picture's text is not base64."""

    code = "bad_base64"

    def __init__(self) -> None:
        super().__init__("The image is not valid base64")


class UnsupportedMediaType(RequestFault):
    """The body is declared as a type that cannot hold a picture."""

    code = "unsupported_media_type"

    def __init__(self) -> None:
        super().__init__(
            "Send the picture as multipart/form-data (file field image), as application/json "
            '({"image": "<base64>"}) or as image/jpeg'
        )


STATUS = {
    "no_image": 400,
    "not_jpeg": 400,
    "bad_base64": 400,
    "bad_request": 400,
    "corrupt_image": 400,
    "unsupported_jpeg": 400,
    "not_found": 404,
    "method_not_allowed": 405,
    "image_too_large": 413,
    "unsupported_media_type": 415,
    "no_face": 422,
    "internal": 500,
    "busy": 503,
}
"""HTTP status by code: the one place that maps faults to responses."""


def fault_response(code: str, message: str) -> JSONResponse:
    """The answer to a fault, with the status of its code."""
    return JSONResponse({"error": message, "code": code}, STATUS[code])


def internal_fault(error: Exception) -> JSONResponse:
    """Log the type and origin of an unexpected error; the client gets neither."""
    details = kind_and_places(error)
    # In the text for plain logs, such as that of `ethnicity serve`; as fields for structured logs
    logger.error("Internal error: %(fault)s at %(places)s", details, extra=details)
    return fault_response("internal", "Internal error")
