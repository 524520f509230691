from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from screens.confirm import ConfirmScreen
from screens.datasets import DatasetsScreen
from screens.edit_row import EditRowScreen
from screens.home import HomeScreen
from screens.making import MakingScreen
from screens.review import ReviewScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import BASE, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.chat.lanes import Lane
from tui.proposals.setup import MakingWish, planned_making
from tui.records.chats import ChatDelta, ChatRequest, Usage
from tui.records.proposals import ProposalState

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
TASK = "Say positive or negative."
SYSTEM = "Answer with one word."


class Writer(FakeProvider):
    """Writes rows, hostile ones among them."""

    answers_to_give = (
        json.dumps({"user": "The tea was lovely this [b]morning[/b] \x1b[2J", "assistant": "positive"}),
        "I can't do that. \x1b]0;title\x07",
        json.dumps({"user": "Nobody came to fix the lift", "assistant": "negative"}),
        json.dumps({"user": "A long queue and a rude clerk", "assistant": "negative"}),
    )

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        place = len(self.chats)
        self.chats.append(request)
        while not self.hold.wait(0.01):
            yield ChatDelta("")
        yield ChatDelta(self.answers_to_give[place % len(self.answers_to_give)])
        yield ChatDelta("", "stop", Usage(40, 12))


@pytest.fixture
def rows(isolated_home: Path) -> Path:
    path = isolated_home / "train.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for thing in ("sun", "tea", "walk"):
            said = (
                ("system", SYSTEM),
                ("user", f"The {thing} was lovely this morning"),
                ("assistant", "positive"),
            )
            messages = [{"role": role, "content": text} for role, text in said]
            file.write(json.dumps({"messages": messages}) + "\n")
    return path


@pytest.fixture
def local() -> Writer:
    return Writer()


@pytest.fixture
def app(local: Writer) -> TunedeckApp:
    app = make_app(local)
    app.services.store.save_models("local", list(local.list_models()))
    return app


def proposed(app: TunedeckApp, rows: Path) -> str:
    """Make three rows, and return the run's id."""
    from tui.proposals.run import run_proposals

    wish = MakingWish(
        task=TASK, examples=rows, target=rows, model=BASE, account="local", count=3, at_once=1
    )  # fmt: skip
    return run_proposals(app.services, planned_making(app.services, wish), first_wait=0.01).run.id


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n")


async def test_rows_are_made_from_the_form_and_looked_through_by_keys(
    app: TunedeckApp, local: Writer, rows: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        app.open_making(rows)
        await until(pilot, lambda: isinstance(app.screen, MakingScreen) and "say it in" in text_of(app))
        app.screen.query_one("#task", Input).value = TASK
        app.screen.query_one("#count", Input).value = "3"
        await until(pilot, lambda: "3 rows: 3 to 6 askings, for free" in text_of(app))
        await pilot.press("ctrl+l")  # free: no yes is needed
        await until(pilot, lambda: "3 rows wait for you" in text_of(app), 30)
        assert "1 could not be used" in text_of(app)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen) and "Proposal" in text_of(app))
        assert "[b]morning[/b]" in text_of(app)
        assert "\x1b" not in text_of(app)
        assert "of it is train.jsonl line 2" in text_of(app)
        await pilot.press("k")
        await until(pilot, lambda: "2 wait · 1 kept" in text_of(app))
        await pilot.press("x")
        await until(pilot, lambda: "1 wait · 1 kept · 1 rejected" in text_of(app))
        await pilot.press("u")
        await until(pilot, lambda: "2 wait · 1 kept · 0 rejected" in text_of(app))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, EditRowScreen))
        await pilot.press("j", "d", "j", "d", "ctrl+s")  # no message but the system's is left
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen) and "✗" in text_of(app))
        await pilot.press("k")
        await until(pilot, lambda: any("edit it first" in note.message for note in app._notifications))
        await pilot.press("o")
        await until(
            pilot, lambda: isinstance(app.screen, TextDialog) and "1 were not offered" in text_of(app)
        )
        await pilot.press("escape", "w")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.pause(0.35)  # the question takes no yes before
        await pilot.press("y")
        await until(pilot, lambda: "1 written" in text_of(app))
    assert lines_in(rows) == 4
    assert lines_in(rows.parent / "train.origins.jsonl") == 1


