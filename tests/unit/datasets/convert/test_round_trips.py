"""There and back: what no list of losses names comes back as it was."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, tool_chat, user
from tests.unit.datasets.convert.support import (
    Row,
    chats,
    convert,
    normal,
    preferences,
    rows_of,
    texts,
    write_lines,
)
from tui.datasets.convert.account import Conversion
from tui.datasets.convert.mapping import SourceShape


def system(text: str) -> Row:
    return {"role": "system", "content": text}


EXAMPLES = settings(max_examples=40, deadline=None)


def there_and_back(row: Row, shape: str, ending: str = ".jsonl") -> tuple[Conversion, Conversion, list[Row]]:
    """Convert one row to a shape and that to OpenAI's again; returns both accounts and the rows."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        source = write_lines(folder / "source.jsonl", [row])
        other, back = folder / f"other{ending}", folder / "back.jsonl"
        there = convert(source, other, target_shape=shape)
        if not there.written:
            return there, there, []
        again = convert(other, back)
        return there, again, rows_of(back) if again.written else []


@pytest.mark.parametrize("shape", ["chat", "sharegpt", "vertex", "trl", "alpaca", "completion", "columns"])
@EXAMPLES
@given(row=chats())
def test_a_chat_comes_back_equal_unless_a_loss_or_a_reason_is_named(shape: str, row: Row) -> None:
    there, again, back = there_and_back(row, shape)
    if not there.written:
        assert there.bad_rows[0].reason
        return
    assert again.written, again.bad_rows
    assert not again.losses
    if not there.losses:
        assert normal(back) == normal([row])


@pytest.mark.parametrize("shape", ["sharegpt", "alpaca", "columns", "trl", "vertex", "chat"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".json"])
@settings(max_examples=8, deadline=None)
@example(row=chat(user("\r"), assistant("0")))
@example(row=chat(user("0"), assistant("\r")))
@given(row=chats())
def test_tables_and_lists_carry_what_lines_do(shape: str, ending: str, row: Row) -> None:
    there, again, back = there_and_back(row, shape, ending)
    if there.written:
        assert again.written, (again.mapping, again.bad_rows)
        if not there.losses and not again.losses:
            assert normal(back) == normal([row])


@pytest.mark.parametrize("shape", ["preference", "sharegpt", "trl", "alpaca"])
@EXAMPLES
@given(row=preferences())
def test_two_answers_come_back_equal_unless_a_loss_or_a_reason_is_named(shape: str, row: Row) -> None:
    there, again, back = there_and_back(row, shape)
    if not there.written:
        assert there.bad_rows[0].reason
        return
    assert again.written, again.bad_rows
    if not there.losses and not again.losses:
        assert normal(back) == normal([row])


SOUND = [
    ("sharegpt", chat(system("Be kind."), user("Hi"), assistant("Ho"), user("And?"), assistant("So."))),
    ("sharegpt", tool_chat()),
    ("vertex", tool_chat()),
    ("vertex", chat(system("Be kind."), user("Hi"), assistant("Ho"), user("And?"), assistant("So."))),
    ("trl", tool_chat()),
    ("alpaca", chat(system("Be kind."), user("Hi"), assistant("Ho"), user("And?"), assistant("So."))),
    ("completion", chat(user("2 + 2 ="), assistant(" 4"))),
    ("columns", chat(system("Be kind."), user("Hi"), assistant("Ho"))),
]


@pytest.mark.parametrize(("shape", "row"), SOUND)
def test_an_ordinary_row_is_carried_without_any_loss(shape: str, row: Row) -> None:
    there, again, back = there_and_back(row, shape)
    assert (there.losses, again.losses) == ((), ())
    assert normal(back) == normal([row])


@pytest.mark.parametrize(
    ("shape", "row", "kinds"),
    [
        ("sharegpt", chat(user(), assistant(weight=0), user(), assistant()), {"weight"}),
        ("trl", chat(user(), assistant(weight=0), user(), assistant()), {"weight"}),
        ("vertex", chat(user(), assistant(weight=0), user(), assistant()), {"weight"}),
        ("alpaca", chat(user(name="ann"), assistant()), {"message key"}),
        ("vertex", tool_chat(parallel_tool_calls=True), {"parallel_tool_calls"}),
        (
            "columns",
            chat(user(), assistant(), tools=[{"type": "function", "function": {"name": "f"}}]),
            {"tools"},
        ),
        ("completion", chat(system("Be kind."), user(), assistant()), {"system message"}),
    ],
)
def test_what_a_shape_can_not_say_is_named(shape: str, row: Row, kinds: set[str]) -> None:
    there, _, _ = there_and_back(row, shape)
    assert {loss.kind for loss in there.losses} == kinds
    assert all(loss.lines == (1,) and loss.count == 1 for loss in there.losses)


def test_weights_become_rows_whose_completion_alone_is_learned(tmp_path: Path) -> None:
    row = chat(user("a"), assistant("b", weight=0), user("c"), assistant("d"), user("e"), assistant("f"))
    source = write_lines(tmp_path / "in.jsonl", [row])
    result = convert(source, tmp_path / "out.jsonl", target_shape="trl-completion")
    assert result.rows_written == 2
    rows = rows_of(tmp_path / "out.jsonl")
    assert [made["completion"][0]["content"] for made in rows] == ["d", "f"]
    assert [len(made["prompt"]) for made in rows] == [3, 5]
    assert "weight" not in str(rows)
    assert [loss.kind for loss in result.losses] == ["conversation"]


@EXAMPLES
@given(rows=st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5))
def test_any_text_of_a_table_arrives_letter_by_letter(rows: list[tuple[str, str, str]]) -> None:
    import csv

    with TemporaryDirectory() as name:
        source, target = Path(name) / "table.csv", Path(name) / "out.jsonl"
        with source.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["system", "question", "answer"])
            writer.writerows(rows)
        result = convert(source, target)
        assert result.written, result.bad_rows
        found = [[message["content"] for message in row["messages"]] for row in rows_of(target)]
        assert found == [list(row) for row in rows]
        assert result.mapping is not None
        assert result.mapping.shape is SourceShape.COLUMNS
