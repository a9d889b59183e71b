"""The stacks as CloudFormation would build them: the templates, expanded by SAM's translator.

This works without an AWS account or a network. SAM expands its resources and leaves parameters and
conditions to CloudFormation; `deploy` resolves those, so that a test reads the deployed stack.
"""

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[1]

API = "template.yaml"
AUDIT = "template-audit.yaml"

REGION = "eu-west-1"
STACK_ID = "51af3dc0-da77-11e4-872e-1234567db123"

NO_VALUE = object()


@dataclass(frozen=True)
class Stack:
    """A deployment's resources, with conditions and parameters resolved."""

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
        """The OpenAPI document that defines the API's routes."""
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

    @property
    def definition(self) -> dict[str, Any]:
        """The state machine's definition, as Step Functions reads it."""
        machine = self.one("AWS::StepFunctions::StateMachine")
        text = machine["DefinitionString"]
        for name, value in machine["DefinitionSubstitutions"].items():
            text = text.replace(f"${{{name}}}", value)
        assert "${" not in text
        parsed = json.loads(text)
        assert isinstance(parsed, dict)
        return parsed


def translate(template: str = API, /, *, tag: str = "tag", **parameters: str) -> dict[str, Any]:
    """Expand a template as the SAM transform does, after `sam package` has named the images."""
    source = yaml_parse((ROOT / template).read_text(encoding="utf-8"))
    for resource in source["Resources"].values():
        if resource["Properties"].get("PackageType") == "Image":
            image = f"111122223333.dkr.ecr.{REGION}.amazonaws.com/predict:{tag}"
            resource["Properties"]["ImageUri"] = image
    # An empty map of managed policies: a role that needed one would fail here.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    translated = translator.translate(source, dict(parameters))
    assert isinstance(translated, dict)
    return translated


