"""Check every answer of a deployment: `make smoke`.

    make smoke URL=http://localhost:5000
    make smoke URL=https://….execute-api.eu-central-1.amazonaws.com AUTH=AWS_IAM
    make smoke STACK=apparent-ethnicity-dev
    make smoke STACK="apparent-ethnicity-dev apparent-ethnicity-audit"

With a URL, the checks cover every route, body form and error, the largest picture and a preflight.
With a stack, whose outputs give the URL and AuthMode, they also cover callers without credentials,
an upload with its result, and an empty and a small audit. Uploaded objects are deleted at the end.
AuthMode JWT needs a token in the variable TOKEN.

Prints a table. Exits with status 1 if an answer differs from the expected one.
"""

import argparse
import json
import os
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from scripts.events import FORMS, PREFLIGHT, faulty_requests, padded, raw
from scripts.gateway import HttpRequest
from scripts.s3_events import picture

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THROUGH_LAMBDA, BY_ITSELF = 4_450_000, 5_000_000
"""Bytes of the largest picture, through Lambda and for the server without AWS."""

STRANGERS = {"NONE": "200", "AWS_IAM": "403", "JWT": "401"}
"""Status of a request without credentials, by AuthMode."""

Found = TypeVar("Found")

Check = tuple[str, str, Callable[[], str]]
"""Name of a check, expected outcome, and a function that returns the actual outcome."""


@dataclass(frozen=True)
class Deployment:
    """URL and AuthMode of a deployment, and the outputs of its stacks."""

    url: str
    auth: str = "NONE"
    outputs: dict[str, str] | None = None
    origins: tuple[str, ...] = ()
    token: str = ""

    @property
    def largest(self) -> int:
        """Bytes of the largest picture that the deployment accepts."""
        of_aws = self.outputs is not None or ".execute-api." in self.url
        return THROUGH_LAMBDA if of_aws else BY_ITSELF

    def send(self, request: HttpRequest, *, proof: bool = True) -> httpx.Response:
        """Send a request, with credentials unless ``proof`` is false."""
        query = f"?{request.query}" if request.query else ""
        url = f"{self.url}{request.path}{query}"
        headers = dict(request.headers)
        if proof and self.auth == "JWT":
            headers["authorization"] = f"Bearer {self.token}"
        elif proof and self.auth == "AWS_IAM":
            headers |= _signature(request.method, url, headers, request.body)
        return httpx.request(
            request.method, url, headers=headers, content=request.body or None, timeout=60
        )


def _signature(method: str, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    """Return SigV4 headers, signed with the credentials of the AWS environment."""
    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise SystemExit("No AWS credentials found to sign requests with")
    found = re.search(r"\.execute-api\.([a-z0-9-]+)\.", url)
    region = found[1] if found else session.region_name
    request = AWSRequest(method, url, headers, body)
    SigV4Auth(credentials, "execute-api", region).add_auth(request)
    return dict(request.headers.items())


def described(stacks: list[str], url: str = "") -> Deployment:
    """Return the deployment described by the outputs and parameters of its stacks."""
    outputs: dict[str, str] = {}
    given: dict[str, str] = {}
    cloud = boto3.client("cloudformation")
    for name in stacks:
        (stack,) = cloud.describe_stacks(StackName=name)["Stacks"]
        outputs |= {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        given |= {
            each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])
        }
    return Deployment(
        url or outputs["ApiUrl"],
        given.get("AuthMode", "NONE"),
        outputs,
        tuple(filter(None, given.get("CorsOrigins", "").split(","))),
    )


# ---------------------------------------------------------------- over HTTP


def http_checks(deployment: Deployment) -> Iterator[Check]:
    """Check routes, body forms, errors, the largest picture, missing credentials and preflights."""
    paths = deployment.send(HttpRequest("GET", "/openapi.json")).json()["paths"]
    documented = {path for path, operations in paths.items() if "get" in operations}
    for path in sorted(documented | {"/docs", "/openapi.json"}):
        yield _asked(deployment, f"GET {path}", "200", HttpRequest("GET", path))
    portrait = picture("portrait.jpg")
    expected = f"200 {_gist(deployment.send(raw(portrait)))}"
    for form, request in FORMS.items():
        yield _classified(deployment, f"POST /predict, {form}", expected, request(portrait))
    everyone = replace(raw(portrait), query="faces=all")
    yield _classified(deployment, "POST /predict?faces=all", expected, everyone)
    largest = padded(portrait, deployment.largest)
    for form, request in FORMS.items():
        name = f"the largest picture, {form}"
        yield _classified(deployment, name, expected, request(largest))
    for status, code, request_ in faulty_requests():
        name = f"{request_.method} {request_.path}: {code}"
        yield _asked(deployment, name, f"{status} {code}", request_)
    yield from _preflights(deployment)
    stranger = HttpRequest("GET", "/health")
    yield (
        f"a caller without credentials, AuthMode {deployment.auth}",
        STRANGERS[deployment.auth],
        lambda: str(deployment.send(stranger, proof=False).status_code),
    )
    if deployment.auth != "NONE":
        forged = replace(deployment, token="forged", auth="JWT")  # noqa: S106
        yield (
            "a caller with forged credentials",
            STRANGERS[deployment.auth],
            lambda: str(forged.send(stranger).status_code),
        )


def _asked(deployment: Deployment, name: str, expected: str, request: HttpRequest) -> Check:
    def ask() -> str:
        response = deployment.send(request)
        code = response.json().get("code", "") if response.status_code >= 400 else ""
        return f"{response.status_code} {code}".strip()

    return name, expected, ask


def _classified(deployment: Deployment, name: str, expected: str, request: HttpRequest) -> Check:
    def ask() -> str:
        response = deployment.send(request)
        return f"{response.status_code} {_gist(response)}"

    return name, expected, ask


