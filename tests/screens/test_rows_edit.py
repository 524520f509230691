"""Changing rows on the screen: what each key does, what is undone, saved, kept and found again."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from screens.check import CheckScreen
from screens.choose import ChooseScreen
from screens.confirm import ConfirmScreen
from screens.pending_dialog import PendingDialog
from screens.rows import RowsScreen
from tests.screens.fakes import Pilots, make_app, text_of, until
from tui import text_editor
from tui.app import TunedeckApp
from tui.datasets.edits import EditedDataset, pending_edits
from tui.datasets.edits.save import SaveResult
from tui.datasets.row_pass import PassCancelled
from tui.datasets.search import Hits, Query
from tui.widgets.row_list import RowList


def row(number: int) -> str:
    return json.dumps(
        {"messages": [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": "a"}]}
    )


def write_rows(path: Path, numbers: Iterable[int]) -> Path:
    path.write_text("".join(f"{row(number)}\n" for number in numbers))
    return path


def content_of(path: Path) -> bytes:
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Six rows: q1 to q6."""
    return write_rows(tmp_path / "rows.jsonl", range(1, 7))


async def open_rows(pilot: Pilots, app: TunedeckApp, path: Path) -> RowsScreen:
    app.open_rows(path)
    await until(pilot, lambda: isinstance(app.screen, RowsScreen))
    screen = app.screen
    assert isinstance(screen, RowsScreen)
    await until(pilot, lambda: screen.dataset is not None and screen.dataset.index_complete)
    await pilot.pause()
    return screen


def questions(screen: RowsScreen) -> str:
    """Return the numbers of the questions in the order of the rows, such as 123456."""
    dataset = screen.dataset
    assert dataset is not None
    values = (dataset.row(number).value for number in range(1, dataset.row_count + 1))
    return "".join(value["messages"][0]["content"][1:] for value in values if isinstance(value, dict))


def cursor(screen: RowsScreen) -> int:
    return screen.query_one(RowList).line_number


