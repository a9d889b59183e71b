"""Handler of the HTTP function: an API Gateway event in, a response out."""

from common import start

# isort: split
import json
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit
from mangum import Mangum
from mangum.types import LambdaContext
from starlette.types import Receive, Scope, Send

from ethnicity.pipeline import load_models
from ethnicity.web.application import create_app
from ethnicity.web.faults import RequestFault, fault_response, internal_fault
from predict.events import check_readable, readable, to_gateway

logger = Logger()
copy_config_to_registered_loggers(logger, include={"ethnicity"})
metrics = Metrics(
    namespace=os.getenv("POWERTOOLS_METRICS_NAMESPACE", "ApparentEthnicity"),
    function_name=os.getenv("AWS_LAMBDA_FUNCTION_NAME", "predict"),
)
models = load_models()
app = create_app(models)

BASE_PATH = "/".join(["", *filter(None, os.getenv("API_BASE_PATH", "").split("/"))])
"""First part of each path, which a named stage or a custom domain's mapping adds."""


async def below_base_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve paths with and without the base path."""
    await app({**scope, "root_path": BASE_PATH}, receive, send)


adapter = Mangum(below_base_path, lifespan="off")


@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve an HTTP API, REST API, function URL or load balancer event; never raises."""
    # The access log has the same id as lambdaRequestId, which links its lines to faults logged here
    logger.append_keys(function_request_id=getattr(context, "aws_request_id", None))
    response = respond(event, context)
    outcome = "ok" if response["statusCode"] < 400 else json.loads(response["body"])["code"]
    metrics.add_dimension("outcome", outcome)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    return response


def respond(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Pass the event to the application, or answer here if the event itself is faulty."""
    try:
        request = readable(event)
        check_readable(adapter, request, context)
        return adapter(request, context)
    except RequestFault as error:
        return to_gateway(fault_response(error.code, str(error)))
    except Exception as error:  # noqa: BLE001 - nothing may escape
        return to_gateway(internal_fault(error))


start.finish()
