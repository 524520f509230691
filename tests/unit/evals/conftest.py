from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.core.fake_service import running
from tests.unit.evals.answering_service import AnsweringService
from tui.services import Services


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsweringService]:
    with running(AnsweringService()) as fake:
        assert isinstance(fake, AnsweringService)
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-very-secret-0123456789")
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield fake


@pytest.fixture
def services(service: AnsweringService) -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    # What requests in the background leave to the person in front is tested where it is kept.
    monkeypatch.setattr("tui.providers.account_limits.PER_SECOND", 1_000.0)
