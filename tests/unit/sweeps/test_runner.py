"""A sweep over real HTTP on loopback: what is launched, measured, halved, capped and paid."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.fake_service import accept_and_drop, drop, refuse
from tests.unit.sweeps.service import TrainingService, loss_at
from tui import paths
from tui.jobs.notices.words import message_of
from tui.jobs.plan import RUN_ID_KEY
from tui.records.notices import NoticeEvent
from tui.records.sweeps import Sweep, SweepState, TrialState
from tui.services import Services
from tui.store.database import StoreError
from tui.store.store import Store
from tui.sweeps import following
from tui.sweeps.board import read_board
from tui.sweeps.planning import plan_sweep, sweep_of
from tui.sweeps.runner import SweepRunner, is_being_run, runner_lock
from tui.sweeps.terms import SweepTerms
from tui.sweeps.trial_plan import run_id_of

JOBS = "/v1/fine_tuning/jobs"
Terms = Callable[..., SweepTerms]


def begin(services: Services, terms: SweepTerms) -> Sweep:
    plan = plan_sweep(services, terms)
    assert plan.may_begin, [line.text for line in plan.lines if line.level == "stop"]
    sweep = sweep_of(plan, int(time.time()))
    assert services.store.add_sweep(sweep)
    return sweep


def runner_of(services: Services, sweep: Sweep, **options: Any) -> SweepRunner:
    return SweepRunner(
        services, sweep.id, poll_seconds=0.0, round_seconds=0.0, search_delays=(0.0, 0.0), **options
    )


def run(services: Services, terms: SweepTerms) -> Sweep:
    return runner_of(services, begin(services, terms)).run()


def rate_of(body: Any) -> float:
    return float(body["method"]["supervised"]["hyperparameters"]["learning_rate_multiplier"])


def epochs_of(body: Any) -> int:
    return int(body["method"]["supervised"]["hyperparameters"]["n_epochs"])


def test_a_grid_is_launched_once_each_measured_and_ranked(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    ended = run(services, terms_of())
    assert (ended.state, ended.reason) == (SweepState.DONE, "3 of 3 trials came to their end.")
    (news,) = [one for one in services.store.new_notices() if one.event is NoticeEvent.SWEEP]
    told = message_of(services, news)
    assert told.title == f"{ended.name}: the sweep is done"
    assert told.lines == (ended.reason, f"Next: `tunedeck sweep show {ended.id}`")
    assert [rate_of(body) for body in service.created()] == [0.5, 2.0, 8.0]
    runs = [body["metadata"][RUN_ID_KEY] for body in service.created()]
    assert runs == [run_id_of(ended.id, number, 0) for number in (1, 2, 3)]
    assert [body["metadata"]["tunedeck_sweep"] for body in service.created()] == [
        f"{ended.id}/{number}/0" for number in (1, 2, 3)
    ]
    board = read_board(services, ended.id)
    assert [(row.trial.number, row.rank) for row in board.ranked] == [(2, 1), (1, 2), (3, 3)]
    best = board.ranked[0]
    assert best.trial.value == pytest.approx(loss_at(2.0, 2))
    assert (best.trial.state, best.job is not None) == (TrialState.DONE, True)
    assert len(best.losses) == 8
    assert board.spent.now > 0


def test_the_plan_says_jobs_price_and_what_forbids_it_and_sends_nothing(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    plan = plan_sweep(services, terms_of())
    assert (plan.trials, plan.jobs, plan.at_once) == (3, 3, 2)
    assert plan.cost.money is not None
    single = plan_sweep(services, terms_of(space="learning_rate_multiplier = [2.0]"))
    assert single.cost.money is not None
    assert plan.cost.money.high == 3 * single.cost.money.high > 0
    assert not service.created()
    blind = plan_sweep(services, terms_of(space="learning_rate_multiplier = [2.0, 1e9]"))
    assert not blind.may_begin
    assert any("learning_rate_multiplier" in line.text for line in blind.lines if line.level == "stop")


def test_losses_of_rows_not_seen_need_a_validation_file(services: Services, terms_of: Terms) -> None:
    terms = terms_of()
    from dataclasses import replace

    plan = plan_sweep(services, replace(terms, job=replace(terms.job, validation=None)))
    assert [line.text for line in plan.lines if line.level == "stop"] == [
        "Trials are compared by valid_loss, and there is no validation file."
    ]


def test_a_job_that_fails_ends_its_trial_and_not_the_sweep(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    service.fails = {2.0}
    ended = run(services, terms_of())
    states = {one.settings["learning_rate_multiplier"]: one for one in services.store.trials(ended.id)}
    assert states[2.0].state is TrialState.FAILED
    assert states[2.0].note == "The loss is no number."
    assert (ended.state, states[0.5].state) == (SweepState.DONE, TrialState.DONE)


def test_a_lost_answer_makes_no_second_job(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    service.faults["POST", JOBS].append(accept_and_drop)
    ended = run(services, terms_of())
    assert ended.state is SweepState.DONE
    assert len(service.jobs) == service.count("POST", JOBS) == 3


def test_money_is_capped_before_a_trial_begins(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    price = plan_sweep(services, terms_of(space="learning_rate_multiplier = [2.0]")).cost.money
    assert price is not None
    cap = price.high * Decimal("2.5")
    ended = run(services, terms_of(caps=f"money = {cap}"))
    assert ended.state is SweepState.STOPPED
    assert ended.reason.startswith("The money cap of")
    assert len(service.jobs) == 2
    assert read_board(services, ended.id).spent.committed <= cap


def test_a_service_that_charges_more_than_was_agreed_to_ends_it(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    service.tokens_an_epoch = 10**6
    ended = run(services, terms_of(search='strategy = "grid"\nat_once = 1'))
    assert (ended.state, "money cap" in ended.reason) == (SweepState.STOPPED, True)
    assert len(service.jobs) == 1


def test_time_is_capped_and_what_runs_is_cancelled(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    service.holds = True
    sweep = begin(services, terms_of(caps="hours = 0.0003"))
    ended = runner_of(services, sweep).run()
    assert (ended.state, ended.reason) == (SweepState.STOPPED, "The time cap of 0.0003 h was reached.")
    assert {job["status"] for job in service.jobs.values()} == {"cancelled"}
    assert {one.state for one in services.store.trials(ended.id)} == {TrialState.CANCELLED}
    assert any("time cap" in line.words for line in services.store.sweep_log(ended.id))


def test_a_person_stops_it_from_another_process_and_goes_on_later(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    service.holds = True
    sweep = begin(services, terms_of())
    runner = runner_of(services, sweep)
    services.store.begin_sweep(sweep.id)
    assert not runner.step()
    services.store.ask_sweep_to_stop(sweep.id)
    assert runner.step()
    assert {job["status"] for job in service.jobs.values()} == {"cancelled"}
    stopped = services.store.sweep(sweep.id)
    assert stopped is not None
    assert (stopped.state, stopped.reason) == (SweepState.STOPPED, "Stopped by a person.")
    service.holds = False
    ended = runner_of(services, sweep).run()
    assert ended.state is SweepState.DONE
    assert len(service.jobs) == 3
    states = [one.state for one in services.store.trials(sweep.id)]
    assert states == [TrialState.CANCELLED, TrialState.CANCELLED, TrialState.DONE]


def test_halving_begins_anew_with_more_epochs(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    space = "learning_rate_multiplier = [0.25, 0.5, 2.0, 8.0]"
    terms = terms_of(space=space, hyperparameters="", halving='by = "fresh"\nrungs = [1, 2, 4]')
    assert plan_sweep(services, terms).jobs == 4 + 2 + 1
    ended = run(services, terms)
    assert [epochs_of(body) for body in service.created()] == [1, 1, 1, 1, 2, 2, 4]
    assert [rate_of(body) for body in service.created()[4:]] == [0.5, 2.0, 2.0]
    trials = {one.settings["learning_rate_multiplier"]: one for one in services.store.trials(ended.id)}
    assert (trials[2.0].state, trials[2.0].rung) == (TrialState.DONE, 2)
    assert trials[2.0].value == pytest.approx(loss_at(2.0, 4))
    assert (trials[0.5].state, trials[0.5].rung) == (TrialState.PRUNED, 1)
    assert (trials[8.0].state, trials[8.0].rung) == (TrialState.PRUNED, 0)


def test_halving_continues_the_model_of_the_rung_before(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    terms = terms_of(
        space="learning_rate_multiplier = [2.0, 8.0]", hyperparameters="",
        halving='by = "continue"\nrungs = [1, 3]',
    )  # fmt: skip
    run(services, terms)
    last = service.created()[-1]
    assert last["model"] == service.jobs["ftjob-1"]["fine_tuned_model"]
    assert epochs_of(last) == 2


def test_halving_pauses_each_job_resumes_winners_and_cancels_losers(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    service.speed = 4
    terms = terms_of(
        space="learning_rate_multiplier = [0.25, 0.5, 2.0, 8.0]", hyperparameters="",
        halving='by = "pause"\nrungs = [1, 2, 4]', search='strategy = "grid"\nat_once = 2',
    )  # fmt: skip
    plan = plan_sweep(services, terms)
    assert plan.jobs == 4
    ended = run(services, terms)
    assert (ended.state, len(service.jobs)) == (SweepState.DONE, 4)
    assert [epochs_of(body) for body in service.created()] == [4] * 4
    by_rate = {rate_of(body): job for body, job in zip(service.created(), service.jobs.values(), strict=True)}
    assert {rate: job["status"] for rate, job in by_rate.items()} == {
        0.25: "cancelled", 0.5: "cancelled", 2.0: "succeeded", 8.0: "cancelled",
    }  # fmt: skip
    values = {(one.number, one.rung): one.value for one in services.store.stages(ended.id)}
    assert values[1, 0] == pytest.approx(loss_at(0.25, 1))
    assert values[3, 1] == pytest.approx(loss_at(2.0, 2))
    assert values[3, 2] == pytest.approx(loss_at(2.0, 4))


def test_an_evaluation_decides_and_none_of_its_answers_is_paid_twice(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    objective = 'evaluate = "valid.jsonl"\nchecks = ["exact"]'
    terms = terms_of(objective=objective)
    by_loss, by_score = plan_sweep(services, terms_of()).cost.money, plan_sweep(services, terms).cost.money
    assert by_loss is not None
    assert by_score is not None
    assert by_score.high > by_loss.high  # the answers are in the price
    service.faults["POST", "/v1/chat/completions"] += [drop]
    ended = run(services, terms)
    assert (ended.state, service.answers) == (SweepState.DONE, 3 * 4)
    values = {one.settings["learning_rate_multiplier"]: one.value for one in services.store.trials(ended.id)}
    assert values == {0.5: 0.5, 2.0: 1.0, 8.0: 0.5}
    board = read_board(services, ended.id)
    assert board.best is not None
    assert board.best.trial.settings["learning_rate_multiplier"] == 2.0
    assert sum(one.answers_cost for one in services.store.stages(ended.id)) > 0


@pytest.mark.parametrize(
    "step",
    ["control_job", *(pytest.param(name, marks=pytest.mark.heavy) for name in ("save_trials", "save_stage"))],
)
def test_a_halving_killed_in_a_verdict_comes_to_the_same(
    services: Services, service: TrainingService, terms_of: Terms, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    service.speed = 4
    terms = terms_of(
        space="learning_rate_multiplier = [0.25, 0.5, 2.0, 8.0]", hyperparameters="",
        halving='by = "pause"\nrungs = [1, 2]', search='strategy = "grid"\nat_once = 4',
    )  # fmt: skip
    sweep = begin(services, terms)

    class Killed(BaseException):
        pass

    owner: Any = following if step == "control_job" else Store
    original, calls = getattr(owner, step), [0]

    def dying(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        calls[0] += 1
        if calls[0] > 4 and calls[0] % 2:  # every second call of the verdict's is the last of its process
            raise Killed
        return result

    monkeypatch.setattr(owner, step, dying)
    lives = 0
    while lives < 40:
        lives += 1
        try:
            runner_of(services, sweep).run()
            break
        except Killed:
            continue
    assert 1 < lives < 40
    by_rate = {rate_of(body): job for body, job in zip(service.created(), service.jobs.values(), strict=True)}
    statuses = {rate: job["status"] for rate, job in by_rate.items()}
    assert statuses == {0.25: "cancelled", 0.5: "succeeded", 2.0: "succeeded", 8.0: "cancelled"}
    assert len(service.jobs) == 4


def test_three_refusals_in_a_row_stop_it(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    service.faults["POST", JOBS] += [refuse(400, "no such parameter")] * 5
    terms = terms_of(space="learning_rate_multiplier = [0.5, 1.0, 2.0, 4.0, 8.0]")
    ended = run(services, terms)
    assert ended.state is SweepState.STOPPED
    assert ended.reason.startswith("3 launches in a row were refused")
    assert service.count("POST", JOBS) == 3


def test_a_key_that_is_refused_stops_it_at_once(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    sweep = begin(services, terms_of())
    service.faults["POST", JOBS] += [refuse(401, "bad key", "invalid_api_key")] * 9
    ended = runner_of(services, sweep).run()
    assert ended.state is SweepState.STOPPED
    assert service.count("POST", JOBS) == 1


def test_a_file_or_a_price_that_has_changed_since_stops_it(
    services: Services, service: TrainingService, terms_of: Terms, tmp_path: Path
) -> None:
    sweep = begin(services, terms_of())
    (tmp_path / "train.jsonl").write_text((tmp_path / "train.jsonl").read_text() * 2)
    ended = runner_of(services, sweep).run()
    assert (ended.state, "train.jsonl has changed" in ended.reason) == (SweepState.STOPPED, True)
    assert not service.jobs


def test_a_service_that_takes_no_more_jobs_now_is_waited_for(
    services: Services, service: TrainingService, terms_of: Terms
) -> None:
    words = "This fine-tune request has been rate-limited. You may have at most 1 active jobs at once."
    service.faults["POST", JOBS] += [refuse(429, words, "concurrent_fine_tuning_job_limit_exceeded")]
    sweep = begin(services, terms_of())
    runner = runner_of(services, sweep)
    services.store.begin_sweep(sweep.id)
    runner.step()
    assert services.store.queued_launches() == []
    assert services.store.trials(sweep.id)[0].state in (TrialState.PLANNED, TrialState.RUNNING)


def test_the_network_may_be_away_for_a_while(
    services: Services, service: TrainingService, terms_of: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.sweeps.sending._AGAIN_SECONDS", 0.0)
    for path in ("/v1/files", JOBS):
        service.faults["GET", path] += [drop] * 2
    ended = run(services, terms_of())
    assert ended.state is SweepState.DONE
    assert len(service.jobs) == 3


def test_a_process_that_died_of_an_error_leaves_its_words_on_the_board(
    services: Services, terms_of: Terms
) -> None:
    sweep = begin(services, terms_of())
    services.store.begin_sweep(sweep.id)
    folder = paths.sweeps_dir() / sweep.id
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "1.log"
    log.write_text("12:00:00 Trial 1: job ftjob-1 on openai\n", "utf-8")
    board = read_board(services, sweep.id)
    assert (board.state_words, board.last_words) == ("interrupted", "")
    log.write_text("12:00:00 Trial 1: job ftjob-1 on openai\n  The disk is full.\n", "utf-8")
    assert read_board(services, sweep.id).last_words == "The disk is full."


def test_a_store_that_is_locked_for_a_while_ends_no_sweep(
    services: Services, service: TrainingService, terms_of: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.sweeps.runner._STORE_PAUSE_SECONDS", 0.0)
    original, failures = Store.trials, [3]

    def locked(store: Store, sweep_id: str) -> Any:
        if failures[0] and service.jobs:
            failures[0] -= 1
            raise StoreError("Another program keeps the store locked.", "")
        return original(store, sweep_id)

    sweep = begin(services, terms_of())
    monkeypatch.setattr(Store, "trials", locked)
    assert runner_of(services, sweep).run().state is SweepState.DONE
    assert (failures[0], len(service.jobs)) == (0, 3)


def test_one_process_at_a_time_is_at_a_sweep(services: Services, terms_of: Terms) -> None:
    from tui.errors import TunedeckError

    sweep = begin(services, terms_of())
    assert not is_being_run(sweep.id)
    lock = runner_lock(sweep.id)
    assert lock.acquire()
    try:
        assert is_being_run(sweep.id)
        with pytest.raises(TunedeckError, match="Another process"):
            runner_of(services, sweep).run()
    finally:
        lock.release()
