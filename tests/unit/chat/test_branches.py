from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.chat.script import ScriptedModel, provider_of
from tui import paths
from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.chat.session import ChatSession
from tui.chat.streams import LaneUpdate
from tui.chat.tree import TurnTree
from tui.errors import TunedeckError
from tui.records.chats import ChatImage, ToolCall
from tui.store.store import Store

BASE = Lane("base", "smollm2")
PIXEL = ChatImage("dot.png", "image/png", b"\x89PNG\r\n\x1a\n", 1, 1)


@pytest.fixture
def store(isolated_home: Path) -> Iterator[Store]:
    with Store(paths.store_file()) as opened:
        yield opened


def ignore(update: LaneUpdate) -> None:
    """Look at nothing."""


def resumed(session: ChatSession, model: ScriptedModel, store: Store) -> ChatSession:
    assert session.chat_id is not None
    stored = store.chat(session.chat_id)
    assert stored is not None
    return ChatSession.resume(stored, provider_of(base=model), store)


def questions(session: ChatSession) -> list[str]:
    return [turn.question for turn in session.turns]


def test_a_changed_turn_begins_a_branch_and_the_old_one_can_be_gone_back_to(store: Store) -> None:
    model = ScriptedModel("ok")
    session = ChatSession([BASE], provider_of(base=model), store)
    session.ask("one", ignore)
    second = session.ask("two", ignore)
    session.ask("three", ignore)
    changed = session.ask("two, but other", ignore, instead_of=second)
    assert questions(session) == ["one", "two, but other"]
    assert [message.content for message in model.requests[-1].messages] == ["one", "ok", "two, but other"]
    assert session.show_branch(changed, -1) is second
    assert questions(session) == ["one", "two", "three"]
    assert session.show_branch(second, -1) is None
    assert session.branches(second) == (1, 2)


def test_the_first_turn_can_be_changed_too(store: Store) -> None:
    session = ChatSession([BASE], provider_of(base=ScriptedModel("ok")), store)
    first = session.ask("one", ignore)
    session.ask("other", ignore, instead_of=first)
    assert questions(session) == ["other"]
    assert len(session.all_turns) == 2


def test_all_branches_and_the_one_that_was_shown_come_back_with_the_chat(store: Store) -> None:
    model = ScriptedModel("ok")
    session = ChatSession([BASE], provider_of(base=model), store)
    first = session.ask("one", ignore)
    session.ask("two", ignore)
    other = session.ask("other", ignore, instead_of=first)
    session.show_branch(other, -1)
    again = resumed(session, model, store)
    assert questions(again) == ["one", "two"]
    assert again.branches(again.turns[0]) == (1, 2)
    again.show_branch(again.turns[0], 1)
    assert questions(again) == ["other"]
    assert again.ask("on", ignore).number == 4


def test_a_branch_is_gone_back_to_as_it_was_gone_on_with_last(store: Store) -> None:
    session = ChatSession([BASE], provider_of(base=ScriptedModel("ok")), store)
    first = session.ask("one", ignore)
    second = session.ask("two", ignore)
    session.ask("two again", ignore, instead_of=second)
    other = session.ask("other", ignore, instead_of=first)
    session.show_branch(other, -1)
    assert questions(session) == ["one", "two again"]


def test_images_go_as_urls_that_hold_them_and_come_back_with_the_chat(store: Store) -> None:
    model = ScriptedModel("A dot.")
    session = ChatSession([BASE], provider_of(base=model), store)
    session.ask("What is it?", ignore, images=[PIXEL])
    session.retry(ignore)
    whole = model.requests[-1].messages[0].whole
    assert whole is not None
    assert [part["type"] for part in whole["content"]] == ["text", "image_url"]
    assert whole["content"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    again = resumed(session, model, store)
    assert [turn.images for turn in again.all_turns] == [(PIXEL,), (PIXEL,)]
    assert store.query("SELECT count(*) AS images FROM chat_images")[0]["images"] == 1


def test_tool_calls_are_answered_by_hand_and_the_model_goes_on(store: Store) -> None:
    model = ScriptedModel(calls=(ToolCall("weather", '{"city": "Oslo"}'),))
    tools = ({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}},)
    session = ChatSession([BASE], provider_of(base=model), store, tools=tools)
    turn = session.ask("How is it in Oslo?", ignore)
    assert session.calling_lanes() == {BASE: turn.answers[BASE].tool_calls}
    model.calls, model.pieces = (), ("Rain.",)
    session.answer_calls({BASE: ["12 degrees, rain"]}, ignore)
    sent = model.requests[-1]
    assert sent.tools == tools
    assert [message.role for message in sent.messages] == ["user", "assistant", "tool"]
    called, result = sent.messages[1].whole, sent.messages[2].whole
    assert called is not None
    assert result is not None
    assert called["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    assert result == {
        "role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "12 degrees, rain",
    }  # fmt: skip
    again = resumed(session, model, store)
    assert again.messages(BASE) == session.messages(BASE)
    assert again.tools == tools


