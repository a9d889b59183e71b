"""The audit's template: resources, permissions and outputs."""

import heapq
import json
import re
from functools import partial
from graphlib import TopologicalSorter
from random import Random
from typing import Any

import pytest

from tests.stack import API, AUDIT, REGION, ROOT, Stack, deploy, translate

SOURCE = "my-pictures"
GIVEN = {"AuditSourceBucket": SOURCE}

EXPRESS = 300
"""Seconds that an express execution may last."""


@pytest.fixture
def audit_stack() -> Stack:
    return deploy(AUDIT, **GIVEN)


def test_the_outputs_name_the_resources_and_the_start_command(audit_stack: Stack) -> None:
    assert {name: output["Value"] for name, output in audit_stack.outputs.items()} == {
        "AuditExample": "aws stepfunctions start-execution --state-machine-arn "
        '<AuditStateMachine> --input \'{"prefix": "photos/", "title": "photos"}\'',
        "AuditBucketName": "<AuditBucket>",
        "AuditSourceBucketName": SOURCE,
        "AuditStateMachineArn": "<AuditStateMachine>",
        "AuditWorkerRoleArn": "<AuditWorkerRole.Arn>",
    }


def test_the_stack_needs_a_source_bucket_and_is_separate_from_the_api() -> None:
    assert "Default" not in translate(AUDIT, **GIVEN)["Parameters"]["AuditSourceBucket"]
    assert not any("audit" in name.lower() for name in deploy(API).resources)


@pytest.mark.parametrize("workers", ["5", "50"])
def test_the_number_of_workers_is_a_parameter(workers: str) -> None:
    states = deploy(AUDIT, **GIVEN, AuditWorkers=workers).definition["States"]

    assert states["ReadSettings"]["Parameters"] == {
        "workers.$": f"States.StringToJson('{workers}')"
    }
    assert states["ExaminePictures"]["MaxConcurrencyPath"] == "$.settings.workers"


