from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService
from tui.jobs.so_far import SoFar, share_done, so_far
from tui.money.usage_price import Amount
from tui.providers.fireworks.answers import events_from
from tui.records.jobs import Job, JobEvent, JobState
from tui.services import Services
from tui.store.launch_rows import LaunchRecord, LaunchState

START = 1_780_000_000
MINI = "gpt-4.1-mini-2025-04-14"
RUNNING = Job("openai", "j", JobState.RUNNING, "running", MINI, created_at=START)
SUCCEEDED = replace(RUNNING, state=JobState.SUCCEEDED, raw_status="succeeded")


def steps(until: int, total: int | None = 100) -> list[JobEvent]:
    data: dict[str, Any] = {"train_loss": 1.0} | ({"total_steps": total} if total else {})
    return [
        JobEvent(f"e{step}", "j", START + 60 * step, "info", "", "metrics", {"step": step, **data})
        for step in range(1, until + 1)
    ]


def confirm(services: Services, job: Job = RUNNING, *, split: float | None = None, **price: Any) -> None:
    """Write down that the job was launched from here at a price: $4 for 2 × 400,000 tokens."""
    told = {"tokens_per_epoch": 400_000, "epochs": 2, "total": 4.0, "currency": "USD", **price}
    services.store.claim_launch(
        LaunchRecord("run", job.account, LaunchState.CREATED, {"split_share": split}, "f", Path("x.jsonl"),
                     "ab" * 32, told, job.id, None, START)
    )  # fmt: skip


def test_tokens_and_money_of_a_running_job_are_reckoned_by_its_steps_and_say_so(services: Services) -> None:
    confirm(services)
    found = so_far(services, RUNNING, steps(25))
    assert (found.tokens_words, found.cost_words) == (
        "about 200,000 of 800,000 tokens", "about $1.00 of $4.00",
    )  # fmt: skip
    assert found.basis == "The price confirmed at the launch, by the share done."


def test_what_the_service_told_at_the_end_is_priced_exactly_by_the_catalog(services: Services) -> None:
    confirm(services)
    found = so_far(services, replace(SUCCEEDED, trained_tokens=812_000), steps(100))
    assert (found.tokens_words, found.cost_words) == ("812,000 tokens trained", "$4.06")
    assert found.basis == "Tokens told by the service × the catalog's price of 2026-09-26."


def test_the_local_engine_is_free(services: Services) -> None:
    found = so_far(services, replace(RUNNING, account="local", model="smollm2-135m-instruct"), steps(5))
    assert found.cost_words == "free"
    assert found.as_json()["cost"] == {"low": 0.0, "high": 0.0, "currency": "USD"}


def test_of_a_job_from_elsewhere_nothing_is_made_up(services: Services) -> None:
    found = so_far(services, RUNNING, steps(25))
    assert (found.tokens_words, found.basis) == ("", "")
    assert found.cost_words == "not known yet, at $5.00 per million tokens"
    unpriced = so_far(services, replace(RUNNING, model="someone-else"), steps(25))
    assert unpriced.cost_words == "price not published"
    assert found.as_json() == {
        "tokens": None, "tokens_are_told": False, "total_tokens": None, "cost": None, "cost_is_told": False,
        "total_cost": None, "cost_basis": None,
    }  # fmt: skip


def test_a_split_was_not_counted_so_its_tokens_are_not_told(services: Services) -> None:
    confirm(services, split=0.1)
    assert so_far(services, RUNNING, steps(25)).tokens_words == ""


def test_a_job_that_waits_has_cost_nothing_yet(services: Services) -> None:
    confirm(services)
    waiting = replace(RUNNING, state=JobState.QUEUED)
    found = so_far(services, waiting, [])
    assert (found.tokens_words, found.cost_words) == ("none of 800,000 tokens yet", "nothing yet of $4.00")


def test_where_nobody_says_how_far_it_is_only_the_whole_is_told(services: Services) -> None:
    confirm(services)
    found = so_far(services, RUNNING, steps(3, total=None))
    assert (found.cost_words, found.tokens_words) == ("$4.00 in all", "")


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_of_a_job_that_broke_off_the_most_is_told_and_the_doubt(services: Services, state: JobState) -> None:
    confirm(services)
    found = so_far(services, replace(RUNNING, state=state), steps(50))
    assert found.cost_words == "at most about $2.00"
    assert "charged for its steps, the service does not say" in found.basis


def test_a_model_that_is_charged_by_the_hour_counts_from_its_first_step(services: Services) -> None:
    job = replace(RUNNING, model="o4-mini-2025-04-16")
    found = so_far(services, job, steps(2), now=START + 60 + 1800)
    assert found.cost_words == "about $50.00"
    ended = replace(job, state=JobState.CANCELLED)
    assert so_far(services, ended, steps(31), now=START + 10**6).cost_words == "at most about $50.00"


def test_the_estimate_of_the_service_itself_goes_before_the_catalog(services: Services) -> None:
    raw = {
        "name": "accounts/me/supervisedFineTuningJobs/j", "state": "JOB_STATE_RUNNING",
        "estimatedCost": {"units": "8", "currencyCode": "USD"}, "jobProgress": {"percent": 25},
    }  # fmt: skip
    events = events_from(raw, "j")
    confirm(services)
    found = so_far(services, RUNNING, events)
    assert (share_done(RUNNING, events), found.cost) == (0.25, Amount(Decimal(2), Decimal(2)))
    assert found.cost_words == "about $2.00 of $8.00"


def test_an_account_that_was_taken_out_and_odd_kept_prices_break_nothing(services: Services) -> None:
    job = replace(RUNNING, account="nobody")
    confirm(services, job, total="nan", tokens_per_epoch="many")
    found = so_far(services, job, steps(25))
    assert (found.tokens, found.cost) == (None, None)


def test_a_range_keeps_both_ends() -> None:
    found = SoFar(cost=Amount(Decimal(1), Decimal(2)), total_cost=Amount(Decimal(4), Decimal(8)))
    assert found.cost_words == "about $1.00 to $2.00 of $4.00 to $8.00"


def test_jobs_prints_time_left_tokens_and_money(cli: Callable[..., CliResult], service: FakeService) -> None:
    service.add_job(id="ftjob-x", created_at=START)
    for step in range(1, 11):
        service.add_event("ftjob-x", step=step, total_steps=40, train_loss=1.0)["created_at"] = int(
            time.time()
        ) - 10 * (10 - step)
    with Services.open() as opened:
        confirm(opened, replace(RUNNING, id="ftjob-x"))
    shown = cli("jobs", "ftjob-x", "--account", "openai").stdout
    assert "Time left: about 5 min" in shown or "Time left: about 4 min" in shown
    assert "Tokens so far: about 200,000 of 800,000 tokens" in shown
    assert "Cost so far: about $1.00 of $4.00" in shown
    told = cli("jobs", "ftjob-x", "--offline", "--json").json()
    assert told["so_far"]["cost"] == {"low": 1.0, "high": 1.0, "currency": "USD"}
    assert 200 < told["eta_seconds"] <= 300
