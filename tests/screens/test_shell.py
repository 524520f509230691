from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from screens.base import DeckScreen
from screens.check import CheckScreen
from screens.datasets import DatasetsScreen
from screens.help import HelpScreen
from screens.home import HomeScreen
from screens.launch import LaunchScreen
from screens.rows import RowsScreen
from screens.size_hint import SizeHint
from tests.screens.fakes import make_app, make_services, until
from tui.app import TunedeckApp
from tui.engine_watch import EngineState, Phase
from tui.widgets.deck_header import engine_headline
from tui.widgets.key_footer import KeyFooter
from tui.widgets.themes import DARK, PLAIN, default_theme


def text_of(app: TunedeckApp) -> str:
    """What the screen shows, line by line."""
    width, height = app.size
    lines = app.screen._compositor.render_strips(app.size)
    assert len(lines) <= height
    return "\n".join("".join(segment.text for segment in strip)[:width] for strip in lines)


def shows(app: TunedeckApp, screen: type[Screen[None]]) -> bool:
    return isinstance(app.screen, screen)


def visible(widget: Widget) -> bool:
    return widget.display


async def test_number_keys_go_to_places_and_escape_goes_back() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await pilot.pause()
        assert app.current_mode == "datasets"
        await pilot.press("escape")
        await pilot.pause()
        assert app.current_mode == "home"


async def test_the_focus_is_where_it_was_after_going_back() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("tab")
        before = app.focused
        assert before is not None
        await pilot.press("question_mark")
        await pilot.pause()
        assert shows(app, HelpScreen)
        await pilot.press("q")
        await pilot.pause()
        assert shows(app, HomeScreen)
        assert app.focused is before


async def test_q_on_home_leaves_only_when_pressed_twice() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        await pilot.pause()
        assert app.is_running
        await pilot.press("q")
        await pilot.pause()
    assert app._exit


async def test_escape_never_leaves_the_app() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape", "escape", "escape")
        await pilot.pause()
        assert not app._exit


async def test_ctrl_c_leaves_when_pressed_twice() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert not app._exit
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert app._exit


async def test_help_lists_every_key_that_works_here() -> None:
    app = make_app()
    async with app.run_test(size=(100, 60)) as pilot:
        active = [entry.binding for entry in app.screen.active_bindings.values()]
        await pilot.press("question_mark")
        await pilot.pause()
        shown = str(app.screen.query_one("#help Static", Static).render())
        for binding in active:
            assert binding.tooltip in shown, binding


async def test_help_opens_by_f1_too() -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("f1")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)


@pytest.mark.parametrize("place", ["1", "2"])
async def test_the_footer_has_at_most_six_whole_keys_at_80_columns(place: str) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(place)
        await pilot.pause()
        footer = app.screen.query_one(KeyFooter)
        labels = [label.plain for _, label in footer._labels()]
        assert 3 <= len(labels) <= 6
        assert sum(map(len, labels)) <= 78
        assert any("Help" in label for label in labels)


async def test_the_palette_offers_what_the_keys_do_and_runs_it() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"gotodatasets")
        await until(pilot, lambda: "go to Datasets" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "datasets")


