from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.unit.core.fake_service import FakeService
from tests.unit.core.test_so_far import RUNNING, START, confirm, steps
from tui.chat.models import refresh_models
from tui.jobs.budget import month_spend
from tui.jobs.overview import needs_radar
from tui.jobs.radar import read_radar
from tui.providers.failures import TRAINING_REFUSED
from tui.providers.openai_shape import OpenAIShapeProvider
from tui.records.chats import Answer, Usage
from tui.records.jobs import Job, JobEvent, JobState, Method
from tui.records.models import ModelInfo
from tui.services import Services

BASE = "gpt-4.1-mini-2025-04-14"
TONE = f"ft:{BASE}:acme:tone:AAAA1111"


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


NOW = at("2026-12-20T12:00")


def trained(services: Services, job_id: str, day: str, **fields: object) -> None:
    values: dict[str, object] = {
        "model": BASE,
        "fine_tuned_model": TONE,
        "trained_tokens": 1_000_000,
        **fields,
    }
    services.store.save_job(
        Job("openai", job_id, JobState.SUCCEEDED, "succeeded", created_at=1, finished_at=at(day), **values)  # type: ignore[arg-type]
    )


def test_the_engine_here_alone_needs_no_radar(services: Services) -> None:
    assert needs_radar(services.accounts())
    assert not needs_radar([one for one in services.accounts() if one.provider == "local"])


def test_an_account_says_until_when_it_trains_and_by_what_evidence(services: Services) -> None:
    unproven = read_radar(services, NOW).outlooks["openai"]
    assert unproven.can_train
    assert unproven.words == "new jobs until 2027-01-06, 17 days; not proven by a job yet"
    trained(services, "ftjob-1", "2026-12-02")
    assert read_radar(services, NOW).outlooks["openai"].words.endswith("17 days; 1 job has succeeded")
    assert "the last day" in read_radar(services, at("2027-01-06")).outlooks["openai"].words
    over = read_radar(services, at("2027-01-07")).outlooks["openai"]
    assert (over.can_train, over.words) == (False, "no new jobs since 2027-01-06")
    services.store.note_account("openai", TRAINING_REFUSED, "winding down")
    refused = read_radar(services, NOW).outlooks["openai"]
    assert not refused.can_train
    assert "the service refused one on " in refused.words
    assert "local" not in read_radar(services, NOW).outlooks


def test_tuned_models_that_end_soon_come_with_days_and_source(services: Services) -> None:
    late = f"ft:{BASE}:acme:late:CCCC3333"
    services.store.save_models(
        "openai",
        [ModelInfo("openai", name, 1, "", BASE) for name in (TONE, late)] + [ModelInfo("openai", BASE)],
    )
    services.store.save_model_dates("openai", {late: "2026-12-24"})
    radar = read_radar(services, NOW)
    assert [(one.model.id, one.lifetime.days_left) for one in radar.ending] == [(late, 4), (TONE, 25)]
    assert radar.ending[1].lifetime.source == "developers.openai.com/api/docs/deprecations"
    assert radar.lifetimes["openai", BASE].days_left == 25
    assert radar.seen_at is not None
    assert read_radar(services, at("2027-02-01")).ending == []


def test_the_month_counts_jobs_and_answers_at_the_catalogs_prices(services: Services) -> None:
    assert (read_radar(services, NOW).spent, read_radar(services, NOW).spent_is_partial) == (None, False)
    trained(services, "ftjob-before", "2026-11-30")
    trained(services, "ftjob-now", "2026-12-01")
    trained(services, "ftjob-dpo", "2026-12-02", method=Method.DPO)
    million = Usage(1_000_000, 0, 0)
    services.store.add_answer(Answer("c", 1, TONE, "openai", "Hi", "stop", million, 0.1, 0.5, NOW))
    model = services.catalog.model(BASE, "openai")
    assert model.training_price_per_million is not None
    assert model.input_price_per_million is not None
    dpo = model.dpo_price_factor or 1
    radar = read_radar(services, NOW)
    assert radar.spent is not None
    assert radar.spent.low == model.training_price_per_million * (1 + dpo) + model.input_price_per_million
    assert not radar.spent_is_partial
    services.store.add_answer(Answer("c", 2, "unheard-of", "openai", "Hi", "stop", million, 0.1, 0.5, NOW))
    partial = read_radar(services, NOW)
    assert partial.spent == radar.spent
    assert partial.spent_is_partial


def test_the_radar_asks_no_service(services: Services, service: FakeService) -> None:
    read_radar(services, NOW)
    assert service.requests == []


def test_an_end_that_a_service_told_is_kept_wherever_its_models_are_asked_for(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ModelInfo("openai", "gpt-4.1-mini-2025-04-14", told_shutdown_date="2026-12-24")
    monkeypatch.setattr(OpenAIShapeProvider, "list_models", lambda _: [told])
    assert refresh_models(services, "openai") == []
    assert [one[:3] for one in services.store.model_dates()] == [
        ("openai", "gpt-4.1-mini-2025-04-14", "2026-12-24")
    ]


def test_the_month_counts_what_a_job_has_cost_whose_service_tells_no_tokens(services: Services) -> None:
    trained(services, "ftjob-free", "2026-12-02", model="nobody-knows", trained_tokens=None)
    running = replace(RUNNING, created_at=at("2026-12-01"))
    services.store.save_job(running)
    confirm(services, running)
    services.store.add_events("openai", "j", steps(50))
    spent = read_radar(services, NOW).spent
    assert spent is not None
    assert spent.words == "$2.00"
    assert month_spend(services, "openai", "USD", NOW).total == 4  # promised whole, and only once
    services.store.save_job(
        replace(running, state=JobState.CANCELLED, raw_status="cancelled", finished_at=at("2026-12-02"))
    )
    spent = read_radar(services, NOW).spent
    assert spent is not None
    assert spent.words == "$0.00 to $2.00"  # the service does not say whether it charges for them
    assert month_spend(services, "openai", "USD", NOW).total == 2
    assert read_radar(services, at("2027-01-02")).spent is None


def test_of_a_jobs_events_those_that_tell_its_cost_are_few_and_in_order(services: Services) -> None:
    many = steps(60)
    percent = JobEvent("p", "j", START + 30, "info", "", "progress", {"percent": 5})
    services.store.add_events("openai", "j", [many[0], percent, *many[1:]])
    kept = services.store.cost_events("openai", "j", limit=20)
    assert [one.id for one in kept] == ["p", "e1", *(f"e{step}" for step in range(41, 61))]
