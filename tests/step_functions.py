"""A local Step Functions service over HTTP, for executions of one state machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.serving import at_work
from tests.state_machine import ExecutionFailed, StateMachine


class Service(ThreadingHTTPServer):
    """Starts and describes executions for boto3's client."""

    daemon_threads = True

    def __init__(self, machine: StateMachine) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.machine = machine
        self.told: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def start_execution(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = f"execution-{len(self.told)}"
        arn = f"arn:aws:states:eu-west-1:111122223333:execution:audit:{name}"
        self.told[arn] = {"executionArn": arn, "status": "RUNNING", "startDate": 0}
        threading.Thread(target=self._run, args=(arn, name, json.loads(asked["input"]))).start()
        return {"executionArn": arn, "startDate": 0}

    def _run(self, arn: str, name: str, given: Any) -> None:
        try:
            ended = {"status": "SUCCEEDED", "output": json.dumps(self.machine.run(given, name))}
        except ExecutionFailed as failure:
            error, _, cause = str(failure).partition(": ")
            ended = {"status": "FAILED", "error": error, "cause": cause}
        self.told[arn] = self.told[arn] | ended

    def describe_execution(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self.told[asked["executionArn"]]


class _Exchange(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        operation = self.headers["x-amz-target"].rpartition(".")[2]
        answer = {
            "StartExecution": self.server.start_execution,
            "DescribeExecution": self.server.describe_execution,
        }[operation](asked)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@contextmanager
def step_functions(machine: StateMachine) -> Iterator[Service]:
    """Run the service."""
    with at_work(Service(machine)) as server:
        yield server
