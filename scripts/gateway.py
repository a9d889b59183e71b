"""HTTP requests as the events that AWS services pass to a Lambda function.

Text bodies are passed unchanged and all others in base64, as the services do.
"""

import base64
import contextlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

HOST = "abcde12345.execute-api.eu-central-1.amazonaws.com"
ACCOUNT = "123456789012"
ADDRESS = "203.0.113.7"  # reserved for documentation
_TIME = "23/Nov/2026:12:00:00 +0000"
EPOCH_MS = 1795435200000

Event = dict[str, Any]


@dataclass(frozen=True)
class HttpRequest:
    """A request as sent; header names in lower case, the query without its "?"."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    query: str = ""


def http_api(request: HttpRequest) -> Event:
    """Return the event of an API Gateway HTTP API, payload format 2.0."""
    return _payload_2(request, HOST, f"{request.method} {request.path}")


def function_url(request: HttpRequest) -> Event:
    """Return the event of a Lambda function URL: payload format 2.0 with a single route."""
    return _payload_2(request, "abcde12345.lambda-url.eu-central-1.on.aws", "$default")


def _payload_2(request: HttpRequest, host: str, route: str) -> Event:
    event: Event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": _headers(request, host),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": host.partition(".")[0],
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": ADDRESS,
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": _TIME,
            "timeEpoch": EPOCH_MS,
        },
    }
    if request.query:
        event["queryStringParameters"] = _query(request)
    return event | _body(request)


def http_api_1(request: HttpRequest) -> Event:
    """Return the event of an HTTP API that is set to payload format 1.0."""
    return {"version": "1.0"} | rest_api(request)


def rest_api(request: HttpRequest) -> Event:
    """Return the event of an API Gateway REST API with binary media types."""
    headers = _headers(request, HOST)
    query = _query(request)
    return {
        "resource": request.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {k: [v] for k, v in query.items()} or None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": HOST.partition(".")[0],
            "domainName": HOST,
            "httpMethod": request.method,
            "identity": {"sourceIp": ADDRESS, "userAgent": "curl/8.5.0"},
            "path": request.path,
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTime": _TIME,
            "requestTimeEpoch": EPOCH_MS,
            "resourcePath": request.path,
            "stage": "$default",
        },
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
    } | _body(request)


def load_balancer(request: HttpRequest) -> Event:
    """Return the event of an Application Load Balancer's target group."""
    target = (
        f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}:targetgroup/faces/49e9d65c45c6791a"
    )
    return {
        "requestContext": {"elb": {"targetGroupArn": target}},
        "httpMethod": request.method,
        "path": request.path,
        "queryStringParameters": _query(request),
        "headers": _headers(request, "faces-1234567890.eu-central-1.elb.amazonaws.com"),
        "body": "",
    } | _body(request)


def _query(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _headers(request: HttpRequest, host: str) -> dict[str, str]:
    length = {"content-length": str(len(request.body))} if request.body else {}
    return {
        "accept": "*/*",
        **length,
        "host": host,
        "user-agent": "curl/8.5.0",
        "x-forwarded-for": ADDRESS,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    } | request.headers


def _body(request: HttpRequest) -> Event:
    if not request.body:
        return {"isBase64Encoded": False}
    if request.headers.get("content-type", "").startswith(("text/", "application/json")):
        with contextlib.suppress(UnicodeDecodeError):  # send it as binary
            return {"body": request.body.decode(), "isBase64Encoded": False}
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
