from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.jobs.metrics import eta_seconds, progress_from, series_from, smoothed
from tui.jobs.results import read_result_file
from tui.records.jobs import Job, JobEvent, JobState

CSV = (
    b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,2.5,0.5,,\n2,2.0,0.75,2.25,0.5\n"
)
STEPS = {
    1: {"train_loss": 2.5, "train_mean_token_accuracy": 0.5},
    2: {
        "train_loss": 2.0,
        "train_mean_token_accuracy": 0.75,
        "valid_loss": 2.25,
        "valid_mean_token_accuracy": 0.5,
    },
}


@pytest.mark.parametrize(
    "content", [CSV, base64.b64encode(CSV), base64.encodebytes(CSV), b"\xef\xbb\xbf" + CSV]
)
def test_a_result_file_is_read_by_its_header_also_from_base64(content: bytes) -> None:
    assert read_result_file(content) == STEPS


def test_broken_rows_and_cells_are_left_out() -> None:
    content = b"step,train_loss\nx,1\n3,nan\n4,oops\n5,1.5,extra\n,7\n"
    assert read_result_file(content) == {3: {}, 4: {}, 5: {"train_loss": 1.5}}


@given(st.binary(max_size=200))
def test_no_content_of_a_result_file_is_an_accident(content: bytes) -> None:
    assert isinstance(read_result_file(content), dict)
    assert isinstance(read_result_file(b"step,train_loss\n" + content), dict)


def metrics_event(step: int, created_at: int, **more: Any) -> JobEvent:
    data = {"step": step, "total_steps": 100, **more}
    return JobEvent(f"e{step}", "j", created_at, "info", "", "metrics", data)


def a_job(state: JobState = JobState.RUNNING, **more: Any) -> Job:
    return Job("local", "j", state, str(state), "m", **more)


def test_series_are_ordered_by_step_and_known_names_come_first() -> None:
    series = series_from({2: {"zeal": 1.0, "train_loss": 2.0}, 1: {"train_loss": 3.0, "valid_loss": 4.0}})
    assert list(series) == ["train_loss", "valid_loss", "zeal"]
    assert series["train_loss"].points == ((1, 3.0), (2, 2.0))
    assert series["train_loss"].last == 2.0
    assert series["train_loss"].best == (2, 2.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 0.99))
def test_smoothing_stays_within_what_it_smooths(values: list[float], weight: float) -> None:
    result = smoothed(list(enumerate(values)), weight)
    assert [step for step, _ in result] == list(range(len(values)))
    assert result[0][1] == pytest.approx(values[0], rel=1e-6, abs=1e-6)
    slack = 1e-6 * max(1.0, max(map(abs, values)))
    assert all(min(values) - slack <= value <= max(values) + slack for _, value in result)


def test_the_time_left_follows_the_recent_pace() -> None:
    events = [metrics_event(step, 1000 + 2 * step) for step in range(1, 51)]
    assert eta_seconds(a_job(), events, now=1100) == pytest.approx(100)
    assert eta_seconds(a_job(), events, now=1110) == pytest.approx(90)
    progress = progress_from(events)
    assert progress is not None
    assert progress.share == 0.5


def test_without_steps_the_services_word_counts_and_a_job_that_rests_has_no_end() -> None:
    assert eta_seconds(a_job(estimated_finish=1500), [], now=1200) == 300
    assert eta_seconds(a_job(), [], now=1200) is None
    assert eta_seconds(a_job(JobState.PAUSED, estimated_finish=1500), [], now=1200) is None
    assert progress_from([]) is None
