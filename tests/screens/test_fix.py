"""The fixes of a file on a screen: counted, compared, applied one by one or all at once, and taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from screens.check import CheckScreen
from screens.finding_list import FindingList
from screens.fix import FixScreen
from screens.fix_list import FixList
from screens.rows import RowsScreen
from tests.screens.fakes import Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.datasets.edits import EditedDataset
from tui.widgets.row_list import RowList


def chat(number: int, role: str = "assistant", **extra: object) -> str:
    answer = {"role": role, "content": "Yes.", **extra}
    return json.dumps({"messages": [{"role": "user", "content": f"q{number}"}, answer]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Row 2 and 4 call the assistant bot, row 3 is blank, row 6 stands twice, row 5 has a wrong weight."""
    rows = [chat(1), chat(2, "bot"), "", chat(4, "bot"), chat(5, weight="1"), chat(6), chat(6)]
    path = tmp_path / "broken.jsonl"
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


async def open_fixes(pilot: Pilots, app: TunedeckApp, path: Path, line: int = 1) -> FixScreen:
    app.open_rows(path, line)
    await until(pilot, lambda: isinstance(app.screen, RowsScreen))
    rows = app.screen
    assert isinstance(rows, RowsScreen)
    await until(pilot, lambda: rows.dataset is not None and rows.dataset.index_complete)
    await pilot.press("F")
    await until(pilot, lambda: isinstance(app.screen, FixScreen) and app.screen.query_one(FixList).current)
    assert isinstance(app.screen, FixScreen)
    return app.screen


def counts(screen: FixScreen) -> dict[str, int]:
    fixes = screen.query_one(FixList)
    return {rule: len(rows) for rule, rows in fixes._rows.items()}


def lines(dataset: EditedDataset) -> list[str]:
    return [dataset.line(number).decode() for number in range(1, dataset.row_count + 1)]


ALL = {"blank-line": 1, "duplicate-row": 1, "unknown-role": 2, "weight-value": 1}


async def test_each_fix_is_counted_and_what_it_does_is_shown_before(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_fixes(pilot, app, path)
        assert counts(screen) == ALL
        screen.query_one(FixList).go_to("unknown-role", 4)
        await until(pilot, lambda: "row 4" in text_of(app) and '+       "role": "assistant"' in text_of(app))
        assert '-       "role": "bot"' in text_of(app)
        screen.query_one(FixList).go_to("blank-line", 3)
        await until(pilot, lambda: "The row is removed." in text_of(app))
        assert not screen._dataset.is_changed


async def test_one_row_is_fixed_then_all_of_the_rule_then_all_taken_back(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_fixes(pilot, app, path)
        screen.query_one(FixList).go_to("unknown-role", 4)
        await pilot.press("x")
        await until(pilot, lambda: counts(screen) == {**ALL, "unknown-role": 1})
        assert lines(screen._dataset)[3] == chat(4)
        assert "1 changed row: not saved" in text_of(app)
        await pilot.press("X")
        await until(pilot, lambda: "unknown-role" not in counts(screen))
        await pilot.press("u", "u")
        await until(pilot, lambda: counts(screen) == ALL)
        assert not screen._dataset.is_changed
        await pilot.press("U")
        await until(pilot, lambda: counts(screen) == {**ALL, "unknown-role": 1})


async def test_all_fixes_at_once_leave_what_is_about_quality_and_the_rows_show_it(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_fixes(pilot, app, path)
        await pilot.press("A")
        await until(pilot, lambda: counts(screen) == {"duplicate-row": 1})
        await pilot.press("x")
        await until(pilot, lambda: "There is nothing to fix." in text_of(app))
        dataset = screen._dataset
        assert [json.loads(line)["messages"][0]["content"] for line in lines(dataset)] == [
            "q1", "q2", "q4", "q5", "q6",
        ]  # fmt: skip
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        assert app.screen.query_one(RowList).item_count() == 5
        assert "deleted: not saved" in text_of(app)


async def test_it_begins_at_the_row_that_it_was_asked_for(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_fixes(pilot, app, path, line=5)
        item = screen.query_one(FixList).current
        assert item is not None
        assert (item.rule, item.row) == ("weight-value", 5)


async def test_rows_that_were_changed_here_are_judged_as_they_are_now(path: Path) -> None:
    dataset = EditedDataset.open(path)
    dataset.edit(2, chat(2))
    dataset.edit(1, chat(1, "bot"))
    dataset.insert(8, chat(8, "bot"))
    dataset.delete(6)
    dataset.close()
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        app.open_rows(path)
        await until(pilot, lambda: app.screen.id is None and "keeps them" in text_of(app))
        await pilot.press("enter", "F")
        await until(
            pilot, lambda: isinstance(app.screen, FixScreen) and app.screen.query_one(FixList).current
        )
        screen = app.screen
        assert isinstance(screen, FixScreen)
        # Row 1, row 4 and the new one; row 7 is no repetition any more, since row 6 was deleted.
        assert counts(screen) == {"blank-line": 1, "unknown-role": 3, "weight-value": 1}
        await pilot.press("A")
        await until(pilot, lambda: counts(screen) == {})
        assert "bot" not in "".join(lines(screen._dataset))
        assert len(lines(screen._dataset)) == 6


async def test_check_goes_to_the_fix_of_a_finding_and_greys_it_where_there_is_none(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.open_check(path)
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and "role" in text_of(app))
        await pilot.press("F")
        await until(
            pilot, lambda: isinstance(app.screen, FixScreen) and app.screen.query_one(FixList).current
        )
        item = app.screen.query_one(FixList).current
        assert item is not None
        assert item.rule in ALL
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))
        findings = app.screen.query_one(FindingList)
        rules = [item.group.rule for item in findings._items]
        findings.cursor = rules.index("not-enough-examples")
        await pilot.press("F")
        await until(pilot, lambda: "No fix is safe here" in text_of(app))


async def test_escape_ends_the_looking_and_r_looks_again(path: Path) -> None:
    path.write_text((chat(1, "bot") + "\n") * 60_000)  # noqa: ASYNC240 - nothing runs yet
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        app.open_rows(path)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, FixScreen) and "esc stops" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "r reads it again" in text_of(app))
        await pilot.press("r", "escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
