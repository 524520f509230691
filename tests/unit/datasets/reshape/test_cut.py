from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import WEATHER, Row, assistant, call, chat, preference, user, write
from tui.datasets.formats import row_format
from tui.datasets.reshape.cut import Cutter, CutWish, plan_cut
from tui.datasets.reshape.plan import Plan
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.turns import Conversation, CutHow
from tui.datasets.reshape.write import Written, target_names, write_plan
from tui.datasets.row_tokens import RowTokenCounter
from tui.datasets.tokens import TiktokenCounter

MODEL = "gpt-4o"
COUNTER = RowTokenCounter(TiktokenCounter("o200k_base"))
SYSTEM = {"role": "system", "content": "Be brief."}


class EveryWord:
    """A model's own tokenizer, as far as counting goes."""

    name = "words"

    def count(self, text: str) -> int:
        return len(text.split())


def tokens(row: Row) -> int:
    return COUNTER.row(row, row_format(row)).total


def exchanges(count: int, words: int = 10) -> list[Row]:
    return [
        message
        for number in range(count)
        for message in (user(f"q{number}" + " word" * words), assistant(f"a{number}" + " term" * words))
    ]


def cut(path: Path, limit: int, how: CutHow, **more: Any) -> tuple[Plan, list[Row], Written]:
    with RowTable.open(path) as table:
        plan = plan_cut(table, CutWish(MODEL, limit, how, **more))
        written = write_plan(plan, target_names(plan), overwrite=True)
    return plan, [json.loads(line) for line in written.files[0].path.read_bytes().splitlines()], written


def contents(row: Row) -> list[str]:
    return [str(message["content"]).split()[0] for message in row["messages"]]


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        (CutHow.MIDDLE, [["Be", "q0", "a0", "q4", "a4"]]),
        (CutHow.OLDEST, [["Be", "q3", "a3", "q4", "a4"]]),
        (CutHow.SPLIT, [["Be", "q0", "a0", "q1", "a1"], ["Be", "q2", "a2", "q3", "a3"], ["Be", "q4", "a4"]]),
    ],
)
def test_a_long_row_is_cut_and_what_went_is_listed(
    tmp_path: Path, how: CutHow, kept: list[list[str]]
) -> None:
    short, long = chat(SYSTEM, *exchanges(2)), chat(SYSTEM, *exchanges(5))
    path = write(tmp_path / "rows.jsonl", [short, long, short])
    plan, rows, written = cut(path, tokens(short), how)
    assert [contents(row) for row in rows] == [contents(short), *kept, contents(short)]
    assert all(tokens(row) <= tokens(short) for row in rows)
    assert plan.still_bad == 0
    (listed,) = plan.lost
    assert listed.line == 2
    gone = [name for name in contents(long) if not any(name in row for row in kept)]
    if how is CutHow.SPLIT:
        assert written.side_file is None
        assert not gone
    else:
        assert written.side_file is not None
        lost = [json.loads(line) for line in written.side_file.path.read_bytes().splitlines()]
        assert [one["message"] for one in lost] == [long["messages"][one["index"]] for one in lost]
        assert [one["message"]["content"].split()[0] for one in lost] == gone
        assert plan.facts["messages_lost"] == len(gone) == 6
        assert "loses 6 messages (3 user, 3 assistant): q" in listed.why


def test_what_stays_of_a_cut_row_keeps_its_bytes(tmp_path: Path) -> None:
    spaced = b'{ "messages" : [ {"role":"user","content":"\\u0061 1.0"},{"role":"assistant","content":"b"} , '
    spaced += (
        b'{"role" : "user", "content":"caf\\u00e9" }, {"role":"assistant",   "content":"d"} ] , "x":1.50 }'
    )
    path = tmp_path / "rows.jsonl"
    path.write_bytes(spaced + b"\r\n")
    with RowTable.open(path) as table:
        plan = plan_cut(table, CutWish(MODEL, tokens(orjson.loads(spaced)) - 1, CutHow.OLDEST))
        written = write_plan(plan, target_names(plan))
    assert written.files[0].path.read_bytes() == (
        b'{ "messages" : [ {"role" : "user", "content":"caf\\u00e9" }, '
        b'{"role":"assistant",   "content":"d"} ] , "x":1.50 }\r\n'
    )


