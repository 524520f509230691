from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from screens.ask_text import AskTextScreen
from screens.check import CheckScreen
from screens.choose import ChooseScreen
from screens.confirm import ConfirmScreen
from screens.home import HomeScreen
from screens.models import ModelsScreen
from screens.parity import ParityScreen
from screens.parity_result import ParityResultScreen
from screens.record import RecordScreen
from tests.screens.fakes import BASE, NOW, TUNED, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.evals.test_set import read_test_set
from tui.providers.protocol import ProviderError
from tui.records.chats import ChatDelta, ChatRequest, Usage
from tui.records.models import ModelInfo
from tui.widgets.key_footer import KeyFooter
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
REMOTE_BASE = "gpt-4.1-mini-2025-04-14"
REMOTE = f"ft:{REMOTE_BASE}:acme:support:AbCd1234"
ROWS = 12


@pytest.fixture
def questions(isolated_home: Path) -> Path:
    path = isolated_home / "valid.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            asked = {"role": "user", "content": f"How do I return item {number}?"}
            file.write(json.dumps({"messages": [asked, {"role": "assistant", "content": "By mail."}]}) + "\n")
    return path


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-very-secret-0123456789")
    return FakeProvider("openai")


@pytest.fixture
def app(remote: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> TunedeckApp:
    app = make_app(FakeProvider(), remote)
    store = app.services.store
    store.save_models("local", list(FakeProvider().list_models()))
    store.save_models(
        "openai",
        [ModelInfo("openai", REMOTE_BASE, NOW - 9), ModelInfo("openai", REMOTE, NOW, "acme", REMOTE_BASE)],
    )
    monkeypatch.setenv("TUNEDECK_TODAY", "2026-12-20")
    monkeypatch.setattr("screens.models.account_models", lambda services, name: ([], ""))
    return app


def screen_of(app: TunedeckApp) -> RecordScreen:
    assert isinstance(app.screen, RecordScreen)
    return app.screen


async def open_record(pilot: Pilots, app: TunedeckApp, path: Path | None, *models: tuple[str, str]) -> None:
    app.push_screen(RecordScreen(models, path))
    await until(pilot, lambda: "support:AbCd1234" in text_of(app))
    if path is not None:
        await until(pilot, lambda: "answers to ask" in text_of(app))


async def confirm(pilot: Pilots, app: TunedeckApp, key: str = "s") -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    await say_yes(pilot, app)


async def recorded(pilot: Pilots, app: TunedeckApp, path: Path) -> None:
    await open_record(pilot, app, path)
    await confirm(pilot, app)
    await until(pilot, lambda: "12 of 12" in text_of(app), 30)


async def choose_successor(pilot: Pilots, app: TunedeckApp) -> None:
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
    await pilot.press(*"gpt-4.1", "enter")
    await until(pilot, lambda: isinstance(app.screen, ParityScreen) and "answers to ask" in text_of(app))


async def say_yes(pilot: Pilots, app: TunedeckApp) -> None:
    dialog = app.screen
    assert isinstance(dialog, ConfirmScreen)
    dialog._opened_at -= 1
    await pilot.press("y")
    await until(pilot, lambda: app.screen is not dialog)


async def test_what_ends_soon_is_marked_priced_confirmed_and_recorded(
    app: TunedeckApp, remote: FakeProvider, questions: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_record(pilot, app, questions)
        assert "1 model" in text_of(app)
        assert "12 answers to ask, for " in text_of(app)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Never more than" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, RecordScreen))
        assert remote.chats == []
        await confirm(pilot, app)
        await until(pilot, lambda: "Recorded: 12 answers asked for" in text_of(app), 30)
        await until(pilot, lambda: "12 of 12" in text_of(app))
        assert {request.model for request in remote.chats} == {REMOTE}
        assert remote.chats[0].parameters.logprobs == 5
        await until(pilot, lambda: "nothing is asked" in text_of(app))
        await pilot.press("s")  # greyed: all of it is there
        await pilot.pause()
        assert isinstance(app.screen, RecordScreen)


async def test_a_recording_goes_on_when_the_screen_is_left_and_can_be_stopped(
    app: TunedeckApp, remote: FakeProvider, questions: Path
) -> None:
    remote.hold = threading.Event()  # answers do not end
    async with app.run_test(size=(80, 24)) as pilot:
        await open_record(pilot, app, questions)
        await confirm(pilot, app)
        await until(pilot, lambda: "Recording 1 model: 0 of 12" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        assert app.services.runs.recording.state.is_running
        app.push_screen(RecordScreen())
        await until(pilot, lambda: "Recording 1 model" in text_of(app))
        remote.hold.set()
        await until(pilot, lambda: "Recorded: 12 answers" in text_of(app), 30)
        assert len(app.services.store.recordings()) == 1


async def test_answers_are_counted_while_they_come(
    app: TunedeckApp, remote: FakeProvider, questions: Path
) -> None:
    gate = threading.Event()

    def answer(request: ChatRequest) -> Iterator[ChatDelta]:
        last = request.messages[-1].content
        if not last.endswith((" 0?", " 1?", " 2?")):
            gate.wait(30)
        yield ChatDelta("By mail.")
        yield ChatDelta("", "stop", Usage(12, 2))

    remote.stream_chat = answer  # type: ignore[method-assign]
    async with app.run_test(size=(140, 40)) as pilot:
        await open_record(pilot, app, questions)
        await confirm(pilot, app)
        await until(pilot, lambda: text_of(app).count("3 of 12") == 2, 30)
        gate.set()
        await until(pilot, lambda: "12 of 12" in text_of(app), 30)


async def test_stopped_it_keeps_what_came_and_goes_on_later(
    app: TunedeckApp, remote: FakeProvider, questions: Path
) -> None:
    remote.hold = threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_record(pilot, app, questions)
        await confirm(pilot, app)
        await until(pilot, lambda: "Recording 1 model" in text_of(app) and bool(remote.chats))
        await pilot.press("x")
        await until(pilot, lambda: "Not complete: it was stopped" in text_of(app), 30)
        remote.hold.set()
        await pilot.press("escape")
        await asyncio.to_thread(questions.unlink)  # what is left is known without it
        app.push_screen(RecordScreen())
        await until(pilot, lambda: "0 of 12" in text_of(app))
        screen_of(app).query_one("#recordings", Table).focus()
        await confirm(pilot, app, "c")
        await until(pilot, lambda: "12 of 12" in text_of(app), 30)


async def test_a_service_that_fails_is_told_and_the_screen_lives(
    app: TunedeckApp, remote: FakeProvider, questions: Path
) -> None:
    remote.failure = ProviderError("The key is [b]wrong[/b].", "Set another.", status=401)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_record(pilot, app, questions)
        await confirm(pilot, app)
        await until(pilot, lambda: "The key is [b]wrong[/b]. Set another." in text_of(app), 30)


async def test_a_free_model_needs_no_yes_and_its_answers_become_a_training_file(
    app: TunedeckApp, questions: Path, isolated_home: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_record(pilot, app, questions, ("local", TUNED))
        await pilot.press("s")
        await until(pilot, lambda: "12 of 12" in text_of(app), 30)
        target = isolated_home / "successor.jsonl"
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("ctrl+u", "end", *["backspace"] * 200, *str(target), "enter")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen), 30)
        assert len(read_test_set(target).cases) == ROWS


async def test_the_keys_of_the_list_in_use_stand_in_the_bottom_line_at_80_columns(
    app: TunedeckApp, questions: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_record(pilot, app, questions, ("local", TUNED))
        await pilot.press("s")
        await until(pilot, lambda: "12 of 12" in text_of(app), 30)

        def bottom() -> str:
            return str(app.screen.query_one(KeyFooter).render())

        app.screen.query_one("#record-models").focus()
        await until(pilot, lambda: bottom().strip().startswith("s Record"))
        app.screen.query_one("#recordings").focus()
        await until(
            pilot, lambda: bottom().strip().startswith("t Successor   p Compare   e Golden   c Continue")
        )
        assert "? Help" in bottom()


async def test_a_recording_is_compared_with_a_successor_worst_rows_first_and_the_report_is_written(
    app: TunedeckApp, remote: FakeProvider, questions: Path, isolated_home: Path
) -> None:
    remote.answers[REMOTE_BASE] = ("Something ", "[b]else[/b].")
    async with app.run_test(size=(140, 40)) as pilot:
        await recorded(pilot, app, questions)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ParityScreen) and "choose one" in text_of(app))
        assert "choose one: enter" in text_of(app)
        await choose_successor(pilot, app)
        asked = len(remote.chats)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Never more than" in text_of(app)
        assert len(remote.chats) == asked
        await say_yes(pilot, app)
        await until(pilot, lambda: "12 of 12 recorded answers are compared: 0.0 %" in text_of(app), 30)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, ParityResultScreen))
        assert "Something [b]else[/b]." in text_of(app)
        assert {request.model for request in remote.chats[asked:]} == {REMOTE_BASE}
        target = isolated_home / "parity.html"
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, target.exists, 30)
        assert "&lt;" not in target.read_text("utf-8").partition("<body>")[0]


