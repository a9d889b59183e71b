"""The application for a server, which handles many requests at once; Lambda handles one.

One picture is classified at a time, in a thread, so that other routes answer meanwhile. Each
waiting request keeps its body in memory, so their number is limited.
"""

import os

from starlette.types import ASGIApp, Receive, Scope, Send

from ethnicity.web.application import create_app
from ethnicity.web.faults import fault_response

QUEUE = "ETHNICITY_QUEUE"
"""Environment variable: number of pictures that a process accepts at once."""

LONGEST = 16
"""Default of QUEUE. A body takes at most 8 MB, and twice that while it is read."""


def create_server() -> ASGIApp:
    """Make the application of one process; loads the models."""
    return BoundedQueue(create_app(in_thread=True), int(os.getenv(QUEUE, str(LONGEST))))


class BoundedQueue:
    """ASGI middleware: answers 503 to a picture if ``longest`` pictures are already accepted."""

    def __init__(self, app: ASGIApp, longest: int) -> None:
        self.app = app
        self.longest = longest
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
        elif self.held >= self.longest:
            await _refuse(scope, receive, send)
        else:
            self.held += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.held -= 1


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    # Clients read the answer only after sending the whole body, so it is received and dropped
    while (await receive()).get("more_body"):
        pass
    response = fault_response("busy", "Too many pictures are waiting; try again in a moment")
    response.headers["retry-after"] = "1"
    await response(scope, receive, send)
