"""What a plan says that fixes would change is what they change, also over rows that were changed before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.datasets.edits import EditedDataset
from tui.datasets.fixes import FIXES
from tui.datasets.fixes.fix_file import REPEATED, fix_file
from tui.datasets.fixes.plan import FixPlan, rules_with_fix
from tui.datasets.formats import DatasetFormat
from tui.datasets.row_diff import diff_rows
from tui.datasets.row_pass import PassCancelled


def chat(question: str = "q", role: str = "assistant", **extra: object) -> bytes:
    answer = {"role": role, "content": "Yes.", **extra}
    return json.dumps({"messages": [{"role": "user", "content": question}, answer]}).encode()


ROWS = [
    b"\xef\xbb\xbf" + chat("first"),
    chat("2", "bot"),
    b"",
    b"\xef\xbb\xbf" + chat("marked inside"),
    chat("5", weight="1"),
    chat("6\u200b"),
    chat("same"),
    chat("same"),
    b'{"messages": [}',
    chat("10", "bot")[:-1] + b', "source": "web"}',
    b'{"prompt": "a", "completion": "b"}',
    b"[1]",
]


def planned(path: Path) -> tuple[EditedDataset, FixPlan]:
    dataset = EditedDataset.open(path)
    plan = FixPlan(dataset, rules_with_fix(lints=True), DatasetFormat.CHAT)
    plan.find()
    dataset.build_index()
    return dataset, plan


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(ROWS) + b"\n")
    return path


def test_rows_are_found_for_each_rule_with_a_mark_named_by_its_place(path: Path) -> None:
    dataset, plan = planned(path)
    found = {rule: list(plan.rows(rule)) for rule in plan.rules if plan.rows(rule)}
    assert found["byte-order-mark"] == [1]
    assert found["byte-order-mark-inside"] == [4]
    assert found["unknown-role"] == [2, 10]
    assert found["weight-value"] == [5]
    assert found["blank-line"] == [3]
    assert found[REPEATED] == [8]
    assert found["invisible-characters"] == [6]
    assert plan.rules_of(10) == ["extra-key", "unknown-role"]
    dataset.close()


def test_applying_all_of_it_is_what_the_fix_of_a_file_writes(path: Path, tmp_path: Path) -> None:
    dataset, plan = planned(path)
    target, other = tmp_path / "plan.jsonl", tmp_path / "file.jsonl"
    for _ in range(3):  # a repaired row may have more to fix, as a file that is fixed twice
        plan.apply([rule for rule in plan.rules if plan.rows(rule)])
        plan.refresh()
    dataset.save(target)
    with other.open("wb") as file:
        fix_file(path, set(plan.rules), file, dataset_format=DatasetFormat.CHAT)
    assert target.read_bytes() == other.read_bytes()
    dataset.close(discard=True)


def test_a_marked_first_row_that_is_first_no_more_may_repeat_another(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROWS[0] + b"\n" + ROWS[0] + b"\n")
    dataset, plan = planned(path)
    assert list(plan.rows(REPEATED)) == []  # the mark of the second is a part of it
    dataset.insert(1, ROWS[1])
    plan.refresh()
    assert [dataset.number_of(row) for row in plan.rows(REPEATED)] == [3]
    dataset.close(discard=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(range(len(ROWS))), max_size=8), st.data())
def test_a_plan_after_changes_is_the_plan_of_the_file_saved(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    path = folder / "rows.jsonl"
    path.write_bytes(b"".join(ROWS[row] + b"\n" for row in [0, *rows]))
    dataset, plan = planned(path)
    for _ in range(data.draw(st.integers(0, 3))):
        number = data.draw(st.integers(1, dataset.row_count))
        match data.draw(st.sampled_from(["edit", "insert", "fix"])):
            case "edit":
                dataset.edit(number, data.draw(st.sampled_from(ROWS[1:])))
            case "insert":
                dataset.insert(number, data.draw(st.sampled_from(ROWS[1:])))
            case _:
                plan.apply([rule for rule in plan.rules if rule != REPEATED and plan.rows(rule)])
    plan.refresh()
    dataset.save(folder / "saved.jsonl")
    if (folder / "saved.jsonl").stat().st_size:
        saved, fresh = planned(folder / "saved.jsonl")
        for rule in plan.rules:
            numbers = sorted(dataset.number_of(row) or 0 for row in plan.rows(rule))
            assert numbers == list(fresh.rows(rule)), rule
        saved.close()
    dataset.close(discard=True)


def test_stopping_takes_everything_back(path: Path) -> None:
    dataset, plan = planned(path)
    asked = iter([False, False, True])
    with pytest.raises(PassCancelled):
        plan.apply(["unknown-role", "weight-value"], None, None, lambda: next(asked))
    assert dataset.changes.total == 0
    assert not dataset.is_changed
    plan.apply(["unknown-role"])
    assert dataset.undo_label == f"{FIXES['unknown-role'].name}, 2 rows"
    dataset.close(discard=True)


# The difference that is shown


def test_a_difference_shows_the_lines_around_it_and_marks_what_differs() -> None:
    before = json.dumps({"a": 1, "b": 2, "c": "one two three", "d": 4, "e": 5, "f": 6}).encode()
    lines = diff_rows(before, (before.replace(b"two", b"2"),))
    assert [(line.sign, line.text.strip()) for line in lines] == [
        (" ", "{"),
        (" ", '"a": 1,'),
        (" ", '"b": 2,'),
        ("-", '"c": "one two three",'),
        ("+", '"c": "one 2 three",'),
        (" ", '"d": 4,'),
        (" ", '"e": 5,'),
        ("…", "2 lines"),
    ]
    removed = next(line for line in lines if line.sign == "-")
    assert removed.text[removed.start : removed.end] == "two"
    added = next(line for line in lines if line.sign == "+")
    assert added.text[added.start : added.end] == "2"


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_control_character_of_a_row_is_in_its_difference(before: str, after: str) -> None:
    old, new = (
        json.dumps({"a": text}, ensure_ascii=False).encode("utf-8", "replace") for text in (before, after)
    )
    shown = "".join(line.text for line in diff_rows(old, (new, new)))
    assert not [char for char in shown if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]


def test_huge_rows_are_compared_in_bounded_lines_and_time() -> None:
    before = json.dumps({"messages": [{"n": number} for number in range(30_000)]}).encode()
    after = json.dumps({"messages": [{"n": number + 1} for number in range(30_000)]}).encode()
    lines = diff_rows(before, (after,))
    assert len(lines) == 401
    long = b'{"a": "%s"}' % (b"x " * 1_500_000 + b"xxx")
    shown = diff_rows(long, (long.replace(b'xxx"', b'xyx"'),))
    assert max(len(line.text) for line in shown) < 2_100
    changed = next(line for line in shown if line.sign == "+")
    assert changed.text[changed.start : changed.end] == "xyx"
