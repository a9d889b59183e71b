"""Requests made from the OpenAPI document, valid and invalid: the answers conform to it."""

import json
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from predict import app
from scripts.gateway import HttpRequest, http_api


def api_gateway(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    """A WSGI application that passes each request to the function as an HTTP API's event."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if value and (name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH"))
    }
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    request = HttpRequest(environ["REQUEST_METHOD"], path, headers, body, environ["QUERY_STRING"])
    response = app.handler(json.loads(json.dumps(http_api(request))), None)
    start(f"{response['statusCode']} .", list(response["headers"].items()))
    return [response["body"].encode()]


application = schemathesis.openapi.from_asgi("/openapi.json", app.app)
gateway = schemathesis.openapi.from_wsgi("/openapi.json", api_gateway)

# One check is left out: the document cannot say which bytes are a JPEG with a face, so the service
# refuses some requests that the document allows.
bounded = settings(
    deadline=None, max_examples=150, suppress_health_check=list(HealthCheck), derandomize=True
)


@application.parametrize()
@bounded
def test_every_answer_of_the_application_conforms_to_the_document(case: Any) -> None:
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


@gateway.parametrize()
@bounded
def test_every_answer_through_api_gateway_conforms_to_the_document(case: Any) -> None:
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
