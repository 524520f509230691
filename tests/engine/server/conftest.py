from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from tests.engine.server.harness import BASE_MODEL, EngineProcess
from tests.engine.tiny_model import make_tiny_base_model


@pytest.fixture(scope="session")
def tiny_base_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("base-models")
    make_tiny_base_model(root / BASE_MODEL, name=BASE_MODEL)
    return root


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, tiny_base_models: Path) -> Iterator[EngineProcess]:
    """One engine for a module's tests, which must not mind each other's files and jobs."""
    running = EngineProcess(tmp_path_factory.mktemp("engine-home"), tiny_base_models).start()
    yield running
    running.stop()


@pytest.fixture
def client(engine: EngineProcess) -> Iterator[OpenAI]:
    with engine.client() as opened:
        yield opened


@pytest.fixture
def http(engine: EngineProcess) -> Iterator[httpx2.Client]:
    with engine.http() as opened:
        yield opened


@pytest.fixture
def new_engine(tmp_path: Path, tiny_base_models: Path) -> Iterator[Callable[..., EngineProcess]]:
    """Make engines of this test's own, on one and the same folder."""
    made: list[EngineProcess] = []

    def make(*arguments: str, base_models: Path = tiny_base_models) -> EngineProcess:
        made.append(EngineProcess(tmp_path / "home", base_models, arguments))
        return made[-1]

    yield make
    for running in made:
        running.stop()
