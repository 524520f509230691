from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input, Static, TextArea

from screens.chat import ChatScreen
from screens.chat_settings import ChatSettingsScreen
from screens.choose import ChooseScreen
from tests.screens.fakes import BASE, NOW, TUNED, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.chat.lanes import Turn
from tui.chat.parameters import NEW_CHAT
from tui.providers.protocol import ProviderError
from tui.records.chats import Answer, ChatParameters, Usage
from tui.store.store import Store
from tui.widgets.lane_view import LaneView
from tui.widgets.prompt_input import PromptInput
from tui.widgets.turn_text import TurnLook

SIZES = [(80, 24), (140, 40)]
HOSTILE = "[/red] [b]bold[/b] \x1b]52;c;aGk=\x07 \x9b31m \u202e end"


pytestmark = pytest.mark.usefixtures("frozen")


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    """An app that knows a tuned model and its base."""
    app = make_app(provider)
    app.services.store.save_models("local", list(provider.list_models()))
    return app


async def open_chat(pilot: Pilots, app: TunedeckApp) -> ChatScreen:
    await pilot.press("6")
    await until(pilot, lambda: isinstance(app.screen, ChatScreen) and isinstance(app.focused, PromptInput))
    assert isinstance(app.screen, ChatScreen)
    return app.screen


async def ask(pilot: Pilots, screen: ChatScreen, text: str) -> None:
    turns = len(screen.session.turns)
    await pilot.press(*["space" if letter == " " else letter for letter in text], "enter")
    await until(pilot, lambda: len(screen.session.turns) == turns + 1 and not screen._asking)


def keep_chat(store: Store, turns: int = 1) -> str:
    """Put a chat of base and tuned model into the store, with the same numbers every time."""
    chat_id = store.create_chat(
        [("local", BASE), ("local", TUNED)], title="The soup was cold.",
        system_prompt="Answer with one word.",
        parameters=ChatParameters(temperature=0.0),
    )  # fmt: skip
    for turn in range(1, turns + 1):
        store.add_message(chat_id, turn, "user", f"The soup was cold. ({turn})")
        for model, text, tokens in (
            (BASE, "I'm sorry to hear that! Was everything else to your liking?", 15),
            (TUNED, "negative", 2),
        ):
            answer = Answer(
                chat_id, turn, model, "local", text, "stop", Usage(24, tokens), 0.4, 0.4 + tokens / 50, NOW
            )
            store.add_answer(answer)
    return chat_id


def read_rows(folder: Path) -> list[dict[str, list[dict[str, str]]]]:
    lines = [line for path in folder.glob("chat-*.jsonl") for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines]


async def open_kept_chat(pilot: Pilots, app: TunedeckApp) -> ChatScreen:
    screen = await open_chat(pilot, app)
    await pilot.press("ctrl+t")
    await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is screen and bool(screen.session.turns))
    await pilot.pause()
    return screen


async def test_the_newest_tuned_model_answers_beside_its_base(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    provider.answers = {BASE: ("a long ", "story"), TUNED: ("positive",)}
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        shown = text_of(app)
        assert "a long story" in shown
        assert "positive" in shown
        assert sorted(request.model for request in provider.chats) == sorted([BASE, TUNED])
        assert "in 12 · out 4" in shown


async def test_each_model_goes_on_from_its_own_answers(app: TunedeckApp, provider: FakeProvider) -> None:
    provider.answers = {BASE: ("base one",), TUNED: ("tuned one",)}
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "one")
        await ask(pilot, screen, "two")
        second = {request.model: request for request in provider.chats[2:]}
        assert [message.content for message in second[BASE].messages] == ["one", "base one", "two"]
        assert [message.content for message in second[TUNED].messages] == ["one", "tuned one", "two"]


