"""Branches, rows, tools, pictures and words of a chat, by keys."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from screens.ask_lines import AskLinesScreen
from screens.ask_text import AskTextScreen
from screens.chat import ChatScreen
from screens.chat_find import ChatFindScreen
from screens.chat_settings import ChatSettingsScreen
from screens.chat_tokens import ChatTokensScreen
from screens.choose import ChooseScreen
from tests.screens.fakes import BASE, NOW, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.chat.images import read_image
from tui.records.chats import Answer, TokenLogprob, ToolCall, Usage
from tui.records.models import Capability, ModelInfo
from tui.store.store import Store
from tui.widgets.lane_view import LaneView
from tui.widgets.prompt_input import PromptInput
from tui.widgets.table import Table

SIZES = [(80, 24), (140, 40)]

pytestmark = pytest.mark.usefixtures("frozen")


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    """An app whose only model is a base model."""
    app = make_app(provider)
    app.services.store.save_models("local", [ModelInfo("local", BASE, NOW - 900, "tunedeck")])
    return app


async def open_chat(pilot: Pilots, app: TunedeckApp) -> ChatScreen:
    app.open_chat(("local", BASE))
    await until(pilot, lambda: isinstance(app.screen, ChatScreen) and isinstance(app.focused, PromptInput))
    screen = app.screen
    assert isinstance(screen, ChatScreen)
    await until(pilot, lambda: [lane.model for lane in screen.session.lanes] == [BASE])
    return screen


async def ask(pilot: Pilots, screen: ChatScreen, text: str) -> None:
    turns = len(screen.session.all_turns)
    screen.query_one(PromptInput).load_text(text)
    await pilot.press("enter")
    await until(pilot, lambda: len(screen.session.all_turns) == turns + 1 and not screen.is_asking)


async def leave_prompt(pilot: Pilots, screen: ChatScreen) -> None:
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(screen.focused, LaneView))


async def answer_dialog(pilot: Pilots, app: TunedeckApp, screen: ChatScreen, text: str | None = None) -> None:
    await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
    dialog = app.screen
    if text is not None:
        dialog.query_one(Input).value = text
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is not dialog)


async def write_lines(pilot: Pilots, app: TunedeckApp, text: str) -> None:
    from textual.events import Paste

    await until(
        pilot, lambda: isinstance(app.screen, AskLinesScreen) and isinstance(app.focused, PromptInput)
    )
    dialog = app.screen
    dialog.query_one(PromptInput).clear()
    app.post_message(Paste(text))
    await until(pilot, lambda: dialog.query_one(PromptInput).text != "")
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is not dialog)


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def png(path: Path, width: int = 640, height: int = 480) -> Path:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    return path


async def test_a_changed_question_begins_a_branch_and_keys_move_between_them(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        for question in ("one", "two"):
            await ask(pilot, screen, question)
        screen.query_one(PromptInput).load_text("a draft")
        await leave_prompt(pilot, screen)
        await pilot.press("K")
        await until(pilot, lambda: "▸ you" in text_of(app))
        await pilot.press("c")
        await until(pilot, lambda: screen.query_one(PromptInput).text == "one")
        assert "a new branch" in text_of(app)
        provider.answers = {BASE: ("other answer",)}
        await ask(pilot, screen, "one, changed")
        assert screen.query_one(PromptInput).text == "a draft"
        assert [turn.question for turn in screen.session.turns] == ["one, changed"]
        assert "‹2 of 2›" in text_of(app)
        assert [message.content for message in provider.chats[-1].messages] == ["one, changed"]
        await leave_prompt(pilot, screen)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: "‹1 of 2›" in text_of(app) and "two" in text_of(app))
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: "other answer" in text_of(app))


async def test_escape_leaves_a_change_without_asking_and_brings_the_draft_back(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "one")
        screen.query_one(PromptInput).load_text("a draft")
        await leave_prompt(pilot, screen)
        await pilot.press("c")
        await until(pilot, lambda: screen.query_one(PromptInput).text == "one")
        await pilot.press("escape")
        await until(pilot, lambda: screen.query_one(PromptInput).text == "a draft")
        await ask(pilot, screen, "two")
        assert [turn.question for turn in screen.session.turns] == ["one", "two"]


async def test_the_line_over_the_message_says_what_the_chat_has_cost(app: TunedeckApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        assert "chat nothing answered yet" in text_of(app)
        await ask(pilot, screen, "one")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(screen.session.all_turns) == 2 and not screen.is_asking)
        await until(pilot, lambda: "chat 2 calls · in 24 · out 8 · free" in text_of(app))


async def test_a_price_that_nobody_published_is_never_a_number(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.chat_looks.cost_of", lambda *_: None)
    monkeypatch.setattr("tui.chat.spent.cost_of", lambda *_: None)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "one")
        await until(pilot, lambda: text_of(app).count("price not published") == 2)
        words = "in 120,000 (80,000 cached) · out 8,000 · price not published · tokens of 12 not told"
        monkeypatch.setattr("tui.chat.spent.Spent.words", words)
        await pilot.resize_terminal(80, 24)
        screen.show_line()
        await until(pilot, lambda: "of 12 not told" in " ".join(text_of(app).split()))


async def test_answers_are_read_as_markdown_and_are_one_widget_each(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    provider.answers = {BASE: ("# Head\n\n- **bold** [b]x[/b]\n\n```\ncode [/]\n```\n",)}
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        await until(pilot, lambda: "• bold [b]x[/b]" in text_of(app))
        assert "code [/]" in text_of(app)
        assert "#" not in text_of(app)
        assert len(screen.query_one(LaneView).query(Static)) == 2


async def test_five_megabytes_on_one_line_are_shown_in_part_and_copied_whole(
    app: TunedeckApp, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(TunedeckApp, "copy_text", lambda _app, text, _what: copied.append(text))
    provider.answers = {BASE: ("[b]word\x1b[31m " * 350_000,)}
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "Go")
        await until(pilot, lambda: "more characters; y copies all of it" in text_of(app))
        assert "[b]word␛[31m" in text_of(app)
        await leave_prompt(pilot, screen)
        await pilot.press("y")
        await until(pilot, lambda: copied)
        assert len(copied[0]) == 4_550_000


async def test_w_adds_a_training_row_to_a_file_of_ones_choice(app: TunedeckApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        await leave_prompt(pilot, screen)
        for _ in range(2):
            await pilot.press("w")
            await answer_dialog(pilot, app, screen, str(tmp_path / "rows.jsonl"))
        await until(pilot, lambda: len(rows_of(tmp_path / "rows.jsonl")) == 2)
        assert rows_of(tmp_path / "rows.jsonl")[0]["messages"] == [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "A short answer."},
        ]


async def test_b_makes_a_pair_with_the_answer_of_another_branch(
    app: TunedeckApp, provider: FakeProvider, tmp_path: Path
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        provider.answers = {BASE: ("A worse answer.",)}
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(screen.session.all_turns) == 2 and not screen.is_asking)
        await leave_prompt(pilot, screen)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        assert "A short answer." in text_of(app)
        await pilot.press("enter")
        await answer_dialog(pilot, app, screen, str(tmp_path / "pairs.jsonl"))
        await until(pilot, lambda: rows_of(tmp_path / "pairs.jsonl"))
        row = rows_of(tmp_path / "pairs.jsonl")[0]
        assert row["preferred_output"] == [{"role": "assistant", "content": "A short answer."}]
        assert row["non_preferred_output"] == [{"role": "assistant", "content": "A worse answer."}]


async def test_the_better_answer_is_written_in_many_lines(app: TunedeckApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        await leave_prompt(pilot, screen)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("enter")
        await write_lines(pilot, app, "A better one,\n\nwith a list:\n- a")
        await answer_dialog(pilot, app, screen, str(tmp_path / "pairs.jsonl"))
        await until(pilot, lambda: rows_of(tmp_path / "pairs.jsonl"))
        row = rows_of(tmp_path / "pairs.jsonl")[0]
        assert row["preferred_output"] == [
            {"role": "assistant", "content": "A better one,\n\nwith a list:\n- a"}
        ]


async def test_a_question_that_came_with_control_codes_is_changed_without_them(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        turn = screen.session.new_turn("a\x1b]52;c;aGk=\x07b")
        screen.ask_turn(turn)
        await until(pilot, lambda: bool(screen.session.turns) and not screen.is_asking)
        await leave_prompt(pilot, screen)
        await pilot.press("c")
        await until(pilot, lambda: screen.query_one(PromptInput).text == "a␛]52;c;aGk=␇b")


async def test_t_adds_a_case_to_a_test_set(app: TunedeckApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "hello")
        await leave_prompt(pilot, screen)
        await pilot.press("t")
        await until(pilot, lambda: "A short answer." in str(getattr(app.focused, "text", "")))
        await write_lines(pilot, app, "Hello!\nAnd well met.")
        await answer_dialog(pilot, app, screen, str(tmp_path / "tests.jsonl"))
        await until(pilot, lambda: rows_of(tmp_path / "tests.jsonl"))
        assert rows_of(tmp_path / "tests.jsonl")[0]["expected"] == "Hello!\nAnd well met."


async def test_tools_come_from_a_file_and_their_calls_are_answered_by_hand(
    app: TunedeckApp, provider: FakeProvider, tmp_path: Path
) -> None:
    file = tmp_path / "tools.json"
    file.write_text('[{"name": "weather", "description": "d", "parameters": {"type": "object"}}]', "utf-8")
    provider.calls_of = {BASE: (ToolCall("weather", '{"city": "Os'),)}
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await leave_prompt(pilot, screen)
        await pilot.press("T")
        await answer_dialog(pilot, app, screen, str(file))
        await until(pilot, lambda: "tools: weather" in text_of(app))
        await pilot.press("i")
        await ask(pilot, screen, "Oslo?")
        await until(pilot, lambda: '→ weather({"city": "Os)' in text_of(app))
        provider.calls_of, provider.answers = {}, {BASE: ("Rain.",)}
        await leave_prompt(pilot, screen)
        await pilot.press("o")
        await write_lines(pilot, app, '{\n  "degrees": 12\n}')
        await until(pilot, lambda: "Rain." in text_of(app) and '"degrees": 12' in text_of(app))
        assert [message.role for message in provider.chats[-1].messages] == ["user", "assistant", "tool"]
        assert provider.chats[-1].messages[-1].content == '{\n  "degrees": 12\n}'


async def test_a_picture_goes_along_with_its_facts_shown(
    app: TunedeckApp, provider: FakeProvider, tmp_path: Path
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await leave_prompt(pilot, screen)
        await pilot.press("p")
        await answer_dialog(pilot, app, screen, str(png(tmp_path / "dot.png")))
        await until(pilot, lambda: "▣ dot.png · PNG 640 x 480 · 1 KB · about 425 tokens" in text_of(app))
        await ask(pilot, screen, "What is it?")
        whole = provider.chats[-1].messages[0].whole
        assert whole is not None
        assert whole["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
        assert not screen.pending_images


async def test_a_key_is_greyed_where_the_service_takes_no_pictures(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    provider.forbidden = {Capability.CHAT_IMAGES: "The local models only read text."}
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_chat(pilot, app)
        await leave_prompt(pilot, screen)
        await pilot.press("p")
        await until(pilot, lambda: any("only read text" in note.message for note in app._notifications))
        assert app.screen is screen


async def test_a_schema_is_refused_in_the_settings_where_the_service_takes_none(
    app: TunedeckApp, provider: FakeProvider, tmp_path: Path
) -> None:
    provider.forbidden = {Capability.CHAT_SCHEMA: "JSON only."}
    schema = tmp_path / "person.json"
    schema.write_text('{"type": "object"}', "utf-8")
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ChatSettingsScreen))
        app.screen.query_one("#response_format", Input).value = str(schema)
        await until(pilot, lambda: "✗ JSON only." in text_of(app))
        app.screen.query_one("#response_format", Input).value = "json"
        app.screen.query_one("#stop", Input).value = "END|\\n"
        app.screen.query_one("#logprobs", Input).value = "2"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is screen)
        await ask(pilot, screen, "hi")
        sent = provider.chats[-1].parameters
        assert (sent.stop, sent.logprobs, sent.response_format) == (
            ("END", "\n"),
            2,
            '{"type": "json_object"}',
        )


async def test_words_are_found_in_all_chats_and_their_chat_opens(app: TunedeckApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "The soup was cold")
        await leave_prompt(pilot, screen)
        await pilot.press("number_sign")
        await answer_dialog(pilot, app, screen, "kitchen, cold")
        await until(pilot, lambda: "#cold #kitchen" in text_of(app) or "#kitchen #cold" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: not screen.session.turns)
        await leave_prompt(pilot, screen)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, ChatFindScreen))
        await pilot.press(*"soup")
        await until(pilot, lambda: app.screen.query_one(Table).row_key is not None)
        assert "»soup«" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and bool(screen.session.turns))
        assert screen.session.tags == ("cold", "kitchen")


async def test_what_was_found_in_a_hidden_branch_is_shown_and_marked(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    provider.answers = {BASE: ("An elephant.",)}
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "Which animal?")
        provider.answers = {BASE: ("A mouse.",)}
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(screen.session.all_turns) == 2 and not screen.is_asking)
        await ask(pilot, screen, "And now?")
        await leave_prompt(pilot, screen)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, ChatFindScreen))
        await pilot.press(*"elephant")
        await until(pilot, lambda: "»elephant«" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and "▸ you" in text_of(app))
        assert "An elephant." in text_of(app)
        assert [turn.number for turn in screen.session.turns] == [1]


async def test_many_pasted_lines_stay_one_message_and_can_do_nothing(app: TunedeckApp) -> None:
    from textual.events import Paste

    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        prompt = screen.query_one(PromptInput)
        app.post_message(Paste("one\rtwo\r\nthree\x1b]52;c;aGk=\x07\nfour"))
        await until(pilot, lambda: prompt.text.count("\n") == 3)
        assert prompt.text == "one\ntwo\nthree␛]52;c;aGk=␇\nfour"
        assert screen.session.turns == []


async def test_the_own_editor_writes_the_message(app: TunedeckApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "screens.chat_writing.edit_in_own_editor", lambda _app, text, _name: f"{text} and more\nlines\n"
    )
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        screen.query_one(PromptInput).load_text("begun")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: screen.query_one(PromptInput).text == "begun and more\nlines")


def keep_rich_chat(store: Store) -> None:
    """Put a chat with Markdown, a cut answer, a tool call and logprobs into the store."""
    chat_id = store.create_chat([("local", BASE)], title="How is the soup?")
    store.set_chat_tags(chat_id, ["kitchen"])
    text = (
        "# Soup\n\nIt is **cold**:\n\n1. heat it\n2. serve it\n\n"
        "```python\nheat(soup)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    logprobs = tuple(
        TokenLogprob(token, logprob, ((token, logprob), (" not", -2.5), (" warm", -3.0)))
        for token, logprob in (("It", -0.01), (" is", -0.2), (" cold", -1.1), ("\n", -3.4))
    )
    for turn, question, answer in (
        (
            1,
            "How is the soup?",
            Answer(
                chat_id, 1, BASE, "local", text, "stop", Usage(24, 30, 8), 0.4, 1.0, NOW, logprobs=logprobs
            ),
        ),
        (
            2,
            "Go on",
            Answer(
                chat_id,
                2,
                BASE,
                "local",
                "Half of",
                "cut off",
                Usage(),
                0.4,
                0.6,
                NOW,
                "The connection was lost.",
            ),
        ),
        (
            3,
            "Weather?",
            Answer(
                chat_id,
                3,
                BASE,
                "local",
                "",
                "tool_calls",
                Usage(40, 9),
                0.3,
                0.5,
                NOW,
                tool_calls=(ToolCall("weather", '{"city": "Oslo"}'),),
            ),
        ),
    ):
        store.add_message(chat_id, turn, "user", question)
        store.add_answer(answer)


async def open_rich_chat(pilot: Pilots, app: TunedeckApp) -> ChatScreen:
    screen = await open_chat(pilot, app)
    await pilot.press("ctrl+t")
    await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is screen and len(screen.session.turns) == 3)
    await until(pilot, lambda: len(screen.query_one(LaneView).query(Static)) == 6)
    return screen


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_rich_chat_looks(
    app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    keep_rich_chat(app.services.store)

    async def before(pilot: Pilots) -> None:
        await open_rich_chat(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_change_with_a_picture_and_branches_looks(
    app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int], tmp_path: Path
) -> None:
    async def before(pilot: Pilots) -> None:
        screen = await open_chat(pilot, app)
        await ask(pilot, screen, "one")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(screen.session.all_turns) == 2 and not screen.is_asking)
        for turn in screen.session.all_turns:
            for lane, answer in turn.answers.items():
                turn.answers[lane] = replace(answer, first_token_seconds=0.4, seconds=0.7)
        screen.show_branch_line()
        await leave_prompt(pilot, screen)
        await pilot.press("c")
        await until(pilot, lambda: screen.query_one(PromptInput).text == "one")
        screen.pending_images.append(read_image(png(tmp_path / "dot.png")))
        screen.show_pending()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_tokens_and_what_else_might_have_stood_there_look(
    app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    keep_rich_chat(app.services.store)

    async def before(pilot: Pilots) -> None:
        screen = await open_rich_chat(pilot, app)
        await leave_prompt(pilot, screen)
        await pilot.press("K", "K")
        await until(pilot, lambda: screen.marked_turn() is screen.session.turns[0])
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ChatTokensScreen))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_what_was_found_looks(
    app: TunedeckApp,
    snap_compare: Callable[..., bool],
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("screens.chat_find.ago", lambda _when: "2 h ago")
    keep_rich_chat(app.services.store)

    async def before(pilot: Pilots) -> None:
        screen = await open_chat(pilot, app)
        await leave_prompt(pilot, screen)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, ChatFindScreen))
        await pilot.press(*"cold")
        await until(pilot, lambda: app.screen.query_one(Table).row_key is not None)

    assert snap_compare(app, terminal_size=size, run_before=before)
