"""Killed between any two steps: no trial is launched twice, none is lost, and nothing is paid twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support import wait_until
from tests.unit.core.test_one_launch import hold
from tests.unit.sweeps.service import TrainingService
from tests.unit.sweeps.test_runner import JOBS, begin, rate_of, runner_of
from tui.jobs.plan import RUN_ID_KEY
from tui.providers.openai_shape import OpenAIShapeProvider
from tui.records.sweeps import Sweep, SweepState, TrialState
from tui.services import Services
from tui.store.store import Store
from tui.sweeps.sampling import ListedSampler
from tui.sweeps.terms import SweepTerms

Terms = Callable[..., SweepTerms]


class _Killed(BaseException):
    """Nothing of ours catches it: what is not in the store by now is lost, as after kill -9."""


POINTS: list[tuple[type, str]] = [
    (ListedSampler, "ask"),
    (Store, "add_trial"),
    (Store, "save_stage"),
    (Store, "claim_launch"),
    (Store, "remember_file"),
    (Store, "begin_creating"),
    (OpenAIShapeProvider, "create_job"),
    (Store, "save_job"),
    (Store, "update_launch"),
    (Store, "save_trials"),
    (ListedSampler, "tell"),
    (Store, "end_sweep"),
]
"""Everything that a round does between asking, creating and telling, in this order."""


@contextmanager
def killed_at(owner: type, name: str, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> Iterator[None]:
    """Die at the second call of a step, before it is done or just after."""
    original, calls = getattr(owner, name), [0]

    def dying(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2 and not after:
            raise _Killed
        result = original(*arguments, **options)
        if calls[0] == 2:
            raise _Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dying)
        yield


def assert_whole(services: Services, service: TrainingService, sweep: Sweep, rates: list[float]) -> None:
    """Every trial was launched once, in one job of its own, and came to its end."""
    ended = services.store.sweep(sweep.id)
    assert ended is not None
    assert (ended.state, len(service.jobs)) == (SweepState.DONE, len(rates))
    assert sorted(rate_of(body) for body in service.created()) == sorted(rates)
    runs = [job["metadata"][RUN_ID_KEY] for job in service.jobs.values()]
    assert len(set(runs)) == len(runs)
    trials = services.store.trials(sweep.id)
    assert [one.state for one in trials] == [TrialState.DONE] * len(rates)
    assert [one.settings["learning_rate_multiplier"] for one in trials] == rates


QUICK = ("add_trial", "claim_launch", "create_job", "update_launch", "save_trials")
"""Where dying would cost most; the other points run with the heavy tests."""


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        *(
            pytest.param(
                owner, name, False, id=f"before-{name}", marks=() if name in QUICK else pytest.mark.heavy
            )
            for owner, name in POINTS
        ),
        pytest.param(OpenAIShapeProvider, "create_job", True, id="after-create_job"),
    ],
)
def test_dying_at_any_step_loses_no_trial_and_launches_none_twice(
    services: Services, service: TrainingService, terms_of: Terms, monkeypatch: pytest.MonkeyPatch,
    owner: type, name: str, after: bool,
) -> None:  # fmt: skip
    sweep = begin(services, terms_of(space="learning_rate_multiplier = [0.5, 2.0]"))
    with killed_at(owner, name, monkeypatch, after=after):
        try:
            runner_of(services, sweep).run()
        except _Killed:
            pass
        else:
            assert name in ("end_sweep", "remember_file")  # done once only
    # Whether a creation that was under way made a job, only the service's list can tell, and only with time.
    monkeypatch.setattr("tui.jobs.unsettled._SETTLED_AFTER", -1)
    monkeypatch.setattr("tui.sweeps.sending._AGAIN_SECONDS", 0.0)
    runner_of(services, sweep).run()
    assert_whole(services, service, sweep, [0.5, 2.0])


PROGRAM = """
import sys
from tui.services import Services
from tui.sweeps.runner import SweepRunner

with Services.open() as services:
    SweepRunner(services, sys.argv[1], poll_seconds=0.0, round_seconds=0.0, search_delays=(0.0,)).run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
@pytest.mark.parametrize("accept", [True, False], ids=["created", "lost"])
def test_a_process_killed_while_its_creation_is_under_way(
    services: Services,
    service: TrainingService,
    terms_of: Terms,
    monkeypatch: pytest.MonkeyPatch,
    accept: bool,
) -> None:
    sweep = begin(services, terms_of(space="learning_rate_multiplier = [0.5, 2.0]"))
    seen = threading.Event()
    service.faults["POST", JOBS].append(hold(seen, accept=accept))
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, sweep.id])
    assert seen.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(service.jobs) == int(accept)
    assert next(iter(services.store.trials(sweep.id))).state is TrialState.PLANNED
    monkeypatch.setattr("tui.sweeps.sending._AGAIN_SECONDS", 0.0)
    if not accept:
        runner = runner_of(services, sweep)
        services.store.begin_sweep(sweep.id)
        runner.step()
        # The list shows no job, but it may still come: the trial waits, and the other one is launched.
        assert services.store.trials(sweep.id)[0].state is TrialState.PLANNED
        assert service.count("POST", JOBS) == 2
        monkeypatch.setattr("tui.jobs.unsettled._SETTLED_AFTER", -1)
    runner_of(services, sweep).run()
    assert_whole(services, service, sweep, [0.5, 2.0])


@pytest.mark.parametrize(
    "point", ["gone", *(pytest.param(name, marks=pytest.mark.heavy) for name in ("ask", "attribute", "told"))]
)
def test_dying_between_optuna_and_the_store_keeps_both_in_step(
    services: Services, service: TrainingService, terms_of: Terms, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    optuna = pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    from tui.sweeps.bayesian import storage_file

    space = "learning_rate_multiplier = { low = 0.1, high = 40.0, log = true }"
    terms = terms_of(space=space, search='strategy = "bayesian"\ntrials = 4\nat_once = 1')
    sweep = begin(services, terms)
    owner, name = {
        "ask": (optuna.Study, "ask"), "attribute": (optuna.trial.Trial, "set_user_attr"),
        "told": (optuna.Study, "tell"), "gone": (optuna.Study, "tell"),
    }[point]  # fmt: skip
    with killed_at(owner, name, monkeypatch, after=True), pytest.raises(_Killed):
        runner_of(services, sweep).run()
    if point == "gone":
        for file in storage_file(sweep.id).parent.glob("optuna.sqlite3*"):
            file.unlink()
    ended = runner_of(services, sweep).run()
    assert (ended.state, len(service.jobs)) == (SweepState.DONE, 4)
    study = optuna.load_study(study_name=sweep.id, storage=f"sqlite:///{storage_file(sweep.id)}")
    told = {one.user_attrs["tunedeck_trial"]: one.value for one in study.trials if one.user_attrs}
    wait_until(lambda: len(told) == 4, what="all trials told")
    assert told == {one.number: one.value for one in services.store.trials(sweep.id)}
