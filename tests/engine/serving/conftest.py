"""A real HTTP server around the serving routes, with a tiny random model and an adapter of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import uvicorn
from starlette.applications import Starlette

from tests.engine.tiny_model import TINY_NAME, make_tiny_base_model, tiny_config
from tests.support import wait_until
from tui.engine.api_errors import ApiError
from tui.engine.llama.base_model import BaseModel, load_base_model
from tui.engine.llama.lora import Adapter
from tui.engine.llama.peft_files import load_peft, save_peft
from tui.engine.server.requests import answer_api_error
from tui.engine.serving.decoder import Decoder
from tui.engine.serving.routes import serving_routes
from tui.engine.serving.service import GenerationService, ResolvedModel

TUNED_NAME = "ft:tiny-llama:local:test:abcdefgh"
END_TOKEN = "2"
"""The tiny model's end token, as a key of `logit_bias`."""
NEVER_END: dict[str, int] = {END_TOKEN: -100}


@dataclass(frozen=True, slots=True)
class TinyModels:
    """Where the tiny model and its adapter lie."""

    base_folder: Path
    adapter_folder: Path

    def resolve(self, model_id: str) -> ResolvedModel:
        if model_id == TINY_NAME:
            return ResolvedModel(self.base_folder, None, model_id)
        if model_id == TUNED_NAME:
            return ResolvedModel(self.base_folder, self.adapter_folder, model_id)
        raise ApiError(404, f"The model '{model_id}' does not exist", param="model", code="model_not_found")

    def base(self) -> BaseModel:
        return load_base_model(self.base_folder)

    def adapter(self) -> Adapter:
        return load_peft(self.adapter_folder, tiny_config())


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """A server on a port of its own."""

    service: GenerationService
    url: str
    clients: ExitStack
    """Closes the clients given out, before the server ends."""

    def client(self) -> openai.OpenAI:
        client = openai.OpenAI(base_url=self.url, api_key="unused", max_retries=0, timeout=60)
        return self.clients.enter_context(client)

    def async_client(self) -> openai.AsyncOpenAI:
        """Return a client that belongs to the test's event loop: to be closed there."""
        return openai.AsyncOpenAI(base_url=self.url, api_key="unused", max_retries=0, timeout=60)

    def wait_until_quiet(self, timeout: float = 10) -> None:
        wait_until(lambda: self.service.active_count == 0, timeout=timeout)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    folder = tmp_path_factory.mktemp("tiny")
    base_folder = make_tiny_base_model(folder / "base")
    adapter = Adapter.initial(tiny_config(), rank=4, seed=3)
    generator = np.random.default_rng(5)
    for layer in adapter.layers:
        for pair in layer.values():
            pair.up[:] = generator.standard_normal(pair.up.shape) * 0.1
    save_peft(adapter, folder / "adapter", TINY_NAME)
    return TinyModels(base_folder, folder / "adapter")


@contextmanager
def running_engine(models: TinyModels, **options: Any) -> Iterator[RunningEngine]:
    service = GenerationService(models.resolve, **options)
    app = Starlette(routes=serving_routes(service), exception_handlers={ApiError: answer_api_error})
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        with ExitStack() as clients:
            yield RunningEngine(service, f"http://127.0.0.1:{listener.getsockname()[1]}/v1", clients)
    finally:
        service.close()
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


@pytest.fixture(scope="module")
def engine(tiny_models: TinyModels) -> Iterator[RunningEngine]:
    with running_engine(tiny_models) as running:
        yield running


@pytest.fixture
def fresh_engine(tiny_models: TinyModels) -> Iterator[RunningEngine]:
    with running_engine(tiny_models) as running:
        yield running


@pytest.fixture
def slow_model(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Make every forward pass take longer, so that a test can act while text is being written."""

    def slow_down(seconds: float) -> None:
        forward = Decoder.forward

        def slow_forward(self: Decoder, segments: Any) -> Any:
            time.sleep(seconds)
            return forward(self, segments)

        monkeypatch.setattr(Decoder, "forward", slow_forward)

    return slow_down
