"""/v1/models: list, retrieve, delete."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.engine.server.model_directory import ModelDirectory, ModelPlace


class ModelRoutes:
    """The handlers, bound to one engine's models.

    Args:
        models: The names that exist.
        forget: Told of each model that exists no more.
    """

    def __init__(self, models: ModelDirectory, forget: Callable[[ModelPlace], None]) -> None:
        self._models = models
        self._forget = forget

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
        for place in self._models.delete(name):
            self._forget(place)
        return JSONResponse({"id": name, "object": "model", "deleted": True})
