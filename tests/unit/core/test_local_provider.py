from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.core.fake_service import FakeService, refuse, running
from tui import local_engine
from tui.local_engine import EngineAddress
from tui.providers import local
from tui.providers.protocol import ProviderError
from tui.records.models import Capability
from tui.services import Services

TOKEN = "token-of-the-engine-0123456789"


class FakeEngine:
    """Stands for finding and starting an engine; `address` None means that none runs."""

    def __init__(self) -> None:
        self.address: EngineAddress | None = None
        self.next_address: EngineAddress | None = None
        self.starts = 0

    def find(self) -> EngineAddress | None:
        return self.address

    def ensure(self, *, idle_exit_seconds: int = 120, timeout: float = 15) -> EngineAddress:
        if self.address is None:
            self.starts += 1
            self.address = self.next_address
        assert self.address is not None
        return self.address


def address_of(service: FakeService, token: str = TOKEN) -> EngineAddress:
    return EngineAddress(service.url, service.url.removesuffix("/v1"), token, 1)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(local_engine, "find_engine", fake.find)
    monkeypatch.setattr(local_engine, "ensure_engine", fake.ensure)
    return fake


@pytest.fixture
def opened() -> Iterator[Services]:
    with Services.open() as services:
        yield services


def test_the_engine_is_started_by_the_first_call_and_not_before(
    engine: FakeEngine, opened: Services, service: FakeService
) -> None:
    engine.next_address = address_of(service)
    provider = opened.provider("local")
    assert provider.can(Capability.TRAIN_SUPERVISED)
    assert provider.can(Capability.PAUSE)
    assert "DPO" in provider.can(Capability.TRAIN_REINFORCEMENT).reason
    opened.watcher.poll_once()
    assert engine.starts == 0
    provider.list_models()
    provider.list_models()
    assert engine.starts == 1


def test_proxies_of_the_environment_do_not_stand_before_the_engine(
    engine: FakeEngine, opened: Services, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    engine.next_address = address_of(service)
    assert opened.provider("local").list_models()


@pytest.mark.parametrize("trusted_seconds", [0.0, 1000.0])
def test_an_engine_that_was_restarted_elsewhere_is_found_again(
    engine: FakeEngine,
    opened: Services,
    service: FakeService,
    monkeypatch: pytest.MonkeyPatch,
    trusted_seconds: float,
) -> None:
    monkeypatch.setattr(local, "_TRUST_SECONDS", trusted_seconds)
    engine.next_address = address_of(service)
    provider = opened.provider("local")
    service.add_job(id="j")
    provider.retrieve_job("j")
    provider.retrieve_job("j")
    service.shutdown()
    service.server_close()
    engine.address = None
    with running(FakeService()) as again:
        again.jobs = service.jobs
        engine.next_address = address_of(again, "another-token-9876543210")
        if trusted_seconds:  # the old address is still believed once; what fails tells better
            with pytest.raises(ProviderError) as caught:
                provider.retrieve_job("j")
            assert caught.value.retryable
        assert provider.retrieve_job("j").id == "j"
        assert engine.starts == 2


def test_the_engines_token_is_never_shown(engine: FakeEngine, opened: Services, service: FakeService) -> None:
    engine.next_address = address_of(service)
    service.faults["GET", "/v1/fine_tuning/jobs/x"].append(refuse(401, f"wrong token {TOKEN}"))
    with pytest.raises(ProviderError) as caught:
        opened.provider("local").retrieve_job("x")
    assert TOKEN not in str(caught.value)


def test_models_of_a_sleeping_engine_are_the_catalogs_or_as_last_seen(
    engine: FakeEngine, opened: Services, service: FakeService
) -> None:
    from tui.jobs.inventory import account_models

    models, note = account_models(opened, "local")
    assert [model.id for model in models] == ["smollm2-135m-instruct"]
    assert "not running" in note
    engine.address = address_of(service)
    service.models = [{"id": "ft:smollm2-135m-instruct:local:me:12345678", "created": 5}]
    fresh, note = account_models(opened, "local")
    assert note == ""
    assert fresh[0].base_model == "smollm2-135m-instruct"
    assert fresh[0].can_train
    engine.address = None
    assert account_models(opened, "local")[0] == fresh
