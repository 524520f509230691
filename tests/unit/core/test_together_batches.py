"""Together's Batch API over loopback, through the same large runs as OpenAI's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.fake_service import running
from tests.unit.core.fake_together import FakeTogether
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.evals.batching import collect_batches, submit_batches
from tui.evals.checks.spec import parse_check
from tui.evals.plan import EvalOptions, EvalPlan, plan_evaluation
from tui.evals.pricing import Prices
from tui.evals.requests import Contender
from tui.evals.run import run_evaluation
from tui.evals.test_set import read_test_set
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.protocol import ProviderError
from tui.providers.together.adapter import TogetherProvider
from tui.providers.together.batches import batch_from
from tui.records.chats import Usage
from tui.records.models import Capability
from tui.services import Services

LANE = Lane("together", "Qwen/Qwen3-8B")
ROWS = 6


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTogether]:
    with running(FakeTogether()) as fake:
        assert isinstance(fake, FakeTogether)
        fake.check_stages = []
        monkeypatch.setenv("TOGETHER_API_KEY", "tgp_v1_very-secret-0123456789")
        monkeypatch.setattr(TogetherProvider, "sleep", staticmethod(lambda seconds: None))
        declare_account(DeclaredAccount("together", "together", fake.url, "TOGETHER_API_KEY"))
        yield fake


@pytest.fixture
def services(together: FakeTogether) -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


def planned(services: Services, folder: Path) -> EvalPlan:
    rows = [{"prompt": f"Say {number}", "expected": f"say {number}"} for number in range(ROWS)]
    path = write_rows(folder / "set.jsonl", *rows)
    options = EvalOptions(checks=(parse_check("normalised"),), batch=True)
    return plan_evaluation(services, read_test_set(path), [Contender(LANE)], options)


def test_a_large_run_is_handed_in_followed_and_collected(
    together: FakeTogether, services: Services, tmp_path: Path
) -> None:
    assert services.provider("together").can(Capability.BATCH)
    plan = planned(services, tmp_path)
    (batch,) = submit_batches(services, plan).submitted
    assert (batch.id, batch.state) == ("batch-1", "validating")
    created = together.together_batches["batch-1"]
    file = together.files[created["input_file_id"]]
    assert (file["purpose"], created["endpoint"]) == ("batch-api", "/v1/chat/completions")
    lines = [json.loads(line) for line in together.contents[file["id"]].splitlines()]
    assert len(lines) == ROWS
    assert set(lines[0]) == {"custom_id", "body"}
    assert len(lines[0]["custom_id"]) == 64
    assert lines[0]["body"]["model"] == LANE.model
    assert not {"stream", "stream_options"} & set(lines[0]["body"])

    together.together_batches["batch-1"] |= {"status": "IN_PROGRESS", "progress": 40}
    waiting = collect_batches(services, plan.accounts)
    assert waiting.words == "batch-1: in_progress, 40 % done"
    assert not submit_batches(services, planned(services, tmp_path)).submitted

    together.finish_batch("batch-1", refuse=2)
    done = collect_batches(services, plan.accounts)
    assert (done.collected, list(done.refused.values())) == (ROWS - 1, ["no such model"])
    result = run_evaluation(services, planned(services, tmp_path), refused=done.refused)
    assert result.contenders[0].answered == ROWS - 1
    assert result.contenders[0].score.estimate == 1


def test_a_submission_whose_answer_was_lost_is_found_by_the_name_of_its_file(
    together: FakeTogether, services: Services, tmp_path: Path
) -> None:
    def accept_and_drop(handler: Any) -> bool:
        handler.accept_batch()
        handler.drop()
        return True

    together.faults["POST", "/v1/batches"].append(accept_and_drop)
    with pytest.raises(ProviderError):
        submit_batches(services, planned(services, tmp_path))
    assert len(together.together_batches) == 1
    assert collect_batches(services, ["together"]).words == "batch-1: validating, 0 % done"
    assert not submit_batches(services, planned(services, tmp_path)).submitted
    assert len(together.together_batches) == 1


def test_the_same_requests_handed_in_again_make_a_file_of_their_own(
    together: FakeTogether, services: Services, tmp_path: Path
) -> None:
    plan = planned(services, tmp_path)
    provider = services.provider("together")
    requests = [(one.ask.digest.hex(), one.ask.request) for one in plan.asks]
    assert provider.submit_batch(requests, "ab" * 8).id == "batch-1"
    assert provider.submit_batch(requests, "cd" * 8).id == "batch-2"
    assert {one["filename"] for one in together.files.values()} == {
        f"tunedeck-batch-{'ab' * 8}.jsonl", f"tunedeck-batch-{'cd' * 8}.jsonl"
    }  # fmt: skip
    found = provider.find_batch("ab" * 8)
    assert found is not None
    assert found.id == "batch-1"
    assert provider.find_batch("ef" * 8) is None
    assert provider.cancel_batch("batch-1").status == "cancelled"
    assert provider.retrieve_batch("batch-1").ended


def test_a_batch_may_lack_every_field_or_hold_rubbish() -> None:
    assert batch_from({}).status == "unknown"
    odd = batch_from(
        {"id": 3, "status": "FAILED", "progress": "many", "error": "no \x1b[2J", "output_file_id": ""}
    )
    assert (odd.id, odd.status, odd.percent, odd.output_file) == ("", "failed", None, None)
    assert odd.ended


def test_its_price_is_a_span_because_only_some_models_cost_half(services: Services) -> None:
    prices = Prices(services)
    # The catalog knows no price of answers there: that of another service stands for what a user adds.
    prices._models[LANE] = services.catalog.find("gpt-4.1-mini-2025-04-14", "openai")
    at_once, batched = (prices.cost(LANE, Usage(1000, 1000), batched=one) for one in (False, True))
    assert at_once is not None
    assert batched is not None
    assert (batched.low, batched.high) == (at_once.low * Decimal("0.5"), at_once.high)
