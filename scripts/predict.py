"""Classify one picture as the deployed service does: event, Lambda handler, response.

Prints only the response's JSON on stdout. Exits with status 1 if the answer is an error.
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from scripts.events import raw
from scripts.gateway import http_api


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: make predict IMAGE=photo.jpg", file=sys.stderr)
        return 2
    try:
        picture = Path(arguments[0]).read_bytes()
    except OSError as error:
        print(f"{arguments[0]} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    response = invoke(http_api(raw(picture)))
    print(json.dumps(json.loads(response["body"]), indent=2))
    return 0 if response["statusCode"] == 200 else 1


def invoke(event: dict[str, Any]) -> dict[str, Any]:
    """Call the handler without its log, which it writes to stdout."""
    with contextlib.redirect_stdout(None):
        from predict.app import handler  # noqa: PLC0415 - its logger keeps the stdout that is set at import

        return dict(handler(event, None))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
