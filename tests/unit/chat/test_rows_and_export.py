from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.chat.script import ScriptedModel, provider_of
from tui import paths
from tui.chat.export import ExportFormat, export_chat, export_lines, export_text
from tui.chat.keep import RowKind, keep_row
from tui.chat.lanes import Lane
from tui.chat.rows import case_row, preference_row, training_row
from tui.chat.session import ChatSession
from tui.chat.streams import LaneUpdate
from tui.errors import TunedeckError
from tui.evals.test_set import read_test_set
from tui.records.chats import ToolCall
from tui.store.store import Store

BASE = Lane("base", "smollm2")
TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {}},
        },
    },
)  # fmt: skip


def ignore(update: LaneUpdate) -> None:
    """Look at nothing."""


@pytest.fixture
def store(isolated_home: Path) -> Iterator[Store]:
    with Store(paths.store_file()) as opened:
        yield opened


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel("negative")


@pytest.fixture
def session(model: ScriptedModel, store: Store) -> ChatSession:
    session = ChatSession([BASE], provider_of(base=model), store, system="One word.")
    session.ask("The soup was cold.", ignore)
    return session


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_turn_becomes_a_training_row_that_our_check_takes(session: ChatSession, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for _ in range(2):
        keep_row(path, RowKind.EXAMPLE, training_row(session.turns, BASE, session.system))
    assert [[message["role"] for message in row["messages"]] for row in rows_of(path)] == [
        ["system", "user", "assistant"]
    ] * 2


def test_the_better_answer_makes_a_preference_pair(session: ChatSession, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    keep_row(path, RowKind.PAIR, preference_row(session.turns, BASE, session.system, "Negative."))
    row = rows_of(path)[0]
    assert row["input"]["messages"][-1] == {"role": "user", "content": "The soup was cold."}
    assert row["preferred_output"][0]["content"] == "Negative."
    assert row["non_preferred_output"][0]["content"] == "negative"


@pytest.mark.parametrize("better", ["", "  ", " negative\n"])
def test_a_better_answer_must_be_another_text(session: ChatSession, better: str) -> None:
    with pytest.raises(TunedeckError, match="must be another text"):
        preference_row(session.turns, BASE, "", better)


def test_a_turn_becomes_a_case_of_a_test_set(session: ChatSession, tmp_path: Path) -> None:
    path = tmp_path / "tests.jsonl"
    keep_row(path, RowKind.CASE, case_row(session.turns, BASE, session.system, "negative"))
    case = read_test_set(path).cases[0]
    assert (case.question, case.expected) == ("The soup was cold.", ("negative",))


def test_rows_of_another_kind_are_not_mixed_into_a_file(session: ChatSession, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    keep_row(path, RowKind.EXAMPLE, training_row(session.turns, BASE, session.system))
    before = path.read_bytes()
    with pytest.raises(TunedeckError, match="no preference pair"):
        keep_row(path, RowKind.PAIR, preference_row(session.turns, BASE, "", "Negative."))
    assert path.read_bytes() == before


def test_a_row_that_the_rules_refuse_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with pytest.raises(TunedeckError, match="rules refuse"):
        keep_row(path, RowKind.EXAMPLE, {"messages": [{"role": "nobody", "content": "x"}]})
    assert not path.exists()


def test_a_last_line_without_an_end_gets_one_first(session: ChatSession, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = training_row(session.turns, BASE, session.system)
    path.write_text(json.dumps(row), "utf-8")
    keep_row(path, RowKind.EXAMPLE, row)
    assert rows_of(path) == [row, row]


def test_what_a_full_disk_takes_of_a_row_is_taken_back(
    session: ChatSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    row = training_row(session.turns, BASE, session.system)
    keep_row(path, RowKind.EXAMPLE, row)
    before = path.read_bytes()
    import os

    whole = os.write
    monkeypatch.setattr("tui.datasets.append.os.write", lambda file, content: whole(file, content[:10]))
    with pytest.raises(TunedeckError, match="can't be written"):
        keep_row(path, RowKind.EXAMPLE, row)
    assert path.read_bytes() == before


def test_half_an_answer_is_nothing_to_learn_from(store: Store, model: ScriptedModel) -> None:
    model.failure = TunedeckError("The connection was lost.")
    session = ChatSession([BASE], provider_of(base=model), store)
    session.ask("Go", ignore)
    with pytest.raises(TunedeckError, match="not whole"):
        training_row(session.turns, BASE, "")
    assert export_lines(session) == []


def test_a_row_ends_with_the_calls_that_the_model_made(store: Store, tmp_path: Path) -> None:
    model = ScriptedModel(calls=(ToolCall("weather", "{}"),))
    session = ChatSession([BASE], provider_of(base=model), store, tools=TOOLS)
    session.ask("Oslo?", ignore)
    row = training_row(session.turns, BASE, "", session.tools)
    assert row["messages"][-1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": "{}"}
    assert row["tools"] == list(TOOLS)
    keep_row(tmp_path / "rows.jsonl", RowKind.EXAMPLE, row)


def test_what_the_rules_warn_of_is_told_with_the_row(store: Store, tmp_path: Path) -> None:
    model = ScriptedModel(calls=(ToolCall("weather", '{"city": '),))
    session = ChatSession([BASE], provider_of(base=model), store, tools=TOOLS)
    session.ask("Oslo?", ignore)
    row = training_row(session.turns, BASE, "", session.tools)
    assert "JSON" in keep_row(tmp_path / "rows.jsonl", RowKind.EXAMPLE, row).warnings[0]


def test_markdown_holds_the_branch_that_is_shown_and_no_control_bytes(
    session: ChatSession, model: ScriptedModel, tmp_path: Path
) -> None:
    model.pieces = ("**bold** \x1b[2J",)
    session.ask("More?", ignore)
    session.retry(ignore)
    path = tmp_path / "chat.md"
    export_chat(session, path, ExportFormat.MARKDOWN)
    text = path.read_text("utf-8")
    assert text.count("## You") == 2
    assert "**bold** ␛[2J" in text
    assert "## System prompt\n\nOne word." in text


def test_json_holds_every_branch(session: ChatSession) -> None:
    session.retry(ignore)
    value = json.loads(export_text(session, ExportFormat.JSON))
    assert [(turn["number"], turn["shown"]) for turn in value["turns"]] == [(1, False), (2, True)]
    assert value["turns"][0]["answers"][0]["usage"]["completion_tokens"] == 1
