"""The details of an error that may be logged."""

import traceback
from pathlib import Path


def kind_and_places(error: BaseException) -> dict[str, str | list[str]]:
    """The error's type and the lines of its traceback, without its message.

    Messages may quote a request, an object's key or a file's name.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    return {"fault": type(error).__name__, "places": places}
