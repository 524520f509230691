from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tui.jobs.checkpoint_use import CheckpointUse, checkpoint_uses
from tui.records.jobs import Checkpoint, Job, JobState
from tui.services import Services

BASE = "gpt-4.1-mini-2025-04-14"
FINAL = f"ft:{BASE}:me::x"
EARLY = Checkpoint("c1", "j", f"{FINAL}:ckpt-step-10", 10)
JOB = Job("openai", "j", JobState.SUCCEEDED, "succeeded", BASE, fine_tuned_model=FINAL)
WHILE_OPEN, AFTER_TRAINING, AFTER_ALL = date(2026, 11, 30), date(2027, 1, 10), date(2031, 1, 1)


def use_of(
    services: Services, checkpoint: Checkpoint = EARLY, job: Job = JOB, today: date = WHILE_OPEN
) -> CheckpointUse:
    return checkpoint_uses(services, job, [checkpoint], today=today)[checkpoint.id]


def test_everything_can_be_done_with_a_listed_checkpoint_of_a_finished_job(services: Services) -> None:
    assert use_of(services).as_json() == {"chat": None, "compare": None, "train": None}


def test_no_checkpoint_asks_for_no_client(services: Services) -> None:
    assert checkpoint_uses(services, replace(JOB, account="nobody"), []) == {}


def test_after_the_last_day_of_training_it_can_still_be_talked_to(services: Services) -> None:
    use = use_of(services, today=AFTER_TRAINING)
    assert use.chat
    assert not use.train
    assert "ended on" in use.train.reason


def test_after_the_shutdown_nothing_can_be_done_and_the_day_is_named(services: Services) -> None:
    services.store.save_model_dates("openai", {BASE: "2030-10-01"})
    use = use_of(services, today=AFTER_ALL)
    assert {use.chat.reason, use.compare.reason, use.train.reason} == {
        f"{EARLY.model} was shut down on 2030-10-01."
    }


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [
        (EARLY._replace(model=""), "gives this checkpoint no name"),
        (EARLY._replace(is_listed=False), "does not list this checkpoint any more"),
    ],
)
def test_what_no_longer_answers_says_why(services: Services, checkpoint: Checkpoint, words: str) -> None:
    use = use_of(services, checkpoint)
    assert all(words in one.reason for one in (use.chat, use.compare, use.train))


def test_a_deleted_checkpoint_and_a_deleted_final_model_are_told_apart(services: Services) -> None:
    services.store.forget_model("openai", FINAL)
    use = use_of(services)
    assert use.chat
    assert "The final model" in use.compare.reason
    services.store.forget_model("openai", EARLY.model)
    assert use_of(services).chat.reason == f"{EARLY.model} was deleted."


def test_a_comparison_needs_a_final_model_that_is_another_one(services: Services) -> None:
    running = replace(JOB, state=JobState.RUNNING, fine_tuned_model=None)
    assert "no final model yet" in use_of(services, job=running).compare.reason
    last = EARLY._replace(model=FINAL)
    assert "is the final model" in use_of(services, last).compare.reason


def test_an_account_that_was_taken_out_is_told(services: Services) -> None:
    use = use_of(services, job=replace(JOB, account="nobody"))
    assert "There is no account 'nobody'" in use.train.reason


def test_a_base_that_the_catalog_does_not_know_may_be_trained_again(services: Services) -> None:
    assert use_of(services, job=replace(JOB, model="our-own-model")).train
