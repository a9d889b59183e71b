"""The stacks that a deployer gets, by the parameters of the templates."""

import json
import os
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import cfnlint.api
import pytest
from cfnlint.config import ManualArgs
from samtranslator.model.preferences.deployment_preference_collection import (
    CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST,
)
from samtranslator.yaml_helper import yaml_parse

from tests.stack import API, AUDIT, REGION, ROOT, STACK_ID, Stack, deploy, translate

if TYPE_CHECKING:
    from tests.conftest import Invoke

JWT = {
    "AuthMode": "JWT",
    "JwtIssuer": "https://issuer.example",
    "JwtAudience": "app,other-app",
}
CORS = {"CorsOrigins": "https://one.example,https://two.example"}

NEEDED: dict[str, dict[str, str]] = {API: {}, AUDIT: {"AuditSourceBucket": "my-pictures"}}
"""The templates, each with values for its parameters without a default."""

each_template = pytest.mark.parametrize("template", NEEDED)

ROUTES = {
    "POST /predict",
    "GET /health",
    "GET /model",
    "GET /",
    "GET /card",
    "GET /docs",
    "GET /openapi.json",
    "$default",
}


@pytest.fixture
def stack() -> Stack:
    """Return the stack with every parameter at its default."""
    return deploy()


# ---------------------------------------------------------------- who may call


def test_callers_must_sign_by_default(stack: Stack) -> None:
    # GIVEN a deployment that names no AuthMode
    # THEN every route, including /health and the catch-all, requires a SigV4 signature
    assert stack.body["components"]["securitySchemes"] == {
        "caller": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "x-amazon-apigateway-authtype": "awsSigv4",
        }
    }
    assert {name: route["security"] for name, route in stack.routes.items()} == {
        name: [{"caller": []}] for name in ROUTES
    }


def test_with_jwt_every_route_requires_a_token_of_the_deployers_issuer() -> None:
    stack = deploy(**JWT)

    assert stack.body["components"]["securitySchemes"] == {
        "caller": {
            "type": "oauth2",
            "x-amazon-apigateway-authorizer": {
                "type": "jwt",
                "identitySource": "$request.header.Authorization",
                "jwtConfiguration": {
                    "issuer": "https://issuer.example",
                    "audience": ["app", "other-app"],
                },
            },
        }
    }
    assert {name: route["security"] for name, route in stack.routes.items()} == {
        name: [{"caller": []}] for name in ROUTES
    }


def test_only_auth_mode_none_opens_the_api() -> None:
    stack = deploy(AuthMode="NONE")

    assert set(stack.routes) == ROUTES
    assert not any("security" in route for route in stack.routes.values())


@pytest.mark.parametrize("missing", ["JwtIssuer", "JwtAudience"])
def test_jwt_without_its_parameters_is_refused_before_anything_is_created(missing: str) -> None:
    complete = deploy(**JWT)
    incomplete = deploy(**{name: value for name, value in JWT.items() if name != missing})

    assert all(complete.assertions)
    assert not all(incomplete.assertions)


@pytest.mark.parametrize("auth", [{}, JWT, {"AuthMode": "NONE"}], ids=["IAM", "JWT", "NONE"])
def test_without_cors_origins_there_is_no_cors(auth: dict[str, str]) -> None:
    stack = deploy(**auth)

    assert "x-amazon-apigateway-cors" not in stack.body
    assert not any(name.startswith("OPTIONS") for name in stack.routes)


