from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tests.engine.trainer.models import chat_row, chat_rows, write_job
from tui.engine.llama.base_model import load_base_model
from tui.engine.llama.peft_files import load_peft
from tui.engine.run_folder import ENGINE_VARIABLE, METRIC_COLUMNS, append_event, read_events
from tui.engine.server.event_log import EventLog
from tui.engine.worker import resume_state, run_job, run_log
from tui.engine.worker.stop_request import StopReason, StopRequest
from tui.engine.worker.threads import CHAT_ACTIVE, allowed_threads

DEADLINE = 60.0
LONG = {"n_epochs": 10, "batch_size": 2, "learning_rate_multiplier": 1}


class StopAfter(StopRequest):
    """Asks to stop when so many steps are done."""

    def __init__(self, folder: Path, steps: int, reason: StopReason) -> None:
        super().__init__(folder)
        self._left = steps
        self._reason = reason

    def reason(self) -> StopReason | None:
        self._left -= 1
        return self._reason if self._left < 0 else None


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny_base_model(tmp_path / "tiny")


def run(folder: Path) -> int:
    return run_job.run_job(folder, StopRequest(folder))


def start_worker(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tui.engine.worker", str(folder)]
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def wait_for_metrics(folder: Path, count: int) -> None:
    end = time.monotonic() + DEADLINE
    while len(metrics(folder)) < count:
        assert time.monotonic() < end, (folder / "worker.log").read_text()
        time.sleep(0.005)


def done(folder: Path) -> dict[str, Any]:
    verdict: dict[str, Any] = json.loads((folder / "done.json").read_text())
    return verdict


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [event["data"] for event in read_events(folder) if event["type"] == "metrics"]


def messages(folder: Path) -> list[str]:
    return [event["message"] for event in read_events(folder) if event["type"] == "message"]


def adapter_of(folder: Path, base: Path) -> np.ndarray:
    return load_peft(folder / "adapter", load_base_model(base).config).vector


def test_a_job_ends_with_everything_a_run_folder_promises(tmp_path: Path, base: Path) -> None:
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10), validation=chat_rows(3))
    assert start_worker(folder).wait(DEADLINE) == 0, (folder / "worker.log").read_text()
    assert done(folder)["status"] == "succeeded"
    assert done(folder)["error"] is None
    found = metrics(folder)
    assert [data["step"] for data in found] == list(range(1, 10))
    assert found[-1]["train_loss"] < found[0]["train_loss"]
    assert {data["total_steps"] for data in found} == {9}
    assert [data["step"] for data in found if "full_valid_loss" in data] == [3, 6, 9]
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "step-000003",
        "step-000006",
        "step-000009",
    ]
    checkpoint = json.loads((folder / "checkpoints" / "step-000006" / "checkpoint.json").read_text())
    assert checkpoint["step_number"] == 6
    assert checkpoint["metrics"]["full_valid_loss"] == found[5]["full_valid_loss"]
    assert checkpoint["fine_tuned_model_checkpoint"] == "ft:tiny:local:test:abcd1234:ckpt-step-6"
    rows = list(csv.DictReader((folder / "result.csv").read_text().splitlines()))
    assert tuple(rows[0]) == METRIC_COLUMNS
    assert [float(row["train_loss"]) for row in rows] == [data["train_loss"] for data in found]
    progress = json.loads((folder / "progress.json").read_text())
    assert progress["step"] == progress["total_steps"] == 9
    assert progress["resolved_hyperparameters"] == {
        "n_epochs": 3,
        "batch_size": 4,
        "learning_rate_multiplier": 1.0,
    }
    tokenizer = load_base_model(base).tokenizer
    per_epoch = sum(len(tokenizer.encode_chat(row["messages"], None, False)) for row in chat_rows(10))
    assert done(folder)["trained_tokens"] == progress["trained_tokens"] == 3 * per_epoch
    assert np.abs(adapter_of(folder, base)).max() > 0