async def test_an_answer_is_shown_while_it_comes_and_escape_stops_it(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    provider.answers = {BASE: ("begun", "never"), TUNED: ("begun", "never")}
    provider.hold.clear()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press(*"go", "enter")
        await until(pilot, lambda: "begun" in text_of(app))
        assert "esc stops" in text_of(app)
        assert "New chat" not in text_of(app).splitlines()[1]
        await pilot.press("escape")
        await until(pilot, lambda: not screen._asking)
        await until(pilot, lambda: provider.closed_streams == 2)
        assert "never" not in text_of(app)
        assert "stopped" in text_of(app)
        assert isinstance(app.focused, PromptInput)


async def test_a_second_question_waits_for_the_first(app: TunedeckApp, provider: FakeProvider) -> None:
    provider.hold.clear()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: screen._asking)
        await pilot.press(*"two", "enter")
        await until(pilot, lambda: any("still being answered" in note.message for note in app._notifications))
        assert screen.query_one(PromptInput).text == "two"
        provider.hold.set()
        await until(pilot, lambda: not screen._asking)


async def test_a_model_that_fails_says_why_in_its_lane(app: TunedeckApp, provider: FakeProvider) -> None:
    provider.failure = ProviderError("The model is [/gone].", "Choose another.")
    provider.answers = {BASE: (), TUNED: ()}
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        assert "✗ The model is [/gone]. Choose another." in text_of(app)


async def test_a_lost_connection_leaves_what_had_come_and_says_so(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    provider.failure = ProviderError("The connection was lost.", "Ask again.")
    provider.answers = {BASE: ("half an ans",), TUNED: ("half an ans",)}
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        assert "half an ans" in text_of(app)
        assert "✂ cut off: The connection was lost." in text_of(app)


async def test_hostile_answers_are_shown_and_do_nothing(app: TunedeckApp, provider: FakeProvider) -> None:
    provider.answers = {BASE: (HOSTILE,), TUNED: (HOSTILE,)}
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        shown = text_of(app)
        assert "[/red] [b]bold[/b] ␛]52;c;aGk=␇" in shown
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


async def test_chats_are_kept_and_opened_again(app: TunedeckApp, provider: FakeProvider) -> None:
    keep_chat(app.services.store)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_kept_chat(pilot, app)
        await until(pilot, lambda: "Was everything else to your liking?" in text_of(app))
        assert "system: Answer with one word. · temperature 0" in text_of(app)
        await ask(pilot, screen, "and now")
        request = next(request for request in provider.chats if request.model == TUNED)
        assert [message.role for message in request.messages] == ["system", "user", "assistant", "user"]
        assert request.parameters.temperature == 0.0
        assert len(app.services.store.chats()) == 1


async def test_system_prompt_and_parameters_hold_from_the_next_question_on(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ChatSettingsScreen))
        app.screen.query_one("#system", TextArea).text = "Be brief."
        app.screen.query_one("#temperature", Input).value = "9"
        await until(pilot, lambda: "out of range" in text_of(app))
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, ChatSettingsScreen)
        app.screen.query_one("#temperature", Input).value = "0.2"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is screen)
        await ask(pilot, screen, "hi")
        request = provider.chats[0]
        assert request.messages[0].content == "Be brief."
        assert request.parameters == ChatParameters(temperature=0.2, max_tokens=NEW_CHAT.max_tokens)


async def test_lanes_that_would_be_too_narrow_are_shown_one_at_a_time(app: TunedeckApp) -> None:
    async with app.run_test(size=(60, 20)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, LaneView))
        shown = [view.lane.model for view in screen.query(LaneView) if view.display]
        await pilot.press("right_square_bracket")
        await pilot.pause()
        after = [view.lane.model for view in screen.query(LaneView) if view.display]
        assert (shown, after) == ([BASE], [TUNED])


async def test_a_model_can_be_added_and_taken_out(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press("escape", "x")
        await until(pilot, lambda: len(screen.session.lanes) == 1)
        await pilot.press("escape", "a")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*BASE[:6], "enter")
        await until(pilot, lambda: len(screen.session.lanes) == 2)


async def test_only_the_tail_is_laid_out_and_u_shows_more(app: TunedeckApp) -> None:
    keep_chat(app.services.store, turns=25)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_kept_chat(pilot, app)
        lane = screen.query(LaneView).first()
        await until(pilot, lambda: len(lane.query(Static)) == 21)
        await pilot.press("escape", "u")
        await until(pilot, lambda: len(lane.query(Static)) == 41)
        await pilot.press("u")
        await until(pilot, lambda: len(lane.query(Static)) == 50)