@pytest.mark.parametrize("auth", [{}, JWT], ids=["IAM", "JWT"])
def test_with_cors_origins_preflights_need_no_credentials(
    auth: dict[str, str],
) -> None:
    stack = deploy(**auth, **CORS)

    cors = stack.body["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == ["https://one.example", "https://two.example"]
    assert cors["allowMethods"] == ["GET", "POST"]
    assert "authorization" in cors["allowHeaders"]
    assert "allowCredentials" not in cors
    # THEN the preflight is the only open route
    open_routes = {name for name, route in stack.routes.items() if "security" not in route}
    assert open_routes == {"OPTIONS /{proxy+}"}


def test_only_this_api_may_invoke_the_function(stack: Stack) -> None:
    permissions = stack.of_type("AWS::Lambda::Permission").values()
    api = f"arn:aws:execute-api:{REGION}:111122223333:<HttpApi>"

    for permission in permissions:
        assert permission["FunctionName"] == "<PredictFunctionAliaslive>"
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert permission["SourceArn"].startswith(f"{api}/*/")
    # THEN from all of its routes, including preflights, for which SAM has no event
    assert f"{api}/*/*" in {permission["SourceArn"] for permission in permissions}


# ---------------------------------------------------------------- the API


def test_every_route_reaches_the_functions_alias_with_payload_2(stack: Stack) -> None:
    function = "functions/<PredictFunctionAliaslive>/invocations"

    for route in [*stack.routes.values(), deploy(**CORS).routes["OPTIONS /{proxy+}"]]:
        integration = route["x-amazon-apigateway-integration"]
        assert integration["uri"].endswith(function)
        assert integration["type"] == "aws_proxy"
        assert integration["payloadFormatVersion"] == "2.0"


def test_the_stage_adds_nothing_to_the_paths(stack: Stack) -> None:
    assert stack.one("AWS::ApiGatewayV2::Stage")["StageName"] == "$default"


def test_the_deployer_sets_the_throttling() -> None:
    stack = deploy(ThrottlingRateLimit="7", ThrottlingBurstLimit="9")

    assert stack.one("AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": "7",
        "ThrottlingBurstLimit": "9",
    }


def test_the_access_log_holds_nothing_that_a_caller_wrote(stack: Stack) -> None:
    settings = stack.one("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]

    assert settings["DestinationArn"] == "<ApiLogGroup.Arn>"
    assert "\n" not in settings["Format"]
    # THEN it has no path, query, address, agent or identity: this list is the whole entry
    assert json.loads(settings["Format"]) == {
        "requestId": "$context.requestId",
        "lambdaRequestId": "$context.integration.requestId",
        "requestTime": "$context.requestTime",
        "routeKey": "$context.routeKey",
        "status": "$context.status",
        "errorType": "$context.error.responseType",
        "responseLength": "$context.responseLength",
        "responseLatency": "$context.responseLatency",
        "integrationLatency": "$context.integrationLatency",
    }


# ---------------------------------------------------------------- the function


def test_the_function_is_an_image_with_its_traces_and_settings(stack: Stack) -> None:
    function = stack.one("AWS::Lambda::Function")

    assert function["PackageType"] == "Image"
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Architectures"] == ["x86_64"]
    assert function["MemorySize"] == "1769"
    assert function["Environment"]["Variables"] == {
        "API_BASE_PATH": "",
        "OPENBLAS_NUM_THREADS": "1",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "ApparentEthnicity/dev",
        "POWERTOOLS_SERVICE_NAME": "predict",
    }


def test_the_function_times_out_before_the_api(stack: Stack) -> None:
    limit = translate()["Parameters"]["Timeout"]["MaxValue"]

    assert int(stack.one("AWS::Lambda::Function")["Timeout"]) <= limit < 29


@pytest.mark.parametrize(("given", "expected"), [("-1", None), ("0", "0"), ("5", "5")])
def test_concurrency_is_reserved_only_on_request(given: str, expected: str | None) -> None:
    function = deploy(ReservedConcurrency=given).one("AWS::Lambda::Function")

    assert function.get("ReservedConcurrentExecutions") == expected


@pytest.mark.parametrize(
    ("template", "function", "handler"),
    [
        (API, "PredictFunction", "predict.app.handler"),
        (API, "S3UploadFunction", "s3_upload.app.handler"),
        (AUDIT, "AuditWorkerFunction", "audit_worker.app.handler"),
        (AUDIT, "AuditSummaryFunction", "audit_worker.app.handler"),  # with a command of its own
    ],
)
def test_the_image_is_built_from_an_existing_stage_and_its_context_has_the_copied_files(
    template: str, function: str, handler: str
) -> None:
    build = translate(template, **NEEDED[template])["Resources"][function]["Metadata"]
    dockerfile = (ROOT / build["Dockerfile"]).read_text()
    let_in = (ROOT / build["DockerContext"] / ".dockerignore").read_text().splitlines()

    stage = dockerfile.split(f" AS {build['DockerBuildTarget']}\n")[1].split("\nFROM ")[0]
    assert f'CMD ["{handler}"]' in stage
    copied = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE)
    assert {f"!{source}" for source in copied} <= set(let_in)


# ---------------------------------------------------------------- logs, keys and permissions


def test_both_logs_expire_and_are_deleted_with_the_stack() -> None:
    stack = deploy(LogRetentionDays="7")

    groups = stack.of_type("AWS::Logs::LogGroup")
    assert set(groups) == {"PredictLogGroup", "ApiLogGroup"}
    for name, group in groups.items():
        assert group["RetentionInDays"] == "7"
        assert "KmsKeyId" not in group
        assert stack.resources[name]["DeletionPolicy"] == "Delete"
        assert stack.resources[name]["UpdateReplacePolicy"] == "Delete"
    logging = stack.one("AWS::Lambda::Function")["LoggingConfig"]
    assert logging == {"LogGroup": "<PredictLogGroup>"}


def test_both_logs_use_the_deployers_key() -> None:
    key = f"arn:aws:kms:{REGION}:111122223333:key/1234"

    groups = deploy(LogsKmsKeyArn=key).of_type("AWS::Logs::LogGroup")

    assert [group["KmsKeyId"] for group in groups.values()] == [key, key]


def test_the_role_has_only_the_permissions_that_the_function_uses(stack: Stack) -> None:
    role = stack.resources["PredictRole"]["Properties"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    (policy,) = role["Policies"]

    assert trusted["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert "ManagedPolicyArns" not in role
    granted = {
        (action, statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    assert granted == {
        ("logs:CreateLogStream", "<PredictLogGroup.Arn>"),
        ("logs:PutLogEvents", "<PredictLogGroup.Arn>"),
        # X-Ray has no resources to name
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }


# ---------------------------------------------------------------- releases


def test_the_api_calls_an_alias_of_a_published_version(stack: Stack) -> None:
    alias = stack.one("AWS::Lambda::Alias")
    ((version, properties),) = stack.of_type("AWS::Lambda::Version").items()

    assert (alias["Name"], alias["FunctionName"]) == ("live", "<PredictFunction>")
    assert alias["FunctionVersion"] == f"<{version}.Version>"
    assert "ProvisionedConcurrencyConfig" not in alias
    assert properties["FunctionName"] == "<PredictFunction>"


CHANGES = {
    "Stage": "qa",
    "MemorySize": "3008",
    "Timeout": "20",
    "LogLevel": "DEBUG",
    "ApiBasePath": "faces",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_new_value_of_a_parameter_publishes_a_version(stack: Stack, name: str) -> None:
    # GIVEN that CloudFormation replaces a version whose description changes, and SAM derives its
    # name from the template's text, which does not contain the values of parameters
    changed = deploy(**{name: CHANGES[name]})

    ((before, old),) = stack.of_type("AWS::Lambda::Version").items()
    ((after, new),) = changed.of_type("AWS::Lambda::Version").items()
    assert before == after
    assert old["Description"] != new["Description"]
    assert len(new["Description"]) <= 256


def test_the_versions_description_has_every_parameter_that_a_version_holds() -> None:
    function = translate()["Resources"]["PredictFunction"]["Properties"]
    of_no_version = {"ReservedConcurrentExecutions"}

    used = {
        name
        for key, value in function.items()
        if key not in of_no_version
        for name in references(value) & set(translate()["Parameters"])
    }
    assert used == set(CHANGES)


def test_a_new_image_publishes_a_version() -> None:
    source = yaml_parse((ROOT / API).read_text(encoding="utf-8"))
    assert source["Resources"]["PredictFunction"]["Properties"]["AutoPublishAlias"] == "live"
    names = {
        next(name for name in translate(tag=tag)["Resources"] if "Version" in name)
        for tag in ("one", "two")
    }

    assert len(names) == 2


def test_traffic_shifts_to_a_new_version_as_the_deployer_chooses_and_faults_roll_it_back(
    stack: Stack,
) -> None:
    canary = deploy(DeploymentPreference="Canary10Percent5Minutes")

    for each, how in ((stack, "AllAtOnce"), (canary, "Canary10Percent5Minutes")):
        group = each.one("AWS::CodeDeploy::DeploymentGroup")
        assert group["DeploymentConfigName"] == f"CodeDeployDefault.Lambda{how}"
        assert group["AlarmConfiguration"] == {
            "Enabled": True,
            "Alarms": [{"Name": "<PredictFaultsAlarm>"}],
        }
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        update = each.resources["PredictFunctionAliaslive"]["UpdatePolicy"]
        assert update["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"].startswith("<Predict")
    # THEN the alarm can fire before the shortest canary is over
    alarm = stack.resources["PredictFaultsAlarm"]["Properties"]
    period = alarm["Metrics"][1]["MetricStat"]["Period"]
    assert alarm["EvaluationPeriods"] * period < 300


def test_every_codedeploy_configuration_for_functions_may_be_chosen() -> None:
    allowed = translate()["Parameters"]["DeploymentPreference"]["AllowedValues"]

    assert set(allowed) == set(CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST)


def test_codedeploy_may_shift_this_functions_traffic_and_nothing_else(stack: Stack) -> None:
    role = stack.resources["DeployRole"]["Properties"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]

    assert trusted["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    assert "ManagedPolicyArns" not in role
    (policy,) = role["Policies"]
    shift, look = policy["PolicyDocument"]["Statement"]
    assert shift["Resource"] == ["<PredictFunction.Arn>", "<PredictFunction.Arn>:*"]
    assert look["Action"] == "cloudwatch:DescribeAlarms"
    assert stack.one("AWS::CodeDeploy::DeploymentGroup")["ServiceRoleArn"] == "<DeployRole.Arn>"
    assert set(stack.of_type("AWS::IAM::Role")) == {"PredictRole", "DeployRole"}


def test_instances_are_kept_warm_only_on_request() -> None:
    alias = deploy(ProvisionedConcurrency="2").one("AWS::Lambda::Alias")

    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": "2"}


# ---------------------------------------------------------------- the S3 variant

S3 = {"EnableS3Variant": "true"}

UPLOADS = f"uploads-{STACK_ID}"


@pytest.fixture
def s3_stack() -> Stack:
    """Return the stack with the S3 variant, every other parameter at its default."""
    return deploy(**S3)


def test_the_s3_variant_is_deployed_only_on_request(stack: Stack, s3_stack: Stack) -> None:
    kinds = {resource["Type"] for resource in stack.resources.values()}

    assert not any(kind.startswith(("AWS::S3", "AWS::SQS")) for kind in kinds)
    assert "AWS::Lambda::EventSourceMapping" not in kinds
    # THEN it adds to the stack and changes only the dashboard and the saved queries
    shown = {"Dashboard", "FaultsQuery", "DurationsQuery"}
    rest = {name: each for name, each in stack.resources.items() if name not in shown}
    assert rest.items() <= s3_stack.resources.items()
    assert stack.outputs.items() <= s3_stack.outputs.items()
    added = s3_stack.outputs.keys() - stack.outputs.keys()
    assert {name: s3_stack.outputs[name]["Value"] for name in added} == {
        "UploadExample": "aws s3 cp your_face.jpg s3://<UploadBucket>/uploads/your_face.jpg",
        "ResultExample": "aws s3 cp s3://<ResultsBucket>/results/your_face.jpg.json -",
        "UploaderPolicy": s3_stack.outputs["UploaderPolicy"]["Value"],
        "UploadBucketName": "<UploadBucket>",
        "ResultsBucketName": "<ResultsBucket>",
        "UploadQueueArn": "<UploadQueue.Arn>",
        "UploadDeadLetterQueueArn": "<UploadDeadLetterQueue.Arn>",
        "S3UploadFunctionArn": "<S3UploadFunction.Arn>",
        "S3UploadLogGroupName": "<S3UploadLogGroup>",
    }


def test_pictures_and_results_are_in_separate_private_encrypted_buckets(s3_stack: Stack) -> None:
    buckets = s3_stack.of_type("AWS::S3::Bucket")

    assert set(buckets) == {"UploadBucket", "ResultsBucket"}
    for bucket in buckets.values():
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        assert bucket["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert bucket["OwnershipControls"] == {
            "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
        }
    # THEN writing a result cannot trigger the function again
    assert "NotificationConfiguration" not in buckets["ResultsBucket"]


def test_pictures_and_results_use_the_deployers_key() -> None:
    key = f"arn:aws:kms:{REGION}:111122223333:key/1234"
    stack = deploy(**S3, DataKmsKeyArn=key)

    for bucket in stack.of_type("AWS::S3::Bucket").values():
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption == {
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
            "BucketKeyEnabled": True,
        }
    # THEN the function may use that key, and no other
    policies = stack.resources["S3UploadRole"]["Properties"]["Policies"]
    of_kms = [
        (action, statement["Resource"])
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        if action.startswith("kms:")
    ]
    assert of_kms == [("kms:Decrypt", key), ("kms:GenerateDataKey", key)]


@pytest.mark.parametrize("bucket", ["UploadBucket", "ResultsBucket"])
def test_the_buckets_answer_over_tls_only(s3_stack: Stack, bucket: str) -> None:
    (policy,) = [
        policy
        for policy in s3_stack.of_type("AWS::S3::BucketPolicy").values()
        if policy["Bucket"] == f"<{bucket}>"
    ]

    assert policy["PolicyDocument"]["Statement"] == [
        without_tls("s3:*", [f"<{bucket}.Arn>", f"<{bucket}.Arn>/*"])
    ]


def without_tls(action: str, resource: str | list[str]) -> dict[str, Any]:
    return {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_pictures_are_deleted_after_a_day_and_results_after_a_month_by_default(
    s3_stack: Stack,
) -> None:
    asked = deploy(**S3, UploadRetentionDays="3", ResultRetentionDays="365")

    for stack, uploads, results in [(s3_stack, "1", "30"), (asked, "3", "365")]:
        for name, days in {"UploadBucket": uploads, "ResultsBucket": results}.items():
            (rule,) = stack.resources[name]["Properties"]["LifecycleConfiguration"]["Rules"]
            # THEN the rule covers objects of any prefix and tag, old versions and unfinished parts
            assert {key: value for key, value in rule.items() if key != "Id"} == {
                "Status": "Enabled",
                "ExpirationInDays": days,
                "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            }


def test_only_the_results_outlive_the_stack(s3_stack: Stack) -> None:
    kept = {
        name
        for name, resource in s3_stack.resources.items()
        if resource.get("DeletionPolicy") == "Retain"
    }

    # except the function's versions, which are deleted with the function
    assert {name for name in kept if not name.startswith("PredictFunctionVersion")} == {
        "ResultsBucket"
    }
    assert s3_stack.resources["ResultsBucket"]["UpdateReplacePolicy"] == "Retain"


def test_only_created_objects_under_uploads_cause_notifications(s3_stack: Stack) -> None:
    bucket = s3_stack.resources["UploadBucket"]["Properties"]

    assert bucket["NotificationConfiguration"] == {
        "QueueConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Queue": "<UploadQueue.Arn>",
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "uploads/"}]}},
            }
        ]
    }


def test_only_s3_may_send_and_only_for_the_bucket_of_this_account(s3_stack: Stack) -> None:
    policies = {
        policy["Queues"][0]: policy["PolicyDocument"]["Statement"]
        for policy in s3_stack.of_type("AWS::SQS::QueuePolicy").values()
    }

    assert policies == {
        "<UploadQueue>": [
            {
                "Sid": "NotificationsOfTheBucket",
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "<UploadQueue.Arn>",
                "Condition": {
                    "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{UPLOADS}"},
                    "StringEquals": {"aws:SourceAccount": "111122223333"},
                },
            },
            without_tls("sqs:*", "<UploadQueue.Arn>"),
        ],
        "<UploadDeadLetterQueue>": [without_tls("sqs:*", "<UploadDeadLetterQueue.Arn>")],
    }


def test_the_queue_accepts_notifications_before_the_bucket_is_created(
    s3_stack: Stack,
) -> None:
    # GIVEN a bucket name that both resources know without referring to each other
    bucket = s3_stack.resources["UploadBucket"]
    assert bucket["Properties"]["BucketName"] == UPLOADS
    assert len(UPLOADS) <= 63
    assert bucket["DependsOn"] in ("UploadQueuePolicy", ["UploadQueuePolicy"])

    # THEN there is an order in which everything can be created
    template = translate()["Resources"]
    needs = {name: references(resource) & set(template) for name, resource in template.items()}
    assert len(list(TopologicalSorter(needs).static_order())) == len(template)
    assert "UploadQueuePolicy" in needs["UploadBucket"]


def references(node: Any) -> set[str]:
    """Names of the resources and parameters that a part of a template refers to or depends on."""
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    found = references(list(node.values()))
    for function, argument in node.items():
        if function in ("Ref", "DependsOn"):
            found |= {argument} if isinstance(argument, str) else set(argument)
        elif function == "Fn::GetAtt":
            found.add(argument[0])
        elif function == "Fn::Sub":
            text = argument if isinstance(argument, str) else argument[0]
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([^}]+)\}", text)}
    return found


