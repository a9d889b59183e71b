"""What can be wrong with a picture: one exception for each fault a user can cause.

The message is the text and ``code`` the machine-readable name of the fault in every answer,
over HTTP or stored beside the picture (see the contract in docs/API.md).
"""

from typing import Self


class PictureError(Exception):
    """The picture cannot be classified; the caller has to fix it."""

    code: str
    message: str

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)


class NoImage(PictureError):
    """There is nothing to look at: no field, no body, no byte."""

    code = "no_image"
    message = "No image provided"


class NotJpeg(PictureError):
    """The content is not a JPEG, whatever its name or declared type says."""

    code = "not_jpeg"
    message = "Only JPG/JPEG images are allowed"

    @classmethod
    def nor_still(cls) -> Self:
        """Nor is it one of the other formats, where those are read."""
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
    """A JPEG of a kind that is not read; the message says which."""

    code = "unsupported_jpeg"

    def __init__(self, kind: str) -> None:
        super().__init__(f"This kind of JPEG is not supported: {kind}")


class ImageTooLarge(PictureError):
    """More bytes or more pixels than are taken."""

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
    """The picture decodes, but shows no face."""

    code = "no_face"
    message = "No face found in the image"