async def test_a_mark_moves_over_the_tail_and_is_drawn_where_it_was_and_is(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_chat(app.services.store, turns=25)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_kept_chat(pilot, app)
        lane = screen.query(LaneView).first()
        await until(pilot, lambda: len(lane.query(Static)) == 21)
        await pilot.press("escape", "K", "K")
        await until(pilot, lambda: text_of(app).count("▸ you") == len(screen.session.lanes))
        drawn: list[int] = []

        def look_of(turn: Turn) -> TurnLook:
            drawn.append(turn.number)
            return screen.turn_look(turn)

        for view in screen.query(LaneView):
            monkeypatch.setattr(view, "_look_of", look_of)
        await pilot.press("K")
        await until(pilot, lambda: screen.marked_turn() is screen.session.turns[-4])
        await until(pilot, lambda: text_of(app).count("▸ you") == len(screen.session.lanes))
        assert len(set(drawn)) == 2  # not one for each turn that is laid out
        await pilot.press(*"KKKKKKK")
        await until(pilot, lambda: lane.hidden_turns == 4)  # ten more at once: 11 + 10 of 25


async def test_a_focus_switch_stays_quick_with_a_thousand_messages(app: TunedeckApp) -> None:
    keep_chat(app.services.store, turns=250)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_kept_chat(pilot, app)
        started = time.process_time()
        for _ in range(10):
            await pilot.press("tab")
        # Measured 2026-11: 40 ms, most of it for drawing; without the window it would be seconds.
        assert (time.process_time() - started) / 10 < 0.15
        assert len(screen.query(Static)) < 60


async def test_up_brings_back_what_was_asked_and_down_the_draft(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "one")
        await ask(pilot, screen, "two")
        prompt = screen.query_one(PromptInput)
        await pilot.press(*"dra", "up", "up")
        assert prompt.text == "one"
        await pilot.press("down", "down")
        assert prompt.text == "dra"


async def test_a_message_may_have_several_lines(app: TunedeckApp, provider: FakeProvider) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press(*"one", "ctrl+j", *"two", "enter")
        await until(pilot, lambda: bool(screen.session.turns) and not screen._asking)
        assert provider.chats[0].messages[-1].content == "one\ntwo"


async def test_y_copies_the_answer_of_the_lane_with_the_keys(
    app: TunedeckApp, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(TunedeckApp, "copy_text", lambda _app, text, _what: copied.append(text))
    provider.answers = {BASE: ("base says",), TUNED: ("tuned says",)}
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hi")
        await pilot.press("escape", "y", "right_square_bracket", "y")
        assert copied == ["base says", "tuned says"]


async def test_r_asks_again_and_shows_the_new_answer(app: TunedeckApp, provider: FakeProvider) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hi")
        provider.answers = {BASE: ("other",), TUNED: ("other",)}
        await pilot.press("ctrl+r")
        await until(pilot, lambda: text_of(app).count("other") == 2)
        assert "A short answer." not in text_of(app)
        assert len(screen.session.turns) == 1


async def test_e_writes_the_chat_as_training_rows(
    app: TunedeckApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hi")
        await pilot.press("escape", "e")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"rows", "enter")
        await until(pilot, lambda: read_rows(tmp_path))
    assert [row["messages"][-1]["content"] for row in read_rows(tmp_path)] == ["A short answer."] * 2


async def test_open_chat_turns_to_the_models_it_is_given(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hi")
        app.open_chat(("local", BASE))
        await until(pilot, lambda: [lane.model for lane in screen.session.lanes] == [BASE])
        assert screen.session.turns == []


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_chat_looks(app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    keep_chat(app.services.store, turns=2)

    async def before(pilot: Pilots) -> None:
        screen = await open_kept_chat(pilot, app)
        await until(pilot, lambda: all(len(lane.query(Static)) == 4 for lane in screen.query(LaneView)))

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_an_empty_chat_looks(app: TunedeckApp, snap_compare: Callable[..., bool]) -> None:
    async def before(pilot: Pilots) -> None:
        await open_chat(pilot, app)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_the_settings_of_a_chat_look(
    app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    async def before(pilot: Pilots) -> None:
        await open_chat(pilot, app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ChatSettingsScreen))

    assert snap_compare(app, terminal_size=size, run_before=before)
