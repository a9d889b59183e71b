"""What a log may say of a fault."""

import traceback
from pathlib import Path


def kind_and_places(error: BaseException) -> dict[str, str | list[str]]:
    """What kind of fault it is and where it arose; never its message.

    Messages quote what they complain of: a request, the key of an object, the name of a file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    return {"fault": type(error).__name__, "places": places}


def aws_code(error: BaseException) -> str | None:
    """AWS's code for it, such as SlowDown or AccessDenied, if botocore raised it for an answer."""
    response = getattr(error, "response", None)  # not every error of botocore's has one
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None
