"""A local Step Functions interpreter, limited to the audit's definition.

moto's interpreter does not support ItemBatcher, omits ResultWriter's files and runs functions in
Docker. This one supports only the features that the definition uses; anything else fails.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_STATE = 262_144
"""Maximum size of a state's input and output, in bytes."""

_KNOWN = {
    "Choice": "Type Choices Default",
    "Map": "Type Label ItemReader ItemSelector ItemBatcher MaxConcurrencyPath ItemProcessor Next "
    "ToleratedFailurePercentage ResultWriter ResultPath",
    "Pass": "Type Parameters ResultPath Next",
    "Succeed": "Type",
    "Task": "Type Resource Parameters OutputPath TimeoutSeconds Retry Next End",
}


class ExecutionFailed(Exception):
    """The execution failed with this error."""


@dataclass
class StateMachine:
    """A definition, and the functions and buckets behind its ARNs."""

    definition: dict[str, Any]
    functions: dict[str, Callable[[Any], Any]]
    s3: "S3Client"
    batches: list[int] = field(default_factory=list)
    workers: int = 0

    def run(self, given: Any, name: str) -> Any:
        context = {"Execution": {"Name": name}}
        return self._run(self.definition, given, context)

    def _run(self, machine: dict[str, Any], data: Any, context: dict[str, Any]) -> Any:
        at: str | None = machine["StartAt"]
        while at is not None:
            state = machine["States"][at]
            assert state.keys() <= set(_KNOWN[state["Type"]].split())
            at = _chosen(state, data) if state["Type"] == "Choice" else state.get("Next")
            steps = {"Map": self._map, "Pass": _pass, "Task": self._task}
            if state["Type"] in steps:
                data = steps[state["Type"]](state, _sized(data), context)
        return _sized(data)

    def _task(self, state: dict[str, Any], data: Any, context: dict[str, Any]) -> Any:
        assert state["Resource"] == "arn:aws:states:::lambda:invoke"
        parameters = _filled(state["Parameters"], data, context)
        function = self.functions[parameters["FunctionName"]]
        attempt = 0
        while True:
            try:
                # Events and answers cross the Lambda runtime as JSON
                answer = json.loads(
                    json.dumps(function(json.loads(json.dumps(parameters["Payload"]))))
                )
                return _at(state["OutputPath"], {"Payload": answer}, context)
            except Exception as error:
                if attempt >= _attempts(state["Retry"], type(error).__name__):
                    raise ExecutionFailed(f"{type(error).__name__}: {error}") from error
                attempt += 1

    def _map(self, state: dict[str, Any], data: Any, context: dict[str, Any]) -> Any:
        reader = state["ItemReader"]
        assert reader["Resource"] == "arn:aws:states:::s3:listObjectsV2"
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            **_filled(reader["Parameters"], data, context)
        )
        items = []
        for page in pages:
            for found in page.get("Contents", ()):
                value = {"Key": found["Key"], "Size": found["Size"], "Etag": found["ETag"]}
                inner = context | {"Map": {"Item": {"Value": value}}}
                items.append(_filled(state["ItemSelector"], data, inner))
        self.workers = _at(state["MaxConcurrencyPath"], data, context)
        assert isinstance(self.workers, int)
        batcher = state["ItemBatcher"]
        shared = _filled(batcher["BatchInput"], data, context)
        size = batcher["MaxItemsPerBatch"]
        batches = [
            {"BatchInput": shared, "Items": items[start : start + size]}
            for start in range(0, len(items), size)
        ]
        self.batches = [len(batch["Items"]) for batch in batches]
        assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
        done = [self._child(state["ItemProcessor"], batch, context) for batch in batches]
        failed = sum(each["Status"] == "FAILED" for each in done)
        written = self._write(state["ResultWriter"], done, data, context)
        if failed * 100 > state["ToleratedFailurePercentage"] * len(done):
            raise ExecutionFailed("States.ExceedToleratedFailureThreshold")
        assert state["ResultPath"] == "$.run"
        return data | {"run": written}

    def _child(self, processor: dict[str, Any], batch: Any, context: Any) -> dict[str, Any]:
        """Return an execution in ResultWriter's form."""
        told = {"Input": json.dumps(batch), "InputDetails": {"Included": True}}
        try:
            output = json.dumps(self._run(processor, batch, context))
        except ExecutionFailed as error:
            return told | {"Status": "FAILED", "Error": str(error).partition(":")[0]}
        return told | {"Status": "SUCCEEDED", "Output": output}

    def _write(self, writer: dict[str, Any], done: Any, data: Any, context: Any) -> Any:
        assert writer["Resource"] == "arn:aws:states:::s3:putObject"
        assert writer["WriterConfig"] == {"Transformation": "NONE", "OutputType": "JSONL"}
        to = _filled(writer["Parameters"], data, context)
        folder = f"{to['Prefix']}/0e2f9b6c"
        files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
        for status, entries in files.items():
            lines = [json.dumps(each) for each in done if each["Status"] == status]
            if lines:
                key = f"{folder}/{status}_0.jsonl"
                self.s3.put_object(Bucket=to["Bucket"], Key=key, Body="\n".join(lines).encode())
                entries.append({"Key": key, "Size": sum(map(len, lines))})
        manifest = {"DestinationBucket": to["Bucket"], "MapRunArn": "…", "ResultFiles": files}
        key = f"{folder}/manifest.json"
        self.s3.put_object(Bucket=to["Bucket"], Key=key, Body=json.dumps(manifest).encode())
        return {"MapRunArn": "…", "ResultWriterDetails": {"Bucket": to["Bucket"], "Key": key}}


def _pass(state: dict[str, Any], data: Any, context: dict[str, Any]) -> Any:
    assert re.fullmatch(r"\$\.\w+", state["ResultPath"])
    return data | {state["ResultPath"][2:]: _filled(state["Parameters"], data, context)}


def _chosen(state: dict[str, Any], data: Any) -> str:
    for rule in state["Choices"]:
        assert rule.keys() == {"Variable", "NumericGreaterThan", "Next"}
        if _at(rule["Variable"], data, {}) > rule["NumericGreaterThan"]:
            return str(rule["Next"])
    return str(state["Default"])


def _sized(data: Any) -> Any:
    assert len(json.dumps(data)) <= MAX_STATE
    return data


def _attempts(retriers: list[dict[str, Any]], error: str) -> int:
    for each in retriers:
        if {error, "States.ALL"} & set(each["ErrorEquals"]):
            return int(each["MaxAttempts"])
    return 0


def _filled(template: Any, data: Any, context: Any) -> Any:
    """Evaluate a payload template: values of keys that end with .$ are paths."""
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): _at(value, data, context)
        if key.endswith(".$")
        else _filled(value, data, context)
        for key, value in template.items()
    }


def _at(path: str, data: Any, context: Any) -> Any:
    if formatted := re.fullmatch(r"States\.Format\('([^']*)', (\S+)\)", path):
        return formatted[1].replace("{}", _at(formatted[2], data, context))
    if parsed := re.fullmatch(r"States\.StringToJson\('([^']*)'\)", path):
        return json.loads(parsed[1])
    value = context if path.startswith("$$") else data
    for name in path.lstrip("$").split("."):
        value = value[name] if name else value
    return value
