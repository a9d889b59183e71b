"""The application for a server, which takes many requests at once where Lambda takes one.

One picture is classified at a time, in a thread, so that the other routes answer meanwhile. Each
request holds its body in memory until its turn comes, so their number is bounded.
"""

import os

from starlette.types import ASGIApp, Receive, Scope, Send

from ethnicity.web.application import create_app
from ethnicity.web.faults import fault_response

QUEUE = "ETHNICITY_QUEUE"
"""Environment variable: how many pictures a process holds, the one at work included."""

LONGEST = 16
"""If it is not set. A body takes 8 MB at most, and as much again while it is read."""


def create_server() -> ASGIApp:
    """Make the application of one process; loads the models."""
    return BoundedQueue(create_app(in_thread=True), int(os.getenv(QUEUE, str(LONGEST))))


class BoundedQueue:
    """ASGI middleware: answers 503 to a picture where ``longest`` of them are held already."""

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
    # Clients read no answer before they have sent all, so the body is taken, and dropped
    while (await receive()).get("more_body"):
        pass
    response = fault_response("busy", "Too many pictures are waiting; try again in a moment")
    response.headers["retry-after"] = "1"
    await response(scope, receive, send)
