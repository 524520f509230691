"""Pictures of Home, Datasets, Rows and Help, in the sizes and states that matter."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from screens import job_words
from screens.base import DeckScreen
from screens.home import HomeScreen
from screens.rows import RowsScreen
from tests.screens.fakes import BASE, NOW, TUNED, FakeProvider, Pilots, keep_job, make_app, make_job, until
from tui.app import TunedeckApp
from tui.engine_watch import EngineState, Phase
from tui.records.jobs import JobState
from tui.records.models import ModelInfo

SIZES = [(80, 24), (140, 40)]
READY = EngineState(Phase.READY, BASE)
FETCHING = EngineState(Phase.FETCHING, BASE, 61_000_000, 98_000_000)
Snap = Callable[..., bool]


def _row(number: int) -> str:
    answer = ("positive", "negative", "neutral")[number % 3]
    messages = [
        {"role": "system", "content": "Classify the sentiment of the text. Answer with one word."},
        {
            "role": "user",
            "content": f"Delivery number {number} came with a note, and I have something to say about it.",
        },
        {"role": "assistant", "content": answer},
    ]
    return json.dumps({"messages": messages}) + "\n"


@pytest.fixture
def example_file(tmp_path: Path) -> Path:
    """A sound dataset that never changes, unlike the shipped ones."""
    return tmp_path / "person" / "sentiment.jsonl"


@pytest.fixture
def broken_file(tmp_path: Path) -> Path:
    """A dataset with errors on lines 2 to 4."""
    return tmp_path / "person" / "broken.jsonl"


@pytest.fixture(autouse=True)
def same_moment_and_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stop the clock, and let the current folder be one that reads the same everywhere."""
    monkeypatch.setattr(job_words, "now", lambda: NOW)
    monkeypatch.setattr("screens.home.now", lambda: NOW)
    moments = itertools.count(NOW * 10**9, 10**9)
    monkeypatch.setattr("tui.store.dataset_queries.time.time_ns", lambda: next(moments))
    home = tmp_path / "person"
    work = home / "work"
    (work / "archive").mkdir(parents=True)
    shipped = [home / "sentiment.jsonl", home / "broken.jsonl"]
    shipped[0].write_text("".join(_row(number) for number in range(90)))
    shipped[1].write_text(
        _row(0) + '{"messages": [}\n' + '{"messages": []}\n' + '{"prompt": "x"}\n' + _row(1)
    )
    monkeypatch.setattr("screens.datasets._SHIPPED", shipped)
    (work / "tickets.jsonl").write_text('{"messages": []}\n' * 1200)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(work)


def full_app(example_file: Path, broken_file: Path) -> TunedeckApp:
    app = make_app()
    store = app.services.store
    keep_job(store, make_job("ftjob-two", JobState.SUCCEEDED, created_at=NOW - 90_000), steps=66)
    keep_job(store, make_job("ftjob-one", JobState.RUNNING, suffix="sentiment"))
    failed = make_job("ftjob-three", JobState.FAILED, account="openai", suffix="support-bot")
    store.save_job(failed)
    store.save_models("local", [ModelInfo("local", TUNED, base_model=BASE), ModelInfo("local", BASE)])
    for path, valid, errors in ((broken_file, False, 3), (example_file, True, 0)):
        store.touch_dataset(
            path,
            sha256=path.name,
            size=path.stat().st_size,
            rows=90 if valid else 5,
            format="chat",
            valid=valid,
            counts={"error": errors, "warning": 0, "info": 1},
        )
    return app


