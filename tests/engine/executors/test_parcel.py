"""What travels to a place that sees nothing of this machine, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui.engine.executors.parcel import bring_back, forget_job, pack, place_stop_files
from tui.engine.run_folder import DONE, STOP_CANCEL, STOP_PAUSE, append_event, read_events


@pytest.fixture
def packed(run_folder: Path, tmp_path: Path) -> Path:
    base = tmp_path / "bases" / "tiny"
    base.mkdir(parents=True)
    (base / "weights").write_bytes(b"w" * 100)
    (run_folder / "start_adapter").mkdir()
    (run_folder / "start_adapter" / "a").write_text("a")
    (run_folder / "training.jsonl").write_text("rows")
    spec = {"base_model_folder": str(base), "start_adapter": str(run_folder / "start_adapter"), "seed": 1}
    (run_folder / "spec.json").write_text(json.dumps(spec))
    return pack(run_folder, tmp_path / "store", "/far/store")


def checkpoint(folder: Path, step: int, *, whole: bool = True) -> None:
    target = folder / "checkpoints" / f"step-{step:06d}"
    target.mkdir(parents=True)
    (target / "adapter_model.safetensors").write_text(f"adapter {step}")
    if whole:
        (target / "checkpoint.json").write_text(json.dumps({"step_number": step}))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def steps(folder: Path) -> list[object]:
    return [event["data"]["step"] for event in read_events(folder) if event["type"] == "metrics"]


def test_paths_are_those_of_the_other_side(packed: Path, run_folder: Path) -> None:
    spec = json.loads((packed / "spec.json").read_text())
    assert spec["start_adapter"] == f"/far/store/jobs/{run_folder.name}/start_adapter"
    base = Path(spec["base_model_folder"])
    assert base.parent == Path("/far/store/bases")
    assert (packed.parent.parent / "bases" / base.name / "weights").read_bytes() == b"w" * 100
    assert (packed / "training.jsonl").read_text() == "rows"


def test_a_job_that_goes_on_keeps_what_it_wrote_but_for_wishes_and_verdicts(
    packed: Path, run_folder: Path, tmp_path: Path
) -> None:
    for name in (DONE, STOP_PAUSE, STOP_CANCEL, "progress.json"):
        (packed / name).write_text("{}")
    assert pack(run_folder, tmp_path / "store", "/far/store") == packed
    assert (packed / "progress.json").exists()
    assert not any((packed / name).exists() for name in (DONE, STOP_PAUSE, STOP_CANCEL))


def test_a_changed_base_model_is_another_one(packed: Path, run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bases" / "tiny" / "weights").write_bytes(b"new")
    pack(run_folder, tmp_path / "store", "/far/store")
    assert len(list((tmp_path / "store" / "bases").iterdir())) == 2


def test_events_come_back_once_and_a_step_measured_again_is_not_told_twice(
    packed: Path, run_folder: Path
) -> None:
    append_event(run_folder, "said here")
    for step in (1, 2):
        append_event(packed, f"step {step}", kind="metrics", data={"step": step, "train_loss": 1.0})
    bring_back(packed, run_folder)
    append_event(packed, "step 2 again", kind="metrics", data={"step": 2, "train_loss": 9.0})
    append_event(packed, "step 3", kind="metrics", data={"step": 3})
    bring_back(packed, run_folder)
    bring_back(packed, run_folder)
    assert steps(run_folder) == [1, 2, 3]
    assert [event["message"] for event in read_events(run_folder)] == [
        "said here",
        "step 1",
        "step 2",
        "step 3",
    ]


def test_a_torn_line_is_left_until_it_is_whole(packed: Path, run_folder: Path) -> None:
    event = append_event(packed, "whole")
    line = json.dumps({**event, "id": "ftevent-2", "message": "torn at first"})
    with (packed / "events.jsonl").open("a") as file:
        file.write(line[:20])
    bring_back(packed, run_folder)
    assert len(read_events(run_folder)) == 1
    with (packed / "events.jsonl").open("a") as file:
        file.write(line[20:] + "\n")
    bring_back(packed, run_folder)
    assert [one["message"] for one in read_events(run_folder)] == ["whole", "torn at first"]


def test_checkpoints_come_whole_and_the_last_three_stay(packed: Path, run_folder: Path) -> None:
    for step in (1, 2):
        checkpoint(packed, step)
    checkpoint(packed, 3, whole=False)
    bring_back(packed, run_folder)
    assert names(run_folder) == ["step-000001", "step-000002"]
    (packed / "checkpoints" / "step-000003" / "checkpoint.json").write_text("{}")
    checkpoint(packed, 4)
    bring_back(packed, run_folder)
    assert names(run_folder) == ["step-000002", "step-000003", "step-000004"]


def test_the_verdict_comes_with_the_adapter_it_speaks_of(packed: Path, run_folder: Path) -> None:
    (packed / "adapter").mkdir()
    (packed / "adapter" / "adapter_config.json").write_text("{}")
    bring_back(packed, run_folder)
    assert not (run_folder / "adapter").exists()
    (packed / DONE).write_text('{"status": "succeeded"}')
    bring_back(packed, run_folder)
    assert (run_folder / "adapter" / "adapter_config.json").exists()
    assert (run_folder / DONE).exists()


def test_wishes_travel_and_a_job_is_forgotten_with_its_data(packed: Path, run_folder: Path) -> None:
    assert place_stop_files(run_folder, packed) == []
    (run_folder / STOP_PAUSE).touch()
    assert place_stop_files(run_folder, packed) == [STOP_PAUSE]
    assert (packed / STOP_PAUSE).exists()
    forget_job(packed.parent.parent, run_folder.name)
    assert not packed.exists()
    assert list((packed.parent.parent / "bases").iterdir())


def test_only_the_end_of_a_long_log_is_brought(
    packed: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.executors.parcel._LOG_BYTES", 10)
    (packed / "worker.log").write_text("0123456789the end of it")
    bring_back(packed, run_folder)
    assert (run_folder / "worker.log").read_text() == " end of it"
