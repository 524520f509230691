"""`tunedeck convert` as a person or a script meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import run_cli, run_cli_process
from tests.unit.datasets.convert.support import rows_of
from tui.chat.lanes import STOPPED
from tui.paths import store_file
from tui.records.chats import Answer, Usage
from tui.store.store import Store

TABLE = "question,answer,id\nhi,ho,1\n\x1b[31mred,ok,2\nragged\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_bad_rows_end_with_1_and_are_skipped_on_request(table: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    refused = run_cli("convert", str(table), "-o", str(target))
    assert refused.code == 1
    assert "line 4: 1 cell, but the header has 3" in refused.stdout
    assert "column id" in refused.stdout
    assert not target.exists()
    done = run_cli("convert", str(table), "-o", str(target), "--skip-bad")
    assert done.code == 0
    assert "Wrote 2 rows" in done.stdout
    assert len(rows_of(target)) == 2
    assert table.read_text() == TABLE


def test_a_target_that_can_not_be_written_is_told_with_what_to_do(table: Path) -> None:
    result = run_cli("convert", str(table), "-o", str(table / "o.jsonl"), "--skip-bad")  # a file is no folder
    assert result.code == 2
    assert "can't be written" in result.stderr
    assert "choose another folder" in result.stderr


def test_the_json_account_names_everything(table: Path, tmp_path: Path) -> None:
    result = run_cli(
        "convert", str(table), "-o", str(tmp_path / "o.jsonl"), "--skip-bad", "--provider", "azure", "--json"
    )
    account = result.json()
    assert result.code == 0
    assert account["mapping"] == {"question": "user", "answer": "assistant", "id": "drop"}
    assert (account["rows_read"], account["rows_written"], account["bad_rows"]) == (3, 2, 1)
    assert account["losses"][0] == {
        "kind": "column", "name": "id", "detail": "left out", "count": 2, "lines": [2, 3],
    }  # fmt: skip
    assert any("at least 10" in note for note in account["notes"])


def test_a_preview_writes_nothing_and_lets_no_control_byte_out(table: Path) -> None:
    before = set(table.parent.iterdir())
    for more in ([], ["--json"]):
        result = run_cli("convert", str(table), "--preview", "3", *more)
        assert result.code == 1  # one of the rows is bad
        assert "\x1b" not in result.stdout + result.stderr
        assert "ragged" not in result.stdout
    assert set(table.parent.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["{table}"],
        ["missing.csv", "-o", "{out}"],
        ["{table}", "-o", "{out}", "--map", "nothing=user"],
        ["{table}", "-o", "{out}", "--map", "question"],
        ["{table}", "-o", "{out}", "--map", "answer=drop"],
        ["{table}", "-o", "{out}", "--from", "vertex"],
        ["{table}", "-o", "{out}", "--to", "preference"],
        ["{table}", "-o", "{out}", "--to", "vertex", "--provider", "openai"],
        ["{table}", "-o", "{out}", "--encoding", "klingon"],
        ["{table}", "-o", "{out}", "--delimiter", "ab"],
        ["{table}", "-o", "{table}", "--force"],
        ["{table}", "-o", "{table}.xlsx"],
        ["{table}", "-o", "{folder}"],
        ["{table}", "--from-chats", "-o", "{out}"],
        ["{table}", "--model", "m", "-o", "{out}"],
        ["--from-chats", "-o", "{out}"],
        ["{folder}", "-o", "{out}"],
        ["{table}", "-o", "{out}", "--to", "nonsense"],
    ],
)
def test_wrong_use_ends_with_2_and_a_sentence(table: Path, tmp_path: Path, arguments: list[str]) -> None:
    places = {"table": str(table), "out": str(tmp_path / "out.jsonl"), "folder": str(tmp_path)}
    result = run_cli("convert", *(word.format(**places) for word in arguments))
    assert result.code == 2
    assert result.stderr.strip()
    assert "Traceback" not in result.stderr
    assert table.read_text() == TABLE
    assert not (tmp_path / "out.jsonl").exists()


def test_the_help_names_the_roles_and_says_where_ratings_are_exported() -> None:
    result = run_cli("convert", "--help")
    assert result.code == 0
    assert "--skip-bad" in result.stdout
    assert "rated side by side becomes preference rows by `tunedeck compare export`" in " ".join(
        result.stdout.split()
    )
    assert "rejected" in result.stdout


def test_the_help_of_all_needs_no_heavy_library() -> None:
    result = run_cli_process("convert", "--help")
    assert result.code == 0


# Chats


def say(store: Store, chat_id: str, turn: int, model: str, text: str, reason: str = "stop") -> None:
    store.add_answer(Answer(chat_id, turn, model, "local", text, reason, Usage(), None, 1.0, 100 + turn))


@pytest.fixture
def chats() -> None:
    """Two chats: one with two models, one that was stopped at its only answer."""
    store = Store(store_file())
    chat = store.create_chat([("local", "a"), ("local", "b")], system_prompt="Be kind.")
    for turn, question in ((1, "hi"), (2, "more?")):
        store.add_message(chat, turn, "user", question)
        say(store, chat, turn, "a", f"a{turn}")
        say(store, chat, turn, "b", f"b{turn}", STOPPED if turn == 2 else "error" if turn == 9 else "stop")
    stopped = store.create_chat([("local", "a")])
    store.add_message(stopped, 1, "user", "and?")
    say(store, stopped, 1, "a", "half a sen", STOPPED)
    store.close()


@pytest.mark.usefixtures("chats")
def test_the_apps_chats_become_rows_without_stopped_answers(tmp_path: Path) -> None:
    target = tmp_path / "chats.jsonl"
    result = run_cli("convert", "--from-chats", "-o", str(target))
    assert result.code == 0
    assert "2 answers were left out" in result.stderr
    assert (
        len(
            json.loads(run_cli("convert", "--from-chats", "-o", str(target), "--force", "--json").stdout)[
                "notes"
            ]
        )
        == 1
    )
    spoken = [[message["content"] for message in row["messages"]] for row in rows_of(target)]
    assert spoken == [["Be kind.", "hi", "a1", "more?", "a2"], ["Be kind.", "hi", "b1"]]
    assert run_cli("check", str(target), "--no-tokens").code == 1  # two rows are too few, and nothing else
    only = run_cli(
        "convert", "--from-chats", "--model", "b", "-o", str(target), "--force", "--to", "sharegpt"
    )
    assert only.code == 0
    assert [turn["from"] for turn in rows_of(target)[0]["conversations"]] == ["human", "gpt"]


def test_chats_without_a_whole_answer_say_which_and_why(tmp_path: Path) -> None:
    store = Store(store_file())
    chat = store.create_chat([("local", "a")])
    store.add_message(chat, 1, "user", "and?")
    say(store, chat, 1, "a", "cut at the lim", "length")
    store.close()
    result = run_cli("convert", "--from-chats", "-o", str(tmp_path / "o.jsonl"))
    assert result.code == 2
    assert "No chat has a whole answer yet" in result.stderr
    assert f"cut at the token limit, and what followed it. Chats: {chat[:8]}" in " ".join(
        result.stderr.split()
    )


@pytest.mark.usefixtures("chats")
def test_a_model_without_answers_is_told(tmp_path: Path) -> None:
    result = run_cli("convert", "--from-chats", "--model", "nobody", "-o", str(tmp_path / "o.jsonl"))
    assert result.code == 2
    assert "nobody" in result.stderr


def test_pipes_are_told_to_be_saved_first(tmp_path: Path) -> None:
    import os

    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    result = run_cli("convert", str(pipe), "-o", str(tmp_path / "o.jsonl"))
    assert result.code == 2
    assert json.dumps(result.stderr)


def test_a_key_that_is_missing_is_not_called_empty(tmp_path: Path) -> None:
    answer = [{"role": "assistant", "content": "y"}]
    row = {"input": {"messages": [{"role": "user", "content": "x"}]}, "preferred_output": answer}
    rows = [{**row, "non_preferred_output": answer}, row, {**row, "non_preferred_output": []}]
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps(one) + "\n" for one in rows))
    result = run_cli("convert", str(source), "--to", "trl", "-o", str(tmp_path / "new.jsonl"))
    assert result.code == 1
    assert 'line 2: "non_preferred_output" is missing' in result.stdout + result.stderr
    assert 'line 3: "non_preferred_output" is empty' in result.stdout + result.stderr
