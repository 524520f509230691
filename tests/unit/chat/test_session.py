from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.chat.script import ScriptedModel, provider_of
from tui import paths
from tui.chat.export import export_chat, export_lines
from tui.chat.lanes import Lane, LaneAnswer, describe_speed
from tui.chat.model_names import short_model_name
from tui.chat.parameters import describe_parameters, parse_parameters
from tui.chat.session import ChatSession
from tui.chat.streams import LaneUpdate, stream_lanes
from tui.errors import TunedeckError
from tui.records.chats import Answer, ChatDelta, ChatMessage, ChatParameters, ChatRequest, ToolCall, Usage
from tui.store.store import Store

BASE = Lane("base", "smollm2")
TUNED = Lane("tuned", "ft:smollm2:local:tone:abc12345")


@pytest.fixture
def store(isolated_home: Path) -> Iterator[Store]:
    with Store(paths.store_file()) as opened:
        yield opened


def answers_of(store: Store, session: ChatSession) -> list[Answer]:
    assert session.chat_id is not None
    stored = store.chat(session.chat_id)
    assert stored is not None
    return list(stored.answers)


def ignore(update: LaneUpdate) -> None:
    """Look at nothing."""


def wait_for(event: threading.Event) -> None:
    assert event.wait(5), "this should have happened long ago"


def test_every_lane_answers_the_same_question_and_keeps_its_own_answers(store: Store) -> None:
    base, tuned = ScriptedModel("I am ", "base"), ScriptedModel("I am tuned")
    session = ChatSession([BASE, TUNED], provider_of(base=base, tuned=tuned), store, system="Be short.")
    session.ask("Who are you?", ignore)
    session.ask("And now?", ignore)
    assert [message.content for message in base.requests[1].messages] == [
        "Be short.",
        "Who are you?",
        "I am base",
        "And now?",
    ]
    assert tuned.requests[1].messages[2] == ChatMessage("assistant", "I am tuned")
    assert tuned.requests[1].model == TUNED.model


def test_pieces_arrive_in_order_and_add_up_to_the_answer(store: Store) -> None:
    pieces = [f"{number} " for number in range(500)]
    session = ChatSession([BASE], provider_of(base=ScriptedModel(*pieces)), store)
    updates: list[LaneUpdate] = []
    turn = session.ask("Count", updates.append)
    assert "".join(update.text for update in updates) == "".join(pieces) == turn.answers[BASE].text
    assert [update.finished for update in updates] == [False] * (len(updates) - 1) + [True]
    assert turn.answers[BASE].usage == Usage(7, 500)


def test_a_fast_model_is_shown_at_most_twenty_times_a_second(store: Store) -> None:
    session = ChatSession([BASE], provider_of(base=ScriptedModel(*["x"] * 20_000)), store)
    updates: list[LaneUpdate] = []
    started = time.monotonic()
    session.ask("Go", updates.append)
    assert len(updates) <= 20 * (time.monotonic() - started) + 2


def test_everything_is_in_the_store_before_it_is_shown(store: Store) -> None:
    session = ChatSession([BASE], provider_of(base=ScriptedModel("Yes")), store)
    kept: list[str] = []

    def look(update: LaneUpdate) -> None:
        if update.finished:
            kept.append(answers_of(store, session)[0].text)

    session.ask("Is it  kept?", look)
    assert kept == ["Yes"]
    assert session.chat_id is not None
    stored = store.chat(session.chat_id)
    assert stored is not None
    assert stored.messages == ((1, ChatMessage("user", "Is it  kept?")),)
    assert (stored.summary.title, stored.summary.models) == ("Is it kept?", (("base", "smollm2"),))


def test_a_failing_lane_says_why_and_the_other_goes_on(store: Store) -> None:
    failing = ScriptedModel(failure=TunedeckError("Out of memory.", "Use a smaller model."))
    session = ChatSession([BASE, TUNED], provider_of(base=failing, tuned=ScriptedModel("fine")), store)
    turn = session.ask("Hello", ignore)
    assert turn.answers[BASE].failed
    assert (turn.answers[BASE].error, turn.answers[BASE].remedy) == ("Out of memory.", "Use a smaller model.")
    assert turn.answers[TUNED].text == "fine"
    assert {answer.account: answer.finish_reason for answer in answers_of(store, session)}["base"] == "error"


