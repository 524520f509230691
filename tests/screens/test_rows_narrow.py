"""Some of the rows: facets, expressions, order, all of them together, and the way back."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any

import numpy
import pytest
from textual.widgets import Input

from screens.facets_dialog import FacetList, FacetsDialog
from screens.rows import RowsScreen
from tests.screens.fakes import Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.datasets.edits import EditedDataset
from tui.widgets.row_list import RowList


@pytest.fixture
def mixed_file(tmp_path: Path) -> Path:
    """Twelve rows: every third has tools, row 5 has an error, row 7 is longest, rows 10 and 11 are equal."""
    rows = []
    for number in range(1, 13):
        words = "word " * (50 if number == 7 else number)
        row: dict[str, object] = {
            "messages": [
                {"role": "user", "content": "the same" if number in (10, 11) else f"{number} {words}"},
                {"role": "robot" if number == 5 else "assistant", "content": "Yes."},
            ]
        }
        if number % 3 == 0:
            row["tools"] = [{"type": "function", "function": {"name": "look_up"}}]
        rows.append(json.dumps(row) + "\n")
    path = tmp_path / "mixed.jsonl"
    path.write_text("".join(rows))
    return path


async def open_rows(pilot: Pilots, app: TunedeckApp, path: Path) -> RowsScreen:
    app.open_rows(path)
    await until(pilot, lambda: isinstance(app.screen, RowsScreen))
    screen = app.screen
    assert isinstance(screen, RowsScreen)
    await until(pilot, lambda: screen.dataset is not None and screen.dataset.index_complete)
    return screen


def numbers(screen: RowsScreen) -> list[int | None]:
    rows = screen.query_one(RowList)
    return [rows.number(index) for index in range(rows.item_count())]


async def choose_facet(pilot: Pilots, app: TunedeckApp, *titles: str) -> None:
    await pilot.press("f")
    await until(pilot, lambda: isinstance(app.screen, FacetsDialog))
    facets = app.screen.query_one(FacetList)
    for title in titles:
        lines = [facets.item_line(index, 40)[1][0].strip() for index in range(facets.item_count())]
        facets.cursor = lines.index(title)
        await pilot.press("space")
    await pilot.press("enter")


async def test_facets_are_counted_and_those_chosen_leave_their_rows_with_their_numbers(
    mixed_file: Path,
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FacetsDialog) and "counting" not in text_of(app))
        counted = [line.split() for line in text_of(app).splitlines() if "[ ]" in line]
        assert ["with", "errors", "1"] in [line[-4:-1] for line in counted]
        assert ["or", "calls", "4"] in [line[-4:-1] for line in counted]
        await pilot.press("escape")
        await choose_facet(pilot, app, "tools or calls")
        await until(pilot, lambda: numbers(screen) == [3, 6, 9, 12])
        assert "4 of 12 rows · tools or calls" in text_of(app)
        await pilot.press("backspace")
        await until(pilot, lambda: len(numbers(screen)) == 12)
        assert "tools or calls" not in text_of(app)


async def test_two_facets_keep_the_rows_that_have_both(mixed_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        await choose_facet(pilot, app, "repeated", "user message")
        await until(pilot, lambda: numbers(screen) == [11])


async def test_an_expression_narrows_the_rows_and_a_wrong_one_stays_to_be_mended(mixed_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        await pilot.press("w", *"tools[", "enter")
        await until(pilot, lambda: "No JMESPath expression" in text_of(app))
        field = screen.query_one("#where", Input)
        assert field.has_focus
        assert field.value == "tools["
        await pilot.press("backspace", "enter")
        await until(pilot, lambda: numbers(screen) == [3, 6, 9, 12])
        await until(pilot, lambda: "4 of 12 rows · where tools" in text_of(app))
        assert screen.query_one(RowList).has_focus
        await pilot.press("escape")
        await until(pilot, lambda: len(numbers(screen)) == 12)
        assert app.screen is screen


@pytest.mark.parametrize(
    ("order", "first", "words"),
    [("tokens", 7, "by tokens ↓"), ("shortest", 1, "by length ↑"), ("longest", 7, "by length ↓")],
)
async def test_rows_are_sorted_and_the_line_says_how(
    mixed_file: Path, order: str, first: int, words: str
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        await pilot.press("s", *order, "enter")
        await until(pilot, lambda: words in text_of(app))
        assert numbers(screen)[0] == first
        assert len(numbers(screen)) == 12


async def test_facet_expression_and_order_go_together_and_filters_leave_the_cursor_on_its_row(
    mixed_file: Path,
) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        screen.query_one(RowList).go_to_line(9)
        await choose_facet(pilot, app, "tools or calls")
        await until(pilot, lambda: len(numbers(screen)) == 4)
        assert screen.query_one(RowList).line_number == 9
        await pilot.press("w", *"length(messages[0].content) > `12`", "enter", "s", *"len", "enter")
        await until(pilot, lambda: "by length" in text_of(app) and len(numbers(screen)) == 4)
        assert numbers(screen) == [12, 9, 6, 3]
        assert screen.query_one(RowList).line_number == 12
        assert "4 of 12 rows · tools or calls · where length(messages" in text_of(app)


async def test_escape_ends_the_choosing_and_leaves_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    row = {"messages": [{"role": "user", "content": "hi " * 40}, {"role": "assistant", "content": "ho"}]}
    path.write_text((json.dumps(row) + "\n") * 60_000)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("w", *"contains(to_string(@), 'x')", "enter", "escape")
        await until(pilot, lambda: not [one for one in screen.workers if one.group == "narrow"])
        assert len(numbers(screen)[:5]) == 5
        assert "where" not in text_of(app)
        assert app.screen is screen


async def test_nothing_like_that_is_said_with_the_way_back(mixed_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        await choose_facet(pilot, app, "thinking")
        await until(pilot, lambda: "No row is like that" in text_of(app))
        assert "0 of 12 rows · thinking" in text_of(app)
        await pilot.press("backspace")
        await until(pilot, lambda: len(numbers(screen)) == 12)


async def test_a_view_follows_the_file_as_it_grows(mixed_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        await choose_facet(pilot, app, "tools or calls")
        await until(pilot, lambda: len(numbers(screen)) == 4)
        with mixed_file.open("a") as file:
            file.write('{"messages": [], "tools": [1]}\n')
        screen.look_at_file()
        await until(pilot, lambda: numbers(screen) == [3, 6, 9, 12, 13])
        assert "the file grew by 1 line" in text_of(app)


async def test_matches_in_none_of_the_rows_shown_are_said_to_be_elsewhere(mixed_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        await choose_facet(pilot, app, "with errors")
        await until(pilot, lambda: numbers(screen) == [5])
        await pilot.press("slash", *"the same", "enter")
        await until(pilot, lambda: any("none of the rows shown" in one.message for one in app._notifications))
        await pilot.press("n")
        assert not any("direction" in one.message for one in app._notifications)


async def test_a_search_goes_on_while_its_matches_are_looked_for_among_the_rows_shown(
    mixed_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = array("I", [3])
    isin = numpy.isin

    def grow_meanwhile(view: Any, wanted: Any) -> Any:
        found.append(6)  # as the thread of the search does
        return isin(view, wanted)

    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        await choose_facet(pilot, app, "tools or calls")
        await until(pilot, lambda: numbers(screen) == [3, 6, 9, 12])
        monkeypatch.setattr(numpy, "isin", grow_meanwhile)
        rows = screen.query_one(RowList)
        rows.cursor = 3
        assert rows.step_among(found, -1) == 0
        assert list(found) == [3, 6]


async def test_a_row_that_is_drawn_already_stays_as_it_was_scrolled(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    row = {"messages": [{"role": "user", "content": "\n".join(map(str, range(200)))}]}
    write_text(path, f"{json.dumps(row)}\n" * 2)
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("enter", "pagedown")
        await until(pilot, lambda: screen.view.scroll_y > 10)
        place = screen.view.scroll_y
        await screen.action_toggle_mark()
        screen.rows.cursor = 0
        screen.show_row()
        await pilot.pause()
        assert screen.view.scroll_y == place
        await pilot.press("r")
        await until(pilot, lambda: screen.view.scroll_y == 0)


def write_text(path: Path, text: str) -> None:
    path.write_text(text)


async def test_the_end_is_reached_before_the_index_and_keeps_its_row_when_that_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.jsonl"
    write_text(path, "".join(f'{{"prompt": "{number}", "completion": "b"}}\n' for number in range(60_000)))
    app = make_app()
    with monkeypatch.context() as patch:
        patch.setattr(EditedDataset, "build_index", lambda *_: None)
        async with app.run_test(size=(140, 40)) as pilot:
            app.open_rows(path)
            await until(pilot, lambda: isinstance(app.screen, RowsScreen) and "so far" in text_of(app))
            screen = app.screen
            assert isinstance(screen, RowsScreen)
            await pilot.press("G")
            await until(pilot, lambda: "line 1 from the end" in text_of(app))
            await pilot.press("up")
            await until(pilot, lambda: "59998" in text_of(app) and "line 2 from the end" in text_of(app))
            await pilot.press("g")
            await until(pilot, lambda: screen.rows.line_number == 1)
            await pilot.press("G", "up")
            await until(pilot, lambda: "line 2 from the end" in text_of(app))
            patch.undo()
            screen.build_index()
            await until(pilot, lambda: screen.rows.line_number == 59_999)
            await pilot.press("end")
            await until(pilot, lambda: screen.rows.line_number == 60_000)


async def test_work_that_still_goes_on_is_said_after_other_work_has_ended(mixed_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, mixed_file)
        screen.show_work("Choosing rows")
        screen.show_work("Checking", 1, 4)
        await until(pilot, lambda: "Choosing rows…, Checking 25 %  esc stops" in text_of(app))
        screen.end_work("Checking")
        await until(pilot, lambda: "Choosing rows…  esc stops" in text_of(app))
        screen.end_work("Choosing rows")
        await until(pilot, lambda: "esc stops" not in text_of(app))
