"""The application in a process of its own, for what wants to talk to it over HTTP."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

APPLICATION = "ethnicity.web.application:create_app"


@contextmanager
def serving() -> Iterator[str]:
    """Where the application listens: the socket is open before the server, so no one waits."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-m", "uvicorn", "--factory", APPLICATION, "--no-access-log"]
        server = subprocess.Popen(  # noqa: S603
            [*command, "--log-level", "error", "--fd", str(listening.fileno())],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            pass_fds=[listening.fileno()],
        )
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.terminate()
            server.wait()
