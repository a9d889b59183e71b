"""Reading of the picture from a request's body, in any of its three forms.

Everything stays in memory: no part of a request is written to a file.
"""

import json
import logging
import re
from collections.abc import AsyncGenerator

import pybase64
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from ethnicity.errors import ImageTooLarge, NoImage
from ethnicity.images import check_size
from ethnicity.web.faults import BadBase64, BadRequest, UnsupportedMediaType

# Starlette's form parser quotes characters of a malformed form in its warnings.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

FIELD = "image"

MAX_BYTES = 5_000_000
"""The largest picture in a request, in bytes."""

_MAX_BODY = 8_000_000
"""The largest body, in bytes: the base64 of the largest picture, with room for form or JSON."""

_MAX_FILES = 16
_MAX_FIELDS = 64
_MAX_FIELD_BYTES = 64 * 1024
"""The largest text field other than the picture's."""

_DATA_URL = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)
_WHITE_SPACE = str.maketrans("", "", " \t\r\n\f\v")
_URL_SAFE = str.maketrans("-_", "+/")


async def read_picture(request: Request) -> bytes:
    """The picture's bytes, not yet decoded.

    Raises:
        NoImage, ImageTooLarge, BadBase64, BadRequest, UnsupportedMediaType
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _read(request)
    if media_type == "multipart/form-data":
        return await _from_form(request, body)
    if media_type == "application/json":
        return _from_json(body)
    if media_type.startswith("image/") or (not media_type and not body):
        check_size(len(body), MAX_BYTES)
        return body
    raise UnsupportedMediaType


async def _read(request: Request) -> bytes:
    """Read the whole body; stops as soon as it exceeds _MAX_BODY."""
    chunks, length = [], 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > _MAX_BODY:
            raise ImageTooLarge.bytes(MAX_BYTES)
        if chunk:
            chunks.append(chunk)
    return b"".join(chunks)  # no copy in the usual case of a single chunk


class FormParser(MultiPartParser):
    """Starlette's parser, without temporary files, that detects truncated forms.

    The picture's text field may be as long as the form.
    """

    spool_max_size = 0  # parts above this size go to a temporary file; 0 means never
    ended = False

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        longest = _MAX_BODY if self._current_part.field_name == FIELD else _MAX_FIELD_BYTES
        self.max_part_size = longest

    def on_end(self) -> None:
        self.ended = True


async def _from_form(request: Request, body: bytes) -> bytes:
    if not body:
        raise NoImage

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body
        if not parser.ended:
            raise MultiPartException("It is cut short.")

    parser = FormParser(
        request.headers,
        whole(),
        max_files=_MAX_FILES,
        max_fields=_MAX_FIELDS,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"The form cannot be read: {error.message}") from error
    except ValueError as error:  # from a codec that exists, but not for text
        raise BadRequest("The form cannot be read: Its charset does not fit it.") from error
    try:
        parts = form.getlist(FIELD)
        for part in parts:
            if isinstance(part, UploadFile):
                check_size(part.size or 0, MAX_BYTES)
                return await part.read()
    finally:
        await form.close()
    text = next((part for part in parts if isinstance(part, str)), "")
    if not text:
        raise NoImage
    return _from_text_field(text)


def _from_text_field(text: str) -> bytes:
    """Base64, or the picture itself: curl's ``-F "image=<photo.jpg"`` sends it as text."""
    if text.isascii():
        return _from_base64(text)
    try:
        picture = text.encode("latin-1")  # undoes the parser's decoding of bytes that are not UTF-8
    except UnicodeEncodeError as error:
        raise BadBase64 from error
    check_size(len(picture), MAX_BYTES)
    return picture


def _from_json(body: bytes) -> bytes:
    if not body:
        raise NoImage
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON") from error
    if not isinstance(document, dict):
        raise BadRequest('The body must be a JSON object: {"image": "<base64>"}')
    text = document.get(FIELD)
    if text is None or text == "":
        raise NoImage
    if not isinstance(text, str):
        raise BadRequest("The field image must be a string of base64")
    return _from_base64(text)


def _from_base64(text: str) -> bytes:
    """Standard or URL-safe, padded or not, wrapped or not, bare or in a data URL."""
    prefix = _DATA_URL.match(text)
    digits = text[prefix.end() if prefix else 0 :]
    try:
        picture = pybase64.b64decode(digits, validate=True)  # the usual form, decoded quickly
    except ValueError:
        picture = _from_unusual_base64(digits)
    check_size(len(picture), MAX_BYTES)
    return picture


def _from_unusual_base64(digits: str) -> bytes:
    digits = digits.translate(_WHITE_SPACE).translate(_URL_SAFE)
    bare = digits.rstrip("=")
    padded = bare + "=" * (-len(bare) % 4)
    if digits not in (bare, padded) or len(bare) % 4 == 1:
        raise BadBase64
    try:
        return pybase64.b64decode(padded, validate=True)
    except ValueError as error:
        raise BadBase64 from error
