from __future__ import annotations

import json
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tests.engine.server.conftest import new_engine as new_engine
from tests.engine.server.conftest import tiny_base_models as tiny_base_models
from tests.engine.serving.children import vllm_double
from tests.engine.tiny_model import TINY_NAME, make_tiny_base_model
from tests.engine.trl.folders import make_qwen_folder
from tests.support import wait_until
from tui.engine.api_errors import ApiError
from tui.engine.base_models.add import add_model
from tui.engine.server.base_model_shelf import BaseModelShelf
from tui.engine.server.model_directory import ModelPlace
from tui.engine.server.requests import answer_api_error
from tui.engine.serving.children.plans import BackEnd
from tui.engine.serving.children.serving import ChildServing
from tui.engine.serving.children.vllm import Vllm
from tui.engine.serving.model_pool import ResolvedModel
from tui.engine.serving.routes import serving_routes
from tui.engine.serving.service import GenerationService

QWEN = "qwen3-tiny"
TUNED = f"ft:{QWEN}:local:mine:abcdefgh"


@dataclass
class Front:
    """The engine's serving routes on a port of their own, with children behind them."""

    url: str
    children: ChildServing
    notes: Path
    places: dict[str, ModelPlace]

    def client(self) -> openai.OpenAI:
        http_client = httpx2.Client(trust_env=False, timeout=30)
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="x", max_retries=0, http_client=http_client)

    def asked(self, key: str) -> list[Any]:
        """Return what the server behind noted under a key."""
        lines = self.notes.read_text("utf-8").splitlines() if self.notes.exists() else []
        return [value[key] for value in map(json.loads, lines) if key in value]


@pytest.fixture(scope="module")
def shelf_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bases")
    make_tiny_base_model(root / TINY_NAME)
    add_model(str(make_qwen_folder(root / ".theirs" / QWEN)), root, name=None, on_progress=lambda a, b: None)
    return root


@pytest.fixture
def python_with_the_double(tmp_path: Path) -> Path:
    """A Python for which `-m vllm…` is the double."""
    python = tmp_path / "python"
    own, double = shlex.quote(sys.executable), shlex.quote(vllm_double.__file__)
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] && exec {own} {double} "$@"\nexec {own} "$@"\n')
    python.chmod(0o755)
    return python


@pytest.fixture
def front(
    shelf_root: Path, python_with_the_double: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Front]:
    notes = tmp_path / "notes.jsonl"
    monkeypatch.setenv("VLLM_DOUBLE_NOTES", str(notes))
    shelf = BaseModelShelf(shelf_root, None)
    vllm = Vllm(shelf, python=lambda: python_with_the_double, gpus=lambda: ("A GPU",))
    with running_front(shelf, [vllm], tmp_path, notes) as opened:
        yield opened


class running_front:
    """Serve in a thread; ends children and server with the block."""

    def __init__(
        self, shelf: BaseModelShelf, back_ends: list[BackEnd], folder: Path, notes: Path,
        prefers: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        places = {name: ModelPlace(name, name, None) for name in shelf.names()}
        self.children = ChildServing(
            back_ends, needs=lambda place: shelf.is_foreign(place.base_model), prefers=prefers,
            logs=folder / "children",
        )  # fmt: skip

        def resolve(name: str) -> ResolvedModel:
            place = places[name]
            base = shelf.folder(place.base_model)
            assert base is not None
            return ResolvedModel(base, place.adapter_folder, place.id)

        async def elsewhere(request: Request, path: str, body: dict[str, Any]) -> Response | None:
            return await self.children.answer(request, path, body, places[str(body.get("model"))])

        self._service = GenerationService(resolve)
        app = Starlette(
            routes=serving_routes(self._service, elsewhere), exception_handlers={ApiError: answer_api_error}
        )
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self.front = Front(
            f"http://127.0.0.1:{self._listener.getsockname()[1]}", self.children, notes, places
        )

    def __enter__(self) -> Front:
        self._thread.start()
        wait_until(lambda: self._server.started)
        return self.front

    def __exit__(self, *_: object) -> None:
        self.children.close()
        self._service.close()
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()
        wait_until(lambda: not _children_of_ours(), what="the end of every child")


def _children_of_ours() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]