@pytest.mark.parametrize(
    ("keys", "after", "on"),
    [
        (["d"], "23456", 1),
        (["d", "d", "d"], "456", 1),
        (["G", "d", "d"], "1234", 4),
        (["a"], "1123456", 2),
        (["G", "a", "a"], "12345666", 8),
        (["J", "J"], "231456", 3),
        (["j", "j", "K"], "132456", 2),
        (["K"], "123456", 1),
        (["M", "5", "enter"], "234516", 5),
        (["M", "9", "9", "enter"], "123456", 1),
        (["space", "j", "space", "D"], "2456", 4),
        (["space", "k", "space", "D"], "123456", 2),
        (["d", "J", "u", "u", "U"], "23456", 1),
        (["d", "u"], "123456", 1),
        (["J", "d", "u", "u", "U", "U"], "23456", 2),
    ],
)
async def test_keys_change_the_rows_and_the_cursor_stays_where_the_eyes_are(
    path: Path, keys: list[str], after: str, on: int
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press(*keys)
        await pilot.pause()
        assert questions(screen) == after
        assert cursor(screen) == on
    assert "".join(json.loads(line)["messages"][0]["content"][1:] for line in path.open()) == "123456"


async def test_the_line_below_says_what_is_not_saved_and_the_list_shows_signs(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_rows(pilot, app, path)
        await pilot.press("d", "a", "space")
        await pilot.pause()
        assert "1 new, 1 deleted: not saved" in text_of(app)
        lines = [line for line in text_of(app).splitlines() if "q" in line]
        assert [line.split()[2] for line in lines[:2]] == ["q2", "*"]
        assert lines[1].split()[3] == "q2"


async def test_rows_of_a_view_are_deleted_one_after_the_other_and_others_stay(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("s", *"shortest", "enter")
        await until(pilot, lambda: screen.query_one(RowList).has_view)
        await pilot.press("d", "d", "j", "d")
        assert questions(screen) == "356"
        await pilot.press("J")
        assert questions(screen) == "356"
        await pilot.press("backspace")
        await until(pilot, lambda: not screen.query_one(RowList).has_view)
        await pilot.press("u")
        await pilot.pause()
        assert questions(screen) == "3456"
        assert cursor(screen) == 2


async def test_a_greyed_key_says_why(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_rows(pilot, app, path)
        await pilot.press("u")
        await until(pilot, lambda: "Nothing was changed." in text_of(app))
        await pilot.press("D")
        await until(pilot, lambda: "No row is marked" in text_of(app))


# Saving


async def test_a_new_file_has_the_changes_and_the_old_one_keeps_its_bytes(path: Path) -> None:
    before = content_of(path)
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("d", "ctrl+s")
        assert screen.query_one("#save", Input).value == "rows.edited.jsonl"
        await pilot.press("enter")
        target = path.with_name("rows.edited.jsonl")
        await until(pilot, lambda: "saved to" in text_of(app))
        assert content_of(target) == before.partition(b"\n")[2]
        assert content_of(path) == before
        assert "not saved" not in text_of(app)
        await pilot.press("ctrl+s")
        assert not screen.query_one("#save", Input).display


async def test_after_saving_the_check_reads_the_new_file_until_something_changes(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("d")
        await until(pilot, lambda: "1 deleted" in text_of(app))
        assert screen.path_as_shown == path
        await pilot.press("ctrl+s", "enter")
        new = path.with_name(f"{path.stem}.edited.jsonl")
        await until(pilot, lambda: screen.path_as_shown == new)
        await pilot.press("d")
        await until(pilot, lambda: screen.path_as_shown == path)
        await pilot.press("u")
        await until(pilot, lambda: screen.path_as_shown == new)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and new.name in text_of(app))


async def test_a_name_that_is_taken_is_refused_and_nothing_is_lost(path: Path) -> None:
    other = path.with_name("other.jsonl")
    other.write_text("precious")
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("d", "ctrl+s")
        screen.query_one("#save", Input).value = "other.jsonl"
        await pilot.press("enter")
        await until(pilot, lambda: "exists already" in text_of(app))
        assert other.read_text() == "precious"
        assert questions(screen) == "23456"


@pytest.mark.parametrize("keys", [["O"], ["ctrl+s"]])
async def test_the_file_itself_is_replaced_only_after_a_yes(path: Path, keys: list[str]) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("d", *keys)
        if keys == ["ctrl+s"]:
            screen.query_one("#save", Input).value = "rows.jsonl"
            await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "1 deleted" in text_of(app)
        await pilot.press("n")
        await pilot.pause()
        assert content_of(path).startswith(row(1).encode())
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: _answered_yes(app))
        await until(pilot, lambda: path.read_text().startswith(row(2)))
        await until(pilot, lambda: "saved over" in text_of(app) and app.screen is screen)
        assert questions(screen) == "23456"
        assert pending_edits(path) is None
        await pilot.press("d")
        await pilot.pause()
        assert questions(screen) == "3456"


def _answered_yes(app: TunedeckApp) -> bool:
    if isinstance(app.screen, ConfirmScreen):
        app.screen.action_answer_yes()
        return False
    return True


async def test_replacing_the_file_ourselves_is_not_taken_for_another_program_s_doing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        save = EditedDataset.save_in_place
        looked: list[str] = []

        def save_and_look(self: EditedDataset, **arguments: Any) -> SaveResult:
            stands_in = path.with_name("stands-in")
            stands_in.write_bytes(path.read_bytes())
            kept = path.with_name("kept")
            path.rename(kept)  # as it is between the replacing and the opening
            stands_in.rename(path)
            app.call_from_thread(screen.look_at_file)
            looked.append(text_of(app))
            kept.rename(path)
            return save(self, **arguments)

        monkeypatch.setattr(EditedDataset, "save_in_place", save_and_look)
        await pilot.press("d", "O")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: _answered_yes(app))
        await until(pilot, lambda: "saved over" in text_of(app))
        assert "took the place" not in looked[0] + text_of(app)


# From one time to the next


async def leave_changes(path: Path) -> None:
    dataset = EditedDataset.open(path)
    dataset.delete(1)
    dataset.edit(1, row(9))
    dataset.close()


async def test_leaving_asks_nothing_says_what_is_kept_and_the_next_time_goes_on(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await open_rows(pilot, app, path)
        await pilot.press("d", "escape")
        await until(pilot, lambda: "Not saved: 1 deleted" in text_of(app))
        assert not isinstance(app.screen, RowsScreen)
        app.open_rows(path)
        await until(pilot, lambda: isinstance(app.screen, PendingDialog))
        assert "1 unsaved change from" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        screen = app.screen
        assert isinstance(screen, RowsScreen)
        await until(pilot, lambda: questions(screen) == "23456")
        await pilot.press("u")
        await pilot.pause()
        assert questions(screen) == "123456"


async def test_changes_from_before_can_be_discarded(path: Path) -> None:
    await leave_changes(path)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        app.open_rows(path)
        await until(pilot, lambda: isinstance(app.screen, PendingDialog))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        await until(pilot, lambda: pending_edits(path) is None)
        screen = app.screen
        assert isinstance(screen, RowsScreen)
        assert questions(screen) == "123456"


async def test_changes_that_no_longer_fit_can_be_written_to_a_file_of_their_own(path: Path) -> None:
    await leave_changes(path)
    write_rows(path, range(4, 7))
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.open_rows(path)
        await until(pilot, lambda: isinstance(app.screen, PendingDialog))
        await pilot.press("k")
        assert isinstance(app.screen, PendingDialog)
        await pilot.press("w")
        rescued = path.with_name("rows.changed-rows.jsonl")
        await until(pilot, rescued.exists)
        assert rescued.read_text() == row(9) + "\n"
        assert pending_edits(path) is not None


async def test_a_file_replaced_underneath_is_told_and_opened_again_with_its_changes(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("j", "d")
        write_rows(path.with_name("other"), range(1, 9)).replace(path)
        screen.look_at_file()
        await until(pilot, lambda: "Another file took the place" in text_of(app))
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, PendingDialog))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and questions(screen) == "1345678")


async def test_a_file_that_is_open_already_is_gone_back_to(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("d", "3")
        await until(pilot, lambda: app.current_mode == "check")
        app.open_rows(path, 4)
        await until(pilot, lambda: app.screen is screen)
        assert cursor(screen) == 3
        assert questions(screen) == "23456"


async def test_a_file_that_another_program_is_changing_is_shown_and_not_changed(path: Path) -> None:
    other = EditedDataset.open(path)
    other.delete(1)
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await until(pilot, lambda: "Another tunedeck is changing this file" in text_of(app))
        await pilot.press("d")
        await pilot.pause()
        assert questions(screen) == "123456"
    other.close(discard=True)


# The person's own editor


def answer_with(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let the editor leave these texts, one after the other; return what it was given."""
    given: list[str] = []
    left = iter(answers)

    def edit(text: str, name: str) -> str:
        given.append(text)
        return next(left)

    @contextmanager
    def suspend(self: TunedeckApp) -> Iterator[None]:
        yield

    monkeypatch.setattr(text_editor, "edit_text", edit)
    monkeypatch.setattr(text_editor, "editor_command", lambda: ["ed"])
    monkeypatch.setattr(TunedeckApp, "suspend", suspend)
    return given


async def test_a_row_comes_back_from_the_editor_and_is_judged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = answer_with(monkeypatch, '{\n  "messages": []\n}\n')
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("j", "E")
        await until(pilot, lambda: "Row 2 changed. error:" in text_of(app))
        assert given[0] == json.dumps(json.loads(row(2)), indent=2)
        assert screen.dataset is not None
        assert screen.dataset.line(2) == b'{"messages": []}'


async def test_what_is_no_json_is_refused_with_its_place_and_can_be_gone_on_with(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = answer_with(monkeypatch, '{\n  "messages": [}\n', row(7))
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Not valid JSON: Expecting value at line 2, column 16." in text_of(app)
        await until(pilot, lambda: _answered_yes(app))
        await until(pilot, lambda: questions(screen) == "723456")
        assert given[1] == '{\n  "messages": [}\n'


async def test_a_row_left_as_it_was_is_no_change(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, json.dumps(json.loads(row(1)), indent=2) + "\n")
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("E")
        await until(pilot, lambda: "was not changed" in text_of(app))
        assert screen.dataset is not None
        assert not screen.dataset.is_changed


async def test_an_editor_that_fails_gives_the_terminal_back_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_back: list[bool] = []

    @contextmanager
    def suspend(self: TunedeckApp) -> Iterator[None]:
        yield
        taken_back.append(True)  # Textual does this only when no error passes through

    monkeypatch.setattr(TunedeckApp, "suspend", suspend)
    monkeypatch.setenv("EDITOR", f'"{sys.executable}" -c "raise SystemExit(3)"')
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("E")
        await until(pilot, lambda: re.search(r"ended with code\D+3", text_of(app)))  # where the line breaks
        assert taken_back == [True]
        assert questions(screen) == "123456"


async def test_without_an_editor_a_sentence_says_what_to_set(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "no-such-editor --wait")
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await open_rows(pilot, app, path)
        await pilot.press("E")
        await until(pilot, lambda: "The editor no-such-editor is not there" in text_of(app))


# Copying and findings


async def test_a_part_of_the_row_is_chosen_and_copied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[tuple[str, str]] = []
    monkeypatch.setattr(TunedeckApp, "copy_text", lambda _, text, what: copied.append((text, what)))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_rows(pilot, app, path)
        for words in ("assistant", "path", "place", "several"):
            await pilot.press("Y")
            await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
            await pilot.press(*words, "enter")
            await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        assert [text for text, _ in copied] == [
            "a", "$.messages[0]", f"{path}:1", json.dumps(json.loads(row(1)), indent=2),
        ]  # fmt: skip
        assert copied[0][1] == "Row 1, message 2: assistant"


async def test_brackets_go_to_rows_with_warnings_too(tmp_path: Path) -> None:
    warned = json.dumps(
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]}
    )
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([row(1), warned, row(3), "{", row(5)]))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: cursor(screen) == 2)
        await pilot.press("right_square_bracket")
        assert cursor(screen) == 4
        await pilot.press("left_square_bracket")
        assert cursor(screen) == 2
        await pilot.press("n")
        assert cursor(screen) == 4


WRONG = json.dumps({"messages": [{"role": "user", "content": "q"}, {"role": "robot", "content": "a"}]})


def write_lines(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def facts(screen: RowsScreen) -> str:
    return str(screen.rows.border_subtitle)


async def test_changed_rows_are_judged_anew_and_keys_go_to_what_is_wrong_now(path: Path) -> None:
    write_lines(path, row(1), WRONG, row(3), row(4))
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_rows(pilot, app, path)
        await pilot.press("n")
        await until(pilot, lambda: "1 error line" in facts(screen) and cursor(screen) == 2)
        await screen.change(lambda dataset: dataset.edit(2, row(2)))
        await until(pilot, lambda: "no errors" in facts(screen))
        await screen.change(lambda dataset: dataset.edit(4, WRONG))
        await screen.change(lambda dataset: dataset.insert(1, WRONG))
        await until(pilot, lambda: "2 error lines" in facts(screen))
        await pilot.press("n")
        await until(pilot, lambda: cursor(screen) == 5)
        await pilot.press("N")
        await until(pilot, lambda: cursor(screen) == 1)
        await pilot.press("d")
        await until(pilot, lambda: "1 error line" in facts(screen))
        await pilot.press("u")
        await until(pilot, lambda: "2 error lines" in facts(screen))
        signs = [screen.rows.item_line(index, 40)[1][0] for index in range(5)]
        assert [sign.strip() != "" for sign in signs] == [True, False, False, False, True]
        await pilot.press("u", "u", "u")
        await until(pilot, lambda: "1 error line" in facts(screen) and cursor(screen) == 2)
        assert "robot" in text_of(app)


async def test_a_search_finds_what_is_shown_and_goes_to_new_rows_too(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_rows(pilot, app, path)
        await screen.change(lambda dataset: dataset.edit(3, WRONG))
        await screen.change(lambda dataset: dataset.insert(6, WRONG))
        await pilot.press("slash", *"robot", "enter")
        await until(pilot, lambda: "robot: 2 matching lines" in text_of(app))
        await until(pilot, lambda: cursor(screen) == 3)
        await pilot.press("n")
        await until(pilot, lambda: cursor(screen) == 6)
        found_row = screen.rows.row()
        assert found_row is not None
        assert screen.found_in(screen.rows.identity, found_row) == "robot"
        await pilot.press("N")
        await until(pilot, lambda: cursor(screen) == 3)


async def test_a_search_that_was_stopped_does_not_say_that_nothing_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_until_stopped(
        _path: Path, _query: Query, hits: Hits, *, cancelled: Callable[[], bool], **_more: Any
    ) -> Hits:
        while not cancelled():
            time.sleep(0.01)
        raise PassCancelled

    monkeypatch.setattr("tui.datasets.search.find_lines", find_until_stopped)
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_rows(pilot, app, path)
        await pilot.press("slash", *"robot", "enter")
        await until(pilot, lambda: "esc stops" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "0 matching lines up to where the search ended" in text_of(app))
        assert not any("nowhere" in one.message for one in app._notifications)


async def test_rows_are_filtered_by_what_is_shown_and_stay_in_sight_while_they_are_changed(
    path: Path,
) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_rows(pilot, app, path)
        await screen.change(lambda dataset: dataset.edit(3, WRONG))
        await screen.change(lambda dataset: dataset.insert(6, WRONG))
        await pilot.press("w")
        screen.query_one("#where", Input).value = "messages[?role=='robot']"
        await pilot.press("enter")
        await until(pilot, lambda: "2 of 7 rows" in text_of(app))
        assert [screen.rows.number(index) for index in range(2)] == [3, 6]
        await screen.change(lambda dataset: dataset.edit(3, row(3)))
        assert "before your last change" in text_of(app)
        assert [screen.rows.number(index) for index in range(2)] == [3, 6]
        await pilot.press("w", "enter")
        await until(pilot, lambda: "1 of 7 rows" in text_of(app))
        assert "before your last change" not in text_of(app)
        await pilot.press("enter")
        assert "robot" in text_of(app)
