"""What a deployer of the audit gets."""

import json
import re
from graphlib import TopologicalSorter
from typing import Any

import pytest

from tests.stack import Stack, deploy, translate

SOURCE = "my-pictures"
AUDIT = {"EnableAudit": "true", "AuditSourceBucket": SOURCE}


@pytest.fixture
def audit_stack() -> Stack:
    return deploy(**AUDIT)


def test_the_audit_is_there_only_when_asked(audit_stack: Stack) -> None:
    stack = deploy()

    # THEN it adds to the stack and changes nothing in it
    assert stack.resources.items() <= audit_stack.resources.items()
    added = audit_stack.resources.keys() - stack.resources.keys()
    assert added
    assert all(name.startswith("Audit") for name in added)
    assert {
        name: output["Value"]
        for name, output in audit_stack.outputs.items()
        if name not in stack.outputs
    } == {
        "AuditExample": "aws stepfunctions start-execution --state-machine-arn "
        '<AuditStateMachine> --input \'{"prefix": "photos/", "title": "photos"}\'',
        "AuditBucketName": "<AuditBucket>",
        "AuditStateMachineArn": "<AuditStateMachine>",
    }


def test_it_wants_a_bucket_to_read(audit_stack: Stack) -> None:
    assert all(audit_stack.assertions)
    assert not all(deploy(EnableAudit="true").assertions)


