"""The stack as CloudFormation would build it: template.yaml, expanded by SAM's own translator.

No AWS account and no network. SAM expands its resources and leaves parameters and conditions to
CloudFormation; `evaluate` settles those, so that each test reads what a deployer would get.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"

JWT = {
    "AuthMode": "JWT",
    "JwtIssuer": "https://issuer.example",
    "JwtAudience": "app,other-app",
}
CORS = {"CorsOrigins": "https://one.example,https://two.example"}

ROUTES = {
    "POST /predict",
    "GET /health",
    "GET /model",
    "GET /docs",
    "GET /openapi.json",
    "$default",
}

NO_VALUE = object()


@dataclass(frozen=True)
class Stack:
    """What a deployment holds: conditions settled, parameters filled in."""

    resources: dict[str, Any]
    outputs: dict[str, Any]
    assertions: list[bool]

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the properties of the resources of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def one(self, kind: str) -> dict[str, Any]:
        """Return the properties of the only resource of a type."""
        (properties,) = self.of_type(kind).values()
        assert isinstance(properties, dict)
        return properties

    @property
    def body(self) -> dict[str, Any]:
        """The OpenAPI document from which API Gateway makes the routes."""
        body = self.one("AWS::ApiGatewayV2::Api")["Body"]
        assert isinstance(body, dict)
        return body

    @property
    def routes(self) -> dict[str, Any]:
        """The API's operations, named as API Gateway names routes."""
        return {
            path if path == "$default" else f"{method.upper()} {path}": operation
            for path, methods in self.body["paths"].items()
            for method, operation in methods.items()
        }


