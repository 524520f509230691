"""Work that fails in a way nobody has thought of: a sentence, and nothing that waits for ever."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.worker import Worker

from screens.base import DeckDialog
from screens.chat import INVITATION, ChatScreen
from screens.confirm import DEAD_SECONDS
from screens.launch import LaunchScreen
from tests.screens.fakes import TUNED, dataset, freeze, keep_job, make_app, make_job, text_of, until
from tui import paths
from tui.app import TunedeckApp
from tui.data.examples import SENTIMENT
from tui.engine_watch import Phase
from tui.faults import fault_of
from tui.records.jobs import JobState
from tui.widgets.prompt_input import PromptInput

_WAITS = re.compile(r"\b(read|look|count|reckon|ask|try|check|search|choos|sav|fix)ing\b[^.\n│]{0,30}…", re.I)
WATCH_ENGINE = TunedeckApp.watch_engine
_SECRET = "sk-proj-0123456789abcdef"


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    freeze(monkeypatch, isolated_home)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every worker in a thread fails, but for the groups that are put into the set."""
    spared: set[str] = {"engine"}
    run = Worker.run

    async def fail(worker: Worker[Any]) -> Any:
        if worker._thread_worker and worker.group not in spared:
            raise RuntimeError(f"the disk of {_SECRET} is upside down")
        return await run(worker)

    monkeypatch.setattr(Worker, "run", fail)
    return spared


Opener = Callable[[TunedeckApp, Path], Any]


def press(key: str) -> Opener:
    return lambda app, _path: app.simulate_key(key)


OPENERS: dict[str, Opener] = {
    "home": lambda app, _path: app.screen.action_reload(),  # type: ignore[attr-defined]
    "datasets": press("2"), "check": lambda app, path: app.open_check(path),
    "launch": lambda app, path: app.open_launch(path), "jobs": press("5"), "chat": press("6"),
    "models": press("7"), "rows": lambda app, path: app.open_rows(path),
    "tokens": lambda app, path: app.open_tokens(path, 1), "notices": lambda app, _path: app.open_notices(),
    "import": lambda app, path: app.open_import(path), "reshape": lambda app, path: app.open_reshape(path),
    "job": lambda app, _path: app.open_job("local", "ftjob-one"),
    "overlay": lambda app, _path: app.open_overlay([("local", "ftjob-one"), ("local", "ftjob-two")]),
    "evaluation": lambda app, _path: app.open_evaluation(("local", TUNED)),
    "evaluations": lambda app, _path: app.open_evaluations(),
    "diet": lambda app, _path: app.open_diet(("local", TUNED)),
    "parity": lambda app, _path: app.open_parity(),
    "compare": lambda app, _path: app.open_compare(("local", TUNED)),
    "scrub": lambda app, _path: app.open_scrub("local", "ftjob-one"),
    "money": lambda app, path: push(app, "money", "MoneyScreen", path),
    "payback": lambda app, path: push(app, "payback", "PaybackScreen", path),
    "record": lambda app, _path: push(app, "record", "RecordScreen"),
    "blind": lambda app, _path: push(app, "compare_blind", "BlindScreen", "cmp-1"),
}  # fmt: skip


def push(app: TunedeckApp, module: str, name: str, *arguments: Any) -> None:
    import importlib

    app.push_screen(getattr(importlib.import_module(f"screens.{module}"), name)(*arguments))


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
async def test_no_screen_waits_for_what_has_broken_off(
    opener: Opener, broken: set[str], isolated_home: Path
) -> None:
    app = make_app()
    for job_id in ("ftjob-one", "ftjob-two"):
        keep_job(app.services.store, make_job(job_id, state=JobState.SUCCEEDED))
    path = dataset(isolated_home, SENTIMENT.training)
    told: list[str] = []
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        home = app.screen
        await until(pilot, paths.faults_file().exists)
        paths.faults_file().unlink()
        opener(app, path)
        await until(pilot, paths.faults_file().exists if opener is not OPENERS["home"] else lambda: True)
        assert app.screen is not home or opener is OPENERS["home"]
        await until(pilot, lambda: all(one.is_finished for one in app.workers))
        try:
            await until(pilot, lambda: not _WAITS.search(text_of(app)), 3)
        except AssertionError:
            pytest.fail(text_of(app))
        told += [f"{one.title} {one.message}" for one in app._notifications]
    shown = " ".join(told)
    assert "by a fault of its own (RuntimeError" in shown
    assert "faults.log says where" in shown
    assert _SECRET not in shown