def test_a_lane_that_gave_no_answer_does_not_see_that_question_again(store: Store) -> None:
    model = ScriptedModel(failure=TunedeckError("Busy."))
    session = ChatSession([BASE], provider_of(base=model), store)
    session.ask("First", ignore)
    model.failure = None
    model.pieces = ("ok",)
    session.ask("Second", ignore)
    assert [message.content for message in model.requests[1].messages] == ["Second"]


def test_stop_closes_the_stream_and_keeps_what_had_arrived(store: Store) -> None:
    model = ScriptedModel("partial ", "never", hold=threading.Event())
    session = ChatSession([BASE], provider_of(base=model), store)
    asking = threading.Thread(target=session.ask, args=("Go on", ignore))
    asking.start()
    wait_for(model.first_piece_sent)
    assert session.is_running
    session.stop()
    asking.join(5)
    assert not asking.is_alive()
    wait_for(model.closed)
    assert session.turns[0].answers[BASE].finish_reason == "stopped"
    assert answers_of(store, session)[0].text == "partial "
    assert not session.is_running


def test_stop_returns_at_once_even_when_the_service_is_silent() -> None:
    released = threading.Event()

    def silent() -> Iterator[ChatDelta]:
        wait_for(released)
        yield ChatDelta("late")

    stop = threading.Event()
    stop.set()
    began = time.monotonic()
    answers = stream_lanes({BASE: silent}, stop, ignore)
    assert time.monotonic() - began < 0.8  # a person feels no wait; a hung service would take for ever
    released.set()
    assert answers[BASE].finish_reason == "stopped"


def test_a_second_question_is_refused_while_the_first_is_answered(store: Store) -> None:
    model = ScriptedModel("slow", hold=(hold := threading.Event()))
    session = ChatSession([BASE], provider_of(base=model), store)
    asking = threading.Thread(target=session.ask, args=("One", ignore))
    asking.start()
    wait_for(model.first_piece_sent)
    with pytest.raises(TunedeckError, match="still being answered"):
        session.ask("Two", ignore)
    hold.set()
    asking.join(5)
    assert [turn.question for turn in session.turns] == ["One"]


def test_asking_again_shows_the_new_answers_and_keeps_the_old_ones_beside_them(store: Store) -> None:
    model = ScriptedModel("first")
    session = ChatSession([BASE], provider_of(base=model), store)
    session.ask("Hi", ignore)
    model.pieces = ("second",)
    again = session.retry(ignore)
    assert [turn.answers[BASE].text for turn in session.turns] == ["second"]
    assert [answer.text for answer in answers_of(store, session)] == ["first", "second"]
    assert [message.content for message in model.requests[1].messages] == ["Hi"]
    assert session.branches(again) == (2, 2)


def test_a_chat_goes_on_where_it_was_left(store: Store) -> None:
    models = provider_of(
        base=ScriptedModel("I am base"),
        tuned=ScriptedModel(failure=TunedeckError("Gone.", "Choose another.")),
    )
    first = ChatSession([BASE, TUNED], models, store, system="S", parameters=ChatParameters(seed=3))
    first.ask("Who?", ignore)
    assert first.chat_id is not None
    stored = store.chat(first.chat_id)
    assert stored is not None
    again = ChatSession.resume(stored, models, store)
    assert (again.lanes, again.system, again.parameters) == (first.lanes, "S", ChatParameters(seed=3))
    assert again.messages(BASE) == first.messages(BASE)
    assert again.turns[0].answers[TUNED].error == "Gone. Choose another."
    again.ask("And?", ignore)
    assert [turn.number for turn in again.turns] == [1, 2]
    assert len(store.chats()) == 1


@pytest.mark.parametrize("question", ["", "  \n "])
def test_an_empty_question_is_refused(question: str, store: Store) -> None:
    session = ChatSession([BASE], provider_of(base=ScriptedModel("x")), store)
    with pytest.raises(TunedeckError, match="empty"):
        session.ask(question, ignore)


