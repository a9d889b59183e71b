"""How the images are built: SAM's reading of the templates, and the files left out of images."""

import json
import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from samcli.lib.bootstrap.companion_stack.companion_stack_builder import CompanionStackBuilder
from samcli.lib.bootstrap.companion_stack.data_types import CompanionStack
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samtranslator.yaml_helper import yaml_parse

from scripts import repositories
from tests import aws
from tests.stack import API, AUDIT, ROOT

# SAM's own libraries warn of deprecations
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

each_template = pytest.mark.parametrize("template", [API, AUDIT])


def architectures(template: Path, **overrides: str) -> list[list[str] | None]:
    """For each function, the architectures for which SAM builds and deploys it."""
    stacks, _ = SamLocalStackProvider.get_stacks(str(template), parameter_overrides=overrides)
    return [function.architectures for function in SamFunctionProvider(stacks).get_all()]


@each_template
def test_a_parameter_given_to_one_command_only_does_not_set_the_architecture(
    template: str,
) -> None:
    # GIVEN `sam deploy --guided` answered with a value that `sam build` never saw
    built = architectures(ROOT / template)
    deployed = architectures(ROOT / template, Architecture="arm64")

    assert built == deployed == [["x86_64"]] * len(built)


@each_template
def test_one_line_switches_every_function_to_arm64(template: str, tmp_path: Path) -> None:
    text = (ROOT / template).read_text(encoding="utf-8")
    assert text.count("Architectures: [x86_64]") == 1
    changed = tmp_path / "template.yaml"
    changed.write_text(
        text.replace("Architectures: [x86_64]", "Architectures: [arm64]"), encoding="utf-8"
    )

    found = architectures(changed)

    assert found == [["arm64"]] * len(found)


@pytest.mark.parametrize("vendors", [True, False], ids=["x86-64", "arm64"])
def test_trimming_works_whether_or_not_the_wheel_has_all_the_files(
    tmp_path: Path, *, vendors: bool
) -> None:
    # GIVEN unpacked packages; the arm64 wheel of LiteRT has no folder of vendors' plug-ins
    litert = tmp_path / "ai_edge_litert"
    unused = ["libLiteRtWebGpuAccelerator.so", "tools/a.py", *["vendors/npu.so"] * vendors]
    used = ["interpreter.py", "libLiteRt.so"]
    for name in (*unused, *used):
        (litert / name).parent.mkdir(parents=True, exist_ok=True)
        (litert / name).touch()
    (tmp_path / "numpy" / "linalg" / "tests").mkdir(parents=True)
    (tmp_path / "numpy" / "linalg" / "tests" / "test_linalg.py").touch()

    subprocess.run(["sh", ROOT / "functions" / "trim.sh", tmp_path], check=True)

    left = {path.relative_to(litert).as_posix() for path in litert.rglob("*")}
    assert left == set(used)
    assert list(tmp_path.rglob("tests")) == []


def test_the_dockerfile_trims_packages_only_by_the_script() -> None:
    dockerfile = (ROOT / "functions" / "Dockerfile").read_text(encoding="utf-8")

    assert "sh /tmp/trim.sh /opt/python" in dockerfile
    assert "rm -r " not in dockerfile.split(" AS dependencies\n")[1].split("\nFROM ")[0]


def test_the_pinned_base_image_has_the_tag_of_the_dockerfile_and_dependabot_updates_it() -> None:
    built_on = re.findall(
        r"^FROM (\S+) AS base$", (ROOT / "functions" / "Dockerfile").read_text(), re.MULTILINE
    )
    (pinned,) = re.findall(
        r"^FROM (\S+)$", (ROOT / "functions" / "base" / "Dockerfile").read_text(), re.MULTILINE
    )
    updates = yaml_parse((ROOT / ".github" / "dependabot.yml").read_text())["updates"]

    tag, _, digest = pinned.partition("@sha256:")
    assert built_on == [tag]
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert "/functions/base" in [each["directory"] for each in updates]


def test_the_repositories_that_sam_creates_are_scanned_and_keep_the_last_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN the companion stack of a deployment, from SAM's own template
    companion = CompanionStack("apparent-ethnicity-dev")
    builder = CompanionStackBuilder(companion)
    for function in ("PredictFunction", "S3UploadFunction"):
        builder.add_function(function)
    with aws.moto_server() as moto:
        for name, value in aws.environment(moto).items():
            monkeypatch.setenv(name, value)
        with closing(aws.SESSION.client("cloudformation", endpoint_url=moto)) as cloud:
            cloud.create_stack(StackName=companion.stack_name, TemplateBody=builder.build())

        repositories.main("apparent-ethnicity-dev", 7)

        with closing(aws.SESSION.client("ecr", endpoint_url=moto)) as ecr:
            made = ecr.describe_repositories()["repositories"]
            policies = [
                json.loads(
                    ecr.get_lifecycle_policy(repositoryName=each["repositoryName"])[
                        "lifecyclePolicyText"
                    ]
                )
                for each in made
            ]
    assert len(made) == 2
    assert all(each["imageScanningConfiguration"] == {"scanOnPush": True} for each in made)
    for policy in policies:
        (rule,) = policy["rules"]
        assert rule["selection"]["countNumber"] == 7
        assert rule["action"] == {"type": "expire"}
    assert capsys.readouterr().out.count("the last 7 images are kept") == 2