def test_a_worker_killed_at_any_moment_goes_on_to_the_same_numbers(tmp_path: Path, base: Path) -> None:
    undisturbed = write_job(
        tmp_path / "a" / "job", base, chat_rows(40), validation=chat_rows(4), hyperparameters=LONG
    )
    killed = write_job(
        tmp_path / "b" / "job", base, chat_rows(40), validation=chat_rows(4), hyperparameters=LONG
    )
    assert run(undisturbed) == 0
    for count in (30, 90):
        worker = start_worker(killed)
        wait_for_metrics(killed, count)
        worker.send_signal(signal.SIGKILL)
        worker.wait(DEADLINE)
    assert not (killed / "done.json").exists()
    assert start_worker(killed).wait(DEADLINE) == 0
    assert metrics(killed) == metrics(undisturbed)
    assert (killed / "result.csv").read_bytes() == (undisturbed / "result.csv").read_bytes()
    assert np.array_equal(adapter_of(killed, base), adapter_of(undisturbed, base))
    assert done(killed)["trained_tokens"] == done(undisturbed)["trained_tokens"]
    said = messages(killed)
    assert sum(text.startswith("Resumed from step") for text in said) == 2
    created = [text for text in said if text.startswith("Checkpoint created")]
    assert created == [text for text in messages(undisturbed) if text.startswith("Checkpoint created")]


def test_a_torn_event_stays_as_it_is_and_what_follows_begins_a_new_line(tmp_path: Path, base: Path) -> None:
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10))
    assert run_job.run_job(folder, StopAfter(folder, 4, StopReason.PAUSE)) == 0
    events = folder / "events.jsonl"
    torn = b'{"object":"fine_tuning.job.ev'
    before = events.read_bytes() + torn
    events.write_bytes(before)
    assert run(folder) == 0
    # Cutting it off could take away a line that the server is just writing.
    assert events.read_bytes().startswith(before + b"\n")
    lines = [line for line in events.read_bytes().splitlines() if line != torn]
    assert all(json.loads(line)["object"] == "fine_tuning.job.event" for line in lines)
    assert [event["id"] for event in EventLog(events).events()] == [json.loads(line)["id"] for line in lines]
    assert [data["step"] for data in metrics(folder)] == list(range(1, 10))


def test_an_event_that_found_no_room_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_event(tmp_path, "first")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:20]))
    with pytest.raises(OSError, match="space"):
        append_event(tmp_path, "lost")
    monkeypatch.undo()
    append_event(tmp_path, "second")
    assert messages(tmp_path) == ["first", "second"]


@pytest.mark.skipif(sys.platform == "win32", reason="a parent is not known by its number there")
def test_a_worker_whose_engine_is_gone_before_it_looks_leaves_the_run_alone(
    tmp_path: Path, base: Path
) -> None:
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(DEADLINE)
    worker = subprocess.Popen(
        [sys.executable, "-m", "tui.engine.worker", str(folder)],
        env={**os.environ, ENGINE_VARIABLE: str(gone.pid)},
    )
    assert worker.wait(DEADLINE) == run_job.EXIT_TO_BE_CONTINUED
    assert read_events(folder) == []
    assert not (folder / "state").exists()


@pytest.mark.parametrize(("name", "status"), [("stop-pause", "paused"), ("stop-cancel", "cancelled")])
def test_a_stop_file_and_a_signal_end_a_run_after_its_step(
    tmp_path: Path, base: Path, name: str, status: str
) -> None:
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(40), hyperparameters=LONG)
    worker = start_worker(folder)
    wait_for_metrics(folder, 5)
    (folder / name).touch()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(DEADLINE) == 0
    assert done(folder)["status"] == status
    stopped_at = len(metrics(folder))
    assert stopped_at < 200
    (folder / name).unlink()
    assert run(folder) == 0
    if status == "paused":
        assert done(folder)["status"] == "succeeded"
        assert f"Resumed from step {stopped_at} of 200" in messages(folder)
        assert [data["step"] for data in metrics(folder)] == list(range(1, 201))
    else:
        assert done(folder)["status"] == "cancelled"
        assert len(metrics(folder)) == stopped_at


