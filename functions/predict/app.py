"""API Gateway event in, classification out."""

from common import start

# isort: split
import json
import os
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from mangum import Mangum
from mangum.types import LambdaContext
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from common.logs import kind_and_places
from ethnicity import answers
from ethnicity.errors import PictureError
from ethnicity.networks import read_model_file
from ethnicity.pipeline import classify, load_models
from predict.body import read_picture
from predict.events import with_decoded_body
from predict.faults import STATUS, BadRequest, RequestFault
from predict.framework import FastAPI
from predict.pages import page

logger = Logger()
metrics = Metrics(namespace=os.getenv("POWERTOOLS_METRICS_NAMESPACE", "ApparentEthnicity"))
models = load_models()
app = FastAPI(title="Apparent ethnicity", docs_url=None, redoc_url=None, redirect_slashes=False)


@app.post("/predict")
async def predict(request: Request) -> JSONResponse:
    wanted = request.query_params.get("faces", "largest")
    if wanted not in ("largest", "all"):
        raise BadRequest("The parameter faces must be largest or all")
    picture = await read_picture(request)
    classification = classify(models, picture, all_faces=wanted == "all")
    answer = answers.all_faces if wanted == "all" else answers.largest_face
    return JSONResponse(answer(classification), headers={"cache-control": "no-store"})


@app.get("/health")
async def health() -> JSONResponse:
    return JSONResponse({"status": "ok", "model": models.classifier.version})


@app.get("/model")
async def model() -> JSONResponse:
    return JSONResponse(json.loads(read_model_file("card.json")))


@app.get("/")
async def demo() -> HTMLResponse:
    return page("page.html")


@app.get("/docs")
async def docs() -> HTMLResponse:
    return page("docs.html")


def openapi() -> dict[str, Any]:
    """The document is written by hand and read when asked for: its models would cost start-up."""
    document = Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")
    return dict(json.loads(document))


app.openapi = openapi  # type: ignore[method-assign]


def fault(code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": message, "code": code}, STATUS[code])


@app.exception_handler(PictureError)
@app.exception_handler(RequestFault)
async def client_fault(_: Request, error: PictureError | RequestFault) -> JSONResponse:
    return fault(error.code, str(error))


@app.exception_handler(HTTPException)
async def routing_fault(_: Request, error: HTTPException) -> JSONResponse:
    """Starlette's own: no such route, or not with this method."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    response = fault(code, error.detail)
    response.headers.update(error.headers or {})
    return response


class AnswersEveryFault:
    """ASGI middleware: whatever else goes wrong becomes the contract's 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - nothing may escape
            await internal_fault(error)(scope, receive, send)


app.add_middleware(AnswersEveryFault)


def internal_fault(error: Exception) -> JSONResponse:
    """Log what kind of fault it is and where it arose; tell the client neither."""
    logger.error("Internal error", extra=kind_and_places(error))
    return fault("internal", "Internal error")


adapter = Mangum(app, lifespan="off")


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve an HTTP API, REST API, function URL or load balancer event; never raises."""
    try:
        response = adapter(readable(event, context), context)
    except RequestFault as error:
        response = to_gateway(fault(error.code, str(error)))
    except Exception as error:  # noqa: BLE001 - nothing may escape
        response = to_gateway(internal_fault(error))
    outcome = "ok" if response["statusCode"] < 400 else json.loads(response["body"])["code"]
    metrics.add_dimension("outcome", outcome)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    return response


def readable(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The event, its body decoded, once the adapter has made sense of all else in it.

    Raises:
        BadRequest, BadBase64
    """
    event = with_decoded_body(event)
    try:
        _ = adapter.infer(event, context).scope
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadRequest("The event's path, query or headers cannot be read") from error
    return event


def to_gateway(response: JSONResponse) -> dict[str, Any]:
    return {
        "statusCode": response.status_code,
        "headers": dict(response.headers),
        "body": bytes(response.body).decode(),
        "isBase64Encoded": False,
    }


start.finish()
