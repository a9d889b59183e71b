"""Local AWS: moto's server, and a relay in front of it that injects S3 faults."""

import logging
import os
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import boto3
from moto.server import ThreadedMotoServer

from tests.serving import at_work

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION: Final = "eu-west-1"

SESSION = boto3.Session("testing", "testing", region_name=REGION)
"""Configuration of the tests' own clients."""


def environment(endpoint: str, **variables: str) -> dict[str, str]:
    """The variables that a function's client needs, without the settings of the test's user."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **variables,
    }


def create_bucket(s3: "S3Client", name: str) -> None:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


@contextmanager
def moto_server(host: str = "127.0.0.1") -> Iterator[str]:
    """Start empty S3 and SQS servers and return their address."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it would log a line for each request
    server = ThreadedMotoServer(host, port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    reset(url)
    try:
        yield url
    finally:
        server.stop()


def reset(moto: str) -> None:
    """Delete all resources; moto keeps them in this process, not in the server."""
    urllib.request.urlopen(f"{moto}/moto-api/reset", b"").close()


@dataclass(frozen=True)
class Call:
    """A request to S3. ``attempt``: how often any client has made it before."""

    method: str
    bucket: str
    key: str
    attempt: int


REFUSALS = {
    "SlowDown": (503, "Please reduce your request rate."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "AccessDenied": (403, "Access Denied"),
}
"""Error answers of S3. Each message here quotes the key, as some of S3's own do."""

OF_ONE_OBJECT = {
    "KMS.DisabledException": (400, "The key is disabled."),
    "InvalidObjectState": (403, "The operation is not valid for the object's storage class."),
    "NoSuchKey": (404, "The specified key does not exist."),
}
"""Error answers for an object that is deleted, archived, or encrypted with a lost key."""

LOST = "the connection is closed before the request is seen to"
UNANSWERED = "the connection is closed after the request was seen to"
CUT = "the connection is closed in the middle of the answer's body"
HEADERS_ALONE = "the answer's body never comes"

FAULTS = (*REFUSALS, LOST, UNANSWERED, CUT)
"""All faults except those of one object and the slow one."""


class Relay(ThreadingHTTPServer):
    """Passes requests on to S3, except those for which ``fault`` returns a fault."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.upstream = urlsplit(upstream).netloc
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.fault: Callable[[Call], str | None] = lambda _: None
        self.calls: list[Call] = []
        self.faults: Counter[str] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def register(self, method: str, target: str) -> Call:
        path = unquote(urlsplit(target).path)
        _, bucket, key = path.split("/", 2)
        with self._lock:
            call = Call(method, bucket, key, self._attempts[method, path])
            self._attempts[method, path] += 1
            self.calls.append(call)
        return call

    def count(self, fault: str) -> None:
        with self._lock:
            self.faults[fault] += 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


@contextmanager
def relay(upstream: str) -> Iterator[Relay]:
    """Run a relay."""
    with at_work(Relay(upstream)) as server:
        yield server


class _Exchange(BaseHTTPRequestHandler):
    """One client connection."""

    protocol_version = "HTTP/1.1"
    server: Relay

    def do_GET(self) -> None:
        call = self.server.register(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault(call)
        if fault is not None:
            self.server.count(fault)
        if fault in REFUSALS | OF_ONE_OBJECT:
            self._refuse(fault, call)
        elif fault == LOST:
            self.close_connection = True
        else:
            self._answer(body, fault)

    do_HEAD = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def _refuse(self, fault: str, call: Call) -> None:
        status, message = (REFUSALS | OF_ONE_OBJECT)[fault]
        text = f"<Error><Code>{fault}</Code><Message>{message} {call.key}</Message></Error>"
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    def _answer(self, body: bytes, fault: str | None) -> None:
        connection = HTTPConnection(self.server.upstream)
        try:
            answer = self._ask(connection, body)
            content = answer.read()
        finally:
            connection.close()
        if fault == UNANSWERED:
            self.close_connection = True
            return
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "keep-alive"):
                self.send_header(name, value)
        self.end_headers()
        if fault == HEADERS_ALONE:
            self.connection.settimeout(30)
            self.connection.recv(1)  # until the client gives up
            self.close_connection = True
        elif fault == CUT:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        else:
            self.wfile.write(content)

    def _ask(self, connection: HTTPConnection, body: bytes) -> HTTPResponse:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("connection", "expect", "transfer-encoding")
        }
        connection.request(self.command, self.path, body, headers)
        return connection.getresponse()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""
