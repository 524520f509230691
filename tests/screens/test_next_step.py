from __future__ import annotations

from screens.next_step import next_step
from screens.verdicts import verdict
from tests.screens.fakes import BASE, NOW, TUNED, make_job
from tui.data.examples import SENTIMENT
from tui.engine_watch import EngineState, Phase
from tui.jobs.overview import Overview
from tui.records.jobs import JobState
from tui.records.models import ModelInfo
from tui.store.rows import DatasetRecord

READY = EngineState(Phase.READY, BASE)
NOTHING = Overview()
CHECKED = DatasetRecord(SENTIMENT.training, "0" * 64, 100, 90, "chat", True, {"error": 0, "warning": 0}, NOW)


def words(known: Overview, engine: EngineState = READY) -> str:
    return "".join(text for text, _ in next_step(engine, known))


def test_a_newcomer_is_led_to_the_example() -> None:
    assert "e checks it, then l trains on it" in words(NOTHING)


def test_a_sound_dataset_leads_to_launch() -> None:
    assert words(NOTHING._replace(datasets=[CHECKED])).startswith("sentiment-train.jsonl is sound. l ")


def test_a_tuned_model_leads_to_chat() -> None:
    models = [ModelInfo("local", TUNED, base_model=BASE)]
    assert words(NOTHING._replace(datasets=[CHECKED], models=models)).startswith("c talks to")


def test_a_job_under_way_comes_first_and_one_that_is_lost_does_not() -> None:
    assert "cups is under way" in words(NOTHING._replace(jobs=[make_job(suffix="cups")]))
    waiting = make_job("ftjob-two", state=JobState.QUEUED, suffix="later")
    running = make_job(suffix="cups", state=JobState.RUNNING)
    assert "cups and 1 more are under way" in words(NOTHING._replace(jobs=[waiting, running]))
    assert "under way" not in words(NOTHING._replace(jobs=[make_job(state=JobState.OTHER)]))


def test_an_engine_that_failed_says_why_and_how_to_try_again() -> None:
    failed = EngineState(Phase.FAILED, error="The disk is full.", remedy="Free some space.")
    text = words(NOTHING._replace(jobs=[make_job()]), failed)
    assert "The disk is full. Free some space. r tries again." in text


def test_a_verdict_reads_without_colour() -> None:
    assert verdict(None) == ("not checked", "muted")
    assert verdict(CHECKED, 100)[0] == "✓ sound"
    assert verdict(CHECKED, 101)[0] == "changed since"
    assert verdict(CHECKED._replace(counts={"warning": 1}))[0] == "! 1 warning"
    assert verdict(CHECKED._replace(valid=False, counts={"error": 2}))[0] == "✗ 2 errors"
