"""Shared fixtures: pictures, and the service as AWS calls it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from predict.app import handler
from scripts.gateway import Event, HttpRequest, http_api
from scripts.server import serving

PICTURES = Path(__file__).parent / "data"


@dataclass(frozen=True)
class LambdaContext:
    """The parts of Lambda's invocation context that are used."""

    function_name: str = "predict"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:predict"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"
    remaining_ms: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass(frozen=True)
class Answer:
    """A response as the client sees it: JSON parsed, other bodies as text."""

    status: int
    body: Any
    headers: dict[str, str]


class Invoke(Protocol):
    """Call the function with an event."""

    def __call__(self, event: Any) -> Answer: ...


class Call(Protocol):
    """Send a request through an AWS service, by default API Gateway's HTTP API."""

    def __call__(
        self, request: HttpRequest, through: Callable[[HttpRequest], Event] = http_api
    ) -> Answer: ...


@pytest.fixture(scope="session")
def context() -> LambdaContext:
    return LambdaContext()


@pytest.fixture(scope="session")
def invoke(context: Any) -> Invoke:
    def invoke(event: Any) -> Answer:
        # Events and responses cross the Lambda runtime as JSON
        response = json.loads(json.dumps(handler(json.loads(json.dumps(event)), context)))
        assert response["isBase64Encoded"] is False
        body = response["body"]
        if body and response["headers"]["content-type"] == "application/json":
            body = json.loads(body)
        return Answer(response["statusCode"], body, response["headers"])

    return invoke


@pytest.fixture(scope="session")
def call(invoke: Invoke) -> Call:
    def call(request: HttpRequest, through: Callable[[HttpRequest], Event] = http_api) -> Answer:
        return invoke(through(request))

    return call


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """The address of a running application."""
    with serving() as server:
        yield server.url


@pytest.fixture(scope="session")
def astronaut() -> bytes:
    """512×512 pixels, one face."""
    return (PICTURES / "astronaut.jpg").read_bytes()


@pytest.fixture(scope="session")
def obama() -> bytes:
    """560×700 pixels, one face."""
    return (PICTURES / "obama.jpg").read_bytes()


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """200×200 pixels, one face, 8 KB."""
    return (PICTURES / "portrait.jpg").read_bytes()


@pytest.fixture(scope="session")
def no_face() -> bytes:
    """160×120 pixels, no face."""
    return (PICTURES / "no_face.jpg").read_bytes()
