"""The program's services turned to a loopback service that trains in an instant."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import running
from tests.unit.sweeps.service import TrainingService, moving
from tui.services import Services
from tui.sweeps.sweep_file import read_sweep_file
from tui.sweeps.terms import SweepTerms

SweepFile = Callable[..., Path]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainingService]:
    fake = TrainingService()
    moving(fake)
    with running(fake):
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield fake


@pytest.fixture
def services(service: TrainingService) -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


def chat_lines(count: int) -> str:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"How much is {number} and one?"},
                {"role": "assistant", "content": f"It is {number + 1}."},
            ]
        }
        for number in range(count)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def sweep_file(tmp_path: Path) -> SweepFile:
    """Write a sweep file with its data beside it; keyword arguments stand in for its tables."""
    (tmp_path / "train.jsonl").write_text(chat_lines(12), "utf-8")
    (tmp_path / "valid.jsonl").write_text(chat_lines(16).split("\n", 12)[-1], "utf-8")

    def write(**tables: str) -> Path:
        lines = [
            'name = "rates"', 'account = "openai"', 'model = "gpt-4.1-mini"', 'training = "train.jsonl"',
            'validation = "valid.jsonl"', tables.pop("top", ""),
        ]  # fmt: skip
        known = {
            "hyperparameters": "n_epochs = 2",
            "space": "learning_rate_multiplier = [0.5, 2.0, 8.0]",
            "search": 'strategy = "grid"',
        }
        for name, content in {**known, **tables}.items():
            if content:
                lines += [f"[{name}]", content]
        path = tmp_path / "sweep.toml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write


@pytest.fixture
def terms_of(sweep_file: SweepFile) -> Callable[..., SweepTerms]:
    def read(**tables: Any) -> SweepTerms:
        return read_sweep_file(sweep_file(**tables))

    return read