async def test_a_comparison_with_a_recording_goes_on_when_its_screen_is_left_and_can_be_stopped(
    app: TunedeckApp, remote: FakeProvider, questions: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await recorded(pilot, app, questions)
        remote.hold.clear()
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ParityScreen) and "choose one" in text_of(app))
        await choose_successor(pilot, app)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await say_yes(pilot, app)
        await until(pilot, lambda: "Asking: 0 of 12" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RecordScreen))
        assert app.services.runs.parity.state.is_running
        app.open_parity()
        await until(pilot, lambda: isinstance(app.screen, ParityScreen) and "Asking: 0 of" in text_of(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "Not complete: it was stopped" in text_of(app), 30)
        remote.hold.set()


async def test_questions_come_from_a_file_or_from_chats_and_marks_change_the_plan(
    app: TunedeckApp, questions: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_record(pilot, app, None)
        assert "f chooses a file" in text_of(app)
        await pilot.press("h")
        await until(pilot, lambda: "There is no chat to take questions from" in text_of(app))
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*str(questions), "enter")
        await until(pilot, lambda: "12 answers to ask" in text_of(app))
        table = screen_of(app).query_one("#record-models", Table)
        table.cursor = next(place for place, key in enumerate(table.keys) if key.endswith(f"\n{REMOTE_BASE}"))
        await pilot.press("space")
        await until(pilot, lambda: "24 answers to ask" in text_of(app))
        await pilot.press("a")
        await until(pilot, lambda: "12 answers to ask" in text_of(app))
        await pilot.press("e")  # greyed: nothing is recorded
        await pilot.pause()
        assert isinstance(app.screen, RecordScreen)


async def test_home_and_models_lead_here(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: "R records what it says" in text_of(app))
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RecordScreen) and "1 model" in text_of(app))
        await pilot.press("escape", "7")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and "smollm2" in text_of(app))
        table = app.screen.query_one(Table)
        await until(pilot, lambda: any(BASE in key for key in table.keys))
        table.cursor = next(place for place, key in enumerate(table.keys) if key.endswith(BASE))
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RecordScreen) and "1 model" in text_of(app))
        assert list(screen_of(app).marked) == list(screen_of(app)._wanted)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("kind", ["planned", "running", "recorded", "parity", "parity-rows"])
