"""Errors of pictures: one exception for each fault that a user can cause.

Each answer contains the message and the machine-readable ``code``, over HTTP and in the files of
the S3 variant (see the contract in docs/API.md).
"""

from typing import Self


class PictureError(Exception):
    """The picture cannot be classified; the caller has to fix it."""

    code: str
    message: str

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)


class NoImage(PictureError):
    """The picture is missing or empty."""

    code = "no_image"
    message = "No image provided"


class NotJpeg(PictureError):
    """The content is not a JPEG, regardless of its name or declared type."""

    code = "not_jpeg"
    message = "Only JPG/JPEG images are allowed"

    @classmethod
    def nor_still(cls) -> Self:
        """The error where PNG and WebP are accepted as well."""
        return cls("Only JPEG, PNG and WebP pictures are read")


class CorruptImage(PictureError):
    """A part of the picture is missing or damaged."""

    code = "corrupt_image"
    message = "The JPEG is corrupt or truncated"

    @classmethod
    def of(cls, kind: str) -> Self:
        """A picture of another format."""
        return cls(f"The {kind} is corrupt or truncated")


class UnsupportedJpeg(PictureError):
    """A JPEG of an unsupported kind; the message names it."""

    code = "unsupported_jpeg"

    def __init__(self, kind: str) -> None:
        super().__init__(f"This kind of JPEG is not supported: {kind}")


class ImageTooLarge(PictureError):
    """The picture has too many bytes or pixels."""

    code = "image_too_large"

    @classmethod
    def bytes(cls, limit: int) -> Self:
        """More than ``limit`` bytes."""
        return cls(f"The image is larger than {limit // 1_000_000} MB")

    @classmethod
    def pixels(cls, limit: int) -> Self:
        """More than ``limit`` pixels."""
        return cls(f"The image has more than {limit // 1_000_000} megapixels")


class NoFace(PictureError):
    """The picture decodes, but no face was found in it."""

    code = "no_face"
    message = "No face found in the image"
