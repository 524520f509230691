"""Rows that mean harm, or only turn out so: every key is pressed on them, and nothing breaks or leaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.screen import Screen

from screens.base import DeckDialog
from screens.rows import RowsScreen
from tests.screens.fakes import make_app, text_of, until
from tui.app import TunedeckApp

EVIL = "a\x1b]52;c;aGk=\x07b\x1b[31mc\u202ed\x85e\u2028f[red]g[/red]\x00"
CONTROLS = {"\x1b", "\x07", "\x85", "\u202e", "\u2028", "\x00"}
ESCAPES = json.dumps(
    {"messages": [{"role": EVIL, "name": EVIL, "content": EVIL, "weight": EVIL}], EVIL: EVIL},
    ensure_ascii=False,
)
ROWS = [
    ESCAPES,
    "{" + EVIL,
    '{"messages":' + "[" * 20_000 + "]" * 20_000 + "}",
    '{"messages": [{"role": "user", "content": ' + "[" * 400 + "]" * 400 + "}]}",
    json.dumps({"messages": [{"role": "user", "content": "a"}] * 31_000}),
    '{"messages": {"role": []}, "tools": 7, "input": null, "preferred_output": "x"}',
    "[[], {}, null]",
    '{"messages": [{"role": 1e999, "content": -0.0, "weight": 123456789012345678901234567890}]}',
    " ",
]
PLAIN = ("r", "r", "r", "space", "a", "u", "d", "u")
ABOUT_THE_FILE = ("F", "f", "E")
"""Keys that are pressed on one row alone: what they read is the whole file."""
OPENING: dict[str, tuple[str, ...]] = {
    "e": ("r", "w", "v", "x", "escape"),
    "Y": ("down",),
    "F": ("space", "x", "u"),
    "f": ("space",),
    "E": (),
}
"""Keys that open something, where the row allows it, and what is pressed there."""


async def test_every_key_on_hostile_rows_breaks_and_leaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "false")
    # Both long rows are longer than this, too; drawing more of the same letters takes half of the time.
    monkeypatch.setattr("tui.widgets.message_view.MOST_CHARACTERS", 6_000)
    path = tmp_path / "hostile.jsonl"
    content = "".join(f"{row}\n" for row in ROWS).encode()
    path.write_bytes(content)
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.open_rows(path)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        screen = app.screen
        assert isinstance(screen, RowsScreen)
        await until(pilot, lambda: screen.dataset is not None and screen.dataset.index_complete)
        for number in range(1, len(ROWS) + 1):
            for key in PLAIN if len(ROWS[number - 1]) < 30_000 else ("r", "d", "u"):
                screen.rows.go_to_line(number)
                await pilot.press(key)
                assert not CONTROLS & set(text_of(app)), (number, key)
            for opening, keys in OPENING.items():
                if opening in ABOUT_THE_FILE and number != 2:
                    continue
                screen.rows.go_to_line(number)
                await pilot.press(opening)
                await until(pilot, lambda: app.screen is not screen or not opens(screen))
                for key in keys if app.screen is not screen else ():
                    await pilot.press(key)
                    assert not CONTROLS & set(text_of(app)), (number, opening, key)
                await until(pilot, lambda: back_at(app, screen))
        assert app.is_running
    assert content_of(path) == content


def opens(screen: Screen[object]) -> bool:
    """Say whether something may still open."""
    groups = {"edit-row", "copy-part", "choose-facets", "outside"}
    return any(worker.group in groups and not worker.is_finished for worker in screen.workers)


def back_at(app: TunedeckApp, screen: RowsScreen) -> bool:
    """Close what a key has opened meanwhile."""
    if app.screen is not screen:
        assert screen in app.screen_stack
        dialog = app.screen
        dialog.dismiss(None) if isinstance(dialog, DeckDialog) else app.action_go_back()
    return app.screen is screen


def content_of(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_line_of_100_mb_is_shown_by_its_beginning_and_can_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(b'{"messages": [{"role": "user", "content": "')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b'"}]}\n{}\n')
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.open_rows(path)
        await until(
            pilot, lambda: isinstance(app.screen, RowsScreen) and "only its beginning" in text_of(app)
        )
        await pilot.press("e")
        await until(pilot, lambda: "are the most" in text_of(app) or "editor of your own" in text_of(app))
        await pilot.press("r", "z", "z", "d")
        await until(pilot, lambda: "1 deleted: not saved" in text_of(app))
        await pilot.press("u")
        await until(pilot, lambda: "Undone" in text_of(app))
