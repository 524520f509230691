"""The HTTP application: routes, refusals, and the door in front of them."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.engine.api_errors import ApiError
from tui.engine.executors.state import executor_state
from tui.engine.server import requests
from tui.engine.server.engine import Engine
from tui.engine.server.file_routes import FileRoutes
from tui.engine.server.guard import Guard
from tui.engine.server.job_routes import JobRoutes
from tui.engine.server.model_routes import ModelRoutes
from tui.engine.server.unsupported import unsupported_routes
from tui.engine.server.upload_routes import UploadRoutes


def build_app(engine: Engine, *, token: str, shut_down: Callable[[], None]) -> Guard:
    """Return the ASGI application of an engine.

    Args:
        engine: The parts to serve.
        token: What clients must send as bearer token.
        shut_down: Called by POST /tunedeck/shutdown.
    """
    routes = [
        *FileRoutes(engine.files, engine.folder.incoming).routes(),
        *UploadRoutes(engine.upload_store(), engine.folder.incoming).routes(),
        *JobRoutes(engine.job_service(), engine.jobs, engine.models).routes(),
        *ModelRoutes(engine.models, engine.serving.forget).routes(),
        *engine.serving.routes(),
        *_own_routes(engine, shut_down),
        *unsupported_routes(),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            ApiError: requests.answer_api_error,
            HTTPException: requests.answer_http_error,
            ClientDisconnect: requests.answer_nobody,
            OSError: requests.answer_disk_error,
            Exception: requests.answer_unexpected_error,
        },
    )
    # A redirect would turn a mistyped POST into a GET elsewhere; the service answers 404.
    app.router.redirect_slashes = False
    return Guard(app, token=token, bound_host=engine.options.host, activity=engine.activity)


def _own_routes(engine: Engine, shut_down: Callable[[], None]) -> list[Route]:
    def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def status(_: Request) -> Response:
        return JSONResponse(engine.status())

    def fetch(_: Request) -> Response:
        engine.shelf.start_fetch()
        return JSONResponse(engine.shelf.state_object())

    def executors(request: Request) -> Response:
        asked = request.query_params.get("ask", "")
        states = [executor_state(one, ask=asked in (one.name, "all")) for one in engine.executors.values()]
        return JSONResponse({"executors": states})

    async def stop(_: Request) -> Response:
        shut_down()
        return JSONResponse({"status": "stopping"})

    return [
        Route("/health", health, methods=["GET"]),
        Route("/tunedeck/status", status, methods=["GET"]),
        Route("/tunedeck/executors", executors, methods=["GET"]),
        Route("/tunedeck/base_model/fetch", fetch, methods=["POST"]),
        Route("/tunedeck/shutdown", stop, methods=["POST"]),
    ]
