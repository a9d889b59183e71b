"""A function in Lambda's own runtime loop, without Docker.

AWS's Runtime Interface Emulator, which the SAM CLI's package contains, serves the function like the
Lambda service; awslambdaric, the runtime of AWS's images, runs it. Limitations of the emulator:
the function starts at the first request; two requests at once crash it; exceptions and timeouts
come back with HTTP status 200; a request above 6 MiB is truncated silently.
"""

import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]

WATCH = Path(__file__).parent / "watch"

FILE_WRITTEN = "FILE WRITTEN: "
"""Start of a log line about a written file; see watch/sitecustomize.py."""

PATH = (WATCH, ROOT / "layers" / "inference" / "python", ROOT / "functions")

MAX_REQUEST = 6 * 1024 * 1024


class FunctionError(Exception):
    """The function raised, timed out or died; the message is the caller's answer."""


class Emulator:
    """One instance of a function, which handles one request at a time as in Lambda.

    ``handler``: as in the image's CMD.
    ``environment``: the function's variables; from the tests' environment it gets only PATH.
    ``through``: a command that runs the runtime, such as strace.
    ``python``: the interpreter of the environment with the function's packages and awslambdaric.
    """

    def __init__(  # noqa: PLR0913
        self,
        handler: str,
        environment: Mapping[str, str] | None = None,
        *,
        timeout: int = 60,
        memory: int = 1769,
        through: Sequence[str] = (),
        python: str | Path = sys.executable,
    ) -> None:
        self.log: list[str] = []
        self._timeout = timeout
        self._one_at_a_time = threading.Lock()
        self._command = [*through, str(python), "-m", "awslambdaric", handler]
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, PATH)),
            "PYTHONDONTWRITEBYTECODE": "1",  # as in the image
            "AWS_LAMBDA_FUNCTION_NAME": handler.partition(".")[0],
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
            "LAMBDA_TASK_ROOT": str(ROOT / "functions"),
            **(environment or {}),
        }
        self._start()

    def _start(self) -> None:
        self._port, runtime_port = _free_ports()
        self._process = subprocess.Popen(
            [
                _emulator(),
                "--runtime-interface-emulator-address",
                f"127.0.0.1:{self._port}",
                "--runtime-api-address",
                f"127.0.0.1:{runtime_port}",
                *self._command,
            ],
            env=self._environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()
        self._wait_until_it_listens()

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            self.log.extend(self._process.stdout)

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, self.log
                assert time.monotonic() < deadline, "The emulator does not listen"
                time.sleep(0.02)
            else:
                return

    def invoke(self, event: object) -> Any:
        """Invoke the function and return its answer.

        Raises:
            FunctionError
        """
        body = json.dumps(event).encode()
        assert len(body) <= MAX_REQUEST, "Lambda takes no more"
        with self._one_at_a_time, contextlib.closing(self._connection()) as connection:
            try:
                connection.request("POST", "/2015-03-31/functions/function/invocations", body)
                answer = json.loads(connection.getresponse().read())
            except (OSError, ValueError) as error:  # includes http.client's and json's
                raise FunctionError(f"no answer: {error!r}") from error
        if isinstance(answer, dict) and {"errorType", "errorMessage"} <= answer.keys():
            raise FunctionError(answer)
        return answer

    def _connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=self._timeout + 30)

    def processes(self) -> list[int]:
        """The emulator and its child processes."""
        return list(_processes_of_session(self._process.pid))

    def kill(self) -> None:
        """Kill emulator and function at once, as if the machine had failed."""
        process, reader = self._process, self._reader  # others may restart it meanwhile
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        reader.join()

    def restart(self) -> None:
        """Replace the instance by a new one, with the same log."""
        self.kill()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _emulator() -> Path:
    """The emulator's program for this architecture."""
    samcli = find_spec("samcli")
    assert samcli is not None
    assert samcli.origin is not None
    machine = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    return Path(samcli.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{machine}"


def _processes_of_session(session: int) -> Iterator[int]:
    """The ids of a session's processes."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # the process has ended
            pid, _, rest = stat.read_text().partition(" (")
            if rest.rpartition(") ")[2].split()[3] == str(session):
                yield int(pid)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as another:
        one.bind(("127.0.0.1", 0))
        another.bind(("127.0.0.1", 0))
        return one.getsockname()[1], another.getsockname()[1]
