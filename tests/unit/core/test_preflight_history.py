from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService
from tests.unit.core.test_launch import a_plan, launch_now, texts
from tui import paths
from tui.clock import today
from tui.errors import TunedeckError
from tui.jobs.budget import month_spend, monthly_budgets, set_budget
from tui.jobs.mend import MendKind
from tui.jobs.plan import PreflightLine, may_launch
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.preflight_history import free_suffix
from tui.jobs.reports import file_sha256
from tui.providers.profiles import profile
from tui.records.jobs import Job, JobState
from tui.records.models import ModelInfo
from tui.records.requests import RemoteFile
from tui.services import Services

Cli = Callable[..., CliResult]
MODEL = "gpt-4.1-mini-2025-04-14"


def trained(job_id: str, tokens: int, at: float, **fields: object) -> Job:
    values = {
        "created_at": int(at),
        "finished_at": int(at),
        "trained_tokens": tokens,
        "model": MODEL,
        **fields,
    }
    return Job("openai", job_id, JobState.SUCCEEDED, "succeeded", **values)  # type: ignore[arg-type]


def test_the_days_that_the_result_would_live_are_told(services: Services, dataset: Path) -> None:
    days = (date(2027, 1, 14) - today()).days
    lines = preflight(a_plan(dataset), services)
    assert f"would live {days} days" in "\n".join(line.text for line in lines)
    soon = (today() + timedelta(days=8)).isoformat()
    services.catalog.take_dates([("openai", MODEL, soon, int(time.time()))])
    assert "The tuned model would live 8 days" in texts(preflight(a_plan(dataset), services), "warn")


def test_a_suffix_that_a_tuned_model_has_already_is_told(services: Services, dataset: Path) -> None:
    plan = a_plan(dataset, suffix="sums")
    assert "in a name already" not in texts(preflight(plan, services), "warn")
    services.store.save_models("openai", [ModelInfo("openai", f"ft:{MODEL}:org:sums:abc")])
    assert f"'sums' is in a name already: ft:{MODEL}:org:sums:abc." in texts(
        preflight(plan, services), "warn"
    )
    running = replace(trained("ftjob-x", 0, 1000, suffix="sums"), state=JobState.RUNNING)
    services.store.save_job(running)
    assert "and 1 more" in texts(preflight(plan, services), "warn")
    assert "in a name already" not in texts(preflight(replace(plan, suffix="sum"), services), "warn")
    services.store.save_job(replace(running, state=JobState.FAILED))
    assert "and 1 more" not in texts(preflight(plan, services), "warn")


@pytest.mark.parametrize(
    ("fields", "is_same"),
    [
        ({}, True),
        ({"model": "gpt-4.1-mini"}, True),
        ({"model": "gpt-4.1-2025-04-14"}, False),
        ({"state": JobState.FAILED}, False),
        ({"hyperparameters": {"n_epochs": 3}}, False),
        ({"training_file": "file-other"}, False),
        ({"seed": 8}, False),
    ],
)
def test_the_same_job_that_was_made_elsewhere_is_told(
    services: Services, dataset: Path, fields: dict[str, object], is_same: bool
) -> None:
    size = dataset.stat().st_size
    services.store.remember_file("openai", file_sha256(dataset), RemoteFile("file-1", "t", size, "fine-tune"))
    job = trained("ftjob-far", 100, 1000, training_file="file-1", hyperparameters={"n_epochs": 2}, seed=7)
    services.store.save_job(replace(job, **fields))  # type: ignore[arg-type]
    plan = a_plan(dataset, hyperparameters={"n_epochs": 2}, seed=7)
    assert ("ftjob-far" in texts(preflight(plan, services), "warn")) is is_same


def test_a_launch_over_the_months_budget_is_stopped_and_one_within_it_is_not(
    services: Services, service: FakeService, dataset: Path
) -> None:
    plan = a_plan(dataset, hyperparameters={"n_epochs": 50})
    price = estimate_plan(plan, services).total
    assert price is not None
    assert "budget" not in "\n".join(line.text for line in preflight(plan, services))
    set_budget(services, "openai", price * 2)
    assert may_launch(preflight(plan, services))
    launch_now(plan, services)  # under way: its price is promised
    second = replace(a_plan(dataset), hyperparameters={"n_epochs": 50}, seed=1)
    nearly = texts(preflight(second, services), "warn")
    assert "With this job" in nearly
    launch_now(second, services)
    third = replace(second, seed=2, run_id="third")
    stopped = texts(preflight(third, services), "stop")
    assert "would go over openai's budget" in stopped
    assert "`tunedeck account budget openai AMOUNT`" in stopped
    set_budget(services, "openai", None)
    assert may_launch(preflight(third, services))


