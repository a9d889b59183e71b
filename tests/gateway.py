"""API Gateway's HTTP API on this machine, as far as the template sets it up: routes, callers, CORS.

It sends the function the same events as the real one, and gives the same answers as the real one
before a function is called. These follow AWS's behaviour, not the template: the bodies of those
answers, the order of the checks, and the CORS headers of every response, including errors.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from scripts.gateway import HttpRequest, http_api
from tests.serving import at_work
from tests.stack import REGION, Stack

TOKEN = "a-token-of-the-issuer"

KEYS = Credentials("testing", "testing")

MAX_BODY = 10_000_000

Function = Callable[[Any], dict[str, Any]]


class Gateway(ThreadingHTTPServer):
    """One stack's API in front of one instance of its function."""

    daemon_threads = True

    def __init__(self, stack: Stack, function: Function) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.routes = stack.routes
        self.cors = stack.body.get("x-amazon-apigateway-cors")
        self.schemes = stack.body["components"]["securitySchemes"]
        self.function = function
        self.instance = ThreadPoolExecutor(1, initializer=_with_event_loop)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, request: HttpRequest) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = self._answer(request)
        return status, headers | self._cors(request), body

    def _answer(self, request: HttpRequest) -> tuple[int, dict[str, str], bytes]:
        route = self._route(request)
        if len(request.body) > MAX_BODY:
            return _message(413, "Request Entity Too Large")
        if "security" in self.routes[route]:
            refused = self._refused(request)
            if refused:
                return refused
        event = http_api(request)
        event["routeKey"] = event["requestContext"]["routeKey"] = route
        # Events and responses cross the Lambda runtime as JSON
        done = self.instance.submit(self.function, json.loads(json.dumps(event)))
        response = json.loads(json.dumps(done.result()))
        headers = {name: value for name, value in response["headers"].items() if value is not None}
        return response["statusCode"], headers, response["body"].encode()

    def _route(self, request: HttpRequest) -> str:
        exact = f"{request.method} {request.path}"
        greedy = f"{request.method} /{{proxy+}}"
        if exact in self.routes:
            return exact
        return greedy if greedy in self.routes and request.path != "/" else "$default"

    def _refused(self, request: HttpRequest) -> tuple[int, dict[str, str], bytes] | None:
        given = request.headers.get("authorization", "")
        if "x-amazon-apigateway-authorizer" in self.schemes["caller"]:
            return None if given == f"Bearer {TOKEN}" else _message(401, "Unauthorized")
        return None if _is_signed(request, given) else _message(403, "Forbidden")

    def _cors(self, request: HttpRequest) -> dict[str, str]:
        origin = request.headers.get("origin", "")
        if not self.cors or origin not in self.cors["allowOrigins"]:
            return {}
        headers = {"access-control-allow-origin": origin}
        if "access-control-request-method" in request.headers:
            headers["access-control-allow-methods"] = ",".join(self.cors["allowMethods"])
            headers["access-control-allow-headers"] = ",".join(self.cors["allowHeaders"])
            headers["access-control-max-age"] = str(self.cors["maxAge"])
        return headers

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


def _with_event_loop() -> None:
    """Provide an event loop, which Mangum expects as in a function's main thread."""
    asyncio.set_event_loop(asyncio.new_event_loop())


def _message(status: int, text: str) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"message": text}).encode()
    return status, {"content-type": "application/json"}, body


def _is_signed(request: HttpRequest, given: str) -> bool:
    """Whether the request is signed with the tests' keys."""
    parts = dict(re.findall(r"(\w+)=([^,\s]+)", given))
    if "Signature" not in parts:
        return False
    names = parts["SignedHeaders"].split(";")
    query = f"?{request.query}" if request.query else ""
    url = f"http://{request.headers['host']}{request.path}{query}"
    headers = {name: request.headers[name] for name in names if name in request.headers}
    signed = AWSRequest(request.method, url, headers, request.body)
    signed.context["timestamp"] = request.headers.get("x-amz-date", "")
    auth = SigV4Auth(KEYS, "execute-api", REGION)
    text = auth.string_to_sign(signed, auth.canonical_request(signed))
    return bool(auth.signature(text, signed) == parts["Signature"])


class _Exchange(BaseHTTPRequestHandler):
    """One client connection."""

    protocol_version = "HTTP/1.1"
    server: Gateway

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        request = HttpRequest(self.command, unquote(url.path), headers, body, url.query)
        status, answered, content = self.server.answer(request)
        self.send_response_only(status)
        for name, value in answered.items():
            if name != "content-length":
                self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - as http.server names them

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@contextmanager
def gateway(stack: Stack, function: Function) -> Iterator[Gateway]:
    """Run a gateway."""
    with at_work(Gateway(stack, function)) as server:
        try:
            yield server
        finally:
            server.instance.submit(lambda: asyncio.get_event_loop().close())
            server.instance.shutdown()