def test_a_call_is_never_parted_from_its_answer(tmp_path: Path) -> None:
    row = chat(
        user("weather?"),
        {"role": "assistant", "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        assistant("Sunny."),
        *exchanges(2),
        tools=[WEATHER],
    )
    for limit in range(1, tokens(row)):
        for how in CutHow:
            done = Cutter(CutWish(MODEL, limit, how)).cut(orjson.dumps(row))
            for line in () if isinstance(done, str) else done.rewritten.rows:
                roles = [message["role"] for message in json.loads(line)["messages"]]
                assert ("tool" in roles) == (roles.count("assistant") > roles.count("user"))
                assert roles[0] == "user"
                assert roles[-1] == "assistant"


MESSAGE = st.builds(
    lambda role, words, more: {"role": role, "content": "word " * words, **more},
    st.sampled_from(["system", "user", "assistant", "tool", "developer", "odd"]),
    st.integers(0, 12),
    st.sampled_from([{}, {"tool_calls": [call()]}, {"weight": 0}]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(MESSAGE | st.sampled_from([None, 3, "text"]), max_size=14),
    st.integers(1, 150),
    st.sampled_from(list(CutHow)),
)
def test_whatever_the_messages_a_cut_fits_and_loses_nothing_in_silence(
    messages: list[Any], limit: int, how: CutHow
) -> None:
    row = {"messages": messages}
    done = Cutter(CutWish(MODEL, limit, how)).cut(orjson.dumps(row))
    if isinstance(done, str) or tokens(row) <= limit:
        return
    rows = [json.loads(line) for line in done.rewritten.rows]
    assert done.before == tokens(row)
    assert [tokens(one) for one in rows] == list(done.after)
    head = Conversation.of(messages).head
    lost = {one["index"] for one in done.rewritten.lost}
    if how is CutHow.SPLIT:
        assert not lost
        assert [one for part in rows for one in part["messages"][head:]] == messages[head:]
        assert len(rows) > 1
    else:
        assert done.after[0] <= limit
        assert rows[0]["messages"] == [one for index, one in enumerate(messages) if index not in lost]
        assert lost


def test_rows_that_can_not_be_cut_stay_and_are_counted(tmp_path: Path) -> None:
    rows: list[object] = [
        chat(user("word " * 90), assistant("Short.")),
        {"prompt": "word " * 90, "completion": "x"},
        preference(user("word " * 90)),
        preference(*exchanges(6), user("Last?")),
        "broken " * 90,
        chat(),
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    with RowTable.open(path) as table:
        plan = plan_cut(table, CutWish(MODEL, 90))
    assert plan.still_bad == 3
    assert [one.line for one in plan.lost] == [1, 2, 3, 4]
    assert plan.lost[3].why.startswith("213 tokens, becomes 85, loses 8 messages (4 user, 4 assistant): q1 ")
    assert "a completion row has no exchanges" in plan.lost[1].why
    assert any("3 row(s) stay too long" in note for note in plan.notes)


def test_a_models_own_tokenizer_counts_where_it_is_given(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [chat(*exchanges(3)), chat()])
    plan, rows, _ = cut(path, 40, CutHow.OLDEST, tokenizer=EveryWord())
    counter = RowTokenCounter(EveryWord())
    assert plan.facts["too_long"] == 1
    assert all(counter.row(row, row_format(row)).total <= 40 for row in rows)


@pytest.mark.parametrize(
    ("weights", "how", "why"),
    [
        ((1, 1, 0), CutHow.MIDDLE, ""),
        ((0, 1, 0), CutHow.MIDDLE, "nothing in what stays of it would be trained on"),
        ((1, 1, 0), CutHow.OLDEST, "nothing in what stays of it would be trained on"),
        ((0, 0, 1), CutHow.OLDEST, ""),
        ((0, 1, 1), CutHow.SPLIT, "nothing in one of its new rows would be trained on"),
        ((0, 0, 0), CutHow.OLDEST, ""),  # as little as before
    ],
)
def test_no_row_is_left_with_nothing_to_train_on(weights: tuple[int, ...], how: CutHow, why: str) -> None:
    messages = exchanges(3)
    for number, weight in enumerate(weights):
        messages[2 * number + 1]["weight"] = weight
    row = chat(*messages)
    limit = tokens(row) - 1 if how is CutHow.MIDDLE else tokens(chat(*messages[:2]))
    done = Cutter(CutWish(MODEL, limit, how)).cut(orjson.dumps(row))
    assert (why in done) if isinstance(done, str) else not why
