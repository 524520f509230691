from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.money.catalog import Catalog
from tui.providers.translate import checkpoint_from, event_from, file_from, job_from, model_from
from tui.records.jobs import JobState, Method

CATALOG = Catalog.load()
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
JOB_FIELDS = [
    "id", "status", "model", "method", "created_at", "finished_at", "estimated_finish", "fine_tuned_model",
    "training_file", "validation_file", "result_files", "trained_tokens", "hyperparameters", "seed",
    "metadata", "error", "surprise",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(JOB_FIELDS), anything))
def test_a_job_of_any_content_is_understood(raw: dict[str, Any]) -> None:
    job = job_from(raw, "openai")
    assert job.raw == raw or json.dumps(job.raw) == json.dumps(raw)  # NaN is not equal to itself
    assert isinstance(job.state, JobState)
    assert job.raw_status


@given(st.dictionaries(st.sampled_from(["id", "created_at", "level", "message", "type", "data"]), anything))
def test_an_event_of_any_content_is_understood_and_has_a_stable_id(raw: dict[str, Any]) -> None:
    event = event_from(raw, "j")
    assert event.id
    assert event_from(raw, "j").id == event.id


@given(
    st.dictionaries(
        st.sampled_from(["id", "step_number", "metrics", "created", "bytes", "filename"]), anything
    )
)
def test_checkpoints_files_and_models_of_any_content_are_understood(raw: dict[str, Any]) -> None:
    checkpoint_from(raw, "j")
    file_from(raw)
    model_from(raw, "openai", "openai", CATALOG)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("validating_files", JobState.PREPARING),
        ("queued", JobState.QUEUED),
        ("running", JobState.RUNNING),
        ("paused", JobState.PAUSED),
        ("cancelling", JobState.STOPPING),
        ("succeeded", JobState.SUCCEEDED),
        ("failed", JobState.FAILED),
        ("cancelled", JobState.CANCELLED),
        ("compressing", JobState.FINISHING),
        ("cancel_requested", JobState.STOPPING),
        ("user_error", JobState.FAILED),
        ("JOB_STATE_COMPLETED", JobState.SUCCEEDED),
        ("JOB_STATE_UNSPECIFIED", JobState.OTHER),
        ("pondering", JobState.OTHER),
    ],
)
def test_the_services_word_is_kept_beside_ours(word: str, state: JobState) -> None:
    job = job_from({"id": "x", "status": word}, "openai")
    assert (job.state, job.raw_status) == (state, word)


def test_a_full_answer_is_understood() -> None:
    raw = {
        "id": "ftjob-1", "status": "succeeded", "model": "gpt-4.1", "fine_tuned_model": "ft:gpt-4.1:me::1",
        "method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1, "n_epochs": 2}}},
        "hyperparameters": {"n_epochs": None, "batch_size": 4}, "trained_tokens": 1212,
        "error": {"code": None, "message": None, "param": None}, "result_files": ["file-9", None],
        "metadata": {"a": 1}, "usage_metrics": {"kept": True},
    }  # fmt: skip
    job = job_from(raw, "openai")
    assert job.method is Method.DPO
    assert job.hyperparameters == {"batch_size": 4, "beta": 0.1, "n_epochs": 2}
    assert job.error is None
    assert job.result_files == ("file-9",)
    assert job.metadata == {"a": "1"}
    assert job.raw["usage_metrics"] == {"kept": True}


def test_the_reason_of_a_failure_passes_the_gate_for_foreign_text() -> None:
    job = job_from({"status": "failed", "error": {"code": "bad_file", "message": "line \x1b[31m3"}}, "openai")
    assert job.error is not None
    assert job.error.code == "bad_file"
    assert "\x1b" not in job.error.message


def test_a_models_end_is_the_services_date_or_else_the_catalogs() -> None:
    own = model_from(
        {"id": "ft:gpt-4.1-2025-04-14:a::b", "shutdown_date": "2026-12-31"}, "o", "openai", CATALOG
    )
    inherited = model_from({"id": "ft:gpt-4.1-2025-04-14:a::b"}, "o", "openai", CATALOG)
    assert (own.base_model, own.shutdown_date) == ("gpt-4.1-2025-04-14", "2026-12-31")
    assert inherited.shutdown_date == "2027-01-14"
    assert model_from({"id": "something-new"}, "o", "openai", CATALOG).shutdown_date is None
    assert not model_from({"id": "text-embedding-3-small"}, "o", "openai", CATALOG).can_chat