def test_both_queues_are_encrypted_and_the_dead_letters_are_kept_longest(s3_stack: Stack) -> None:
    queues = s3_stack.of_type("AWS::SQS::Queue")
    queue, dead_letters = queues["UploadQueue"], queues["UploadDeadLetterQueue"]

    assert [each["SqsManagedSseEnabled"] for each in queues.values()] == [True, True]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": "<UploadDeadLetterQueue.Arn>",
        "maxReceiveCount": 5,
    }
    assert queue["MessageRetentionPeriod"] < dead_letters["MessageRetentionPeriod"] == 14 * 86_400
    # THEN a message has had all its attempts long before its picture is deleted
    assert queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"] <= 3600


def test_batches_are_small_and_fail_message_by_message(s3_stack: Stack) -> None:
    mapping = s3_stack.one("AWS::Lambda::EventSourceMapping")

    assert mapping == {
        "EventSourceArn": "<UploadQueue.Arn>",
        "FunctionName": "<S3UploadFunction>",
        "BatchSize": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": "5"},
    }
    asked = deploy(**S3, UploadConcurrency="50").one("AWS::Lambda::EventSourceMapping")
    assert asked["ScalingConfig"] == {"MaximumConcurrency": "50"}


def test_no_message_is_delivered_again_while_it_may_still_be_processed(s3_stack: Stack) -> None:
    function = s3_stack.resources["S3UploadFunction"]["Properties"]
    queue = s3_stack.resources["UploadQueue"]["Properties"]

    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_the_s3_function_is_an_image_with_the_name_of_the_results_bucket(s3_stack: Stack) -> None:
    function = s3_stack.resources["S3UploadFunction"]["Properties"]

    assert function["PackageType"] == "Image"
    assert function["LoggingConfig"] == {"LogGroup": "<S3UploadLogGroup>"}
    assert "ReservedConcurrentExecutions" not in function
    assert function["Environment"]["Variables"] == {
        "OPENBLAS_NUM_THREADS": "1",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "ApparentEthnicity/dev",
        "POWERTOOLS_SERVICE_NAME": "s3_upload",
        "RESULTS_BUCKET": "<ResultsBucket>",
    }


