"""What comes from outside must not reach the terminal as anything but text."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.command import CommandList
from textual.drivers.headless_driver import HeadlessDriver

from screens.choose import ChooseScreen
from screens.rows import RowsScreen
from tests.screens.fakes import make_app, until
from tui.app import TunedeckApp
from tui.records.jobs import Job, JobState
from tui.records.models import ModelInfo
from tui.widgets.palette import DeckPalette
from tui.widgets.row_list import RowList
from tui.widgets.table import Column

HOSTILE = "A\x1b]52;c;aGk=\x07B\x1b[31m\x9b1m\u202e\x00\x7f\ud800[/x][red]\r\n\t\u2028Z"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]")


def drawn(app: TunedeckApp) -> str:
    """Everything the screen would send, with the app's own styling sequences taken out."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@settings(max_examples=12)
@given(st.lists(st.text(st.characters(exclude_categories=[])), min_size=1, max_size=6))
def test_no_control_character_of_a_dataset_is_drawn(texts: list[str]) -> None:
    from tui.datasets.conversation import conversation, preview
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.source import Row
    from tui.widgets.message_view import raw_content, turn_content

    messages = [{"role": "user", "content": text + HOSTILE} for text in texts]
    value = {"messages": messages}
    row = Row(1, json.dumps(value), value, None, None)
    broken = Row(1, HOSTILE + "".join(texts), None, HOSTILE, 3)
    shown = [turn_content(turn).plain for turn in conversation(row, DatasetFormat.CHAT)]
    shown += [raw_content(row)[0].plain, raw_content(broken)[0].plain, preview(row, DatasetFormat.CHAT, 200)]
    assert not _CONTROL.search("".join(shown))


async def test_hostile_rows_names_jobs_and_models_are_drawn_harmless(tmp_path: Path) -> None:
    path = tmp_path / "[bold]\x1b[31mname.jsonl"
    row = {"messages": [{"role": HOSTILE, "content": HOSTILE}, {"role": "assistant", "content": HOSTILE}]}
    path.write_text(json.dumps(row) + "\n" + json.dumps(HOSTILE) + "\n\x1b[2J{\n")
    app = make_app()
    store = app.services.store
    clean = HOSTILE.replace("\ud800", "")
    store.save_job(Job("local", clean, JobState.OTHER, clean, clean, suffix=clean, created_at=1))
    store.save_models("local", [ModelInfo("local", clean)])
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        assert not _CONTROL.search(drawn(app))
        app.open_rows(path)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        rows = app.screen.query_one(RowList)
        await until(pilot, lambda: rows.item_count() == 3)
        for key in ("r", "j", "j", "n", "k", "ctrl+p", "escape", "escape"):
            await pilot.press(key)
            await pilot.pause()
            assert not _CONTROL.search(drawn(app))


async def test_the_driver_gets_no_control_byte_of_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "row.jsonl"
    path.write_text(
        json.dumps({"messages": [{"role": "user", "content": "\x1b]52;c;EVIL\x07\x1b[5mX"}]}) + "\n"
    )
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        sent = wire_tap(monkeypatch)
        app.open_rows(path)
        await until(pilot, lambda: "EVIL" in sent.getvalue())
        await pilot.press("r")
        await pilot.pause()
    assert "\x1b]52;c;EVIL" not in sent.getvalue()
    assert "\x1b[5mX" not in sent.getvalue()
    assert "␛]52;c;EVIL" in sent.getvalue()


async def test_a_message_is_never_read_as_markup() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        from screens.base import DeckScreen

        screen = app.screen
        assert isinstance(screen, DeckScreen)
        screen.tell("[/x] list[int] \x1b[31m", title="[red]")
        await pilot.pause()
        assert "[/x] list[int] ␛[31m" in drawn(app)


def wire_tap(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Let the driver of tests believe in a terminal, and return what it writes there from now on."""
    sent = io.StringIO()
    monkeypatch.setattr(HeadlessDriver, "is_headless", False)
    monkeypatch.setattr(HeadlessDriver, "write", lambda _driver, data: sent.write(data))
    return sent


HEAVY = (
    "openai",
    "tiktoken",
    "numpy",
    "tokenizers",
    "starlette",
    "uvicorn",
    "safetensors",
    "jinja2",
    "pydantic",
)


def test_opening_the_app_imports_nothing_heavy() -> None:
    code = (
        "import sys, asyncio\n"
        "from tui.app import TunedeckApp\n"
        "async def go():\n"
        "    app = TunedeckApp()\n"
        "    async with app.run_test(size=(80, 24)) as pilot:\n"
        "        await pilot.pause()\n"
        f"        print(sorted(set(sys.modules) & set({HEAVY!r})))\n"
        "        app._watch = None\n"
        "asyncio.run(go())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


async def test_an_idle_app_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.engine_state.phase != "unknown")
        await pilot.pause(0.3)
        sent = wire_tap(monkeypatch)
        await pilot.pause(1.2)
        assert sent.getvalue() == ""
        await pilot.press("tab")
        await pilot.pause()
        assert sent.getvalue()


async def test_page_keys_in_a_palette_that_has_no_list_yet_do_nothing() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.action_command_palette()
        await pilot.pause()
        await pilot.press("x")
        palette = app.screen
        assert isinstance(palette, DeckPalette)
        palette.query_one(CommandList).styles.height = 0
        await pilot.pause()
        await pilot.press("pageup", "pagedown")
        assert app.screen is palette


async def test_an_answer_that_comes_after_the_place_was_left_ends_nothing() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = ChooseScreen("Choose", (Column("File"),), [], hint="part of a name")
        app.push_screen(dialog)
        await pilot.pause()
        app.go_to("jobs")
        await pilot.pause()
        dialog.dismiss("late")
        await pilot.pause()
        assert app.current_mode == "jobs"
        assert len(app.screen_stack) == 1
