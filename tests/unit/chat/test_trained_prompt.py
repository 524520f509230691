from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui import paths
from tui.chat.lanes import Lane
from tui.chat.trained_prompt import common_prompt, trained_prompt
from tui.records.jobs import Checkpoint, Job, JobState
from tui.store.archive_queries import ArchiveNote
from tui.store.launch_rows import LaunchRecord, LaunchState
from tui.store.store import Store

TUNED = "ft:smollm2:local:tone:abc"


@pytest.fixture
def store(isolated_home: Path) -> Iterator[Store]:
    with Store(paths.store_file()) as opened:
        yield opened


def row(prompt: str | None) -> str:
    system = [] if prompt is None else [{"role": "system", "content": prompt}]
    return json.dumps({"messages": [*system, {"role": "user", "content": "q"}]})


def launched(store: Store, dataset: Path) -> None:
    store.save_job(
        Job("local", "ftjob-1", JobState.SUCCEEDED, "succeeded", "smollm2", fine_tuned_model=TUNED)
    )
    store.save_checkpoints("local", "ftjob-1", [Checkpoint("c", "ftjob-1", f"{TUNED}:ckpt-step-4", 4)])
    store.claim_launch(
        LaunchRecord("run", "local", LaunchState.CREATED, {}, "f", dataset, "0" * 64, {}, "ftjob-1", None, 1)
    )


@pytest.mark.parametrize("model", [TUNED, f"{TUNED}:ckpt-step-4"])
def test_a_tuned_model_brings_the_prompt_of_its_training_file(
    store: Store, tmp_path: Path, model: str
) -> None:
    dataset = tmp_path / "train.jsonl"
    dataset.write_text("\n".join([row("Answer with one word.")] * 3), encoding="utf-8")
    launched(store, dataset)
    assert trained_prompt(store, [Lane("local", "smollm2"), Lane("local", model)]) == "Answer with one word."
    assert trained_prompt(store, [Lane("local", "smollm2")]) == ""


def test_a_model_of_a_job_that_was_made_elsewhere_brings_that_of_its_copy(
    store: Store, tmp_path: Path
) -> None:
    store.save_job(Job("openai", "ftjob-2", JobState.SUCCEEDED, "succeeded", "gpt", fine_tuned_model=TUNED))
    lanes = [Lane("openai", TUNED)]
    assert trained_prompt(store, lanes) == ""
    store.note_archive(ArchiveNote("openai", "ftjob-2", str(tmp_path), None, None))
    assert trained_prompt(store, lanes) == ""  # the service had deleted the file
    (tmp_path / "training.jsonl").write_text(row("Be kind."), encoding="utf-8")
    assert trained_prompt(store, lanes) == "Be kind."


def test_what_was_trained_on_goes_before_what_the_file_says_now(store: Store, tmp_path: Path) -> None:
    dataset, copy = tmp_path / "train.jsonl", tmp_path / "copy"
    copy.mkdir()
    dataset.write_text(row("Changed since."), encoding="utf-8")
    (copy / "training.jsonl").write_text(row("As it was."), encoding="utf-8")
    launched(store, dataset)
    assert trained_prompt(store, [Lane("local", TUNED)]) == "Changed since."
    store.note_archive(ArchiveNote("local", "ftjob-1", str(copy), None, None))
    assert trained_prompt(store, [Lane("local", TUNED)]) == "As it was."


@pytest.mark.parametrize(
    "text",
    [
        "",
        row(None),
        f"{row('one')}\n{row('two')}",
        "{broken",
        "[1]\nnull",
        '{"messages": [7]}',
        '{"messages": [{"role": "system", "content": [1]}]}',
        "[" * 100_000,
    ],
)
def test_a_file_without_one_common_prompt_brings_none(tmp_path: Path, text: str) -> None:
    dataset = tmp_path / "train.jsonl"
    dataset.write_text(text, encoding="utf-8")
    assert common_prompt(dataset) == ""


def test_preference_rows_and_rows_without_a_prompt_are_understood(tmp_path: Path) -> None:
    dataset = tmp_path / "train.jsonl"
    preference = json.dumps({"input": {"messages": [{"role": "system", "content": "Be brief."}]}})
    dataset.write_text(f"{row(None)}\n{preference}\n", encoding="utf-8")
    assert common_prompt(dataset) == "Be brief."


def test_a_file_that_is_gone_brings_none(tmp_path: Path) -> None:
    assert common_prompt(tmp_path / "gone.jsonl") == ""