def _gist(response: httpx.Response) -> str:
    """Return label and model, or the start of the response if it has neither."""
    try:
        answer = response.json()
        face = answer.get("faces", [answer])[0]
        return f"{face['ethnicity']} by {answer['model']}"
    except (ValueError, KeyError, IndexError, AttributeError):
        return response.text[:60]


def _preflights(deployment: Deployment) -> Iterator[Check]:
    """Check preflights, which browsers send without credentials, for allowed and other origins."""

    def ask(origin: str, *, proof: bool) -> str:
        headers = PREFLIGHT | {"origin": origin}
        response = deployment.send(HttpRequest("OPTIONS", "/predict", headers), proof=proof)
        allowed = response.headers.get("access-control-allow-origin", "")
        return f"{response.status_code} {allowed}".strip()

    for origin in deployment.origins:
        yield f"a preflight from {origin}", f"204 {origin}", partial(ask, origin, proof=False)
    other = partial(ask, "https://elsewhere.example", proof=not deployment.origins)
    yield "a preflight from another origin", "204", other


# ---------------------------------------------------------------- through S3


def s3_checks(outputs: dict[str, str], wait: float) -> Iterator[Check]:
    """Check an upload and its result, if the stack has the S3 variant."""
    if "UploadBucketName" not in outputs:
        return
    name = f"smoke-{uuid.uuid4()}.jpg"
    uploads, results = outputs["UploadBucketName"], outputs["ResultsBucketName"]

    def upload() -> str:
        s3 = boto3.client("s3")
        with _put(s3, uploads, {f"uploads/{name}": picture("portrait.jpg")}):
            body = _awaited(lambda: _read(s3, results, f"results/{name}.json"), wait)
            s3.delete_object(Bucket=results, Key=f"results/{name}.json")
        result = json.loads(body)
        return str(result.get("code") or f"{result['faces_found']} face")

    yield "an upload and its result", "1 face", upload


def audit_checks(outputs: dict[str, str], wait: float) -> Iterator[Check]:
    """Check an audit of nothing and one of three pictures, if the audit's stack is given."""
    if "AuditStateMachineArn" not in outputs:
        return
    prefix = f"smoke-{uuid.uuid4()}/"

    def audited() -> str:
        machine = boto3.client("stepfunctions")
        given = json.dumps({"prefix": prefix, "title": "smoke test"})
        execution = machine.start_execution(
            stateMachineArn=outputs["AuditStateMachineArn"], input=given
        )["executionArn"]

        def ended() -> dict[str, Any] | None:
            told = machine.describe_execution(executionArn=execution)
            return None if told["status"] == "RUNNING" else dict(told)

        told = _awaited(ended, wait)
        if told["status"] != "SUCCEEDED":
            return f"{told['status']} {told.get('error', '')}"
        return f"SUCCEEDED {json.loads(told['output'])['pictures']} pictures"

    def small() -> str:
        kinds = {
            "a/portrait.jpg": "portrait.jpg",
            "a/no.jpg": "no_face.jpg",
            "b/x.png": "portrait.png",
        }
        objects = {prefix + name: picture(kind) for name, kind in kinds.items()}
        with _put(boto3.client("s3"), outputs["AuditSourceBucketName"], objects):
            return audited()

    yield "an audit of nothing", "FAILED NoPictures", audited
    yield "an audit of three pictures", "SUCCEEDED 3 pictures", small


@contextmanager
def _put(s3: "S3Client", bucket: str, objects: dict[str, bytes]) -> Iterator[None]:
    """Upload objects, and delete them at the end."""
    try:
        for key, body in objects.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        yield
    finally:
        for key in objects:
            s3.delete_object(Bucket=bucket, Key=key)


def _read(s3: "S3Client", bucket: str, key: str) -> bytes | None:
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        # S3 answers 403 for a missing object to callers who may not list the bucket
        if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
            return None
        raise


def _awaited(look: Callable[[], Found | None], wait: float) -> Found:
    """Call ``look`` until it finds something, for at most two minutes."""
    for _ in range(max(1, int(120 / wait))):
        found = look()
        if found is not None:
            return found
        time.sleep(wait)
    raise TimeoutError("no result within two minutes")


# ---------------------------------------------------------------- the table


def run(deployment: Deployment, wait: float = 2.0) -> int:
    """Run and print all checks; return the number that failed."""
    outputs = deployment.outputs or {}
    checks = [*http_checks(deployment), *s3_checks(outputs, wait), *audit_checks(outputs, wait)]
    row = "{:<50} {:<36} {:<36} {}"
    print(row.format(f"{deployment.url}", "expected", "got", ""))
    failed = 0
    for name, expected, ask in checks:
        try:
            got = ask()
        except Exception as error:  # noqa: BLE001 - run the other checks too
            got = f"{type(error).__name__}: {error}"[:60]
        failed += got != expected
        print(row.format(name, expected, got, "ok" if got == expected else "FAILED"), flush=True)
    print(f"{len(checks)} checks, {failed} failed")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="", help="root of the API; not needed with --stack")
    parser.add_argument("--auth", default="NONE", choices=STRANGERS, help="AuthMode of that URL")
    parser.add_argument("--stack", nargs="*", default=[], help="names of CloudFormation stacks")
    given = parser.parse_args()
    if not given.url and not given.stack:
        parser.error("URL=… or STACK=… is needed")
    url = given.url.rstrip("/")
    deployment = described(given.stack, url) if given.stack else Deployment(url, given.auth)
    try:
        return 1 if run(replace(deployment, token=os.getenv("TOKEN", ""))) else 0
    except httpx.HTTPError as error:
        print(f"{deployment.url} does not answer: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
