"""The stack as CloudFormation would build it: template.yaml, expanded by SAM's own translator.

No AWS account and no network. SAM expands its resources and leaves parameters and conditions to
CloudFormation; `evaluate` settles those, so that a test reads what a deployer would get.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
REGION = "eu-west-1"
STACK_ID = "51af3dc0-da77-11e4-872e-1234567db123"

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
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    translated = translator.translate(template, dict(parameters))
    assert isinstance(translated, dict)
    return translated


def evaluate(template: dict[str, Any], **given: str) -> Stack:
    """Settle a translated template's parameters and conditions, as CloudFormation does."""
    values: dict[str, Any] = {
        "AWS::NoValue": NO_VALUE,
        "AWS::StackName": "stack",
        "AWS::StackId": f"arn:aws:cloudformation:{REGION}:111122223333:stack/stack/{STACK_ID}",
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
        "Fn::Select": lambda call: settle(call[1])[int(call[0])],
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


def write_in_full(path: Path) -> None:
    """Write the translated template, its defaults such that nothing in it is left out."""
    template = translate()
    given = {
        "EnableS3Variant": "true",
        "EnableAudit": "true",
        "AuditSourceBucket": "somebodys-pictures",
        "CreateLayer": "true",
        "ReservedConcurrency": 5,
        "LogsKmsKeyArn": f"arn:aws:kms:{REGION}:111122223333:key/1234",
        "DataKmsKeyArn": f"arn:aws:kms:{REGION}:111122223333:key/1234",
        "AlarmTopicArn": f"arn:aws:sns:{REGION}:111122223333:alarms",
    }
    for name, value in given.items():
        template["Parameters"][name]["Default"] = value
    path.write_text(json.dumps(template, indent=2), encoding="utf-8")


def deploy(**parameters: str) -> Stack:
    """Return the stack that a deployer with these parameters would get."""
    return evaluate(translate(**parameters), **parameters)


if __name__ == "__main__":
    write_in_full(Path(sys.argv[1]))
