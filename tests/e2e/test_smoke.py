"""`make smoke` against the server, and against both stacks as far as they can be simulated here.

The functions run in Lambda's runtime loop; S3, SQS and CloudFormation are moto's; the gateway, the
event source and the state machine are made from the templates.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from scripts import smoke
from scripts.smoke import Deployment
from tests import aws
from tests.e2e.emulator import Emulator, FunctionError
from tests.e2e.event_source import EventSource
from tests.gateway import TOKEN, Gateway, gateway
from tests.stack import AUDIT, deploy
from tests.state_machine import StateMachine
from tests.step_functions import step_functions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

UPLOADS, RESULTS, SOURCE, REPORTS = "uploads-here", "results-here", "source-here", "reports-here"

ORIGIN = "https://pages.example"

AUTH = {
    "AWS_IAM": {},
    "JWT": {"AuthMode": "JWT", "JwtIssuer": "https://issuer.example", "JwtAudience": "app"},
    "NONE": {"AuthMode": "NONE"},
}


def test_the_server_passes_the_smoke_test(origin: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert smoke.run(Deployment(origin)) == 0

    table = capsys.readouterr().out
    for route in ("/", "/health", "/model", "/docs", "/openapi.json"):
        assert f"GET {route} " in table
    assert table.count("the largest picture") == 3


def test_a_wrong_answer_fails_the_smoke_test_and_is_named(
    origin: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN an open API where tokens are expected, and an address without a server
    assert smoke.run(Deployment(origin, "JWT", token=TOKEN)) == 2

    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines if line.endswith("FAILED")] == [
        "a caller without credentials, AuthMode JWT",
        "a caller with forged credentials",
    ]
    monkeypatch.setattr("sys.argv", ["smoke", "--url", "http://127.0.0.1:9"])
    assert smoke.main() == 1
    assert "does not answer" in capsys.readouterr().err


@dataclass(frozen=True)
class Cloud:
    """Both stacks except the API: moto, and the instance that the API's gateway calls."""

    moto: str
    predict: Emulator

    def describe(self, api: Gateway, parameters: dict[str, str], outputs: dict[str, str]) -> None:
        """Create a stack with these outputs in CloudFormation."""
        template = {
            "Parameters": {name: {"Type": "String", "Default": ""} for name in parameters},
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {
                name: {"Value": value} for name, value in ({"ApiUrl": api.url} | outputs).items()
            },
        }
        with closing(aws.SESSION.client("cloudformation", endpoint_url=self.moto)) as client:
            client.create_stack(
                StackName=f"stack-{parameters.get('AuthMode', 'AWS_IAM')}",
                TemplateBody=json.dumps(template),
                Parameters=[
                    {"ParameterKey": name, "ParameterValue": value}
                    for name, value in parameters.items()
                ],
            )


def _pump(source: EventSource, stop: threading.Event) -> None:
    while not stop.wait(0.05):
        source.drain(60)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    stack = deploy(EnableS3Variant="true")
    audit = deploy(AUDIT, AuditSourceBucket=SOURCE)
    with ExitStack() as held:
        moto = held.enter_context(aws.moto_server())
        s3 = held.enter_context(closing(aws.SESSION.client("s3", endpoint_url=moto)))
        sqs = held.enter_context(closing(aws.SESSION.client("sqs", endpoint_url=moto)))
        for bucket in (UPLOADS, RESULTS, SOURCE, REPORTS):
            aws.create_bucket(s3, bucket)

        def function(handler: str, **variables: str) -> Emulator:
            return held.enter_context(Emulator(handler, aws.environment(moto, **variables)))

        # The S3 variant: the bucket notifies the queue, and the event source calls the function
        source = EventSource(
            sqs,
            _notified_queue(sqs, s3),
            stack.one("AWS::Lambda::EventSourceMapping"),
            [function("s3_upload.app.handler", RESULTS_BUCKET=RESULTS)],
        )
        stop = threading.Event()
        pump = threading.Thread(target=_pump, args=(source, stop))
        pump.start()
        held.callback(pump.join)
        held.callback(stop.set)
        # The audit
        worker = function("audit_worker.app.handler", SOURCE_BUCKET=SOURCE)
        summary = function("audit_summary.app.handler", RESULTS_BUCKET=REPORTS)
        definition = json.dumps(audit.definition).replace("<AuditBucket>", REPORTS)
        functions = {
            "<AuditWorkerFunction.Arn>": _raising(worker),
            "<AuditSummaryFunction.Arn>": _raising(summary),
        }
        machine = StateMachine(json.loads(definition), functions, s3)
        service = held.enter_context(step_functions(machine))
        patch = held.enter_context(pytest.MonkeyPatch.context())
        for name, value in aws.environment(moto, AWS_ENDPOINT_URL_SFN=service.url).items():
            patch.setenv(name, value)
        yield Cloud(moto, function("predict.app.handler"))


def _raising(function: Emulator) -> Callable[[Any], Any]:
    """Call the function, raising its errors by name, as Step Functions' retriers see them."""

    def invoke(event: Any) -> Any:
        try:
            return function.invoke(event)
        except FunctionError as error:
            (told,) = error.args
            raise type(told["errorType"], (Exception,), {})(told["errorMessage"]) from None

    return invoke


def _notified_queue(sqs: "SQSClient", s3: "S3Client") -> str:
    url = sqs.create_queue(QueueName="uploads")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    s3.put_bucket_notification_configuration(
        Bucket=UPLOADS,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": attributes["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    )
    return url


@pytest.mark.slow
@pytest.mark.parametrize("auth", AUTH)
def test_a_stack_passes_the_smoke_test(
    cloud: Cloud, auth: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = AUTH[auth] | ({} if auth == "AWS_IAM" else {"CorsOrigins": ORIGIN})
    outputs = {
        "UploadBucketName": UPLOADS,
        "ResultsBucketName": RESULTS,
        "AuditStateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:audit",
        "AuditSourceBucketName": SOURCE,
    }
    with gateway(deploy(**given), cloud.predict.invoke) as api:
        cloud.describe(
            api, {"AuthMode": auth, "CorsOrigins": given.get("CorsOrigins", "")}, outputs
        )

        deployment = replace(smoke.described([f"stack-{auth}"]), token=TOKEN)
        failed = smoke.run(deployment, wait=0.2)

    table = capsys.readouterr().out
    assert failed == 0, table
    assert deployment.auth == auth
    for name in ("an upload and its result", "an audit of nothing", "an audit of three pictures"):
        assert name in table