def test_the_s3_log_expires_like_the_others(s3_stack: Stack) -> None:
    groups = s3_stack.of_type("AWS::Logs::LogGroup")

    assert groups["S3UploadLogGroup"]["RetentionInDays"] == "30"
    assert s3_stack.resources["S3UploadLogGroup"]["DeletionPolicy"] == "Delete"


def test_the_s3_role_reads_uploads_writes_results_and_does_nothing_else(s3_stack: Stack) -> None:
    role = s3_stack.resources["S3UploadRole"]["Properties"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]

    assert trusted["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert "ManagedPolicyArns" not in role
    granted = {
        (action, statement["Resource"])
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    assert granted == {
        ("sqs:ReceiveMessage", "<UploadQueue.Arn>"),
        ("sqs:DeleteMessage", "<UploadQueue.Arn>"),
        ("sqs:GetQueueAttributes", "<UploadQueue.Arn>"),
        ("s3:GetObject", "<UploadBucket.Arn>/uploads/*"),
        ("s3:ListBucket", "<UploadBucket.Arn>"),
        ("s3:PutObject", "<ResultsBucket.Arn>/results/*"),
        ("logs:CreateLogStream", "<S3UploadLogGroup.Arn>"),
        ("logs:PutLogEvents", "<S3UploadLogGroup.Arn>"),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }


def listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions


# ---------------------------------------------------------------- alarms, queries and dashboard


def watched(stack: Stack) -> dict[str, str]:
    """The condition of each alarm: expression or metric and statistic, and the threshold."""
    found = {}
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items():
        if "Metrics" in alarm:
            (rate,) = (each for each in alarm["Metrics"] if "Expression" in each)
            what = rate["Expression"]
        else:
            (dimension,) = alarm["Dimensions"]
            statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
            what = f"{statistic} of {alarm['MetricName']} of {dimension['Value']}"
        found[name] = f"{what} > {alarm['Threshold']}"
    return found


def test_alarms_watch_fault_rates_slowness_and_throttling(stack: Stack) -> None:
    assert watched(stack) == {
        "ApiFaultsAlarm": "100 * faults / requests > 1",
        "PredictFaultsAlarm": "100 * (FILL(errors, 0) + FILL(faults, 0)) / requests > 5",
        "PredictSlowAlarm": "p99 of Duration of <PredictFunction> > 5000",
        "PredictThrottledAlarm": "Sum of Throttles of <PredictFunction> > 0",
    }


@pytest.mark.parametrize("alarm", ["ApiFaultsAlarm", "PredictFaultsAlarm", "UploadFaultsAlarm"])
def test_a_rate_is_computed_from_metrics_of_this_stack(s3_stack: Stack, alarm: str) -> None:
    rate, *metrics = s3_stack.resources[alarm]["Properties"]["Metrics"]

    assert set(re.findall(r"[a-z]+", rate["Expression"])) == {each["Id"] for each in metrics}
    for each in metrics:
        metric = each["MetricStat"]["Metric"]
        values = {dimension["Value"] for dimension in metric["Dimensions"]}
        assert metric["Namespace"] == "ApparentEthnicity/dev" or any(
            re.fullmatch("<(HttpApi|PredictFunction|S3UploadFunction)>", value) for value in values
        )
        assert each["ReturnData"] is False
    assert len({each["MetricStat"]["Period"] for each in metrics}) == 1


def test_the_functions_fault_alarm_uses_the_functions_own_metric(
    invoke: "Invoke", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN the dimensions that the alarm looks for, and a request that fails
    stack = deploy()
    metrics = stack.resources["PredictFaultsAlarm"]["Properties"]["Metrics"]
    (metric,) = (
        each["MetricStat"]["Metric"]
        for each in metrics
        if each.get("MetricStat", {}).get("Metric", {}).get("Namespace", "").startswith("Apparent")
    )
    variables = stack.one("AWS::Lambda::Function")["Environment"]["Variables"]
    wanted = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
    assert wanted.pop("service") == variables["POWERTOOLS_SERVICE_NAME"]
    assert metric["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]

    monkeypatch.setattr("predict.app.readable", lambda _: 1 / 0)
    invoke({})

    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (counted,) = (line for line in written if metric["MetricName"] in line)
    assert wanted.items() <= counted.items()


def test_the_alarm_for_slowness_fires_before_the_function_times_out(stack: Stack) -> None:
    slow = stack.resources["PredictSlowAlarm"]["Properties"]
    limit = int(stack.one("AWS::Lambda::Function")["Timeout"])

    assert slow["Threshold"] < 1000 * limit


def test_with_the_s3_variant_alarms_watch_failed_and_waiting_uploads(
    stack: Stack, s3_stack: Stack
) -> None:
    added = watched(s3_stack).items() - watched(stack).items()

    dead_letters = "ApproximateNumberOfMessagesVisible of <UploadDeadLetterQueue.QueueName>"
    assert dict(added) == {
        "UploadFaultsAlarm": "100 * (FILL(errors, 0) + FILL(failed, 0)) / batches > 10",
        "UploadsFailedAlarm": f"Maximum of {dead_letters} > 0",
        "UploadsWaitAlarm": "Maximum of ApproximateAgeOfOldestMessage of <UploadQueue.QueueName>"
        " > 3600",
    }


TOPIC = f"arn:aws:sns:{REGION}:111122223333:alarms"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        ({"AlarmTopicArn": TOPIC}, [TOPIC]),
        ({"AlarmEmail": "someone@example.com"}, ["<AlarmTopic>"]),
        ({"AlarmEmail": "someone@example.com", "AlarmTopicArn": TOPIC}, ["<AlarmTopic>", TOPIC]),
    ],
)
@pytest.mark.parametrize("template", [API, AUDIT])
def test_every_alarm_notifies_the_deployers_recipients_when_it_begins_and_ends(
    template: str, given: dict[str, str], told: list[str]
) -> None:
    extra = S3 if template == API else {}
    stack = deploy(template, **NEEDED[template], **extra, **given)
    alarms = stack.of_type("AWS::CloudWatch::Alarm")

    assert alarms
    for alarm in alarms.values():
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        # An unused resource reports no data
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmActions"] == alarm["OKActions"] == told
    assert [topic["Subscription"] for topic in stack.of_type("AWS::SNS::Topic").values()] == [
        [{"Protocol": "email", "Endpoint": given["AlarmEmail"]}] for _ in told if "<" in _
    ]


def test_saved_queries_read_this_stacks_logs_and_existing_fields(
    stack: Stack, s3_stack: Stack
) -> None:
    queries = stack.of_type("AWS::Logs::QueryDefinition")
    logged = {*json.loads(stack.one("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]["Format"])}

    assert {query["Name"].partition("/")[0] for query in queries.values()} == {"stack"}
    for name in ("RequestsQuery", "FailedRequestsQuery"):
        asked = set(re.findall(r"\b[a-z]+[A-Z]\w+", queries[name]["QueryString"]))
        assert asked <= logged
        assert queries[name]["LogGroupNames"] == ["<ApiLogGroup>"]
    of_both = s3_stack.of_type("AWS::Logs::QueryDefinition")
    for name in ("FaultsQuery", "DurationsQuery"):
        assert queries[name]["LogGroupNames"] == ["<PredictLogGroup>"]
        assert of_both[name]["LogGroupNames"] == ["<PredictLogGroup>", "<S3UploadLogGroup>"]


def test_the_dashboard_shows_this_stacks_metrics_including_uploads_with_the_s3_variant(
    stack: Stack, s3_stack: Stack
) -> None:
    titles = {}
    for name, each in {"without": stack, "with": s3_stack}.items():
        dashboard = each.one("AWS::CloudWatch::Dashboard")
        assert dashboard["DashboardName"] == f"stack-{REGION}"
        widgets = json.loads(dashboard["DashboardBody"])["widgets"]
        titles[name] = [widget["properties"]["title"] for widget in widgets]
        for widget in widgets:
            assert widget["properties"]["region"] == REGION
            for metric in widget["properties"]["metrics"]:
                assert is_of_the_stack(metric)

    assert titles["without"] == [
        "Requests by outcome",
        "API: refused and failed",
        "Duration (ms)",
        "Instances",
    ]
    assert titles["with"] == [*titles["without"], "Uploads by outcome", "Queue"]


def is_of_the_stack(metric: list[Any]) -> bool:
    if isinstance(metric[0], dict):
        # Quoted, since a stage's name may have a hyphen
        return '{"ApparentEthnicity/dev",outcome,service}' in metric[0]["expression"]
    return metric[3] in {
        "<HttpApi>",
        "<PredictFunction>",
        "<UploadQueue.QueueName>",
        "<UploadDeadLetterQueue.QueueName>",
    }


# ---------------------------------------------------------------- the deployer's view


@pytest.mark.parametrize(
    ("auth", "proof"),
    [
        ({}, f'--aws-sigv4 "aws:amz:{REGION}:execute-api"'),
        (JWT, '-H "Authorization: Bearer $TOKEN"'),
        ({"AuthMode": "NONE"}, 'curl -F "image=@your_face.jpg"'),
    ],
    ids=["IAM", "JWT", "NONE"],
)
def test_the_outputs_name_the_resources_and_how_to_call_the_api(
    auth: dict[str, str], proof: str
) -> None:
    outputs = {name: output["Value"] for name, output in deploy(**auth).outputs.items()}

    policy = outputs.pop("CallerPolicy", None)
    assert (policy is not None) == (not auth)
    example = outputs.pop("CurlExample")
    assert proof in example
    assert example.endswith(" <HttpApi.ApiEndpoint>/predict")
    assert outputs == {
        "ApiUrl": "<HttpApi.ApiEndpoint>",
        "PredictUrl": "<HttpApi.ApiEndpoint>/predict",
        "PredictFunctionArn": "<PredictFunction.Arn>",
        "PredictLogGroupName": "<PredictLogGroup>",
        "ApiLogGroupName": "<ApiLogGroup>",
    }


def test_the_outputs_have_policies_for_callers_and_uploaders() -> None:
    (statement,) = json.loads(deploy().outputs["CallerPolicy"]["Value"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": f"arn:aws:execute-api:{REGION}:111122223333:<HttpApi>/*",
    }

    key = f"arn:aws:kms:{REGION}:111122223333:key/1234"
    without, keyed = (
        json.loads(deploy(**S3, **given).outputs["UploaderPolicy"]["Value"])["Statement"]
        for given in ({}, {"DataKmsKeyArn": key})
    )
    assert [(each["Action"], each["Resource"]) for each in without] == [
        ("s3:PutObject", "<UploadBucket.Arn>/uploads/*"),
        ("s3:GetObject", "<ResultsBucket.Arn>/results/*"),
    ]
    # THEN uploaders may decrypt too: S3 needs the key to join the parts of large files
    *same, of_key = keyed
    assert same == without
    assert of_key["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
    assert of_key["Resource"] == key


@each_template
def test_every_parameter_is_asked_for_in_a_group_with_a_label_and_used(template: str) -> None:
    source = yaml_parse((ROOT / template).read_text(encoding="utf-8"))
    interface = source["Metadata"]["AWS::CloudFormation::Interface"]
    groups = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert sorted(groups) == sorted(interface["ParameterLabels"]) == sorted(source["Parameters"])
    used = json.dumps({name: source[name] for name in ("Conditions", "Globals", "Resources")})
    for name in source["Parameters"]:
        assert f'"Ref": "{name}"' in used or f"${{{name}}}" in used


def test_the_default_deployment_builds_two_images() -> None:
    functions = [
        each
        for each in translate()["Resources"].values()
        if each["Type"] == "AWS::Lambda::Function"
    ]

    assert {each["Metadata"]["DockerBuildTarget"] for each in functions} == {"predict", "s3_upload"}
    assert len(functions) == 2


CONFIGURED = {"default": API, "prod": API, "audit": AUDIT}


@pytest.mark.parametrize("environment", CONFIGURED)
def test_samconfig_sets_only_parameters_that_the_template_has(environment: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    template = CONFIGURED[environment]
    parameters = translate(template, **NEEDED[template])["Parameters"]

    given = dict(
        pair.split("=", 1) for pair in config["deploy"]["parameters"]["parameter_overrides"].split()
    )
    for name, value in given.items():
        allowed = parameters[name].get("AllowedValues", [value])
        assert value in [str(one) for one in allowed]
    # THEN only the deployer can open the API
    assert "AuthMode" not in given
    assert f"stage={given.get('Stage', environment)}" in config["deploy"]["parameters"]["tags"]


def test_each_stack_is_deployed_from_its_own_build() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    built: dict[str, set[str]] = {}
    for environment, template in CONFIGURED.items():
        build, deploy = (config[environment][name]["parameters"] for name in ("build", "deploy"))
        folder = build.get("build_dir", ".aws-sam/build")
        assert build.get("template_file", API) == template
        assert deploy.get("template_file", ".aws-sam/build/template.yaml") == (
            f"{folder}/template.yaml"
        )
        built.setdefault(folder, set()).add(template)

    assert all(len(templates) == 1 for templates in built.values())
    names = [
        config[environment]["global"]["parameters"]["stack_name"] for environment in CONFIGURED
    ]
    assert len(set(names)) == len(names)


@each_template
def test_no_partition_is_hard_coded(template: str) -> None:
    # China's and GovCloud's ARNs begin with arn:aws-cn and arn:aws-us-gov
    text = (ROOT / template).read_text(encoding="utf-8")

    assert "arn:" in text
    assert not re.findall(r"arn:(?!\$\{(?:AWS::)?Partition\}:|aws\[a-z-\]\*:).*", text)


@each_template
def test_in_another_partition_every_arn_belongs_to_that_partition(template: str) -> None:
    translated = json.dumps(translate(template, **NEEDED[template]))

    assert "arn:aws:" not in translated


@each_template
def test_cfn_lint_finds_nothing_in_the_translated_template(template: str) -> None:
    # GIVEN one translation, the same for every mode: cfn-lint follows both sides of a condition
    translated = translate(template, **NEEDED[template])
    if template == API:
        assert translated == translate(**JWT) == translate(AuthMode="NONE") == translate(**S3)

    # GIVEN AWS's rules for serverless stacks in addition to cfn-lint's own
    config = ManualArgs(regions=[REGION], append_rules=["cfn_lint_serverless.rules"])
    findings = cfnlint.api.lint(json.dumps(translated), config=config)

    assert [str(finding) for finding in findings] == []


def test_the_serverless_rules_find_removed_settings() -> None:
    translated = translate()
    del translated["Metadata"]
    del translated["Resources"]["PredictFunction"]["Properties"]["TracingConfig"]
    config = ManualArgs(regions=[REGION], append_rules=["cfn_lint_serverless.rules"])

    found = {each.rule.id for each in cfnlint.api.lint(json.dumps(translated), config=config)}

    assert {"WS1000", "WS1004", "ES1001"} <= found


@each_template
def test_every_exception_from_a_rule_is_justified(template: str) -> None:
    resources = translate(template, **NEEDED[template])["Resources"].values()
    skipped = [
        skip
        for resource in resources
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]

    assert len(skipped) > 0
    assert all(len(skip["comment"]) > 20 for skip in skipped)


@pytest.mark.slow
@each_template
def test_sam_validate_lint_passes(template: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "samcli", "validate", "--lint", "--template", template],
        cwd=ROOT,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )

    assert done.returncode == 0, done.stdout
