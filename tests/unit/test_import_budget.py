"""The modules that a cold start loads: their number is the same on every machine, unlike seconds.

To load one more package, add it here with the reason. FastAPI imports pydantic and
OpenTelemetry's API, Powertools imports jmespath, Starlette imports anyio.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

EVENT = Path(__file__).parents[2] / "events" / "predict_multipart_http_api.json"

INFERENCE = {"ai_edge_litert", "cv2", "ethnicity", "numpy", "simplejpeg"}

HTTP = {
    "annotated_doc",
    "annotated_types",
    "anyio",
    "aws_lambda_powertools",
    "common",
    "fastapi",
    "jmespath",
    "mangum",
    "opentelemetry",
    "predict",
    "pybase64",
    "pydantic",
    "pydantic_core",
    "python_multipart",
    "starlette",
    "typing_extensions",
    "typing_inspection",
}

BY_THE_WAY = {
    "botocore",  # Powertools checks for it, which imports its empty top level
    "cython_runtime",  # created by compiled modules
}

PREDICT = f"""
import json
from pathlib import Path
from predict.app import handler
assert handler(json.loads(Path({str(EVENT)!r}).read_text()), None)["statusCode"] == 200
"""


def loaded(code: str) -> set[str]:
    """The modules that this code adds, in a fresh process, to those of Python's start."""
    report = "import sys; before = set(sys.modules)\n{}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", report.format(code)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("app", ["predict.app", "s3_upload.app"])
def test_the_garbage_collector_is_off_during_the_start_and_on_afterwards(app: str) -> None:
    modules = loaded(
        f"""
import gc
from common import start
assert not gc.isenabled()
import {app}
assert gc.isenabled() and gc.get_freeze_count() > 10_000
"""
    )
    assert app in modules


def test_a_start_builds_no_models_of_openapi_documents() -> None:
    modules = loaded(
        """
import predict.app
from fastapi.openapi.models import OpenAPI
from pydantic import BaseModel
assert not OpenAPI.__pydantic_complete__
class AnyonesModel(BaseModel): ...
assert AnyonesModel.__pydantic_complete__
"""
    )
    assert "predict.app" in modules


def packages(modules: set[str]) -> set[str]:
    """The top-level names of the modules outside Python's standard library."""
    tops = {module.partition(".")[0] for module in modules}
    return {top for top in tops - sys.stdlib_module_names if not top.startswith("_")}


@pytest.fixture(scope="module")
def after_a_prediction() -> set[str]:
    """The modules loaded after a first request, including its own late imports."""
    return loaded(PREDICT)


def test_the_inference_package_loads_no_packages_for_aws_or_http() -> None:
    assert packages(loaded("import ethnicity.pipeline")) - BY_THE_WAY == INFERENCE


def test_a_prediction_loads_the_packages_it_needs_and_no_other(
    after_a_prediction: set[str],
) -> None:
    assert packages(after_a_prediction) - BY_THE_WAY == INFERENCE | HTTP


@pytest.mark.parametrize(
    "heavy",
    [
        # The AWS SDK: 380 ms, and no request here needs it
        "botocore.session",
        "boto3",
        # Powertools' Tracer would import it: 460 ms; Lambda traces by itself
        "aws_xray_sdk",
        # Utilities of Powertools that load pydantic models, schemas or every event's class
        "aws_lambda_powertools.event_handler",
        "aws_lambda_powertools.utilities.data_classes",
        "aws_lambda_powertools.utilities.parser",
        "aws_lambda_powertools.utilities.validation",
        # Modules that FastAPI, pydantic and OpenTelemetry load only for models, exporters and tests
        "fastapi.testclient",
        "pydantic.dataclasses",
        "pydantic.deprecated",
        "pydantic.v1",
        "opentelemetry.sdk",
        # Training, and packages that only training and the tests need
        "matplotlib",
        "PIL",
        "tensorflow",
        "training",
        # From Python's standard library
        "multiprocessing",
        "sqlite3",
        "tkinter",
        "unittest",
    ],
)
def test_nothing_heavy_is_loaded(after_a_prediction: set[str], heavy: str) -> None:
    assert heavy not in after_a_prediction


def test_predictions_work_without_tensorflow(after_a_prediction: set[str]) -> None:
    # GIVEN a prediction made in this environment
    assert "predict.app" in after_a_prediction
    # THEN TensorFlow is not installed here
    assert importlib.util.find_spec("tensorflow") is None