async def test_making_goes_on_when_its_screen_is_left_can_be_stopped_and_goes_on(
    app: TunedeckApp, local: Writer, rows: Path
) -> None:
    local.hold.clear()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_making(rows)
        await until(pilot, lambda: isinstance(app.screen, MakingScreen) and "say it in" in text_of(app))
        app.screen.query_one("#task", Input).value = TASK
        app.screen.query_one("#count", Input).value = "3"
        await until(pilot, lambda: "3 to 6 askings" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "Asking: 0 of 3" in text_of(app))
        await pilot.press("escape", "m")
        await until(pilot, lambda: isinstance(app.screen, MakingScreen) and "Asking: 0 of 3" in text_of(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "Not complete: it was stopped" in text_of(app), 30)
        local.hold.set()


async def test_datasets_rows_and_the_palette_lead_here(app: TunedeckApp, rows: Path) -> None:
    app.services.store.touch_dataset(
        rows, sha256="0" * 64, size=300, rows=3, format="chat", valid=True, counts={"error": 0}
    )
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, DatasetsScreen) and "train.jsonl" in text_of(app))
        app.screen.query_one("#known").focus()
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, MakingScreen))
        assert app.screen.form.examples == rows  # type: ignore[attr-defined]
        await pilot.press("escape")
        app.open_rows(rows)
        await until(pilot, lambda: "lovely this morning" in text_of(app))
        await pilot.press("space", "m")
        await until(pilot, lambda: isinstance(app.screen, MakingScreen) and "1 marked rows" in text_of(app))


def test_what_was_kept_and_asked_is_in_the_store_only(app: TunedeckApp, rows: Path) -> None:
    run = proposed(app, rows)
    assert len(app.services.store.proposals(run, ProposalState.WAITING)) == 3
    assert rows.read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("kind", ["form", "review"])
def test_it_looks(
    app: TunedeckApp, rows: Path, kind: str, size: tuple[int, int], snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tui.proposals.plan.time.time", lambda: 1_780_000_000 - 90)
    monkeypatch.chdir(rows.parent)
    run = proposed(app, rows)

    async def before(pilot: Pilots) -> None:
        app.open_making(rows)
        await until(pilot, lambda: isinstance(app.screen, MakingScreen) and "generate" in text_of(app))
        app.screen.query_one("#task", Input).value = TASK
        await until(pilot, lambda: "askings" in text_of(app))
        if kind == "review":
            app.open_review(run)
            await until(pilot, lambda: isinstance(app.screen, ReviewScreen) and "Proposal" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=before)


async def test_what_was_recorded_is_looked_through_the_same_way(app: TunedeckApp, rows: Path) -> None:
    from tui.evals.record import plan_recording, record
    from tui.evals.record_source import questions_of_file

    questions = questions_of_file(rows)
    plan = plan_recording(app.services, str(rows), questions.cases, [Lane("local", BASE)])
    record(app.services, plan, first_wait=0.01)
    async with app.run_test(size=(140, 40)) as pilot:
        app.open_making()
        await until(pilot, lambda: isinstance(app.screen, MakingScreen) and "say it in" in text_of(app))
        await pilot.press("left")  # the last kind of all
        await until(pilot, lambda: f"{BASE}, 3 answers" in text_of(app))
        await until(pilot, lambda: "no model is asked" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "3 rows wait for you" in text_of(app), 30)
        await pilot.press("ctrl+r")
        await until(
            pilot, lambda: isinstance(app.screen, ReviewScreen) and "recording: 3 wait" in text_of(app)
        )
