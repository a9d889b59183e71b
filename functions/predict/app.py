"""API Gateway event in, classification out."""

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

from ethnicity.pipeline import load_models
from ethnicity.web.application import create_app
from ethnicity.web.faults import RequestFault, fault_response, internal_fault
from predict.events import check_readable, to_gateway, with_decoded_body

logger = Logger()
copy_config_to_registered_loggers(logger, include={"ethnicity"})
metrics = Metrics(namespace=os.getenv("POWERTOOLS_METRICS_NAMESPACE", "ApparentEthnicity"))
models = load_models()
app = create_app(models)
adapter = Mangum(app, lifespan="off")


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve an HTTP API, REST API, function URL or load balancer event; never raises."""
    response = respond(event, context)
    outcome = "ok" if response["statusCode"] < 400 else json.loads(response["body"])["code"]
    metrics.add_dimension("outcome", outcome)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    return response


def respond(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Pass the event to the application; answer a fault of the event itself here."""
    try:
        decoded = with_decoded_body(event)
        check_readable(adapter, decoded, context)
        return adapter(decoded, context)
    except RequestFault as error:
        return to_gateway(fault_response(error.code, str(error)))
    except Exception as error:  # noqa: BLE001 - nothing may escape
        return to_gateway(internal_fault(error))


start.finish()