async def test_what_breaks_off_again_and_again_is_told_once(broken: set[str]) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, paths.faults_file().exists)
        kept = paths.faults_file().stat().st_size
        for _ in range(3):
            await pilot.press("r")
            await until(pilot, lambda: all(one.is_finished for one in app.workers))
        assert len([one for one in app._notifications if "read what is kept" in one.title]) == 1
        assert paths.faults_file().stat().st_size == kept


async def test_a_launch_that_breaks_off_says_that_a_job_may_be_there_and_can_be_tried_again(
    broken: set[str], isolated_home: Path
) -> None:
    broken |= {"preflight", "stamps", "store", "models"}
    app = make_app()
    path = dataset(isolated_home, SENTIMENT.training)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.open_launch(path)
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        screen = app.screen
        assert isinstance(screen, LaunchScreen)
        await until(pilot, lambda: not screen.reason_against("launch"))
        screen.action_launch()
        await until(pilot, lambda: isinstance(app.screen, DeckDialog))
        await pilot.pause(DEAD_SECONDS + 0.05)
        await pilot.press("y")
        await until(pilot, lambda: "may have taken it" in " ".join(one.message for one in app._notifications))
        assert not screen.is_sending
        await until(pilot, lambda: not screen.reason_against("launch"))


async def test_a_question_that_breaks_off_leaves_the_prompt_free(broken: set[str]) -> None:
    broken |= {"models", "store"}
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.open_chat(("local", TUNED))
        await until(pilot, lambda: isinstance(app.screen, ChatScreen) and app.screen.query(PromptInput))
        await pilot.press(*"hello", "enter")
        await until(pilot, lambda: any("ask the models" in one.title for one in app._notifications))
        await until(pilot, lambda: app.screen.query_one(PromptInput).placeholder == INVITATION)


async def test_an_engine_watch_that_breaks_off_does_not_start_for_ever(
    broken: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TunedeckApp, "watch_engine", WATCH_ENGINE)
    broken.clear()
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.engine_state.phase is Phase.FAILED)
        assert "could not follow the engine" in app.engine_state.error


def test_a_fault_is_kept_without_keys_and_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_API_KEY", "plain-words-of-a-key")
    try:
        raise ValueError(f"plain-words-of-a-key and {_SECRET} \x1b[31m")
    except ValueError as raised:
        told = fault_of(raised, "read jobs")
    kept = paths.faults_file().read_text()
    assert told.message.endswith("own (ValueError: [key hidden] and [key hidden] ␛[31m).")
    assert str(paths.faults_file()) in told.remedy
    assert "test_broken_work.py" in kept
    assert [word for word in ("plain-words", _SECRET, "\x1b") if word in kept] == []
    if sys.platform != "win32":
        assert stat.S_IMODE(paths.faults_file().stat().st_mode) == 0o600
    paths.faults_file().write_text("x" * 1_000_001)
    fault_of(RuntimeError("again"), "read jobs")
    assert paths.faults_file().read_text().startswith("20")


def test_where_nothing_can_be_kept_the_fault_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "faults_file", lambda: Path("/proc/none/faults.log"))
    assert fault_of(RuntimeError("x"), "read jobs").remedy == "Please report it."


def test_a_fault_that_ends_the_app_prints_a_sentence_and_no_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = make_app()

    def fail(key: str = _SECRET) -> None:
        raise RuntimeError("upside down")

    app.call_later(fail)
    assert app.run(headless=True, size=(80, 24)) is None
    printed = " ".join(capsys.readouterr().err.split())
    assert app.return_code == 1
    assert "could not go on, by a fault of its own (RuntimeError: upside down)." in printed
    assert _SECRET not in printed
    assert "upside down" in paths.faults_file().read_text()
