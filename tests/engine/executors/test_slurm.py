"""Slurm as executor, against stand-ins of its commands that really run what they are given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.executors.conftest import StandIn
from tests.support import wait_until
from tui.engine.executors import slurm
from tui.engine.executors.outside_command import Refused, Unreachable
from tui.engine.executors.slurm import Slurm, SlurmExecutor
from tui.engine.executors.watched import State, WatchedWorker, Work
from tui.engine.run_folder import DONE, STOP_PAUSE, read_events
from tui.errors import TunedeckError

COMMANDS = ("sbatch", "squeue", "sacct", "scancel")
QUICK = 0.02


@pytest.fixture
def cluster(stand_in: StandIn, no_settings: None) -> Path:
    return stand_in(Path(__file__).with_name("slurm_stand_in.py"), "SLURM_STAND_IN", *COMMANDS)


@pytest.fixture
def start(run_folder: Path) -> Iterator[Callable[..., WatchedWorker]]:
    started: list[WatchedWorker] = []

    def begin(code: str, *options: str) -> WatchedWorker:
        command = (sys.executable, "-S", "-c", code)
        started.append(WatchedWorker.start(Slurm(options, poll_seconds=QUICK), run_folder, command))
        return started[-1]

    yield begin
    for worker in started:
        worker.kill()
        ended(worker)


def ended(worker: WatchedWorker) -> WatchedWorker:
    wait_until(lambda: not worker.alive(), what="an ended worker")
    return worker


def messages(folder: Path) -> list[str]:
    return [str(event["message"]) for event in read_events(folder)]


def job(cluster: Path, number: int = 1000) -> dict[str, object]:
    value = json.loads((cluster / f"{number}.json").read_text())
    assert isinstance(value, dict)
    return value


def has_event(folder: Path, start_of_message: str) -> Callable[[], bool]:
    return lambda: any(text.startswith(start_of_message) for text in messages(folder))


def test_the_worker_runs_in_its_folder_and_prints_into_its_log(
    cluster: Path, run_folder: Path, start: Callable[..., WatchedWorker]
) -> None:
    worker = ended(
        start("import os; print('here', os.getcwd()); open('written', 'w').close()", "--partition=gpu")
    )
    assert (run_folder / "written").exists()
    assert f"here {run_folder}" in (run_folder / "worker.log").read_text()
    assert "--partition=gpu" in str(job(cluster)["arguments"])
    assert worker.how_it_ended() == "in state COMPLETED of Slurm"
    assert messages(run_folder)[0] == f"Handed to Slurm as {run_folder.name}-1"


def test_keys_of_services_do_not_travel_into_the_job(
    cluster: Path,
    run_folder: Path,
    start: Callable[..., WatchedWorker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    ended(start("import os; print(os.environ.get('OPENAI_API_KEY'))"))
    assert not {"OPENAI_API_KEY", "RAY_AUTH_TOKEN"} & set(job(cluster)["environment"])  # type: ignore[call-overload]
    assert "sk-secret" not in (run_folder / "worker.log").read_text()


@pytest.mark.parametrize("trouble", ["", "forgetful", "no-accounts"])
def test_a_failed_worker_is_seen_whether_queue_or_accounts_remember_it(
    cluster: Path, start: Callable[..., WatchedWorker], trouble: str
) -> None:
    (cluster / "trouble").write_text(trouble)
    worker = ended(start("raise SystemExit(3)"))
    expected = "in state FAILED of Slurm" if trouble == "no-accounts" else "with exit code 3"
    assert worker.how_it_ended() == expected
    assert worker.is_to_blame()


def test_a_worker_that_leaves_to_be_continued_is_not_to_blame(
    cluster: Path, start: Callable[..., WatchedWorker]
) -> None:
    assert not ended(start("raise SystemExit(75)")).is_to_blame()


def test_a_pause_takes_a_job_out_of_the_queue_where_it_waits(
    cluster: Path, run_folder: Path, start: Callable[..., WatchedWorker]
) -> None:
    (cluster / "hold").touch()
    worker = start("open('written', 'w').close()")
    wait_until(has_event(run_folder, "Waiting at Slurm (PENDING: Resources)"), what="a waiting job")
    (run_folder / STOP_PAUSE).touch()
    worker.ask_to_stop()
    ended(worker)
    assert job(cluster)["state"] == "CANCELLED"
    assert not worker.is_to_blame()
    assert not (run_folder / "written").exists()


def test_a_cancel_ends_the_process(
    cluster: Path, run_folder: Path, start: Callable[..., WatchedWorker]
) -> None:
    worker = start("open('written', 'w').close(); import time; time.sleep(600)")
    wait_until((run_folder / "written").exists, what="a running worker")
    worker.kill()
    ended(worker)
    assert worker.how_it_ended() == "in state CANCELLED of Slurm"
    assert not worker.is_to_blame()


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("controller", "Unable to contact slurm controller"),
        ("garbage", "a state that is not known here: 'WOBBLING'"),
        ("hang", "did not answer within"),
    ],
)
def test_a_silent_slurm_is_no_dead_job_and_is_told_once(
    cluster: Path,
    run_folder: Path,
    start: Callable[..., WatchedWorker],
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
    words: str,
) -> None:
    monkeypatch.setattr(slurm, "_ASK_SECONDS", 5.0 if trouble == "hang" else 60.0)
    worker = start("import time, pathlib\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)")
    wait_until(has_event(run_folder, "Handed to"), what="a start")
    (cluster / "trouble").write_text(trouble)
    wait_until(has_event(run_folder, "No connection to Slurm"), what="a lost connection")
    wait_until(lambda: (cluster / "trouble").exists() and worker.alive(), what="a worker taken to be alive")
    (cluster / "trouble").unlink()
    wait_until(has_event(run_folder, "The connection to Slurm is back"), what="a connection")
    (run_folder / "go").touch()
    ended(worker)
    lost = [text for text in messages(run_folder) if text.startswith("No connection")]
    assert len(lost) == 1
    assert words in lost[0]


def test_what_slurm_refuses_fails_the_job_with_its_words(
    cluster: Path, run_folder: Path, start: Callable[..., WatchedWorker]
) -> None:
    (cluster / "trouble").write_text("refuse")
    worker = ended(start("pass"))
    verdict = json.loads((run_folder / DONE).read_text())
    assert verdict["status"] == "failed"
    assert "Invalid partition name specified" in verdict["error"]["message"]
    assert not worker.is_to_blame()


def test_a_lost_answer_of_sbatch_starts_nothing_twice(
    cluster: Path, run_folder: Path, start: Callable[..., WatchedWorker]
) -> None:
    (cluster / "trouble").write_text("lost")
    ended(start("open('written', 'a').write('x')"))
    assert (run_folder / "written").read_text() == "x"
    assert len(list(cluster.glob("*.json"))) == 1
    assert messages(run_folder)[0].startswith("Whether Slurm started the job is not known yet")


def test_work_that_never_arrived_ends_and_may_be_started_again(cluster: Path, run_folder: Path) -> None:
    (run_folder / "attempts.json").write_text('{"attempts": 1}')
    handle = {"name": f"{run_folder.name}-1", "folder": str(run_folder)}
    worker = WatchedWorker.attach(Slurm((), poll_seconds=QUICK), handle)
    assert worker is not None
    assert ended(worker).is_to_blame()


def test_an_engine_that_was_started_anew_finds_its_job_again(
    cluster: Path, run_folder: Path, start: Callable[..., WatchedWorker]
) -> None:
    first = start(
        "import time, pathlib\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\nraise SystemExit(4)"
    )
    wait_until(has_event(run_folder, "Handed to"), what="a start")
    second = WatchedWorker.attach(Slurm((), poll_seconds=QUICK), json.loads(json.dumps(first.handle)))
    assert second is not None
    assert second.alive()
    (run_folder / "go").touch()
    assert ended(second).how_it_ended() == "with exit code 4"


def test_each_start_has_a_name_of_its_own(
    cluster: Path, run_folder: Path, start: Callable[..., WatchedWorker]
) -> None:
    assert [ended(start("pass")).handle["name"] for _ in range(2)] == [
        f"{run_folder.name}-1",
        f"{run_folder.name}-2",
    ]


def test_an_unknown_state_says_nothing_certain(cluster: Path, run_folder: Path) -> None:
    place, work = Slurm(()), Work("nobody", run_folder, ("true",))
    assert place.look(work).state is State.ABSENT
    (cluster / "trouble").write_text("garbage")
    with pytest.raises(Unreachable):
        place.look(work)


def test_missing_commands_are_named(
    no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = SlurmExecutor().why_not()
    assert reason is not None
    assert reason.startswith("sbatch and squeue and scancel are not on this machine")


@pytest.mark.parametrize("options", ["--partition='gpu", "--partition gpu"])
def test_options_that_sbatch_would_take_for_the_script_are_refused(
    cluster: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    monkeypatch.setenv("TUNEDECK_SLURM_OPTIONS", options)
    with pytest.raises(TunedeckError, match="slurm_options"):
        SlurmExecutor().start(run_folder, ["true"])


def test_a_silent_slurm_is_told_before_a_job_is_made(cluster: Path) -> None:
    assert SlurmExecutor().does_not_answer() is None
    (cluster / "trouble").write_text("controller")
    assert "Unable to contact" in str(SlurmExecutor().does_not_answer())


def test_a_refusal_is_no_lost_connection(cluster: Path, run_folder: Path) -> None:
    (cluster / "trouble").write_text("refuse")
    with pytest.raises(Refused):
        Slurm(()).submit(Work("name-1", run_folder, ("true",)))
