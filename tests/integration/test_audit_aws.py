"""The audit on AWS: the template's state machine, its functions, and a local S3."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from audit_summary import app as summary
from audit_worker import app as worker
from common.s3 import s3_client
from ethnicity import audit
from tests import aws
from tests.aws import Relay
from tests.stack import AUDIT, deploy
from tests.state_machine import ExecutionFailed, StateMachine

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEMA = Path(audit.__file__).with_name("report.schema.json")
SOURCE = "pictures-of-the-tests"
GIVEN = {"prefix": "faces/", "title": "Faces"}


@dataclass(frozen=True)
class Cloud:
    """The tests call S3 directly, the functions through the relay."""

    s3: "S3Client"
    relay: Relay
    machine: StateMachine
    bucket: str

    def put(self, **pictures: bytes) -> None:
        for name, content in pictures.items():
            key = "faces/" + name.replace("__", "/") + ".jpg"
            self.s3.put_object(Bucket=SOURCE, Key=key, Body=content)

    def run(self) -> Any:
        return self.machine.run(GIVEN, "first")

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def report(self) -> Any:
        return json.loads(self.read("audits/first/report.json"))


@pytest.fixture(scope="module")
def region(context: Any) -> Iterator[Cloud]:
    stack = deploy(AUDIT, AuditSourceBucket=SOURCE)
    definition = json.dumps(stack.definition)
    bucket = "audits-of-the-tests"
    definition = definition.replace("<AuditBucket>", bucket)
    functions = {
        "<AuditWorkerFunction.Arn>": lambda event: worker.handler(event, context),
        "<AuditSummaryFunction.Arn>": lambda event: summary.handler(event, context),
    }
    with (
        pytest.MonkeyPatch.context() as patch,
        aws.moto_server() as moto,
        aws.relay(moto) as relay,
        closing(aws.SESSION.client("s3", endpoint_url=moto)) as s3,
    ):
        names = {"SOURCE_BUCKET": SOURCE, "RESULTS_BUCKET": bucket}
        for name, value in aws.environment(relay.url, **names).items():
            patch.setenv(name, value)
        # Skip the client's waits between its attempts
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        s3_client.cache_clear()
        yield Cloud(s3, relay, StateMachine(json.loads(definition), functions, s3), bucket)
        s3_client().close()
        s3_client.cache_clear()


@pytest.fixture
def cloud(region: Cloud) -> Cloud:
    aws.reset(region.s3.meta.endpoint_url)
    region.relay.reset()
    for bucket in (SOURCE, region.bucket):
        aws.create_bucket(region.s3, bucket)
    return region


def test_a_prefix_gives_both_reports(
    cloud: Cloud, portrait: bytes, obama: bytes, no_face: bytes
) -> None:
    cloud.put(train__a=portrait, train__b=obama, test__c=no_face, test__d=b"GIF89a")
    cloud.s3.put_object(Bucket=SOURCE, Key="faces/labels.csv", Body=b"file,label")
    cloud.s3.put_object(Bucket=SOURCE, Key="other/e.jpg", Body=portrait)

    answer = cloud.run()

    folder = f"s3://{cloud.bucket}/audits/first/"
    assert answer == {"verdict": "unknown", "pictures": 4, "reports": folder}
    report = cloud.report()
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(report, schema)
    assert report["title"] == "Faces"
    assert report["other_folders"]["names"] == ["test", "train"]
    assert report["other_folders"]["judged"] == 2
    assert report["whole"]["without_face"] == 1
    assert [(each["name"], each["code"]) for each in report["bad"]] == [("test/d.jpg", "not_jpeg")]
    page = cloud.s3.get_object(Bucket=cloud.bucket, Key="audits/first/report.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert b"Faces" in page["Body"].read()


def test_pictures_are_batched_for_as_many_workers_as_the_deployer_chose(cloud: Cloud) -> None:
    cloud.put(**{f"p{number:03}": b"GIF89a" for number in range(43)})

    assert cloud.run()["pictures"] == 43
    assert cloud.machine.batches == [20, 20, 3]
    assert cloud.machine.workers == 5


def test_the_next_call_continues_a_batch_that_ran_out_of_time(
    cloud: Cloud, portrait: bytes, no_face: bytes, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN an instance that has time for one picture in each call
    calls = []

    def hurried(event: Any) -> Any:
        calls.append(len(event["Items"]))
        return worker.handler(event, replace(context, remaining_ms=1_000))

    monkeypatch.setitem(cloud.machine.functions, "<AuditWorkerFunction.Arn>", hurried)
    cloud.put(train__a=portrait, train__b=no_face, test__c=b"GIF89a")

    assert cloud.run()["pictures"] == 3
    # THEN no picture is missing or counted twice
    assert calls == [3, 2, 1]
    report = cloud.report()
    assert report["whole"]["judged"] == 1
    assert report["whole"]["without_face"] == 1
    assert [(each["name"], each["code"]) for each in report["bad"]] == [("test/c.jpg", "not_jpeg")]


def test_a_batch_of_long_names_in_separate_folders_fits_the_output_of_a_state(
    cloud: Cloud, portrait: bytes
) -> None:
    # GIVEN names as long as S3 allows, of letters that take six characters each in JSON
    folders = ["写" * 165 + f"{number:02}" for number in range(20)]
    name = "真" * 165 + ".jpg"
    keys = [f"faces/{folder}/{name}" for folder in folders]
    assert max(len(key.encode()) for key in keys) > 1000
    for key in keys[:10]:
        cloud.s3.put_object(Bucket=SOURCE, Key=key, Body=portrait)
    for key in keys[10:]:
        cloud.s3.put_object(Bucket=SOURCE, Key=key, Body=b"GIF89a")

    assert cloud.run()["pictures"] == 20


def test_the_workers_output_contains_no_results_of_single_pictures(
    cloud: Cloud, portrait: bytes
) -> None:
    cloud.put(a=portrait, b=portrait)

    cloud.run()

    listed = cloud.s3.list_objects_v2(Bucket=cloud.bucket, Prefix="runs/first/")["Contents"]
    (key,) = (each["Key"] for each in listed if "SUCCEEDED" in each["Key"])
    (tally,) = json.loads(json.loads(cloud.read(key))["Output"])["groups"].values()
    assert "faces/a.jpg" not in json.dumps(tally)
    assert sum(tally["counted"].values()) == 2


def test_a_failure_of_s3_is_retried(cloud: Cloud, portrait: bytes) -> None:
    cloud.put(a=portrait, b=portrait)
    cloud.relay.fault = lambda call: (
        "SlowDown" if call.key.endswith("b.jpg") and call.attempt < 5 else None
    )

    cloud.run()

    # THEN the client's five attempts failed, and the batch was retried
    assert cloud.relay.faults["SlowDown"] == 5
    assert cloud.report()["whole"]["judged"] == 2


def test_a_deleted_or_archived_object_is_listed_as_unreadable(
    cloud: Cloud, portrait: bytes
) -> None:
    cloud.put(a=portrait, b=portrait, c=portrait)
    codes = {"a.jpg": "NoSuchKey", "b.jpg": "InvalidObjectState"}
    cloud.relay.fault = lambda call: (
        codes.get(call.key.rpartition("/")[2]) if call.bucket == SOURCE else None
    )

    cloud.run()

    report = cloud.report()
    assert report["whole"]["judged"] == 1
    assert [each["code"] for each in report["bad"]] == ["unreadable", "unreadable"]


@pytest.mark.parametrize("code", ["AccessDenied", "KMS.DisabledException"])
def test_denied_access_fails_the_run_with_the_permissions_to_grant(
    cloud: Cloud, portrait: bytes, code: str
) -> None:
    cloud.put(**{f"p{number:03}": portrait for number in range(23)})
    cloud.relay.fault = lambda call: code if call.bucket == SOURCE else None

    with pytest.raises(ExecutionFailed, match="AccessRefused") as failed:
        cloud.run()

    for said in (code, "AuditWorkerRoleArn", "s3:GetObject", "AuditSourceKmsKeyArn", "kms:Decrypt"):
        assert said in str(failed.value)
    # THEN a batch ends at its first refusal, and no report names unreadable pictures
    assert [call.bucket for call in cloud.relay.calls].count(SOURCE) == 2
    assert "Contents" not in cloud.s3.list_objects_v2(Bucket=cloud.bucket, Prefix="audits/")


def test_pictures_of_a_failed_batch_are_listed_and_too_many_fail_the_run(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN 20 full batches and one that is partly filled
    batcher = cloud.machine.definition["States"]["ExaminePictures"]["ItemBatcher"]
    monkeypatch.setitem(batcher, "MaxItemsPerBatch", 3)
    cloud.put(**dict.fromkeys([f"p{number:02}" for number in range(61)], b"GIF89a"))
    cloud.relay.fault = lambda call: "SlowDown" if call.key.endswith("p60.jpg") else None

    assert cloud.run()["pictures"] == 61
    codes = {each["name"]: each["code"] for each in cloud.report()["bad"]}
    assert codes.pop("p60.jpg") == "not_done"
    assert set(codes.values()) == {"not_jpeg"}

    cloud.relay.fault = lambda call: "SlowDown" if call.method == "GET" else None
    with pytest.raises(ExecutionFailed, match=r"States\.ExceedToleratedFailureThreshold"):
        cloud.run()


def test_a_prefix_without_pictures_fails_and_says_so(cloud: Cloud) -> None:
    with pytest.raises(ExecutionFailed, match="NoPictures"):
        cloud.run()


def test_a_report_that_cannot_be_written_fails_the_run(cloud: Cloud, no_face: bytes) -> None:
    cloud.put(a=no_face)
    cloud.relay.fault = lambda call: "AccessDenied" if call.method == "PUT" else None

    with pytest.raises(ExecutionFailed, match="NotDone"):
        cloud.run()


def test_names_of_pictures_are_not_logged(
    cloud: Cloud, portrait: bytes, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud.put(somebody=portrait, else_body=portrait)
    cloud.relay.fault = lambda call: "SlowDown" if call.key.endswith("else_body.jpg") else None

    with pytest.raises(ExecutionFailed):
        cloud.run()

    logged = "".join(capfd.readouterr())
    assert "somebody" not in logged
    assert "else_body" not in logged


@pytest.mark.parametrize("function", ["audit_worker", "audit_summary"])
def test_a_function_starts_without_the_sdk_and_the_command_lines_packages(
    function: str,
) -> None:
    heavy = {"boto3", "botocore.session", "click", "tqdm", "multiprocessing.pool"}
    program = f"import sys, {function}.app; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert heavy.isdisjoint(done.stdout.split())
