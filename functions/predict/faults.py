"""What a request can get wrong besides its picture, and every fault's way into a response."""


class RequestFault(Exception):
    """The request cannot be served, and that is the client's to mend."""

    code: str


class BadRequest(RequestFault):
    """Malformed JSON or multipart, an unknown parameter; the message says which."""

    code = "bad_request"


class BadBase64(RequestFault):
    """The picture's text is no base64."""

    code = "bad_base64"

    def __init__(self) -> None:
        super().__init__("The image is not valid base64")


class UnsupportedMediaType(RequestFault):
    """The body is declared as something that holds no picture."""

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
    "not_found": 404,
    "method_not_allowed": 405,
    "image_too_large": 413,
    "unsupported_media_type": 415,
    "no_face": 422,
    "internal": 500,
}
"""HTTP status by code: the one place that maps faults to responses."""
