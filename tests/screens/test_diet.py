from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from screens.choose import ChooseScreen
from screens.confirm import ConfirmScreen
from screens.diet import DietScreen
from screens.diet_result import DietResultScreen
from screens.evaluate import EvaluateScreen
from screens.home import HomeScreen
from screens.models import ModelsScreen
from screens.record import RecordScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import BASE, NOW, TUNED, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.records.chats import ChatDelta, ChatRequest, Usage
from tui.records.models import Capability, ModelInfo
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
REMOTE = "gpt-4.1-mini-2025-04-14"
ROWS = 8
PROMPT = "Say positive or negative. Never say anything else. Be brief. Do not explain yourself to anybody."


class Needy(FakeProvider):
    """The base needs the whole prompt, and the tuned model none."""

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        self.chats.append(request)
        while not self.hold.wait(0.01):
            yield ChatDelta("")
        told = request.messages[0].content if request.messages[0].role == "system" else ""
        knows = request.model == TUNED or "explain" in told
        yield ChatDelta("positive" if knows else "[b]what[/b] \x1b[2J")
        yield ChatDelta("", "stop", Usage(8 + len(told.split()), 2))


@pytest.fixture
def rows(isolated_home: Path) -> Path:
    path = isolated_home / "valid.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            asked = {"role": "user", "content": f"Review {number}: [i]nice[/i]"}
            answer = {"role": "assistant", "content": "negative" if number == 5 else "positive"}
            prompt = {"role": "system", "content": PROMPT}
            file.write(json.dumps({"messages": [prompt, asked, answer]}) + "\n")
    return path


@pytest.fixture
def local() -> Needy:
    local = Needy()
    local.forbidden[Capability.SCORE_TEXT] = "It scores nothing."
    return local


@pytest.fixture
def app(local: Needy, monkeypatch: pytest.MonkeyPatch) -> TunedeckApp:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-very-secret-0123456789")
    app = make_app(local, FakeProvider("openai"))
    app.services.store.save_models("local", list(local.list_models()))
    app.services.store.save_models("openai", [ModelInfo("openai", REMOTE, NOW)])
    monkeypatch.setattr("screens.models.account_models", lambda services, name: ([], ""))
    return app


async def open_form(
    pilot: Pilots, app: TunedeckApp, path: Path, model: tuple[str, str] = ("local", TUNED)
) -> None:
    app.push_screen(DietScreen(model))
    await until(pilot, lambda: "choose rows" in text_of(app))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
    await pilot.press(*str(path), "enter")
    await until(pilot, lambda: isinstance(app.screen, DietScreen) and "answers to ask" in text_of(app))


async def test_price_and_time_are_shown_and_confirmed_before_a_service_is_asked(
    app: TunedeckApp, rows: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, app, rows, ("openai", REMOTE))
        assert "40 answers to ask, for under $0.01" in text_of(app)
        app.screen.query_one("#shares", Input).value = "50, many"
        await until(pilot, lambda: "Write them like 100,50,25,10,0" in text_of(app))
        app.screen.query_one("#shares", Input).value = "100,0"
        await until(pilot, lambda: "16 answers to ask" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Never more than" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, DietScreen))
        assert not app.services.runs.diet.state.is_running


async def test_what_is_cut_beside_a_field_stands_whole_below_while_it_has_the_keys(
    app: TunedeckApp, rows: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, app, rows)

        def below() -> str:
            return str(app.screen.query_one(".hint", Static).render())

        app.screen.query_one("#checks").focus()
        await until(pilot, lambda: below().startswith("the expected answers are 2 labels · "))
        assert "Enter adds a check" in below()
        shares = app.screen.query_one("#shares", Input)
        shares.focus()
        await until(pilot, lambda: below().startswith("What is kept of the prompt's tokens"))
        shares.value = "50, many"
        await until(pilot, lambda: below().startswith("✗ Write them like 100,50,25,10,0"))
        await pilot.resize_terminal(140, 40)
        await until(pilot, lambda: below().startswith("What is kept of the prompt's tokens"))


async def test_a_diet_goes_on_when_its_screen_is_left_and_can_be_stopped(
    app: TunedeckApp, local: Needy, rows: Path
) -> None:
    local.hold.clear()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, app, rows)
        await pilot.press("ctrl+l")  # free: no yes is needed
        await until(pilot, lambda: "Asking: 0 of 80" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        app.open_diet(("local", TUNED))
        await until(pilot, lambda: "Asking: 0 of 80" in text_of(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "Not complete: it was stopped" in text_of(app), 30)
        local.hold.set()


async def test_the_sentence_stands_over_lengths_and_rows_worst_first(
    app: TunedeckApp, local: Needy, rows: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, app, rows)
        app.screen.query_one("#shares", Input).value = "100,0"
        await until(pilot, lambda: "32 answers to ask" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "within noise is none at all" in text_of(app), 30)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, DietResultScreen))
        assert "within noise is none at all" in text_of(app)
        table = app.screen.query_one(Table)
        assert len(table.keys) == 4
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog) and "Be brief." in text_of(app))
        await pilot.press("escape", "left_square_bracket")
        await until(pilot, lambda: f"Rows of {BASE}, worst first" in text_of(app))
        assert [row.cells[0] for row in table._rows][-1] == "6"  # the one that was wrong with all of it
        assert "[b]what[/b]" in text_of(app)
        assert "\x1b" not in text_of(app)


async def test_models_evaluation_recording_and_the_palette_lead_here(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("7")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and "smollm2" in text_of(app))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DietScreen))
        await pilot.press("escape", "E")
        await until(pilot, lambda: isinstance(app.screen, EvaluateScreen))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(app.screen, DietScreen))
        await pilot.press("escape", "escape", "R")
        await until(pilot, lambda: isinstance(app.screen, RecordScreen) and "1 model" in text_of(app))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DietScreen))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("kind", ["form", "running", "lengths", "rows"])
def test_it_looks(
    app: TunedeckApp, local: Needy, rows: Path, kind: str, size: tuple[int, int],
    snap_compare: Callable[..., bool],
) -> None:  # fmt: skip
    if kind == "running":
        local.hold = threading.Event()

    async def before(pilot: Pilots) -> None:
        await open_form(pilot, app, rows)
        if kind != "form":
            await pilot.press("ctrl+l")
            words = "Asking: 0 of 80" if kind == "running" else "nothing is asked"
            await until(pilot, lambda: words in text_of(app), 30)
        if kind in ("lengths", "rows"):
            await pilot.press("ctrl+r")
            await until(pilot, lambda: isinstance(app.screen, DietResultScreen))
        if kind == "rows":
            await pilot.press("left_square_bracket")
            await until(pilot, lambda: "worst first" in text_of(app))
        await pilot.pause()

    try:
        assert snap_compare(app, terminal_size=size, run_before=before)
    finally:
        local.hold.set()