def retriers(audit_stack: Stack) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rules for retrying a batch: if Lambda had no free instance, and after any other fault."""
    processor = audit_stack.definition["States"]["ExaminePictures"]["ItemProcessor"]
    unavailable, other = processor["States"]["ExamineBatch"]["Retry"]
    return unavailable, other


def test_all_attempts_of_a_batch_fit_the_five_minutes_of_an_express_execution(
    audit_stack: Stack,
) -> None:
    processor = audit_stack.definition["States"]["ExaminePictures"]["ItemProcessor"]
    task = processor["States"]["ExamineBatch"]
    worker = audit_stack.resources["AuditWorkerFunction"]["Properties"]
    unavailable, other = retriers(audit_stack)

    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    assert worker["Timeout"] < task["TimeoutSeconds"]
    waits = sum(
        other["IntervalSeconds"] * other["BackoffRate"] ** attempt
        for attempt in range(other["MaxAttempts"])
    )
    assert worker["Timeout"] * (1 + other["MaxAttempts"]) + waits < EXPRESS
    # THEN a batch without a free instance is retried until these five minutes end
    assert unavailable["ErrorEquals"][0] == "Lambda.TooManyRequestsException"
    assert other["ErrorEquals"] == ["States.ALL"]
    assert unavailable["MaxAttempts"] * unavailable["MaxDelaySeconds"] / 2 > EXPRESS


@pytest.mark.parametrize("seed", range(5))
def test_fifty_workers_at_a_quota_of_ten_lose_no_batch(audit_stack: Stack, seed: int) -> None:
    # GIVEN five times as many workers as instances, and batches of photos from cameras
    unavailable, other = retriers(audit_stack)
    lost = partial(batches_lost, workers=50, quota=10, batches=1000, seconds=3.0, seed=seed)

    assert lost(unavailable) == 0
    # THEN these retries prevent it: with those for other faults, most batches would be lost
    assert lost(other) > 500


def batches_lost(  # noqa: PLR0913
    retrier: dict[str, Any], *, workers: int, quota: int, batches: int, seconds: float, seed: int
) -> int:
    """Simulate a map run and count its lost batches; an attempt without a free instance waits.

    A worker's next batch begins about a tenth of a second after its last one ends.
    """
    random = Random(seed)
    agenda = [(random.random() / 10, 0.0, 0)] * workers  # time, first try, retries
    left, lost = batches - workers, 0
    busy: list[float] = []  # for each busy instance, when it ends
    while agenda:
        now, began, tries = heapq.heappop(agenda)
        while busy and busy[0] <= now:
            heapq.heappop(busy)
        longest = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** min(tries, 20)
        longest = min(longest, retrier.get("MaxDelaySeconds", longest))
        over = now
        if len(busy) < quota:
            over = now + seconds
            heapq.heappush(busy, over)
        elif tries < retrier["MaxAttempts"] and now - began < EXPRESS - seconds:
            heapq.heappush(agenda, (now + random.uniform(0, longest), began, tries + 1))
            continue
        else:
            lost += 1
        if left:
            left -= 1
            begins = over + random.uniform(0.05, 0.15)
            heapq.heappush(agenda, (begins, begins, 0))
    return lost


def test_the_rest_of_a_batch_goes_back_to_the_worker(audit_stack: Stack) -> None:
    states = audit_stack.definition["States"]["ExaminePictures"]["ItemProcessor"]["States"]

    assert states["ExamineBatch"]["Next"] == "AnyLeft"
    (left,) = states["AnyLeft"]["Choices"]
    assert left == {"Variable": "$.left", "NumericGreaterThan": 0, "Next": "ExamineBatch"}
    assert states[states["AnyLeft"]["Default"]] == {"Type": "Succeed"}


def test_results_are_read_where_they_are_written(audit_stack: Stack) -> None:
    states = audit_stack.definition["States"]
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


def test_the_reports_are_private_encrypted_tls_only_and_retained(audit_stack: Stack) -> None:
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


def test_tallies_are_deleted_after_a_day_and_reports_after_the_chosen_number_of_days() -> None:
    stack = deploy(AUDIT, **GIVEN, AuditRetentionDays="30")
    runs, reports = stack.one("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]

    assert (runs["Prefix"], runs["ExpirationInDays"], runs["Status"]) == ("runs/", 1, "Enabled")
    assert "Prefix" not in reports
    assert reports["ExpirationInDays"] == "30"


def test_an_alarm_reports_a_failed_audit(audit_stack: Stack) -> None:
    alarm = audit_stack.one("AWS::CloudWatch::Alarm")

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/States", "ExecutionsFailed")
    assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": "<AuditStateMachine>"}]


def test_logs_hold_no_execution_data_and_expire(audit_stack: Stack) -> None:
    machine = audit_stack.one("AWS::StepFunctions::StateMachine")
    groups = audit_stack.of_type("AWS::Logs::LogGroup")

    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    for name in ("AuditLogGroup", "AuditWorkerLogGroup", "AuditSummaryLogGroup"):
        assert groups[name]["RetentionInDays"] == "30"


LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")}


def test_each_role_has_only_the_permissions_it_needs(audit_stack: Stack) -> None:
    roles = audit_stack.of_type("AWS::IAM::Role")

    assert granted(roles["AuditWorkerRole"]) == {
        ("s3:GetObject", f"arn:aws:s3:::{SOURCE}/*"),
        # So that S3 answers “not found” for a deleted object, not “access denied”
        ("s3:ListBucket", f"arn:aws:s3:::{SOURCE}"),
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
    # THEN on all resources it may only deliver logs and sample and write traces
    anywhere = {action for action, resource in machine if resource == "*"}
    assert {action for action in anywhere if not action.startswith("logs:")} == {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
    }


def test_encrypted_pictures_are_read_with_only_their_key() -> None:
    key = f"arn:aws:kms:{REGION}:111122223333:key/1234"
    without, keyed = (
        granted(deploy(AUDIT, **GIVEN, **given).of_type("AWS::IAM::Role")["AuditWorkerRole"])
        for given in ({}, {"AuditSourceKmsKeyArn": key})
    )

    assert keyed - without == {("kms:Decrypt", key)}


def test_the_state_machine_may_start_and_watch_only_its_own_child_executions(
    audit_stack: Stack,
) -> None:
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


def test_the_resources_have_no_circular_dependencies() -> None:
    template = translate(AUDIT, **GIVEN)["Resources"]
    needs = {
        name: set(re.findall(r"Audit\w+", json.dumps(resource))) & set(template) - {name}
        for name, resource in template.items()
    }

    assert set(TopologicalSorter(needs).static_order()) == set(needs)


@pytest.mark.parametrize("template", [API, AUDIT])
def test_the_template_contains_no_yaml_alias(template: str) -> None:
    # CloudFormation's YAML supports neither anchors nor aliases
    text = (ROOT / template).read_text(encoding="utf-8")
    assert not re.findall(r"^[^#\n]*: [&*][a-z][a-z-]*$", text, re.MULTILINE)