def translate(**parameters: str) -> dict[str, Any]:
    """Expand template.yaml as the SAM transform does, after `sam package` has named the uploads."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Properties"].get("PackageType") == "Image":
            image = f"111122223333.dkr.ecr.{REGION}.amazonaws.com/predict:tag"
            resource["Properties"]["ImageUri"] = image
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = {"Bucket": "uploads", "Key": "layer.zip"}
    # An empty map of managed policies: a role that needed one would fail here.
    translated = Translator({}, Parser()).translate(template, dict(parameters))
    assert isinstance(translated, dict)
    return translated


def evaluate(template: dict[str, Any], **given: str) -> Stack:
    """Settle a translated template's parameters and conditions, as CloudFormation does."""
    values: dict[str, Any] = {
        "AWS::NoValue": NO_VALUE,
        "AWS::StackName": "stack",
        "AWS::Region": REGION,
        "AWS::AccountId": "111122223333",
        "AWS::Partition": "aws",
    }
    for name, parameter in template["Parameters"].items():
        value = given.get(name, str(parameter["Default"]))
        is_list = parameter["Type"] == "CommaDelimitedList"
        values[name] = value.split(",") if is_list else value

    def holds(condition: str) -> bool:
        return bool(settle(template["Conditions"][condition]))

    def substitute(argument: str | list[Any]) -> str:
        text, local = (argument, {}) if isinstance(argument, str) else argument
        known = {**values, **settle(local)}
        return re.sub(r"\$\{([^}]+)\}", lambda name: str(known.get(name[1], f"<{name[1]}>")), text)

    functions: dict[str, Callable[[Any], Any]] = {
        "Ref": lambda name: values.get(name, f"<{name}>"),
        "Fn::GetAtt": lambda path: f"<{'.'.join(path)}>",
        "Fn::Sub": substitute,
        "Fn::If": lambda branch: settle(branch[1] if holds(branch[0]) else branch[2]),
        "Fn::Equals": lambda pair: str(settle(pair[0])) == str(settle(pair[1])),
        "Fn::Not": lambda conditions: not settle(conditions[0]),
        "Fn::Join": lambda call: call[0].join(settle(call[1])),
        "Fn::Split": lambda call: settle(call[1]).split(call[0]),
    }

    def settle(node: Any) -> Any:
        if isinstance(node, list):
            return [value for value in map(settle, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return functions[name](argument)
        settled = {key: settle(value) for key, value in node.items()}
        return {key: value for key, value in settled.items() if value is not NO_VALUE}

    def present(section: dict[str, Any]) -> dict[str, Any]:
        return {
            name: settle(entry)
            for name, entry in section.items()
            if "Condition" not in entry or holds(entry["Condition"])
        }

    return Stack(
        resources=present(template["Resources"]),
        outputs=present(template["Outputs"]),
        assertions=[
            settle(assertion["Assert"])
            for rule in template["Rules"].values()
            if settle(rule["RuleCondition"])
            for assertion in rule["Assertions"]
        ],
    )


def deploy(**parameters: str) -> Stack:
    """Return the stack that a deployer with these parameters would get."""
    return evaluate(translate(**parameters), **parameters)


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def stack() -> Stack:
    """Return the stack with every parameter at its default."""
    return deploy()


# ---------------------------------------------------------------- who may call


def test_callers_must_sign_unless_the_deployer_says_otherwise(stack: Stack) -> None:
    # GIVEN a deployment that names no AuthMode
    # THEN every route, /health and the catch-all included, wants a SigV4 signature
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


def test_with_jwt_every_route_wants_a_token_of_the_deployers_issuer() -> None:
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


def test_only_none_by_name_opens_the_api() -> None:
    stack = deploy(AuthMode="NONE")

    assert set(stack.routes) == ROUTES
    assert not any("security" in route for route in stack.routes.values())


@pytest.mark.parametrize("missing", ["JwtIssuer", "JwtAudience"])
def test_jwt_without_its_parameters_is_refused_before_anything_is_made(missing: str) -> None:
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
def test_with_cors_origins_browsers_may_ask_first_without_credentials(
    auth: dict[str, str],
) -> None:
    stack = deploy(**auth, **CORS)

    cors = stack.body["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == ["https://one.example", "https://two.example"]
    assert cors["allowMethods"] == ["GET", "POST"]
    assert "authorization" in cors["allowHeaders"]
    assert "allowCredentials" not in cors
    # THEN the preflight is the one open route
    open_routes = {name for name, route in stack.routes.items() if "security" not in route}
    assert open_routes == {"OPTIONS /{proxy+}"}


def test_only_this_api_may_invoke_the_function(stack: Stack) -> None:
    permission = stack.one("AWS::Lambda::Permission")

    assert permission["FunctionName"] == "<PredictFunction>"
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["SourceArn"] == f"arn:aws:execute-api:{REGION}:111122223333:<HttpApi>/*/*"


# ---------------------------------------------------------------- the API


def test_every_route_reaches_the_function_with_payload_2(stack: Stack) -> None:
    function = "functions/<PredictFunction.Arn>/invocations"

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
    # THEN no path, query, address, agent or identity: this list is the whole entry
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
        "OPENBLAS_NUM_THREADS": "1",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "ApparentEthnicity/dev",
        "POWERTOOLS_SERVICE_NAME": "predict",
    }


def test_the_function_gives_up_before_the_api_does(stack: Stack) -> None:
    limit = translate()["Parameters"]["Timeout"]["MaxValue"]

    assert int(stack.one("AWS::Lambda::Function")["Timeout"]) <= limit < 29


def test_the_function_runs_on_arm_when_asked() -> None:
    stack = deploy(Architecture="arm64")

    assert stack.one("AWS::Lambda::Function")["Architectures"] == ["arm64"]


@pytest.mark.parametrize(("given", "expected"), [("-1", None), ("0", "0"), ("5", "5")])
def test_concurrency_is_reserved_only_when_asked(given: str, expected: str | None) -> None:
    function = deploy(ReservedConcurrency=given).one("AWS::Lambda::Function")

    assert function.get("ReservedConcurrentExecutions") == expected


def test_the_image_is_built_from_a_stage_that_exists_and_sees_what_it_copies() -> None:
    build = translate()["Resources"]["PredictFunction"]["Metadata"]
    dockerfile = (ROOT / build["Dockerfile"]).read_text()
    let_in = (ROOT / build["DockerContext"] / ".dockerignore").read_text().splitlines()

    stage = dockerfile.split(f" AS {build['DockerBuildTarget']}\n")[1].split("\nFROM ")[0]
    assert 'CMD ["predict.app.handler"]' in stage
    copied = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE)
    assert {f"!{source}" for source in copied} <= set(let_in)


def test_the_layer_is_published_only_when_asked(stack: Stack) -> None:
    with_layer = deploy(CreateLayer="true")

    assert not stack.of_type("AWS::Lambda::LayerVersion")
    assert "InferenceLayerArn" not in stack.outputs
    assert with_layer.of_type("AWS::Lambda::LayerVersion")
    assert "InferenceLayerArn" in with_layer.outputs


# ---------------------------------------------------------------- what is kept, and by whom


def test_both_logs_expire_and_go_with_the_stack() -> None:
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


def test_both_logs_take_the_deployers_key() -> None:
    key = f"arn:aws:kms:{REGION}:111122223333:key/1234"

    groups = deploy(LogsKmsKeyArn=key).of_type("AWS::Logs::LogGroup")

    assert [group["KmsKeyId"] for group in groups.values()] == [key, key]


def test_the_role_grants_what_the_function_does_and_no_more(stack: Stack) -> None:
    role = stack.one("AWS::IAM::Role")
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
        # X-Ray has no resources to name: the only * of the stack
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
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
def test_the_outputs_name_what_was_made_and_how_to_call_it(
    auth: dict[str, str], proof: str
) -> None:
    outputs = {name: output["Value"] for name, output in deploy(**auth).outputs.items()}

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


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_samconfig_gives_only_parameters_that_the_template_takes(environment: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    parameters = translate()["Parameters"]

    given = dict(
        pair.split("=", 1) for pair in config["deploy"]["parameters"]["parameter_overrides"].split()
    )
    for name, value in given.items():
        allowed = parameters[name].get("AllowedValues", [value])
        assert value in [str(one) for one in allowed]
    # THEN opening the API is left to the deployer's own words
    assert "AuthMode" not in given
    assert config["global"]["parameters"]["stack_name"].endswith(f"-{given['Stage']}")


def test_cfn_lint_finds_nothing_in_the_translated_template() -> None:
    # GIVEN one translation, the same for every mode: cfn-lint follows both sides of a condition
    translated = translate()
    assert translated == translate(**JWT) == translate(AuthMode="NONE")

    findings = cfnlint.api.lint(json.dumps(translated), regions=[REGION])

    assert [str(finding) for finding in findings] == []


@pytest.mark.slow
def test_sam_validate_lint_passes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "samcli", "validate", "--lint", "--template", "template.yaml"],
        cwd=ROOT,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )

    assert done.returncode == 0, done.stdout