def test_only_who_called_a_tool_is_asked_on_and_the_other_sees_nothing_of_it(store: Store) -> None:
    other = Lane("other", "m")
    base, calling = ScriptedModel("plain"), ScriptedModel(calls=(ToolCall("a", "{}"), ToolCall("b", "{}")))
    session = ChatSession([BASE, other], provider_of(base=base, other=calling), store)
    session.ask("Go", ignore)
    assert list(session.calling_lanes()) == [other]
    calling.calls, calling.pieces = (), ("done",)
    turn = session.answer_calls({other: ["1", "2"]}, ignore)
    assert list(turn.answers) == [other]
    assert len(base.requests) == 1
    session.ask("Next", ignore)
    assert [message.content for message in base.requests[-1].messages] == ["Go", "plain", "Next"]
    roles = [message.role for message in calling.requests[-1].messages]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user"]


def test_a_question_after_calls_that_nobody_answered_leaves_the_calls_out(store: Store) -> None:
    model = ScriptedModel(calls=(ToolCall("weather", "{"),))
    session = ChatSession([BASE], provider_of(base=model), store)
    session.ask("Oslo?", ignore)
    model.calls, model.pieces = (), ("ok",)
    session.ask("Never mind", ignore)
    assert [message.content for message in model.requests[-1].messages] == ["Never mind"]


def test_each_call_needs_its_answer(store: Store) -> None:
    model = ScriptedModel(calls=(ToolCall("a", "{}"), ToolCall("b", "{}")))
    session = ChatSession([BASE], provider_of(base=model), store)
    session.ask("Go", ignore)
    with pytest.raises(TunedeckError, match="waits for 2 answers"):
        session.answer_calls({BASE: ["one"]}, ignore)
    with pytest.raises(TunedeckError, match="no tool call"):
        session.answer_calls({}, ignore)


def test_an_answer_that_a_lost_connection_cut_is_kept_and_marked(store: Store) -> None:
    model = ScriptedModel("half an ans", failure=TunedeckError("The connection was lost.", "Ask again."))
    session = ChatSession([BASE], provider_of(base=model), store)
    answer = session.ask("Go", ignore).answers[BASE]
    assert (answer.text, answer.finish_reason, answer.error) == (
        "half an ans", "cut off", "The connection was lost.",
    )  # fmt: skip
    kept = resumed(session, model, store).turns[0].answers[BASE]
    assert (kept.text, kept.is_cut, kept.error) == (
        "half an ans", True, "The connection was lost. Ask again.",
    )  # fmt: skip


def test_a_stream_that_ends_without_a_word_of_its_end_counts_as_cut(store: Store) -> None:
    session = ChatSession([BASE], provider_of(base=ScriptedModel("half", ends=False)), store)
    assert session.ask("Go", ignore).answers[BASE].is_cut


def test_tags_are_kept_with_the_chat(store: Store) -> None:
    model = ScriptedModel("ok")
    session = ChatSession([BASE], provider_of(base=model), store)
    with pytest.raises(TunedeckError, match="no chat to tag"):
        session.set_tags(["a"])
    session.ask("Hi", ignore)
    session.set_tags(["tone", "tone", "demo"])
    assert resumed(session, model, store).tags == ("demo", "tone")
    assert [chat.tags for chat in store.chats(tag="tone")] == [("demo", "tone")]
    assert store.chats(tag="nothing") == []


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(0, 40))
def test_whatever_turns_a_store_holds_a_branch_of_them_is_shown(parents: list[int], head: int) -> None:
    turns = [
        Turn(number, f"q{number}", {BASE: LaneAnswer("a", "stop")}, parent=parent)
        for number, parent in enumerate(parents)
    ]
    tree = TurnTree(turns, head)
    numbers = [turn.number for turn in tree.path]
    assert len(set(numbers)) == len(numbers)
    assert bool(numbers) == bool(parents)
    for turn in turns:
        tree.step(turn, 1)
        tree.step(turn, -1)
