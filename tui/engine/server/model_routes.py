"""/v1/models: list, retrieve, delete."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.engine.server.model_directory import ModelDirectory


class ModelRoutes:
    """The handlers, bound to one engine's models."""

    def __init__(self, models: ModelDirectory) -> None:
        self._models = models

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/v1/models", self.list_models, methods=["GET"]),
            Route("/v1/models/{name:path}", self.retrieve, methods=["GET"]),
            Route("/v1/models/{name:path}", self.delete, methods=["DELETE"]),
        ]

    def list_models(self, _: Request) -> Response:
        """List all models; the service gives them on one page."""
        return JSONResponse({"object": "list", "data": self._models.all()})

    def retrieve(self, request: Request) -> Response:
        """Return one model."""
        return JSONResponse(self._models.get(request.path_params["name"]))

    def delete(self, request: Request) -> Response:
        """Delete a tuned model."""
        name = request.path_params["name"]
        self._models.delete(name)
        return JSONResponse({"id": name, "object": "model", "deleted": True})
