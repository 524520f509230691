"""What a launch begins with, before a person has chosen a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService
from tui.jobs.first_model import FirstModel, first_model
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.records.jobs import Job, JobState, Method
from tui.records.models import ModelInfo
from tui.services import Services

Cli = Callable[..., CliResult]
MINI, DEAR = "gpt-4o-mini-2024-07-18", "gpt-4.1-2025-04-14"


@pytest.fixture(autouse=True)
def _accounts(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    for name in ("azure", "nebius", "bedrock", "together"):
        declare_account(DeclaredAccount(f"my-{name}", name, service.url, "A_KEY"))


@pytest.fixture
def known(services: Services) -> Services:
    services.reload_accounts()
    return services


def keep(services: Services, model: str, created_at: int, account: str = "openai") -> None:
    job_id = f"ftjob-{created_at}"
    services.store.save_job(
        Job(account, job_id, JobState.SUCCEEDED, "succeeded", model, created_at=created_at)
    )


def test_the_settings_model_is_begun_with_at_the_settings_account(known: Services) -> None:
    assert first_model(known, "local") == FirstModel("smollm2-135m-instruct", "", "")


def test_an_account_that_was_never_used_begins_with_its_cheapest(known: Services) -> None:
    assert first_model(known, "openai") == FirstModel(
        MINI, "the cheapest here", "the cheapest here: $3.00 per million"
    )
    azure = first_model(known, "my-azure")
    assert azure is not None
    assert azure.model == DEAR, "every other has no published price"
    assert azure.why.startswith("the only one with a published price here: $2.")


def test_the_base_of_the_last_job_goes_before_the_cheapest(known: Services) -> None:
    keep(known, DEAR, 5)
    keep(known, "ft:gpt-4.1-mini-2025-04-14:me::abc", 9)
    assert first_model(known, "openai") == FirstModel(
        "gpt-4.1-mini-2025-04-14", "as in your last job", "the model of your last job here"
    )


def test_a_model_that_can_be_trained_no_more_is_passed_over(known: Services) -> None:
    keep(known, DEAR, 5)
    keep(known, "o4-mini-2025-04-16", 9)
    keep(known, "gpt-3.5-turbo-0125", 8)
    found = first_model(known, "openai")
    assert found is not None
    assert found.model == DEAR


def test_where_no_price_is_known_the_first_that_was_seen_is_taken_and_where_there_is_none_nothing(
    known: Services,
) -> None:
    assert first_model(known, "my-nebius") is None
    known.store.save_models("my-nebius", [ModelInfo("my-nebius", "Qwen/Qwen3-4B", can_train=True)])
    found = first_model(known, "my-nebius")
    assert found == FirstModel(
        "Qwen/Qwen3-4B", "no price published", "the only one here that can be trained; no price is published"
    )


def test_a_service_that_only_reinforces_is_begun_with_too(known: Services) -> None:
    found = first_model(known, "my-bedrock")
    assert found is not None
    assert found.model == "gpt-oss-20b"
    assert first_model(known, "my-bedrock", Method.DPO) is None


def test_a_launch_that_names_no_model_says_which_it_takes_and_why(
    cli: Cli, service: FakeService, dataset: Path
) -> None:
    done = cli("launch", str(dataset), "--account", "openai", "--epochs", "2", "--yes", "--json")
    assert done.code == 0, done.stderr
    assert f"Model: {MINI}, the cheapest here: $3.00 per million" in done.stderr
    assert service.bodies[-1]["model"] == MINI


def test_a_method_that_no_model_takes_is_refused_by_a_model_of_that_account(
    cli: Cli, service: FakeService, dataset: Path
) -> None:
    done = cli("launch", str(dataset), "--account", "my-bedrock", "--method", "dpo", "--dry-run")
    assert done.code == 1
    assert "gpt-oss-20b takes reinforcement, not dpo" in done.stdout
    assert "smollm2" not in done.stdout + done.stderr
