from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.datasets.builders import assistant, chat, clean_chats, tool_chat, user, write
from tui.datasets import row_pass, shown_rows
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.compared_rows import COMPARING_RULES
from tui.datasets.edits import EditedDataset
from tui.datasets.facets import FACETS
from tui.datasets.formats import DatasetFormat
from tui.datasets.row_choice import RowChooser, RowWish
from tui.datasets.row_order import SortKey
from tui.datasets.search import Query, find_lines
from tui.datasets.source import Dataset

LONG = chat(user("word " * 70_000), assistant())
ROWS = [
    *clean_chats(4),
    tool_chat(),
    chat(user(), {"role": "robot", "content": "x"}),
    *clean_chats(2),
    chat(user("same"), assistant("same", weight=0)),
]
OTHER = [
    json.dumps(row)
    for row in (
        tool_chat(),
        chat(user("word " * 50), assistant()),
        chat(user("other"), {"role": "robot", "content": "x"}),
        chat(user("Question 1"), assistant("Answer 1")),
        LONG,
    )
]
OTHER += ['{"messages": ', "[1, 2]"]
WISHES = [
    # Warnings of rules that compare rows (a repeated row) tell of a large file as it was checked.
    *(RowWish(facets=(name,)) for name in FACETS if name not in ("marked", "warnings")),
    RowWish(where="tools"),
    RowWish(where="messages[0].content == 'What is it?'"),
    RowWish(sort=SortKey.BYTES),
    RowWish(sort=SortKey.TOKENS, largest_first=False),
    RowWish(facets=("user",), where="length(messages) == `2`", sort=SortKey.TOKENS),
]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDECK_HOME", str(tmp_path / "home"))


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[EditedDataset]:
    dataset = EditedDataset.open(write(tmp_path / "rows.jsonl", ROWS))
    dataset.build_index()
    yield dataset
    dataset.close(discard=True)


def chooser_of(dataset: EditedDataset) -> RowChooser:
    return RowChooser(dataset.dataset, dataset.marked_rows, changes=dataset)


def numbers(dataset: EditedDataset, chooser: RowChooser, wish: RowWish) -> list[int | None]:
    return [dataset.number_of(int(who)) for who in chooser.choose(wish).lines]


def change_something(dataset: EditedDataset, chance: random.Random) -> None:
    count = dataset.row_count
    match chance.randrange(5):
        case 0:
            dataset.edit(chance.randint(1, count), chance.choice(OTHER))
        case 1:
            dataset.insert(chance.randint(1, count), chance.choice(OTHER))
        case 2 if count > 3:
            dataset.delete(chance.randint(1, count))
        case 3:
            dataset.move(chance.randint(1, count), chance.randint(1, count))
        case _:
            dataset.undo()


@pytest.mark.parametrize(("seed", "whole_bytes"), [(0, 0), (1, 0), (2, 1 << 20)])
def test_rows_are_chosen_as_from_the_file_that_saving_would_write(
    edited: EditedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, whole_bytes: int
) -> None:
    monkeypatch.setattr(shown_rows, "WHOLE_BYTES", whole_bytes)
    wishes = [*WISHES, RowWish(facets=("warnings",))] if whole_bytes else WISHES
    chance, chooser = random.Random(seed), chooser_of(edited)
    for step in range(2):
        for _ in range(6):
            change_something(edited, chance)
        saved = tmp_path / f"saved-{step}.jsonl"
        edited.save(saved)
        whole = Dataset.open(saved)
        as_saved = RowChooser(whole)
        for wish in wishes:
            assert numbers(edited, chooser, wish) == as_saved.choose(wish).lines.tolist(), wish
        whole.close()