def definition(stack: Stack) -> dict[str, Any]:
    machine = stack.one("AWS::StepFunctions::StateMachine")
    text = machine["DefinitionString"]
    for name, value in machine["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    parsed = json.loads(text)
    assert isinstance(parsed, dict)
    return parsed


def test_a_batch_has_all_its_tries_within_the_five_minutes_of_an_express_execution(
    audit_stack: Stack,
) -> None:
    processor = definition(audit_stack)["States"]["ExaminePictures"]["ItemProcessor"]
    task = processor["States"]["ExamineBatch"]
    worker = audit_stack.resources["AuditWorkerFunction"]["Properties"]
    (retrier,) = task["Retry"]

    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    assert worker["Timeout"] < task["TimeoutSeconds"]
    waits = sum(
        retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt
        for attempt in range(retrier["MaxAttempts"])
    )
    assert worker["Timeout"] * (1 + retrier["MaxAttempts"]) + waits < 300


def test_results_are_read_where_they_are_written(audit_stack: Stack) -> None:
    states = definition(audit_stack)["States"]
    reader, writer = (states["ExaminePictures"][name] for name in ("ItemReader", "ResultWriter"))
    functions = audit_stack.of_type("AWS::Lambda::Function")
    variables = {name: each["Environment"]["Variables"] for name, each in functions.items()}

    assert reader["Parameters"]["Bucket"] == SOURCE
    assert variables["AuditWorkerFunction"]["SOURCE_BUCKET"] == SOURCE
    assert writer["Parameters"]["Bucket"] == "<AuditBucket>"
    assert variables["AuditSummaryFunction"]["RESULTS_BUCKET"] == "<AuditBucket>"
    assert states["WriteReports"]["Parameters"]["FunctionName"] == "<AuditSummaryFunction.Arn>"


def test_both_functions_run_the_same_image(audit_stack: Stack) -> None:
    functions = audit_stack.of_type("AWS::Lambda::Function")

    assert functions["AuditSummaryFunction"]["ImageConfig"] == {
        "Command": ["audit_summary.app.handler"]
    }
    assert "ImageConfig" not in functions["AuditWorkerFunction"]


def test_the_reports_are_closed_encrypted_over_tls_only_and_kept(audit_stack: Stack) -> None:
    bucket = audit_stack.one("AWS::S3::Bucket")
    policy = audit_stack.one("AWS::S3::BucketPolicy")

    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "s3:*",
    )
    assert statement["Resource"] == ["<AuditBucket.Arn>", "<AuditBucket.Arn>/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert audit_stack.resources["AuditBucket"]["DeletionPolicy"] == "Retain"


def test_what_names_pictures_is_deleted_after_a_day_and_reports_when_the_deployer_says() -> None:
    stack = deploy(**AUDIT, AuditRetentionDays="30")
    runs, reports = stack.one("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]

    assert (runs["Prefix"], runs["ExpirationInDays"], runs["Status"]) == ("runs/", 1, "Enabled")
    assert "Prefix" not in reports
    assert reports["ExpirationInDays"] == "30"


def test_logs_hold_no_execution_data_and_expire(audit_stack: Stack) -> None:
    machine = audit_stack.one("AWS::StepFunctions::StateMachine")
    groups = audit_stack.of_type("AWS::Logs::LogGroup")

    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    for name in ("AuditLogGroup", "AuditWorkerLogGroup", "AuditSummaryLogGroup"):
        assert groups[name]["RetentionInDays"] == "30"


LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")}


def test_each_role_may_do_its_own_part_and_nothing_else(audit_stack: Stack) -> None:
    roles = audit_stack.of_type("AWS::IAM::Role")

    assert granted(roles["AuditWorkerRole"]) == {
        ("s3:GetObject", f"arn:aws:s3:::{SOURCE}/*"),
        *((action, "<AuditWorkerLogGroup.Arn>") for action in LOGS),
        *TRACES,
    }
    assert granted(roles["AuditSummaryRole"]) == {
        ("s3:GetObject", "<AuditBucket.Arn>/runs/*"),
        ("s3:PutObject", "<AuditBucket.Arn>/audits/*"),
        *((action, "<AuditSummaryLogGroup.Arn>") for action in LOGS),
        *TRACES,
    }
    machine = granted(roles["AuditRole"])
    assert {each for each in machine if each[1] != "*"} == {
        ("lambda:InvokeFunction", "<AuditWorkerFunction.Arn>"),
        ("lambda:InvokeFunction", "<AuditSummaryFunction.Arn>"),
        ("s3:ListBucket", f"arn:aws:s3:::{SOURCE}"),
        ("s3:PutObject", "<AuditBucket.Arn>/runs/*"),
        ("s3:GetObject", "<AuditBucket.Arn>/runs/*"),
        ("s3:ListMultipartUploadParts", "<AuditBucket.Arn>/runs/*"),
        ("s3:AbortMultipartUpload", "<AuditBucket.Arn>/runs/*"),
    }
    # THEN for every resource it may but deliver logs and write traces
    anywhere = {action for action, resource in machine if resource == "*"}
    assert all(action.startswith(("logs:", "xray:Put")) for action in anywhere)


def test_the_machine_may_start_and_watch_its_own_children_only(audit_stack: Stack) -> None:
    policy = audit_stack.one("AWS::IAM::Policy")

    assert policy["Roles"] == ["<AuditRole>"]
    assert granted({"Policies": [policy]}) == {
        ("states:StartExecution", "<AuditStateMachine>"),
        *(
            (action, "arn:aws:states:eu-west-1:111122223333:execution:<AuditStateMachine.Name>/*")
            for action in ("states:DescribeExecution", "states:StopExecution")
        ),
    }


def granted(role: dict[str, Any]) -> set[tuple[str, str]]:
    assert "ManagedPolicyArns" not in role
    return {
        (action, resource)
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_there_is_an_order_in_which_everything_can_be_made() -> None:
    template = translate()["Resources"]
    needs = {
        name: set(re.findall(r"Audit\w+", json.dumps(resource))) & set(template) - {name}
        for name, resource in template.items()
        if name.startswith("Audit")
    }

    assert set(TopologicalSorter(needs).static_order()) == set(needs)


def test_the_template_names_no_alias() -> None:
    # CloudFormation's YAML knows neither anchors nor aliases
    text = (translate.__globals__["ROOT"] / "template.yaml").read_text(encoding="utf-8")
    assert not re.findall(r"^[^#\n]*: [&*][a-z][a-z-]*$", text, re.MULTILINE)
