from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.strip import Strip

from screens.home import HomeScreen
from tests.screens.fakes import BASE, NOW, TUNED, keep_job, make_app, make_job, until
from tests.screens.test_shell import text_of
from tui import paths
from tui.app import TunedeckApp
from tui.errors import TunedeckError
from tui.jobs.overview import OverviewReader
from tui.records.jobs import JobState
from tui.records.models import ModelInfo
from tui.store.event_queries import JobOutline
from tui.store.lists import StoreLists
from tui.store.store import Store
from tui.widgets.line_list import LineList

NOT_NEEDED_TO_PAINT = {
    "openai", "numpy", "tui.jobs.watch", "tui.jobs.metrics", "tui.store.store", "tui.store.job_queries",
    "tui.datasets.formats", "tui.widgets.key_tables.rows", "screens.commands", "screens.help",
}  # fmt: skip
"""Modules that would hold up the first paint."""
MOST_MODULES = 70
"""Of ours for the first paint. Each takes a third of a millisecond; whoever needs more says what for."""


def remember(store: Store, path: Path) -> None:
    store.touch_dataset(
        path, sha256="0" * 64, size=9, rows=90, format="chat", valid=True, counts={"error": 0, "warning": 0}
    )


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_the_first_drawing_of_home_shows_what_the_store_lists(
    monkeypatch: pytest.MonkeyPatch, example_file: Path, size: tuple[int, int]
) -> None:
    drawn: list[str] = []
    app = make_app()
    keep_job(app.services.store, make_job("ftjob-one", JobState.FAILED, suffix="tone-of-voice"))
    app.services.store.save_models("local", [ModelInfo("local", TUNED, base_model=BASE)])
    remember(app.services.store, example_file)
    begun = TunedeckApp.on_ready

    def on_ready(app: TunedeckApp) -> None:
        drawn.append(text_of(app))
        begun(app)

    monkeypatch.setattr(TunedeckApp, "on_ready", on_ready)
    async with app.run_test(size=size):
        for wanted in (
            "Accounts",
            "Jobs",
            "tone-of-voice",
            example_file.name[:12],
            "sound",
            "Models",
            "c talks to",
        ):
            assert wanted in drawn[0]


def test_what_follows_jobs_is_loaded_after_the_first_drawing() -> None:
    code = """
import asyncio, json, sys
from tui.app import TunedeckApp
def leave(app):
    print(json.dumps(sorted(sys.modules)))
    app.exit()
TunedeckApp.on_ready = leave
async def main():
    app = TunedeckApp()
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause()
asyncio.run(main())
"""
    environment = {**os.environ, "TUNEDECK_NO_ENGINE_START": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    loaded = set(json.loads(ended.stdout.splitlines()[0]))
    assert "screens.home" in loaded
    assert loaded.isdisjoint(NOT_NEEDED_TO_PAINT)
    ours = [name for name in loaded if name.partition(".")[0] in ("tui", "screens")]
    assert len(ours) <= MOST_MODULES, ours


def test_a_terminal_draws_the_first_frame_before_anything_begins_in_the_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, asked_for = make_app(), list[Callable[[], None]]()
    monkeypatch.setattr(TunedeckApp, "is_headless", False)
    monkeypatch.setattr(app, "set_timer", lambda seconds, callback: asked_for.append(callback))
    app.on_ready()
    assert asked_for == [app._begin]
    assert app._noticing is None
    app.services.close()


async def test_no_line_of_a_list_is_drawn_twice_for_the_first_paint(
    monkeypatch: pytest.MonkeyPatch, example_file: Path
) -> None:
    app = make_app()
    for number in range(9):
        keep_job(app.services.store, make_job(f"ftjob-{number}", JobState.FAILED, suffix="tone-of-voice"))
    remember(app.services.store, example_file)
    drawn: Counter[tuple[str | None, int]] = Counter()
    draw, begun = LineList.render_line, TunedeckApp.on_ready
    painted: Counter[tuple[str | None, int]] = Counter()

    def render_line(lines: LineList, y: int) -> Strip:
        drawn[lines.id, y] += 1
        return draw(lines, y)

    def on_ready(app: TunedeckApp) -> None:
        painted.update(drawn)
        begun(app)

    monkeypatch.setattr(LineList, "render_line", render_line)
    monkeypatch.setattr(TunedeckApp, "on_ready", on_ready)
    async with app.run_test(size=(140, 40)):
        assert {name for name, _ in painted} == {"jobs", "datasets", "models"}
        assert set(painted.values()) == {1}


async def test_changes_while_the_store_is_read_are_read_together_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        home = app.screen
        assert isinstance(home, HomeScreen)
        await app.workers.wait_for_complete()
        await pilot.pause()
        reads: list[float] = []
        read = OverviewReader.read

        def counted(reader: OverviewReader, now: float) -> object:
            reads.append(now)
            return read(reader, now)

        monkeypatch.setattr(OverviewReader, "read", counted)
        for _ in range(5):
            home.read_again()
        await until(pilot, lambda: len(reads) == 2 and not home._is_reading)
        await app.workers.wait_for_complete()
        assert len(reads) == 2


async def test_a_store_that_fails_leaves_home_open_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(store: StoreLists) -> None:
        raise TunedeckError("The store is damaged.", "Start tunedeck again.")

    monkeypatch.setattr("screens.home.listed", fail)
    app: TunedeckApp = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app._notifications))
        assert "Start tunedeck again." in {one.message for one in app._notifications}
        assert "Try the shipped example" in text_of(app)


def test_losses_of_a_job_that_ended_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path / "store.db") as store:
        for name, state in (("ftjob-one", JobState.SUCCEEDED), ("ftjob-two", JobState.RUNNING)):
            store.save_job(make_job(name, state))
            store.add_metrics("local", name, {1: {"train_loss": 2.0}, 2: {"train_loss": 1.0}})
        asked: list[str] = []
        outline = store.job_outline

        def counted(account: str, job_id: str) -> JobOutline:
            asked.append(job_id)
            return outline(account, job_id)

        monkeypatch.setattr(store, "job_outline", counted)
        reader = OverviewReader(store)
        first, second = reader.read(NOW), reader.read(NOW)
        assert (
            first.losses
            == second.losses
            == {
                ("local", "ftjob-one"): [2.0, 1.0],
                ("local", "ftjob-two"): [2.0, 1.0],
            }
        )
        assert sorted(asked) == ["ftjob-one", "ftjob-two", "ftjob-two"]
        assert [job.id for job in first.jobs] == ["ftjob-two", "ftjob-one"]


async def test_a_wrong_catalog_is_told_once_on_home_and_everything_else_is_there(
    monkeypatch: pytest.MonkeyPatch, isolated_home: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody-uses-this")
    app = make_app()
    app.services._catalog = None
    paths.make_private(paths.config_dir())
    (paths.config_dir() / "catalog.toml").write_text("[[models]]\nprovider = 3\n", "utf-8")
    keep_job(app.services.store, make_job("ftjob-one", JobState.FAILED, suffix="tone-of-voice"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        home = app.screen
        assert isinstance(home, HomeScreen)
        await until(pilot, lambda: any("catalog.toml" in str(note) for note in app._notifications))
        home.read_again()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert sum("catalog.toml" in str(note) for note in app._notifications) == 1
        assert "tone-of-voice" in text_of(app)
        assert "✓ ready" in text_of(app)