def test_a_signal_alone_keeps_the_state_and_gives_no_verdict(tmp_path: Path, base: Path) -> None:
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(40), hyperparameters=LONG)
    worker = start_worker(folder)
    wait_for_metrics(folder, 5)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(DEADLINE) == run_job.EXIT_TO_BE_CONTINUED
    assert not (folder / "done.json").exists()
    state = resume_state.load_state(folder / "state")
    assert state is not None
    assert state[0] == len(metrics(folder))


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is signalled on Linux only")
def test_a_worker_whose_engine_is_gone_leaves_by_itself(tmp_path: Path, base: Path) -> None:
    endless = {"n_epochs": 50, "batch_size": 1, "learning_rate_multiplier": 1}
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(100), hyperparameters=endless)
    program = (
        "import subprocess, sys, time\n"
        f"worker = subprocess.Popen([sys.executable, '-m', 'tui.engine.worker', {str(folder)!r}])\n"
        "print(worker.pid, flush=True); time.sleep(600)\n"
    )
    engine = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    worker_id = int(engine.stdout.readline())
    wait_for_metrics(folder, 3)
    engine.kill()
    engine.wait()
    engine.stdout.close()
    end = time.monotonic() + DEADLINE
    while not (folder / "state" / "resume.json").exists() or Path(f"/proc/{worker_id}/exe").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert not (folder / "done.json").exists()


def test_only_the_last_three_checkpoints_are_kept(tmp_path: Path, base: Path) -> None:
    settings = {"n_epochs": 6, "batch_size": 5}
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10), hyperparameters=settings)
    run(folder)
    kept = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert kept == ["step-000008", "step-000010", "step-000012"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_a_number_ends_as_failed_with_a_reason(tmp_path: Path, base: Path) -> None:
    settings = {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1e30}
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10), hyperparameters=settings)
    assert run(folder) == 0
    verdict = done(folder)
    assert verdict["status"] == "failed"
    assert verdict["error"]["code"] == "loss_not_finite"
    assert "learning_rate_multiplier" in verdict["error"]["message"]
    assert all(np.isfinite(data["train_loss"]) for data in metrics(folder))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{not json", "Line 3 of training.jsonl is not JSON"),
        ("[1, 2]", "Line 3 of training.jsonl is not a JSON object"),
        ('{"text": "x"}', "Line 3 of training.jsonl can't be learned: it lacks 'prompt'"),
        ('{"messages": 5}', "Line 3 of training.jsonl can't be learned: its fields have the wrong types"),
    ],
)
def test_a_poisoned_file_ends_as_failed_and_names_the_line(
    tmp_path: Path, base: Path, line: str, said: str
) -> None:
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10))
    lines = (folder / "training.jsonl").read_text().splitlines()
    lines[2] = line
    (folder / "training.jsonl").write_text("\n".join(lines))
    run(folder)
    error = done(folder)["error"]
    assert error["code"] == "invalid_training_file"
    assert error["param"] == "training_file"
    assert said in error["message"]


def test_a_file_without_any_answer_ends_as_failed(tmp_path: Path, base: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "hello"}]}] * 10
    folder = write_job(tmp_path / "jobs" / "one", base, rows)
    run(folder)
    assert done(folder)["error"]["code"] == "invalid_training_file"
    assert "10 examples hold nothing to learn and were left out" in messages(folder)


def test_examples_that_are_cut_off_are_counted_in_an_event(tmp_path: Path, base: Path) -> None:
    rows = [*chat_rows(9), chat_row("?", "long " * 100)]
    folder = write_job(tmp_path / "jobs" / "one", base, rows, max_tokens_per_example=200)
    run(folder)
    assert done(folder)["status"] == "succeeded"
    assert "1 examples were cut off at 200 tokens" in messages(folder)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("odd"), "training_failed"),
    ],
)
def test_what_goes_wrong_while_saving_ends_as_failed_with_its_reason(
    tmp_path: Path, base: Path, error: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10))
    monkeypatch.setattr(run_job, "save_state", broken)
    assert run(folder) == 0
    assert done(folder)["status"] == "failed"
    assert done(folder)["error"]["code"] == code
    assert done(folder)["trained_tokens"] > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="file size limits are POSIX")
def test_a_full_disk_in_the_middle_of_a_run_leaves_a_verdict(tmp_path: Path, base: Path) -> None:
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10))
    # Files may grow to 20 kB only: events and verdict fit, arrays do not, as on a full disk.
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from pathlib import Path\n"
        "from tui.engine.worker.run_job import run_job\n"
        "from tui.engine.worker.stop_request import StopRequest\n"
        f"folder = Path({str(folder)!r})\n"
        "sys.exit(run_job(folder, StopRequest(folder)))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=DEADLINE, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert done(folder)["error"]["code"] == "disk_full"