def test_it_looks(
    app: TunedeckApp, remote: FakeProvider, questions: Path, kind: str, size: tuple[int, int],
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for module in ("record_lines", "parity_form"):
        monkeypatch.setattr(f"screens.{module}.ago", lambda seconds: "5 min ago")
    monkeypatch.setattr("tui.evals.parity.statistics.median", lambda values: 0.5)
    remote.answers[REMOTE_BASE] = ("Send it ", "back by mail.")
    if kind == "running":
        remote.hold = threading.Event()

    async def before(pilot: Pilots) -> None:
        await open_record(pilot, app, questions)
        if kind != "planned":
            await confirm(pilot, app)
            words = "Recording 1 model: 0 of 12" if kind == "running" else "12 of 12"
            await until(pilot, lambda: words in text_of(app), 30)
            told = "0 of 12" if kind == "running" else "nothing is asked"
            await until(pilot, lambda: told in text_of(app) and "5 min ago" in text_of(app))
        if kind.startswith("parity"):
            await pilot.press("p")
            await until(pilot, lambda: isinstance(app.screen, ParityScreen) and "5 min" in text_of(app))
            await choose_successor(pilot, app)
        if kind == "parity-rows":
            await pilot.press("ctrl+l")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await say_yes(pilot, app)
            await until(pilot, lambda: "recorded answers are compared" in text_of(app), 30)
            await pilot.press("ctrl+r")
            await until(pilot, lambda: isinstance(app.screen, ParityResultScreen))
        # What the store tells may come after what is waited for above.
        await until(pilot, lambda: all(one.is_finished for one in app.workers if one.node is app.screen))

    try:
        assert snap_compare(app, terminal_size=size, run_before=before)
    finally:
        remote.hold.set()
