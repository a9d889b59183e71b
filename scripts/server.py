"""The application in a separate process, for tests and scripts that use HTTP."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

APPLICATION = "ethnicity.web.application:create_app"


@dataclass(frozen=True)
class Server:
    """The URL and process of a running server."""

    url: str
    pid: int


@contextmanager
def serving(application: str = APPLICATION, **variables: str) -> Iterator[Server]:
    """Run the application; its socket opens first, so clients can connect at once."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-m", "uvicorn", "--factory", application, "--no-access-log"]
        server = subprocess.Popen(
            [*command, "--log-level", "error", "--fd", str(listening.fileno())],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | variables,
            pass_fds=[listening.fileno()],
        )
        try:
            yield Server(f"http://127.0.0.1:{listening.getsockname()[1]}", server.pid)
        finally:
            server.terminate()
            server.wait()
