from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from screens.arms import ArmsScreen
from screens.arms_result import ArmsResultScreen
from screens.evaluate import EvaluateScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import TUNED, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.records.chats import ChatDelta, ChatRequest, Usage
from tui.records.models import Capability

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
ROWS = 8


class Shown(FakeProvider):
    """The base answers as the last example does; the tuned model knows."""

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        self.chats.append(request)
        while not self.hold.wait(0.01):
            yield ChatDelta("")
        shown = [one.content for one in request.messages if one.role == "assistant"]
        base = shown[-1] if shown else "[b]what[/b] \x1b[2J"
        yield ChatDelta("positive" if request.model == TUNED else base)
        yield ChatDelta("", "stop", Usage(8 + 9 * len(shown), 2))


def write(path: Path, *questions: str) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for question in questions:
            said = {"system": "Name it.", "user": question, "assistant": "positive"}
            messages = [{"role": role, "content": text} for role, text in said.items()]
            file.write(json.dumps({"messages": messages}) + "\n")
    return path


@pytest.fixture
def rows(isolated_home: Path) -> Path:
    return write(isolated_home / "valid.jsonl", *[f"Review {n}: [i]nice[/i] place" for n in range(ROWS)])


@pytest.fixture
def training(isolated_home: Path) -> Path:
    return write(isolated_home / "train.jsonl", "A nice review", "A place to be", "Something else")


@pytest.fixture
def local() -> Shown:
    local = Shown()
    local.forbidden[Capability.SCORE_TEXT] = "It scores nothing."
    return local


@pytest.fixture
def app(local: Shown) -> TunedeckApp:
    app = make_app(local)
    app.services.store.save_models("local", list(local.list_models()))
    return app


async def open_form(pilot: Pilots, app: TunedeckApp, rows: Path, training: Path) -> None:
    screen = ArmsScreen(("local", TUNED))
    screen.form.file = screen.form.other_file = rows
    app.push_screen(screen)
    await until(pilot, lambda: app.screen is screen and "Enter on Examples from" in text_of(app))
    screen.form.training = training
    screen.form_changed(at_once=True)
    await until(pilot, lambda: "answers to ask" in text_of(app))


async def test_three_ways_are_asked_and_the_answer_stands_over_their_numbers(
    app: TunedeckApp, rows: Path, training: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        app.open_evaluation(("local", TUNED))
        await until(pilot, lambda: isinstance(app.screen, EvaluateScreen))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ArmsScreen))
        await pilot.press("escape", "escape")
        await open_form(pilot, app, rows, training)
        app.screen.query_one("#examples", Input).value = "0"
        await until(pilot, lambda: "a whole number up to 50" in text_of(app))
        app.screen.query_one("#examples", Input).value = "2"
        await until(pilot, lambda: "24 answers to ask" in text_of(app))
        await pilot.press("ctrl+l")  # free: no yes is needed
        await until(pilot, lambda: "whether fine-tuning helps" in text_of(app), 30)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, ArmsResultScreen))
        assert "nearest examples" in text_of(app)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "Rows on which the tuned model loses most" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog) and "[b]what[/b]" in text_of(app))
        assert "\x1b" not in text_of(app)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("kind", ["form", "ways"])
def test_it_looks(
    app: TunedeckApp, local: Shown, rows: Path, training: Path, kind: str, size: tuple[int, int],
    snap_compare: Callable[..., bool],
) -> None:  # fmt: skip
    local.hold = threading.Event()
    local.hold.set()

    async def before(pilot: Pilots) -> None:
        await open_form(pilot, app, rows, training)
        if kind == "ways":
            await pilot.press("ctrl+l")
            await until(pilot, lambda: "nothing is asked" in text_of(app), 30)
            await pilot.press("ctrl+r")
            await until(pilot, lambda: isinstance(app.screen, ArmsResultScreen))

    assert snap_compare(app, terminal_size=size, run_before=before)