def test_after_a_change_only_the_changed_rows_are_read_again(
    edited: EditedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_rows, "WHOLE_BYTES", 0)
    chooser = chooser_of(edited)
    assert numbers(edited, chooser, RowWish(facets=("errors",))) == [6, 9]
    read: list[str] = []
    ask = row_pass.ask_every_line

    def ask_and_note(path: Path, *arguments: object, **more: object) -> object:
        read.append(path.name)
        return ask(path, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("tui.datasets.facets.ask_every_line", ask_and_note)
    edited.edit(6, OTHER[0])
    assert numbers(edited, chooser, RowWish(facets=("errors",))) == [9]
    assert numbers(edited, chooser, RowWish(facets=("tools",))) == [5, 6]
    edited.edit(1, OTHER[2])
    assert numbers(edited, chooser, RowWish(facets=("errors",))) == [1, 9]
    assert read == ["changed.jsonl", "changed.jsonl"]


def test_marks_follow_their_rows(edited: EditedDataset) -> None:
    edited.mark(5)
    edited.insert(1, OTHER[0])
    edited.delete(2)
    edited.mark(1)
    assert numbers(edited, chooser_of(edited), RowWish(facets=("marked",))) == [1, 5]


def test_what_is_found_in_changed_rows_is_told_by_who_they_are(
    edited: EditedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_rows, "WHOLE_BYTES", 0)
    chooser = chooser_of(edited)
    assert chooser.findings_of_changed("gpt-4.1-mini", with_tokens=False) == {}
    edited.edit(6, OTHER[0])
    edited.insert(1, OTHER[2])
    edited.insert(1, json.dumps(LONG))
    found = chooser.findings_of_changed("gpt-4.1-mini", with_tokens=True)
    who = edited.identity(1), edited.identity(2)
    assert set(found) == {6, 7, 8, *who}  # two of them repeat others, whose numbers are others now
    assert [one.message for one in found[7]] == ["The same as line 3."]
    assert [one.message for one in found[6]] == ["The same as line 7."]
    assert [one.rule for one in found[who[0]]] == ["over-token-limit"]
    assert {one.severity for one in found[who[1]]} == {"error"}


@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
def test_rules_that_compare_rows_judge_a_file_as_it_is_shown(
    edited: EditedDataset, monkeypatch: pytest.MonkeyPatch, whole_bytes: int
) -> None:
    monkeypatch.setattr(shown_rows, "WHOLE_BYTES", whole_bytes)
    chooser = chooser_of(edited)
    first = edited.line(1)

    def repeated() -> list[int]:
        found = chooser.findings_of_changed("gpt-4.1-mini", with_tokens=False)
        return sorted(who for who, some in found.items() if any(one.rule == "duplicate-row" for one in some))

    edited.delete(7, 8)  # repeated in the file
    edited.edit(3, first)
    assert repeated() == [3]
    edited.insert(1, first)
    assert repeated() == [1, 3]
    edited.edit(1, OTHER[1])
    edited.edit(2, OTHER[2])
    assert repeated() == []
    edited.move(4, 1)
    edited.insert(2, first)
    assert repeated() == [edited.identity(2)]


def test_the_small_file_of_changed_rows_is_private_and_goes_away(edited: EditedDataset) -> None:
    chooser = chooser_of(edited)
    edited.edit(1, OTHER[0])
    numbers(edited, chooser, RowWish(where="tools"))
    shown = chooser._shown
    assert shown is not None
    assert shown.dataset is not None
    folder = shown.dataset.path.parent
    assert folder.stat().st_mode & 0o077 == 0
    chooser.forget()
    del shown
    assert not folder.exists()


def test_a_search_finds_what_the_rows_hold_now(edited: EditedDataset) -> None:
    chooser, query = chooser_of(edited), Query("Question 1")
    in_file = find_lines(edited.path, query)
    assert chooser.search_as_shown(query, in_file) is in_file
    edited.edit(2, OTHER[0])
    edited.edit(5, OTHER[3])
    edited.delete(7)
    edited.insert(1, OTHER[3])
    new = edited.identity(1)
    hits = chooser.search_as_shown(query, in_file)
    assert list(in_file.lines) == [2, 8]
    assert (list(hits.lines), hits.found) == ([new, 5, 8], 3)
    assert all(OTHER[3][hits[at].column - 1 :].startswith("Question 1") for at in (0, 1))
    edited.undo()
    assert list(chooser.search_as_shown(query, in_file).lines) == [5, 8]


@pytest.mark.parametrize("seed", range(3))
def test_a_large_file_is_compared_row_by_row_as_one_that_was_saved(
    edited: EditedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(shown_rows, "WHOLE_BYTES", 0)
    others = [
        json.dumps(row) for row in (ROWS[0], ROWS[8], chat(user("same"), assistant("another", weight=0)))
    ]
    chance, chooser = random.Random(seed), chooser_of(edited)
    rules: set[str] = set()
    for step in range(3):
        edited.edit(edited.row_count, others[step - 1])
        for _ in range(5):
            change_something(edited, chance)
            edited.edit(chance.randint(1, edited.row_count), chance.choice(others))
        saved = tmp_path / f"saved-{step}.jsonl"
        edited.save(saved)
        whole = check_file(saved, CheckOptions(lints="fast", format=DatasetFormat.CHAT))
        expected = {
            (one.line, one.rule, one.message) for one in whole.findings if one.rule in COMPARING_RULES
        }
        found = {
            (edited.number_of(who), one.rule, one.message)
            for who, some in chooser.findings_of_changed("gpt-4.1-mini", with_tokens=False).items()
            for one in some
            if one.rule in COMPARING_RULES
        }
        assert found == expected
        rules.update(rule for _, rule, _ in found)
    assert rules == COMPARING_RULES


def test_a_repeated_row_whose_first_is_gone_has_no_warning_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_rows, "WHOLE_BYTES", 0)
    rows = [*clean_chats(12), chat(user("one"), assistant("two")), chat(user("one"), assistant("two"))]
    dataset = EditedDataset.open(write(tmp_path / "few.jsonl", rows))
    dataset.build_index()
    chooser, wish = chooser_of(dataset), RowWish(facets=("warnings",))
    assert numbers(dataset, chooser, wish) == [14]
    dataset.delete(13)
    assert numbers(dataset, chooser, wish) == []
    dataset.insert(1, json.dumps(rows[0]))
    assert numbers(dataset, chooser, wish) == [2]
    dataset.close(discard=True)
