from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tui.errors import TunedeckError
from tui.evals.background import BackgroundRun, Told

WAIT = 30.0


def a_run(work: Callable[[int, Told, Callable[[], bool]], str]) -> BackgroundRun[int, str]:
    return BackgroundRun("evaluation", work, lambda plan: plan)


def test_a_run_tells_what_it_does_and_how_far_it_is_and_ends_with_its_result() -> None:
    heard: list[tuple[str, int, int, bool]] = []

    def work(plan: int, tell: Told, cancelled: Callable[[], bool]) -> str:
        tell("Asking", 1, plan)
        tell("Checking", plan, plan)
        return "good"

    run = a_run(work)
    run.subscribe(
        lambda: heard.append((run.state.what, run.state.done, run.state.total, run.state.is_running))
    )
    assert run.state.fraction == 0
    run.start(4)
    run.join(WAIT)
    assert heard == [("Asking", 1, 4, True), ("Checking", 4, 4, True), ("Checking", 4, 4, False)]
    assert (run.state.result, run.state.problem, run.state.plan) == ("good", None, 4)


def test_a_second_run_is_refused_while_one_is_under_way_and_taken_after_it_was_stopped() -> None:
    begun = threading.Event()

    def work(plan: int, tell: Told, cancelled: Callable[[], bool]) -> str:
        begun.set()
        while not cancelled():
            threading.Event().wait(0.01)
        return "stopped"

    run = a_run(work)
    run.cancel()  # there is nothing to stop, and the next run is not stopped by it
    run.start(2)
    assert begun.wait(WAIT)
    with pytest.raises(TunedeckError, match="Another evaluation is under way"):
        run.start(3)
    run.cancel()
    assert run.state.is_stopping or not run.state.is_running
    run.join(WAIT)
    run.start(3)
    running = run.state
    assert (running.is_running, running.is_stopping) == (True, False)
    run.close(WAIT)
    ended = run.state
    assert (ended.is_running, ended.is_stopping, ended.plan) == (False, False, 3)


def test_a_failure_of_any_kind_ends_the_run_with_a_problem_that_is_told_once() -> None:
    failures: list[Exception] = [TunedeckError("The key is wrong.", "Set another."), ValueError("odd")]

    def work(plan: int, tell: Told, cancelled: Callable[[], bool]) -> str:
        raise failures[plan]

    run = a_run(work)
    run.start(0)
    run.join(WAIT)
    assert [run.take_end().problem, run.take_end().problem] == [failures[0], None]
    run.start(1)
    run.join(WAIT)
    problem = run.take_end().problem
    assert problem is not None
    assert problem.message == "The evaluation broke off: ValueError: odd"


def test_who_has_left_hears_nothing_more() -> None:
    heard: list[int] = []

    def work(plan: int, tell: Told, cancelled: Callable[[], bool]) -> str:
        tell("Asking", 1, 1)
        return ""

    run = a_run(work)
    leave = run.subscribe(lambda: heard.append(1))
    leave()
    leave()
    run.start(1)
    run.join(WAIT)
    assert heard == []
