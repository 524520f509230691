from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input, Static

from screens.check import CheckScreen
from screens.rows import RowsScreen
from screens.token_view import TokenViewScreen
from tests.engine.tiny_model import make_tiny_base_model
from tests.screens.fakes import BASE, Pilots, make_app, text_of, until
from tui import paths
from tui.app import TunedeckApp
from tui.datasets.formats import DatasetFormat
from tui.datasets.token_ids import TiktokenReader
from tui.datasets.token_view import view_row
from tui.widgets.token_lines import TokenLines, TokenParts, span_text

MODEL = "gpt-4.1-2025-04-14"
SIZES = [(80, 24), (140, 40)]


pytestmark = pytest.mark.usefixtures("frozen")


@pytest.fixture
def local_model() -> Path:
    return make_tiny_base_model(paths.base_models_dir() / BASE, name=BASE)


def said(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def write(home: Path, *rows: Any) -> Path:
    path = home / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


async def open_tokens(
    pilot: Pilots, app: TunedeckApp, path: Path, line: int = 1, model: str = MODEL
) -> TokenViewScreen:
    app.open_tokens(path, line, model)
    await until(pilot, lambda: isinstance(app.screen, TokenViewScreen) and shown(app, line))
    assert isinstance(app.screen, TokenViewScreen)
    return app.screen


def shown(app: TunedeckApp, line: int) -> bool:
    panes = app.screen.query("#token-pane")
    return (
        bool(panes)
        and f"line {line}" in str(panes.first().border_title)
        and "token" in words(app, "token-sum")
    )


def words(app: TunedeckApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", Static).render())


# Lines


@given(st.lists(st.text(max_size=30), max_size=4), st.integers(1, 40), st.integers(0, 1), st.integers(0, 60))
def test_every_token_is_on_one_line_with_tokens_of_its_state_and_no_line_is_too_wide(
    contents: list[str], width: int, gap: int, limit: int
) -> None:
    row = {"messages": [said("user", "Hi"), *(said("assistant", content) for content in contents)]}
    view = view_row(row, DatasetFormat.CHAT, TiktokenReader("o200k_base"), limit)
    lines = TokenLines(view, width, gap)
    while not lines.is_complete:
        lines.extend()
    drawn: list[int] = []
    for line in range(lines.count):
        spans = lines.spans_of(line)
        if lines.is_heading(line):
            assert lines.spans_of(line + 1).start == spans.start
            continue
        drawn += spans
        states = {(view.span(number).trained, view.span(number).cut) for number in spans}
        assert len(states) == 1
        assert sum(lines.cells(number) + gap for number in spans) - gap <= width
        assert all(lines.line_of(number) == line for number in spans)
    assert drawn == list(range(view.span_count))


def test_a_line_ends_where_the_text_has_a_line_end() -> None:
    row = {"messages": [said("user", "one\ntwo")]}
    view = view_row(row, DatasetFormat.CHAT, TiktokenReader("o200k_base"), None)
    lines = TokenLines(view, 80, 0)
    lines.extend()
    texts = [
        "".join(span_text(view, number) for number in lines.spans_of(line))
        for line in range(lines.count)
        if not lines.is_heading(line)
    ]
    assert texts[0].endswith("one⏎")
    assert texts[1].startswith("two")


# The screen


async def test_what_is_trained_on_is_marked_and_the_token_under_the_cursor_explained(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_tokens(pilot, app, sound)
        assert "1 trained on" in words(app, "token-sum")
        await pilot.press("w", "w", "w")
        await until(pilot, lambda: "✓ trained on" in words(app, "token-state"))
        assert "assistant, message 3, content" in words(app, "token-state")
        assert "id " in words(app, "token-facts")
        assert "bytes" in words(app, "token-facts")
        assert "✓ " in text_of(app)


async def test_a_local_model_is_drawn_with_its_own_template_and_mask(sound: Path, local_model: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tokens(pilot, app, sound, model=BASE)
        view = screen.text.view
        assert view is not None
        trained = "".join(span.text for span in view.spans() if span.trained)
        assert trained.endswith("<|im_end|>")
        assert words(app, "token-sum").count("2,048") == 1


async def test_m_reads_the_row_as_the_next_model_does(sound: Path, local_model: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tokens(pilot, app, sound, model=BASE)
        await pilot.press("m")
        await until(pilot, lambda: "o200k_base" in str(screen.query_one("#token-pane").border_subtitle))
        assert "65,536" in words(app, "token-sum")


async def test_brackets_go_to_the_rows_around_and_stop_at_the_ends(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_tokens(pilot, app, sound)
        await pilot.press("]")
        await until(pilot, lambda: shown(app, 2))
        await pilot.press("[", "[")
        await until(pilot, lambda: any("no further row" in note.message for note in app._notifications))
        assert shown(app, 1)


async def test_the_cut_is_found_and_what_is_lost_is_said(isolated_home: Path, local_model: Path) -> None:
    path = write(isolated_home, {"messages": [said("user", "the " * 3000), said("assistant", "lost")]})
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tokens(pilot, app, path, model=BASE)
        assert "nothing is left to learn" in words(app, "token-sum")
        await pilot.press("x")
        await until(pilot, lambda: "✗ cut by the limit, never read" in words(app, "token-state"))
        assert screen.text.cursor == 2048
        assert "✗ " in text_of(app)


async def test_a_search_marks_what_it_finds_also_across_tokens(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tokens(pilot, app, sound)
        assert "Search for something" in screen.reason_against("next_match")
        await pilot.press("slash", *"ify the", "enter")
        await until(pilot, lambda: len(screen.text.found) > 1)
        assert screen.text.cursor == screen.text.found.start
        await pilot.press("slash", *"zebra", "enter")
        await until(pilot, lambda: any("zebra" in note.message for note in app._notifications))


async def test_esc_closes_the_line_typed_in_before_the_screen(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tokens(pilot, app, sound)
        await pilot.press("slash")
        assert screen.query_one("#token-search", Input).display
        await pilot.press("escape")
        assert app.screen is screen
        assert not screen.query_one("#token-search", Input).display
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)


async def test_a_token_is_reached_by_its_number(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tokens(pilot, app, sound)
        await pilot.press("colon", "1", "2", "enter")
        assert screen.text.cursor == 11
        await pilot.press("colon", *"900000", "enter")
        view = screen.text.view
        assert view is not None
        assert screen.text.cursor == view.span_count - 1


async def test_moving_by_lines_skips_headings_and_stays_in_the_column(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(60, 24)) as pilot:
        screen = await open_tokens(pilot, app, sound)
        lines = screen.text.lines
        assert lines is not None
        seen = []
        for _ in range(lines.count):
            seen.append(lines.line_of(screen.text.cursor))
            await pilot.press("j")
        every = [line for line in range(lines.count) if not lines.is_heading(line)]
        assert list(dict.fromkeys(seen)) == every


async def test_a_row_that_is_no_json_says_so_and_the_next_one_is_shown(isolated_home: Path) -> None:
    path = write(isolated_home, {"messages": [said("user", "a"), said("assistant", "b")]})
    path.write_bytes(b"{[/broken]\n" + path.read_bytes())
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_tokens(path, 1, MODEL)
        await until(pilot, lambda: "✗" in text_of(app))
        assert "Line 1 has no tokens to show" in words(app, "token-sum")
        await pilot.press("]")
        await until(pilot, lambda: shown(app, 2))


async def test_a_very_long_row_is_drawn_at_once_and_its_end_is_reached(isolated_home: Path) -> None:
    path = write(isolated_home, {"messages": [said("user", "one two " * 40_000), said("assistant", "end")]})
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tokens(pilot, app, path)
        await pilot.press("G")
        await until(pilot, lambda: screen.text.lines is not None and screen.text.lines.is_complete)
        await until(pilot, lambda: "before the answer" in text_of(app))
        assert screen.text.cursor > 80_000


async def test_a_row_that_takes_long_is_named_while_it_is_read(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TokenViewScreen, "lay_out", lambda *_: None)  # as one that takes for ever
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_tokens(sound, 1, MODEL)
        await until(pilot, lambda: f"Reading row 1 as {MODEL} does…" in text_of(app))


async def test_a_row_with_control_characters_reaches_no_terminal(isolated_home: Path) -> None:
    nasty = "a\x1b]52;c;x\x07 [/b] \x00 \u202e [red]"
    path = write(isolated_home, {"messages": [said("user", nasty), said("assistant", "b")]})
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_tokens(pilot, app, path)
        for _ in range(20):
            await pilot.press("l")
        drawn = text_of(app)
        assert not {"\x1b", "\x07", "\x00", "\u202e"} & set(drawn)
        assert screen.text.cursor == 20


async def test_rows_and_check_lead_here_by_t(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_rows(sound, 3)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen) and "90 lines" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TokenViewScreen) and shown(app, 3))
        await pilot.press("escape")
        app.open_check(sound)
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and "✓ Sound" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TokenViewScreen))


async def test_a_row_is_drawn_as_it_was_changed_and_not_saved(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_rows(sound, 1)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen) and "90 lines" in text_of(app))
        assert isinstance(app.screen, RowsScreen)
        assert app.screen.dataset is not None
        changed = {"messages": [said("user", "changed words"), said("assistant", "yes")]}
        app.screen.dataset.edit(1, json.dumps(changed))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TokenViewScreen) and shown(app, 1))
        assert "changed" in text_of(app)


def test_parts_are_found_in_both_directions_and_named() -> None:
    row = {
        "input": {"messages": [said("user", "Hi")]},
        "preferred_output": [said("assistant", "Yes")],
        "non_preferred_output": [said("assistant", "No")],
    }
    view = view_row(row, DatasetFormat.PREFERENCE, TiktokenReader("o200k_base"), 14)
    parts = TokenParts(view)
    begins = [0]
    while (begin := parts.next_begin(begins[-1], 1)) is not None:
        begins.append(begin)
    back = [begins[-1]]
    while (begin := parts.next_begin(back[-1], -1)) is not None:
        back.append(begin)
    assert back == begins[::-1]
    assert view.first_cut in begins
    names = list(dict.fromkeys(parts.heading(begin)[0] for begin in begins))
    assert names == ["user", "assistant · preferred", "assistant · non-preferred", "before the answer"]
    assert sum(dict(parts.heading(begin) for begin in begins).values()) == view.total


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("colour", [True, False], ids=["colour", "no colour"])
def test_a_row_looks(
    isolated_home: Path,
    local_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Callable[..., bool],
    size: tuple[int, int],
    colour: bool,
) -> None:
    path = write(
        isolated_home,
        {
            "input": {"messages": [said("system", "Be short."), said("user", "What is 1 + 1?")]},
            "preferred_output": [said("assistant", "Two.")],
            "non_preferred_output": [said("assistant", "That is two,\nas everybody knows. " * 80)],
        },
    )
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_tokens(pilot, app, path, model=BASE)
        await pilot.press("w", "w", "w", "w")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
