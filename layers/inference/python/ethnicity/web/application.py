"""The ASGI application: requests in, JSON and pages out."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ethnicity import answers
from ethnicity.errors import PictureError
from ethnicity.model_files import read_model_file
from ethnicity.pipeline import Models, classify, load_models
from ethnicity.web.body import read_picture
from ethnicity.web.faults import BadRequest, RequestFault, fault_response, internal_fault
from ethnicity.web.framework import FastAPI
from ethnicity.web.pages import page


def create_app(models: Models | None = None, *, in_thread: bool = False) -> FastAPI:
    """Make the application; loads the models unless ``models`` is given.

    ``in_thread``: classify pictures one at a time in a thread, so that other routes answer
    meanwhile. Lambda handles one request at a time, so a thread would only take time.
    """
    models = models or load_models()
    one_at_a_time = CapacityLimiter(1)
    app = FastAPI(title="Apparent ethnicity", docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.post("/predict")
    async def predict(request: Request) -> JSONResponse:
        all_faces = _option(request, "faces", "largest", "all")
        thresholds = _option(request, "thresholds", "false", "true")
        picture = await read_picture(request)
        work = partial(classify, models, picture, all_faces=all_faces)
        classification = await run_sync(work, limiter=one_at_a_time) if in_thread else work()
        form = answers.all_faces if all_faces else answers.largest_face
        answer = form(classification, thresholds=thresholds)
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    @app.get("/health")
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok", "model": models.classifier.version})

    app.get("/model")(model)
    app.get("/")(demo)
    app.get("/card")(card)
    app.get("/docs")(docs)
    app.openapi = openapi  # type: ignore[method-assign]
    app.exception_handler(PictureError)(client_fault)
    app.exception_handler(RequestFault)(client_fault)
    app.exception_handler(HTTPException)(routing_fault)
    app.add_middleware(AnswersPreflight)
    app.add_middleware(AnswersEveryFault)
    return app


def _option(request: Request, name: str, default: str, other: str) -> bool:
    """Whether a query parameter has the value ``other`` instead of its default.

    Raises:
        BadRequest: it has neither of the two values.
    """
    value = request.query_params.get(name, default)
    if value not in (default, other):
        raise BadRequest(f"The parameter {name} must be {default} or {other}")
    return value == other


async def model() -> JSONResponse:
    return JSONResponse(json.loads(read_model_file("card.json")))


async def demo() -> HTMLResponse:
    return page("page.html")


async def card() -> HTMLResponse:
    return page("card.html")


async def docs() -> HTMLResponse:
    return page("docs.html")


def openapi() -> dict[str, Any]:
    """Read the hand-written document on request; building it from models would slow every start."""
    document = Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")
    return dict(json.loads(document))


async def client_fault(_: Request, error: PictureError | RequestFault) -> JSONResponse:
    return fault_response(error.code, str(error))


async def routing_fault(_: Request, error: HTTPException) -> JSONResponse:
    """Answer Starlette's errors for an unknown route or method in the contract's form."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    response = fault_response(code, error.detail)
    response.headers.update(error.headers or {})
    return response


class AnswersPreflight:
    """ASGI middleware: OPTIONS gets 204 on any route, because browsers require a 2xx status.

    The gateway or proxy in front of the application adds the headers that allow other origins.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        preflight = scope["type"] == "http" and scope["method"] == "OPTIONS"
        await (Response(status_code=204) if preflight else self.app)(scope, receive, send)


class AnswersEveryFault:
    """ASGI middleware: any other exception becomes the contract's 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - nothing may escape
            await internal_fault(error)(scope, receive, send)