def test_a_job_can_go_on_from_an_existing_adapter(tmp_path: Path, base: Path) -> None:
    first = write_job(tmp_path / "a" / "job", base, chat_rows(10), hyperparameters=LONG)
    run(first)
    second = write_job(
        tmp_path / "b" / "job",
        base,
        chat_rows(10),
        start_adapter=str(first / "adapter"),
        hyperparameters=LONG,
    )
    run(second)
    assert metrics(second)[0]["train_loss"] < 0.7 * metrics(first)[0]["train_loss"]


def test_a_dpo_job_starts_at_the_logarithm_of_two_and_reports_rewards(tmp_path: Path, base: Path) -> None:
    rows = [
        {
            "input": {"messages": [{"role": "user", "content": f"Say {number}"}]},
            "preferred_output": [{"role": "assistant", "content": "gladly"}],
            "non_preferred_output": [{"role": "assistant", "content": "never"}],
        }
        for number in range(10)
    ]
    folder = write_job(tmp_path / "jobs" / "one", base, rows, method="dpo", validation=rows[:3])
    run(folder)
    assert done(folder)["status"] == "succeeded"
    found = metrics(folder)
    assert found[0]["train_loss"] == 0.693147
    assert found[-1]["train_loss"] < 0.693147
    assert found[-1]["rewards_accuracy"] == 1.0
    assert found[-1]["full_valid_rewards_margin"] > 0
    progress = json.loads((folder / "progress.json").read_text())
    assert progress["resolved_hyperparameters"]["beta"] == 0.1


def test_tools_of_a_row_are_part_of_what_is_trained(tmp_path: Path, base: Path) -> None:
    tool = {"type": "function", "function": {"name": "weather", "description": "Tells the weather"}}
    with_tools = [{**row, "tools": [tool]} for row in chat_rows(10)]
    plain = write_job(tmp_path / "a" / "job", base, chat_rows(10))
    tooled = write_job(tmp_path / "b" / "job", base, with_tools)
    run(plain)
    run(tooled)
    assert done(tooled)["trained_tokens"] > done(plain)["trained_tokens"] + 10 * 3 * 20


def test_a_finished_job_is_not_trained_again(tmp_path: Path, base: Path) -> None:
    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10))
    run(folder)
    before = (folder / "events.jsonl").read_bytes()
    assert run(folder) == 0
    assert (folder / "events.jsonl").read_bytes() == before


def test_a_job_resumed_after_its_last_step_still_publishes_its_adapter(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    folder = write_job(tmp_path / "jobs" / "one", base, chat_rows(10))
    with monkeypatch.context() as patch:
        patch.setattr(run_job, "publish_adapter", killed)
        with pytest.raises(KeyboardInterrupt):
            run(folder)
    assert run(folder) == 0
    assert done(folder)["status"] == "succeeded"
    assert (folder / "adapter" / "adapter_model.safetensors").exists()


def test_a_chat_takes_one_core_from_training(tmp_path: Path) -> None:
    assert allowed_threads(tmp_path, 4) == 4
    mark = tmp_path / CHAT_ACTIVE
    mark.touch()
    assert allowed_threads(tmp_path, 4) == 3
    assert allowed_threads(tmp_path, 1) == 1
    long_ago = time.time() - 60
    os.utime(mark, (long_ago, long_ago))
    assert allowed_threads(tmp_path, 4) == 4


def test_a_checkpoint_in_the_list_is_always_complete(tmp_path: Path) -> None:
    class Breaking:
        def save_adapter(self, folder: Path) -> None:
            folder.mkdir(parents=True)
            (folder / "adapter_config.json").write_text("{}")
            raise OSError(errno.ENOSPC, "No space left on device")

    log = run_log.RunLog(tmp_path)
    with pytest.raises(OSError, match="No space"):
        log.checkpoint(3, Breaking(), {}, "ft:x")  # type: ignore[arg-type]
    assert not list((tmp_path / "checkpoints").iterdir())