async def settle(pilot: Pilots, state: EngineState) -> None:
    """Wait for the engine's own report, then show this one, without asking a service."""
    app = pilot.app
    assert isinstance(app, TunedeckApp)
    await until(pilot, lambda: app.engine_state.phase is not Phase.UNKNOWN)
    app.services.watcher.stop()
    app._engine_state = state
    screen = app.screen
    assert isinstance(screen, DeckScreen)
    screen.show_status(*app.account_status)
    if isinstance(screen, HomeScreen):
        screen.read_again()
        await app.workers.wait_for_complete()
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
def test_home_with_everything(
    example_file: Path, broken_file: Path, snap_compare: Snap, size: tuple[int, int]
) -> None:
    async def before(pilot: Pilots) -> None:
        await settle(pilot, READY)

    assert snap_compare(full_app(example_file, broken_file), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_home_with_models_that_end(
    monkeypatch: pytest.MonkeyPatch, snap_compare: Snap, example_file: Path, broken_file: Path,
    size: tuple[int, int],
) -> None:  # fmt: skip
    december = 1_797_768_000  # 2026-12-20
    monkeypatch.setenv("TUNEDECK_TODAY", "2026-12-20")
    for name in ("screens.job_words.now", "screens.home.now"):
        monkeypatch.setattr(name, lambda: december)
    monkeypatch.setattr("tui.store.model_queries.ModelQueries.models_seen_at", lambda _: {"openai": NOW})
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody-uses-this")
    app = full_app(example_file, broken_file)
    app.services._providers["openai"] = FakeProvider("openai")
    store, base = app.services.store, "gpt-4.1-mini-2025-04-14"
    model = f"ft:{base}:acme:support:AbCd1234"
    store.save_models("openai", [ModelInfo("openai", model, NOW, "acme", base), ModelInfo("openai", base)])
    done = make_job("ftjob-far", JobState.SUCCEEDED, account="openai", model=base, fine_tuned_model=model)
    store.save_job(replace(done, created_at=december - 9_000, finished_at=december, trained_tokens=1_500_000))
    store.save_job(make_job("ftjob-one", JobState.SUCCEEDED, suffix="sentiment"))

    async def before(pilot: Pilots) -> None:
        await settle(pilot, READY)
        await until(pilot, lambda: "$7.50" in shown(app))

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_home_on_the_first_day(snap_compare: Snap, size: tuple[int, int]) -> None:
    async def before(pilot: Pilots) -> None:
        await settle(pilot, FETCHING)

    assert snap_compare(make_app(), terminal_size=size, run_before=before)


def test_home_in_a_small_terminal(example_file: Path, broken_file: Path, snap_compare: Snap) -> None:
    async def before(pilot: Pilots) -> None:
        await settle(pilot, READY)

    assert snap_compare(full_app(example_file, broken_file), terminal_size=(50, 16), run_before=before)


@pytest.mark.parametrize("theme", ["tunedeck-light", "ansi-dark"])
def test_home_in_other_colours(example_file: Path, broken_file: Path, snap_compare: Snap, theme: str) -> None:
    app = full_app(example_file, broken_file)
    app.theme = theme

    async def before(pilot: Pilots) -> None:
        await settle(pilot, READY)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_datasets(example_file: Path, broken_file: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    app = full_app(example_file, broken_file)

    async def before(pilot: Pilots) -> None:
        await pilot.press("2")
        await settle(pilot, READY)
        await until(pilot, lambda: "tickets.jsonl" in shown(app) and "1,200" in shown(app))

    assert snap_compare(app, terminal_size=size, run_before=before)


def shown(app: TunedeckApp) -> str:
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@pytest.mark.parametrize("size", SIZES)
def test_rows(example_file: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await settle(pilot, READY)
        app.open_rows(example_file)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen) and "90 lines ·" in shown(app))
        await pilot.press("j", "j")

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_rows_at_an_error(broken_file: Path, snap_compare: Snap) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await settle(pilot, READY)
        app.open_rows(broken_file)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen) and "5 lines ·" in shown(app))
        await pilot.press("n")
        await until(pilot, lambda: "error lines" in shown(app))
        await pilot.press("n")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(120, 30), run_before=before)


def test_help(snap_compare: Snap) -> None:
    async def before(pilot: Pilots) -> None:
        await settle(pilot, READY)
        await pilot.press("question_mark")

    assert snap_compare(make_app(), terminal_size=(80, 24), run_before=before)
