from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui.jobs.files import job_files
from tui.jobs.held_out import held_out_file
from tui.jobs.plan import LaunchPlan
from tui.jobs.reports import file_sha256
from tui.records.jobs import Job, JobState
from tui.services import Services
from tui.store.launch_rows import LaunchRecord, LaunchState

JOB = Job("local", "ftjob-1", JobState.SUCCEEDED, "succeeded", "base", fine_tuned_model="tuned")


@pytest.fixture
def training(tmp_path: Path) -> Path:
    return write(tmp_path / "rows.jsonl", 40)


def write(path: Path, rows: int) -> Path:
    lines = [
        json.dumps({"messages": [{"role": "user", "content": f"q{number}"},
                                 {"role": "assistant", "content": f"a{number}"}]})
        for number in range(rows)
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def launched(services: Services, training: Path, sha256: str, **request: Any) -> None:
    kept = {"model": "base", "training": str(training), "method": "supervised", **request}
    services.store.claim_launch(
        LaunchRecord("run", "local", LaunchState.CREATED, kept, "f", training, sha256, {}, JOB.id, None, 1)
    )


def test_the_part_that_was_split_off_is_found_again_and_is_none_of_what_was_trained_on(
    services: Services, training: Path
) -> None:
    plan = LaunchPlan(account="local", model="base", training=training, split_share=0.25, seed=7)
    files = job_files(plan)
    launched(services, training, file_sha256(files.training), split_share=0.25, seed=7)
    found = held_out_file(services, JOB)
    assert found is not None
    held_out = set(found.read_text("utf-8").splitlines())
    assert len(held_out) == 10
    assert not held_out & set(files.training.read_text("utf-8").splitlines())


def test_a_file_that_changed_since_has_no_rows_held_out_of_the_training(
    services: Services, training: Path
) -> None:
    plan = LaunchPlan(account="local", model="base", training=training, split_share=0.25, seed=7)
    launched(services, training, file_sha256(job_files(plan).training), split_share=0.25, seed=7)
    write(training, 60)
    assert held_out_file(services, JOB) is None
    training.unlink()
    assert held_out_file(services, JOB) is None


def test_a_validation_file_of_its_own_is_found_as_long_as_it_is_there(
    services: Services, training: Path, tmp_path: Path
) -> None:
    validation = write(tmp_path / "valid.jsonl", 5)
    launched(services, training, "ab" * 32, validation=str(validation))
    assert held_out_file(services, JOB) == validation
    validation.unlink()
    assert held_out_file(services, JOB) is None


def test_a_job_of_elsewhere_or_of_a_launch_that_kept_too_little_has_none(
    services: Services, training: Path
) -> None:
    assert held_out_file(services, JOB) is None
    services.store.claim_launch(
        LaunchRecord("run", "local", LaunchState.CREATED, {}, "f", training, "ab" * 32, {}, JOB.id, None, 1)
    )
    assert held_out_file(services, JOB) is None
