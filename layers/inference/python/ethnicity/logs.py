"""What a log may say about an error."""

import traceback
from pathlib import Path


def kind_and_places(error: BaseException) -> dict[str, str | list[str]]:
    """The error's type and the lines that it passed through; never its message.

    Messages quote what they complain about: a request, the key of an object, the name of a file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    return {"fault": type(error).__name__, "places": places}