async def test_a_small_terminal_says_so_until_it_is_large_enough() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        hint = app.screen.query_one(SizeHint)
        assert not visible(hint)
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert visible(hint)
        assert "40×10" in text_of(app)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert not visible(hint)


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (5, 2), (200, 60)])
async def test_any_size_and_any_keys_leave_the_app_running(size: tuple[int, int], example_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        mashed = "j k g G ctrl+d ctrl+u tab 2 enter j slash a b escape 1 question_mark j q tab enter r 2"
        for key in mashed.split() * 2:
            await pilot.press(key)
        app.open_rows(example_file, 3)
        await pilot.press("j", "j", "r", "z", "n", "colon", "7", "enter", "escape", "G", "ctrl+p", "escape")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert app.is_running
        assert isinstance(app.screen, DeckScreen | HelpScreen)


@pytest.mark.parametrize(
    "theme", ["tunedeck-dark", "tunedeck-light", "ansi-dark", "ansi-light", "nord", "textual-light"]
)
async def test_no_theme_draws_text_in_the_colour_of_its_ground(
    theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    app.theme = theme
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for segment in _segments(app):
            if segment.text.strip() and segment.style and segment.style.color and segment.style.bgcolor:
                same = segment.style.color == segment.style.bgcolor
                assert not same or segment.style.color.is_default, segment


async def test_no_color_means_no_colour_whatever_theme_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TUNEDECK_THEME", "ansi-light")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.theme == PLAIN.name
        for segment in _segments(app):
            style = segment.style or Style.null()
            for colour in (style.color, style.bgcolor):
                assert colour is None or colour.is_default, segment


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({"TERM": "xterm"}, "ansi-dark"),
        ({"TERM": "linux"}, "ansi-dark"),
        ({"TERM": "xterm", "COLORFGBG": "0;15"}, "ansi-light"),
        ({"TERM": "rxvt", "COLORFGBG": "0;default;7"}, "ansi-light"),
        ({"TERM": "xterm", "COLORFGBG": "15;0"}, "ansi-dark"),
        ({"TERM": "xterm", "COLORFGBG": "nonsense"}, "ansi-dark"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, DARK.name),
        ({"TERM": "xterm-256color"}, DARK.name),
        ({"TERM": "xterm", "TEXTUAL_COLOR_SYSTEM": "truecolor"}, DARK.name),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "standard"}, "ansi-dark"),
    ],
)
def test_a_terminal_of_16_colours_keeps_its_own(environment: dict[str, str], theme: str) -> None:
    assert default_theme(environment) == theme


async def test_a_chosen_theme_is_kept_in_16_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert make_app().theme == "ansi-dark"
    monkeypatch.setenv("TUNEDECK_THEME", DARK.name)
    assert make_app().theme == DARK.name


def _segments(app: TunedeckApp) -> list[Segment]:
    return [segment for strip in app.screen._compositor.render_strips(app.size) for segment in strip]


async def test_the_top_line_says_how_the_engine_is() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.engine_state.phase is not Phase.UNKNOWN)
        app._engine_changed(EngineState(Phase.FETCHING, "smollm2", 61_000_000, 98_000_000))
        await pilot.pause()
        assert "model 62%" in text_of(app).splitlines()[0]
        assert "61 MB of 98 MB" in text_of(app)


@pytest.mark.parametrize("phase", list(Phase))
def test_the_engines_headline_fits_beside_the_places_at_80_columns(phase: Phase) -> None:
    assert len(engine_headline(EngineState(phase, "m", 1, 1))[0]) <= 14


async def test_rows_opened_from_anywhere_are_shown_in_datasets_and_lead_back_there(
    example_file: Path,
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        app.open_rows(example_file, 12)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        assert app.current_mode == "datasets"
        await pilot.press("escape")
        await pilot.pause()
        assert app.current_mode == "home"
        app.open_rows(example_file, 12)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        await pilot.press("3", "2", "escape")  # gone to other places since: rows lie over the list of files
        await until(pilot, lambda: isinstance(app.screen, DatasetsScreen))


async def test_check_and_launch_begin_with_the_file_looked_at_last(example_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen) and not app.screen.has_path)
        app.open_rows(example_file)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and app.screen.has_path)
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen) and app.screen.has_path)
        assert example_file.name in text_of(app)


async def test_with_ascii_panes_and_dialogs_have_no_box_lines() -> None:
    services = make_services()
    services.settings = replace(services.settings, ascii=True)
    app = TunedeckApp(services)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "+- " in text_of(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: "Keys that work here" in text_of(app))
        await pilot.pause()
        assert not set("╭╮╰╯│") & set(text_of(app))


@pytest.mark.parametrize("keys", [("4",), ("6",), ("ctrl+p",)])
async def test_with_ascii_everything_is_drawn_in_ascii(keys: Sequence[str]) -> None:
    services = make_services()
    services.settings = replace(services.settings, ascii=True)
    app = TunedeckApp(services)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "+- " in text_of(app))
        top = app.screen
        await pilot.press(*keys)
        await until(pilot, lambda: app.screen is not top)
        await pilot.pause()
        drawn = text_of(app)
        assert drawn.isascii(), sorted({char for char in drawn if not char.isascii()})


async def test_a_file_that_was_named_is_shown_first_and_home_lies_below(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "Hello there"}]}\n')
    app = TunedeckApp(make_services(), file)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "Hello there" in text_of(app))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
