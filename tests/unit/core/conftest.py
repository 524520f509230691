"""A fake service on loopback, and the program's services turned to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.core.fake_service import FakeService, running
from tui.providers import openai_shape
from tui.services import Services
from tui.store.store import Store

KEY = "sk-test-very-secret-0123456789"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    with running(FakeService()) as fake:
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield fake


@pytest.fixture
def services(service: FakeService) -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


@pytest.fixture
def provider(services: Services) -> openai_shape.OpenAIShapeProvider:
    found = services.provider("openai")
    assert isinstance(found, openai_shape.OpenAIShapeProvider)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "private" / "store.sqlite3") as opened:
        yield opened


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"How much is {number} and one?"},
                {"role": "assistant", "content": f"It is {number + 1}."},
            ]
        }
        for number in range(12)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
