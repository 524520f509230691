from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, preference, tool_chat, user, write
from tui.datasets.reshape import cut, keys, merge, near
from tui.datasets.reshape.cut import CutWish, plan_cut
from tui.datasets.reshape.dedupe import DedupeWish, Sameness, plan_dedupe
from tui.datasets.reshape.keys import Key, KeyKind
from tui.datasets.reshape.merge import plan_merge
from tui.datasets.reshape.plan import Plan
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.sample import SampleWish, plan_sample, plan_shuffle
from tui.datasets.reshape.split import SplitWish, Together, plan_split
from tui.datasets.reshape.turns import CutHow
from tui.datasets.reshape.write import target_names, write_plan
from tui.errors import TunedeckError
from tui.safe_text import safe_text

GOOD = [
    json.dumps(row).encode()
    for row in (
        chat(user("word " * 30), assistant("a"), user("word " * 30), assistant("b")),
        tool_chat(),
        preference(),
        {"prompt": "a b c d e f g h i", "completion": "x"},
        {"messages": None},
        {"messages": [None, 3, {"role": 5, "content": [[]]}]},
    )
]
HOSTILE = [
    b"[" * 1_200 + b"]" * 1_200,
    b'{"messages":' + b"[" * 600 + b"]" * 600 + b"}",
    b'{"a":' + b"9" * 5_000 + b"}",
    b'{"a":NaN}',
    b'{"a":"\\ud800"}',
    b"\x00\x1b[31m\x9b",
    b"\xff\xfe\x00",
    b'{"messages":[{"role":"user","content":"\x1b]0;x\x07"}]}',
    b"5",
    b"null",
]
LINE = st.sampled_from([*GOOD, *HOSTILE]) | st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))


def flipped(line: bytes, place: int, bit: int) -> bytes:
    if not line:
        return line
    changed = bytearray(line)
    changed[place % len(line)] ^= 1 << bit
    return bytes(changed).replace(b"\n", b"")


def plans(table: RowTable) -> list[Plan]:
    made = [plan_shuffle(table), plan_sample(table, SampleWish(stratify=Key(KeyKind.ANSWER)))]
    made += [plan_dedupe(table, DedupeWish(by)) for by in Sameness]
    made += [plan_cut(table, CutWish("gpt-4o", 40, how)) for how in CutHow]
    made.append(plan_merge([table, table], provenance=True))
    for together in Together:
        try:
            made.append(plan_split(table, SplitWish(together=together)))
        except TunedeckError as error:
            if "need" not in error.message:
                raise
    return made


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.builds(flipped, LINE, st.integers(0, 5_000), st.integers(0, 7)) | LINE, min_size=1, max_size=12
    )
)
def test_no_row_breaks_an_operation_and_rows_that_stay_keep_their_bytes(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "rows.jsonl"
    path.write_bytes(b"\n".join(lines))
    before = path.read_bytes()
    try:
        table = RowTable.open(path)
    except TunedeckError as error:
        if "no rows" not in error.message and "UTF-16" not in error.message:
            raise
        return
    with table:
        rows = {table.content(position) for position in range(len(table))}
        for plan in plans(table):
            words = [*plan.notes, *(one.why for one in plan.lost), *(t.title for t in plan.tables)]
            assert all(safe_text(said) == said for said in words)
            written = write_plan(plan, target_names(plan), overwrite=True)
            if plan.operation == "cut":
                continue
            for file in written.files:
                for line in file.path.read_bytes().removeprefix(table.byte_order_mark).split(b"\n")[:-1]:
                    assert line.removesuffix(b"\r") in rows
    assert path.read_bytes() == before


def test_numbers_that_differ_beyond_a_floats_digits_are_not_the_same(tmp_path: Path) -> None:
    path = write(
        tmp_path / "rows.jsonl",
        [
            '{"id": 12345678901234567890123}',
            '{"id": 12345678901234567890124}',
            '{"id":12345678901234567890123}',
        ],
    )
    with RowTable.open(path) as table:
        plan = plan_dedupe(table, DedupeWish(Sameness.JSON))
    assert [(one.line, one.why) for one in plan.lost] == [(3, "the same JSON as line 1")]


def test_rows_nested_too_deep_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    deep = ['{"messages":' + "[" * depth + "]" * depth + "}" for depth in (300, 301, 300)]
    path = write(tmp_path / "rows.jsonl", deep)
    with RowTable.open(path) as table:
        for by in (Sameness.JSON, Sameness.PROMPT):
            assert [one.line for one in plan_dedupe(table, DedupeWish(by)).lost] == [3]


def test_processes_give_the_plans_that_one_thread_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "rows.jsonl", [*GOOD, GOOD[0], *HOSTILE[5:8], "", *GOOD])
    with RowTable.open(path) as table:

        def some() -> list[dict[str, object]]:
            made = [
                plan_dedupe(table, DedupeWish(Sameness.NEAR)),
                plan_cut(table, CutWish("gpt-4o", 40)),
                plan_merge([table, table]),
            ]
            return [plan.as_json() for plan in made]

        alone = some()
        for module in (keys, near, merge, cut):
            monkeypatch.setattr(module, "_SMALL", 0)
        assert some() == alone
