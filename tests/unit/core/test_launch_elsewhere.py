from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService
from tui.providers.account_settings import DeclaredAccount, declare_account

Cli = Callable[..., CliResult]


@pytest.fixture(autouse=True)
def _accounts(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    for name in ("azure", "nebius", "custom"):
        declare_account(DeclaredAccount(f"my-{name}", name, service.url, "A_KEY"))


def test_a_job_at_a_service_with_its_own_numbers_is_sent_as_it_wants_it(
    cli: Cli, service: FakeService, dataset: Path
) -> None:
    done = cli(
        "launch", str(dataset), "--account", "my-nebius", "--model", "Qwen/Qwen3-4B", "--epochs", "2",
        "--set", "learning_rate=1e-5", "--set", "lora=true", "--set", "lora_r=16", "--yes", "--any-price",
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert service.bodies[-1]["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 2, "learning_rate": 1e-5, "lora": True, "lora_r": 16}},
    }
    assert "the price is not published" in done.stderr
    assert "my-nebius" in {one["account"] for one in cli("jobs", "--json").json()}


def test_a_multiplier_is_never_carried_over_to_an_absolute_rate(
    cli: Cli, service: FakeService, dataset: Path
) -> None:
    done = cli(
        "launch", str(dataset), "--account", "my-nebius", "--model", "m", "--learning-rate-multiplier", "2",
        "--yes",
    )  # fmt: skip
    assert done.code == 1
    assert "takes learning_rate, another kind of number" in done.stderr
    assert service.requests == []


def test_a_model_at_two_services_is_launched_at_the_one_that_is_named(
    cli: Cli, service: FakeService, dataset: Path
) -> None:
    done = cli(
        "launch", str(dataset), "--account", "my-azure", "--model", "gpt-4.1", "--epochs", "3",
        "--set", "trainingType=GlobalStandard", "--yes",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert service.bodies[-1]["trainingType"] == "GlobalStandard"
    assert service.bodies[-1]["model"] == "gpt-4.1-2025-04-14"
    assert "$2.00 per million" in done.stderr
    assert "costs $1.70 per hour, used or not" in done.stderr


def test_a_tier_changes_the_price_that_is_confirmed(cli: Cli, service: FakeService, dataset: Path) -> None:
    asked = ("launch", str(dataset), "--account", "my-azure", "--model", "gpt-4.1", "--epochs", "3", "--yes")
    cheap = cli(*asked, "--set", "trainingType=developerTier")
    assert "× $1.00 per million" in cheap.stderr
    assert "per hour" not in cheap.stderr
    assert cheap.code == 0, cheap.stderr
    assert "× $1.00 to $2.86 per million" in cli(*asked, "--suffix", "two").stderr


def test_any_base_url_takes_a_job_on_a_model_nobody_knows(
    cli: Cli, service: FakeService, dataset: Path
) -> None:
    done = cli("launch", str(dataset), "--account", "my-custom", "--model", "house-model", "--yes")
    assert done.code == 2
    assert "--yes can't confirm it" in done.stderr
    assert service.requests == []
    done = cli("launch", str(dataset), "--account", "my-custom", "--model", "m", "--yes", "--any-price")
    assert done.code == 0, done.stderr
    assert service.bodies[-1]["model"] == "m"


def test_what_a_service_takes_is_listed(cli: Cli, dataset: Path) -> None:
    shown = cli("launch", str(dataset), "--account", "my-nebius", "--set", "help").stdout
    assert "learning_rate " in shown
    assert "learning_rate_multiplier" not in shown
    assert "a whole number from 1 to 256" in shown
    assert cli("launch", str(dataset), "--account", "my-nebius", "--set", "lora").code == 2
