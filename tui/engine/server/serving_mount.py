"""Chat and completions, loaded once the port is open: numpy and a tokenizer take longer than a socket."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from tui.engine.api_errors import ApiError
from tui.engine.folder import EngineFolder
from tui.engine.server.base_model_shelf import BaseModelShelf
from tui.engine.server.model_directory import ModelDirectory, ModelPlace

if TYPE_CHECKING:
    from tui.engine.serving.children.plans import BackEnd
    from tui.engine.serving.children.serving import ChildServing

SERVING_PATHS = ("/v1/chat/completions", "/v1/completions")
_log = logging.getLogger(__name__)


class _Service(Protocol):
    @property
    def weights(self) -> dict[str, str]: ...
    def warm_up(self, base_folder: Any) -> None: ...
    def forget(self, model_id: str, adapter_folder: Path | None = None) -> None: ...
    def close(self) -> None: ...


class ServingMount:
    """Holds the generation service, built on first use or by `warm_up`, whichever comes first."""

    def __init__(
        self,
        folder: EngineFolder,
        shelf: BaseModelShelf,
        models: ModelDirectory,
        is_training: Callable[[], bool],
        *,
        prefers_llamacpp: bool = False,
    ) -> None:
        self._folder = folder
        self._shelf = shelf
        self._models = models
        self._is_training = is_training
        self._prefers_llamacpp = prefers_llamacpp
        self._children: ChildServing | None = None
        self._lock = threading.Lock()
        self._service: _Service | None = None
        self._router: Router | None = None
        self._closed = False

    def routes(self) -> list[Route]:
        """Return routes that hand each request to the service's own."""
        # A Route takes an ASGI application (any object that is no function) as it is.
        return [Route(path, _Door(self), methods=["POST"]) for path in SERVING_PATHS]

    def warm_up(self) -> None:
        """Load the service and the base model in the background, so that the first answer comes at once."""
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def forget(self, place: ModelPlace) -> None:
        """Free what is kept in memory of a deleted model."""
        with self._lock:
            if self._service is not None:
                self._service.forget(place.id, place.adapter_folder)
            children = self._children
        if children is not None:
            children.forget(place)

    def weights(self) -> dict[str, str]:
        """Return how the weights of each base model in memory are read, in words; never waits."""
        service = self._service
        return {} if service is None else service.weights

    def children(self) -> list[dict[str, Any]]:
        """Return the servers of others that run for us; never waits."""
        children = self._children
        return [] if children is None else children.described()

    def close(self) -> None:
        """End generation under way, and the children; nothing is loaded any more."""
        with self._lock:
            self._closed = True
            if self._service is not None:
                self._service.close()
            children = self._children
        if children is not None:
            children.close()

    def router(self) -> Router:
        """Return the service's routes, loading them on the first call.

        Raises:
            ApiError: 501 when this installation has no serving part, 503 once it is closed.
        """
        with self._lock:
            if self._closed:
                raise ApiError(503, "The engine is shutting down.", type="server_error")
            if self._router is None:
                self._router = self._load()
            return self._router

    def _load(self) -> Router:
        try:
            from tui.engine.serving.children.serving import ChildServing
            from tui.engine.serving.model_pool import ResolvedModel
            from tui.engine.serving.routes import serving_routes
            from tui.engine.serving.service import GenerationService
        except ImportError as error:
            _log.warning("serving can't be loaded: %s", error)
            raise ApiError(
                501, f"This engine can't generate text: {error}.", type="server_error", code="not_implemented"
            ) from error

        def resolve(name: str) -> ResolvedModel:
            place = self._models.place(name)
            base_folder = self._shelf.folder(place.base_model)
            assert base_folder is not None
            return ResolvedModel(base_folder=base_folder, adapter_folder=place.adapter_folder, id=place.id)

        service = GenerationService(
            resolve, chat_active_file=self._folder.chat_active_file, is_training=self._is_training
        )
        self._service = service
        children = self._children = ChildServing(
            self._back_ends(),
            needs=lambda place: self._shelf.is_foreign(place.base_model),
            prefers=lambda: self._prefers_llamacpp,
            logs=self._folder.children,
            chat_active_file=self._folder.chat_active_file,
        )

        async def elsewhere(request: Request, path: str, body: dict[str, Any]) -> Response | None:
            name = body.get("model")
            # A body without a model's name is refused in the same words as ever.
            if not isinstance(name, str) or (not self._prefers_llamacpp and not self._shelf.any_foreign()):
                return None
            place = await run_in_threadpool(self._models.place, name)
            return await children.answer(request, path, body, place)

        return Router(routes=serving_routes(service, elsewhere))

    def _back_ends(self) -> list[BackEnd]:
        from tui.engine.serving.children.llama_cpp import LlamaCpp
        from tui.engine.serving.children.vllm import Vllm

        return [LlamaCpp(self._shelf, self._folder.children), Vllm(self._shelf)]

    def _warm_up(self) -> None:
        try:
            self.router()
            name = self._shelf.preferred()
            base_folder = self._shelf.folder(name) if name else None
            ours = name is not None and not self._shelf.is_foreign(name) and not self._prefers_llamacpp
            if base_folder is not None and ours and self._service is not None:
                self._service.warm_up(base_folder)
        except ApiError:
            pass  # said in the log, and to whoever asks for an answer
        except Exception:
            _log.exception("the base model could not be warmed up")


class _Door:
    """ASGI application that waits for the service's routes in a thread, then hands over."""

    def __init__(self, mount: ServingMount) -> None:
        self._mount = mount

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        router = await run_in_threadpool(self._mount.router)
        await router(scope, receive, send)