class _Choices:
    """A translated template's parameters and conditions, as CloudFormation resolves them."""

    def __init__(self, template: dict[str, Any], given: dict[str, str]) -> None:
        self._conditions = template.get("Conditions", {})
        self._values: dict[str, Any] = {
            "AWS::NoValue": NO_VALUE,
            "AWS::StackName": "stack",
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:111122223333:stack/stack/{STACK_ID}",
            "AWS::Region": REGION,
            "AWS::AccountId": "111122223333",
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        for name, parameter in template["Parameters"].items():
            value = given[name] if name in given else str(parameter["Default"])
            is_list = parameter["Type"] == "CommaDelimitedList"
            self._values[name] = value.split(",") if is_list else value
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": lambda name: self._values.get(name, f"<{name}>"),
            "Fn::GetAtt": lambda path: f"<{'.'.join(path)}>",
            "Fn::Sub": self._substitute,
            "Fn::If": lambda branch: self.settle(branch[1 if self.holds(branch[0]) else 2]),
            "Fn::Equals": lambda pair: str(self.settle(pair[0])) == str(self.settle(pair[1])),
            "Fn::Not": lambda conditions: not self.settle(conditions[0]),
            "Fn::And": lambda conditions: all(map(self.settle, conditions)),
            "Fn::Or": lambda conditions: any(map(self.settle, conditions)),
            "Condition": self.holds,
            "Fn::Join": lambda call: call[0].join(self.settle(call[1])),
            "Fn::Select": lambda call: self.settle(call[1])[int(call[0])],
            "Fn::Split": lambda call: self.settle(call[1]).split(call[0]),
        }

    def holds(self, condition: str) -> bool:
        return bool(self.settle(self._conditions[condition]))

    def _substitute(self, argument: str | list[Any]) -> str:
        text, local = (argument, {}) if isinstance(argument, str) else argument
        known = {**self._values, **self.settle(local)}
        filled = re.sub(
            r"\$\{([^!}][^}]*)\}", lambda name: str(known.get(name[1], f"<{name[1]}>")), text
        )
        return filled.replace("${!", "${")

    def settle(self, node: Any) -> Any:
        """Return a part of the template with all intrinsic functions evaluated."""
        if isinstance(node, list):
            return [value for value in map(self.settle, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._functions[name](argument)
        settled = {key: self.settle(value) for key, value in node.items()}
        return {key: value for key, value in settled.items() if value is not NO_VALUE}

    def choose(self, node: Any) -> Any:
        """Return a part of the template with only its conditions evaluated."""
        if isinstance(node, list):
            return [value for value in map(self.choose, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if node == {"Ref": "AWS::NoValue"}:
            return NO_VALUE
        if node.keys() == {"Fn::If"}:
            condition, yes, no = node["Fn::If"]
            return self.choose(yes if self.holds(condition) else no)
        chosen = {key: self.choose(value) for key, value in node.items()}
        return {key: value for key, value in chosen.items() if value is not NO_VALUE}

    def present(self, section: dict[str, Any]) -> dict[str, Any]:
        """Return the entries whose conditions are true."""
        return {
            name: {key: value for key, value in entry.items() if key != "Condition"}
            for name, entry in section.items()
            if "Condition" not in entry or self.holds(entry["Condition"])
        }


def deploy(template: str = API, /, **given: str) -> Stack:
    """Return the stack that a deployer with these parameters would get."""
    translated = translate(template, **given)
    choices = _Choices(translated, given)
    return Stack(
        resources=choices.settle(choices.present(translated["Resources"])),
        outputs=choices.settle(choices.present(translated["Outputs"])),
        assertions=[
            choices.settle(assertion["Assert"])
            for rule in translated.get("Rules", {}).values()
            if choices.settle(rule["RuleCondition"])
            for assertion in rule["Assertions"]
        ],
    )


def _chosen(translated: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """The translated template for these parameters, as linters see one deployment."""
    choices = _Choices(translated, given)
    part = {
        section: choices.choose(choices.present(translated[section]))
        for section in ("Resources", "Outputs")
    }
    used = json.dumps(part)
    parameters = {
        name: parameter | ({"Default": given[name]} if name in given else {})
        for name, parameter in translated["Parameters"].items()
        if f'"Ref": "{name}"' in used or f"${{{name}}}" in used
    }
    return {
        "AWSTemplateFormatVersion": translated["AWSTemplateFormatVersion"],
        "Metadata": {"cfn-lint": translated["Metadata"]["cfn-lint"]},
        "Parameters": parameters,
        **part,
    }


_KEY = f"arn:aws:kms:{REGION}:111122223333:key/1234"

_SOURCE = {"AuditSourceBucket": "somebodys-pictures"}


def _deployments() -> Iterator[tuple[str, dict[str, Any]]]:
    """The templates, whole and for each combination of parameters that changes resources."""
    auth = [
        {},
        {"AuthMode": "JWT", "JwtIssuer": "https://issuer.example", "JwtAudience": "app"},
        {"AuthMode": "NONE"},
    ]
    s3 = [{}, {"EnableS3Variant": "true"}]
    kms = [{}, {"LogsKmsKeyArn": _KEY, "DataKmsKeyArn": _KEY}]
    cors = [{}, {"CorsOrigins": "https://one.example,https://two.example"}]
    api = translate(API)
    yield "api", api
    for number, parts in enumerate(itertools.product(auth, s3, kms, cors)):
        yield f"api-{number:02}", _chosen(api, dict(itertools.chain(*map(dict.items, parts))))
    audit = translate(AUDIT, **_SOURCE)
    yield "audit", audit
    for number, key in enumerate([{}, {"LogsKmsKeyArn": _KEY, "AuditSourceKmsKeyArn": _KEY}]):
        yield f"audit-{number}", _chosen(audit, {**_SOURCE, **key})


def main(folder: Path) -> None:
    """Write all deployments, for both architectures, as files for the linters."""
    folder.mkdir(exist_ok=True)
    for name, template in _deployments():
        text = json.dumps(template, indent=2)
        for architecture in ("x86_64", "arm64"):
            file = folder / f"{name}-{architecture}.json"
            file.write_text(text.replace("x86_64", architecture), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