def test_a_month_counts_what_ended_and_was_answered_in_it_and_says_what_has_no_price(
    services: Services,
) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
    october = datetime(2026, 10, 31, 23, 59, tzinfo=UTC).timestamp()
    store = services.store
    store.save_job(trained("now", 2_000_000, now - 60))
    store.save_job(trained("before", 9_000_000, october))
    store.save_job(trained("unknown", 5, now - 60, model="nobody-knows"))
    store.save_job(replace(trained("other", 7_000_000, now - 60), account="local"))
    spent = month_spend(services, "openai", "USD", now)
    assert (spent.total, spent.unpriced) == (Decimal(10), 1)
    assert spent.words == "$10.00, 1 use without a price left out"
    assert month_spend(services, "openai", "EUR", now).unpriced == 2


def test_budgets_are_set_shown_and_taken_out_on_the_command_line(cli: Cli, service: FakeService) -> None:
    settings = paths.settings_file()
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('# mine\ntheme = "tunedeck-dark"\n')
    assert cli("account", "budget", "openai", "12.5").code == 0
    assert "# mine" in settings.read_text()
    assert monthly_budgets() == {"openai": Decimal("12.5")}
    assert "$12.50" in cli("account", "budget").stdout
    (row,) = cli("account", "budget", "openai", "--json").json()
    assert (row["budget"], row["spent"]) == (12.5, 0)
    assert cli("account", "budget", "openai", "none").code == 0
    assert monthly_budgets() == {}
    for wrong in (("nobody", "5"), ("openai", "much"), ("openai", "-1"), ("openai", "nan")):
        assert cli("account", "budget", *wrong).code == 2


@pytest.mark.parametrize(
    "text", ["budgets = 3\n", '[budgets]\nopenai = "much"\n', "[budgets]\nopenai = -1\n"]
)
def test_a_wrong_budget_in_the_settings_file_is_told_and_stops_a_launch(
    services: Services, dataset: Path, text: str
) -> None:
    settings = paths.settings_file()
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(text)
    with pytest.raises(TunedeckError, match="budget"):
        monthly_budgets()
    assert "budget" in texts(preflight(a_plan(dataset), services), "stop")


def mends_of(lines: list[PreflightLine], words: str) -> dict[MendKind, str]:
    (line,) = [one for one in lines if words in one.text]
    return {mend.kind: mend.value for mend in line.mends}


def test_a_taken_suffix_and_the_same_job_are_mended_by_ones_that_are_free(
    services: Services, service: FakeService, dataset: Path
) -> None:
    names = [f"ft:{MODEL}:org:{suffix}:abc" for suffix in ("sums", "sums-2")]
    services.store.save_models("openai", [ModelInfo("openai", name) for name in names])
    plan = a_plan(dataset, suffix="sums")
    assert mends_of(preflight(plan, services), "in a name already") == {MendKind.SUFFIX: "sums-3"}
    job = launch_now(a_plan(dataset), services)
    assert mends_of(preflight(a_plan(dataset), services), f"made job {job.id}") == {MendKind.SEED: "43"}


@pytest.mark.parametrize(
    ("provider", "suffix", "fitting"),
    [
        ("openai", "my: tone!", "my-tone"),
        ("azure", "a.much.too.long.suffix", "a-much-too-long-su"),
        ("fireworks", "Tone", "tone"),
        ("bedrock", "tone", ""),
        ("openai", "::", ""),
    ],
)
def test_a_suffix_that_a_service_refuses_is_made_to_fit(
    services: Services, dataset: Path, provider: str, suffix: str, fitting: str
) -> None:
    assert free_suffix(a_plan(dataset, suffix=suffix), services, profile(provider)) == fitting


def test_a_budget_that_is_exceeded_offers_fewer_epochs_and_what_would_be_enough(
    services: Services, dataset: Path
) -> None:
    dataset.write_bytes(dataset.read_bytes() * 400)
    plan = a_plan(dataset, hyperparameters={"n_epochs": 4})
    price = estimate_plan(plan, services).total
    assert price is not None
    set_budget(services, "openai", round(price * Decimal("0.6"), 4))
    found = mends_of(preflight(plan, services), "would go over")
    assert found[MendKind.EPOCHS] == "2"
    assert Decimal(found[MendKind.BUDGET]) == price
    assert MendKind.MODEL in found
    fewer = replace(plan, hyperparameters={"n_epochs": 2})
    assert may_launch(preflight(fewer, services))
    set_budget(services, "openai", round(price / 100, 6))
    assert MendKind.EPOCHS not in mends_of(preflight(plan, services), "would go over")
