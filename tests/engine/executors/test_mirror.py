"""The worker on a mounted bucket: trained on the machine's own disk, mirrored as whole files."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.server.harness import chat_rows
from tests.engine.tiny_model import make_tiny_base_model
from tests.support import wait_until
from tui.engine.bundle import bundle_folder
from tui.engine.executors.carried import ENTRY
from tui.engine.far.mirror import Mirror
from tui.engine.run_folder import DONE, STOP_PAUSE, metrics_by_step


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A job in a store, ready to be trained."""
    make_tiny_base_model(tmp_path / "tiny", name="tiny")
    folder = tmp_path / "bucket" / "jobs" / "ftjob-1"
    folder.mkdir(parents=True)
    (folder / "training.jsonl").write_bytes(chat_rows(8))
    spec = {
        "job_id": "ftjob-1",
        "method": "supervised",
        "trainer": "embedded",
        "base_model_folder": str(tmp_path / "tiny"),
        "hyperparameters": {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 1.0},
        "seed": 3,
        "fine_tuned_model": "ft:tiny",
        "training_file": "training.jsonl",
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    return folder


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "local"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_a_bundle_trains_a_job_in_a_bucket_to_its_end(mounted: Path, tmp_path: Path) -> None:
    bundle = bundle_folder(tmp_path / "bucket" / "code", ENTRY)
    done = subprocess.run(
        [sys.executable, str(bundle), str(mounted)], capture_output=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads((mounted / DONE).read_text())["status"] == "succeeded"
    assert sorted(metrics_by_step(mounted)) == [1, 2, 3, 4]
    assert (mounted / "adapter" / "adapter_model.safetensors").exists()
    assert len(list(mounted.glob("checkpoints/*/checkpoint.json"))) == 2


def test_a_paused_job_leaves_its_state_in_the_bucket_and_goes_on_from_there(
    mounted: Path, tmp_path: Path
) -> None:
    spec = json.loads((mounted / "spec.json").read_text())
    spec["hyperparameters"]["n_epochs"] = 50
    (mounted / "spec.json").write_text(json.dumps(spec))
    code = "from pathlib import Path; import sys; from tui.engine.far.mirror import train_mirrored; "
    code += "sys.exit(train_mirrored(Path(sys.argv[1]), seconds=0.05))"

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", code, str(mounted)])

    first = start()
    wait_until(lambda: metrics_by_step(mounted), what="a first step in the bucket")
    (mounted / STOP_PAUSE).touch()
    assert first.wait(60) == 0
    assert json.loads((mounted / DONE).read_text())["status"] == "paused"
    reached = max(metrics_by_step(mounted))
    assert reached < 100
    (mounted / STOP_PAUSE).unlink()
    (mounted / DONE).unlink()
    second = start()
    wait_until(lambda: max(metrics_by_step(mounted), default=0) > reached, what="a further step")
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 75
    steps = sorted(metrics_by_step(mounted))
    assert steps == list(range(1, len(steps) + 1))
    assert json.loads((mounted / "state" / "resume.json").read_text())["step"] >= reached


def test_only_what_changed_is_copied_and_what_is_gone_goes(tmp_path: Path, local: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (local / "training.jsonl").write_text("rows")
    mirror = Mirror(local, bucket)
    (local / "events.jsonl").write_text("1\n")
    (local / ".half").write_text("x")
    mirror.copy()
    assert sorted(path.name for path in bucket.iterdir()) == ["events.jsonl"]
    (bucket / "events.jsonl").write_text("touched by nobody")
    mirror.copy()
    assert (bucket / "events.jsonl").read_text() == "touched by nobody"
    (local / "events.jsonl").write_text("1\n2\n")
    mirror.copy()
    assert (bucket / "events.jsonl").read_text() == "1\n2\n"
    (local / "events.jsonl").unlink()
    mirror.copy()
    assert list(bucket.iterdir()) == []


def test_a_verdict_is_not_copied_before_what_it_speaks_of(tmp_path: Path, local: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (local / DONE).write_text("{}")
    (local / "adapter").mkdir()
    (local / "adapter" / "weights").write_text("w")
    (bucket / "adapter").write_text("a file where a folder has to be: the copy fails")
    mirror = Mirror(local, bucket)
    mirror._copied.clear()
    mirror.copy()
    assert not (bucket / DONE).exists()
    (bucket / "adapter").unlink()
    mirror.copy()
    assert (bucket / DONE).exists()
    assert (bucket / "adapter" / "weights").read_text() == "w"