def test_the_export_has_one_line_per_model_and_only_messages(tmp_path: Path, store: Store) -> None:
    models = provider_of(base=ScriptedModel("a\x1b[2J"), tuned=ScriptedModel("b"))
    session = ChatSession([BASE, TUNED], models, store, system="S")
    session.ask("Q", ignore)
    target = tmp_path / "out" / "chat.jsonl"
    assert export_chat(session, target) == 2
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert all(set(row) == {"messages"} for row in rows)
    assert rows[0]["messages"] == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "a\x1b[2J"},
    ]
    with pytest.raises(TunedeckError, match="exists already"):
        export_chat(session, target)


def test_nothing_answered_exports_nothing(tmp_path: Path, store: Store) -> None:
    session = ChatSession([BASE], provider_of(), store)
    assert export_lines(session) == []
    with pytest.raises(TunedeckError, match="nothing to export"):
        export_chat(session, tmp_path / "chat.jsonl")


@pytest.mark.parametrize(
    ("model", "short"),
    [
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini-2025-04-14"),
        ("ft:smollm2:local:tone:abc12345", "tone:abc12345"),
        ("ft:gpt-4o:acme::9xYz", "gpt-4o:9xYz"),
        ("ft:gpt-4o:acme:tone:9xYz:ckpt-step-50", "tone:9xYz:ckpt-step-50"),
        ("ft:odd", "ft:odd"),
        ("gpt-4.1-mini.ft-b044a9d3cf9c4228b5d393567f693b83", "gpt-4.1-mini:693b83"),
        ("meta-llama/Llama-3.1-8B-LoRa:tone-udpd", "tone-udpd"),
    ],
)
def test_a_tuned_model_is_named_by_what_tells_it_apart(model: str, short: str) -> None:
    assert short_model_name(model) == short


def test_the_first_piece_of_a_tool_call_is_the_first_that_came(store: Store) -> None:
    middle = 0.0

    class CallingModel:
        def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
            nonlocal middle
            yield ChatDelta()
            yield ChatDelta(calling=True)
            middle = time.monotonic()
            yield ChatDelta("", "tool_calls", Usage(7, 9), (ToolCall("look", "{}"),))

    begun = time.monotonic()
    answer = ChatSession([BASE], lambda _: CallingModel(), store).ask("Go", ignore).answers[BASE]
    assert answer.first_token_seconds is not None
    assert 0 < answer.first_token_seconds <= middle - begun


def test_speed_counts_the_tokens_after_the_first() -> None:
    answer = LaneAnswer("x", "stop", Usage(5, 41), first_token_seconds=0.5, seconds=1.5)
    assert answer.tokens_per_second == pytest.approx(40)
    assert describe_speed(answer) == "41 tokens at 40/s, first in 0.5 s"


def test_speed_is_not_guessed_without_the_services_count() -> None:
    answer = LaneAnswer("x", "length", Usage(), first_token_seconds=0.5, seconds=1.5)
    assert answer.tokens_per_second is None
    at_once = LaneAnswer(usage=Usage(5, 50), first_token_seconds=0.9, seconds=0.900_1)
    assert at_once.tokens_per_second is None  # tool calls come whole
    assert describe_speed(answer) == "first in 0.5 s, cut at the token limit"


def test_parameters_left_empty_are_the_services_choice() -> None:
    parameters = parse_parameters({"temperature": " 0.2 ", "max_tokens": "50", "seed": ""})
    assert parameters == ChatParameters(temperature=0.2, max_tokens=50)
    assert describe_parameters(parameters) == "temperature 0.2 · max_tokens 50"


@pytest.mark.parametrize(
    ("name", "text"),
    [("temperature", "2.5"), ("temperature", "nan"), ("seed", "1.5"), ("top_p", "warm"), ("max_tokens", "0")],
)
def test_a_parameter_out_of_range_is_named(name: str, text: str) -> None:
    with pytest.raises(TunedeckError, match=name):
        parse_parameters({name: text})


@given(st.lists(st.text(max_size=8), max_size=30))
def test_no_piece_is_lost_or_reordered(pieces: list[str]) -> None:
    deltas = [*map(ChatDelta, pieces), ChatDelta("", "stop")]
    answers = stream_lanes({BASE: lambda: iter(deltas)}, threading.Event(), ignore)
    assert answers[BASE].text == "".join(pieces)
    assert answers[BASE].finish_reason == "stop"
