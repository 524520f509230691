"""What the tests of the screens start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.screens.fakes import FakeProvider, dataset, freeze


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    """Clock, cores and home that are the same everywhere, and no engine that is looked for."""
    freeze(monkeypatch, isolated_home)


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def sound(isolated_home: Path, example_file: Path) -> Path:
    """A dataset with nothing to complain about, at a short path."""
    return dataset(isolated_home, example_file, "sentiment.jsonl")
