"""Pictures of the rows while they are chosen, changed, fixed and edited."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from screens.edit_row import EditRowScreen
from screens.facets_dialog import FacetsDialog
from screens.fix import FixScreen
from screens.fix_list import FixList
from screens.pending_dialog import PendingDialog
from tests.screens.fakes import NOW, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.datasets.edits import EditedDataset
from tui.datasets.edits.journal import journal_path
from tui.engine_watch import EngineState, Phase
from tui.widgets.row_text_area import RowTextArea

SIZES = [(80, 24), (140, 40)]
Snap = Callable[..., bool]
Steps = Callable[[Pilots, TunedeckApp], Awaitable[None]]


def _row(number: int) -> str:
    role = "bot" if number % 7 == 0 else "assistant"
    answer = {"role": role, "content": f"It is on its way and arrives in {number} days."}
    asked = {
        "role": "user",
        "content": f"Where is order {number}? It was sent last week." + " Please." * (number % 5),
    }
    row: dict[str, object] = {
        "messages": [{"role": "system", "content": "You are the help of a shop."}, asked, answer]
    }
    if number % 4 == 0:
        row["tools"] = [
            {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
        ]
    return json.dumps(row)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Forty rows; every seventh has a role that the service does not know, every fourth has a tool."""
    path = tmp_path / "orders.jsonl"
    path.write_text("".join(f"{_row(number)}\n" for number in range(1, 41)) + "\n" + _row(1) + "\n")
    return path


def picture(snap_compare: Snap, path: Path, size: tuple[int, int], steps: Steps) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        app._engine_changed(EngineState(Phase.READY, "smollm2-135m-instruct"))
        app.open_rows(path)
        await until(pilot, lambda: "orders.jsonl" in text_of(app) or isinstance(app.screen, PendingDialog))
        await until(pilot, lambda: "42 lines ·" in text_of(app) or isinstance(app.screen, PendingDialog))
        await steps(pilot, app)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_facets(path: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilots, app: TunedeckApp) -> None:
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FacetsDialog) and "counting" not in text_of(app))
        await pilot.press("space", "j")

    picture(snap_compare, path, size, steps)


@pytest.mark.parametrize("size", SIZES)
def test_some_rows_in_another_order(path: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilots, app: TunedeckApp) -> None:
        await pilot.press("w", *"tools", "enter", "s", *"tokens", "enter")
        await until(pilot, lambda: "by tokens ↓" in text_of(app))

    picture(snap_compare, path, size, steps)


@pytest.mark.parametrize("size", SIZES)
def test_changed_rows(path: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilots, app: TunedeckApp) -> None:
        await pilot.press("d", "space", "a", "J", "ctrl+s")

    picture(snap_compare, path, size, steps)


@pytest.mark.parametrize("size", SIZES)
def test_changes_from_before(path: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    dataset = EditedDataset.open(path)
    dataset.delete(1, 2, 3)
    dataset.close()
    os.utime(journal_path(path), (NOW, NOW))

    async def steps(pilot: Pilots, app: TunedeckApp) -> None:
        await until(pilot, lambda: isinstance(app.screen, PendingDialog))

    picture(snap_compare, path, size, steps)


@pytest.mark.parametrize("size", SIZES)
def test_fixes(path: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilots, app: TunedeckApp) -> None:
        await pilot.press("F")
        await until(
            pilot, lambda: isinstance(app.screen, FixScreen) and app.screen.query_one(FixList).current
        )
        app.screen.query_one(FixList).go_to("unknown-role", 14)
        await until(pilot, lambda: '"role": "bot"' in text_of(app) and "row 14" in text_of(app))

    picture(snap_compare, path, size, steps)


@pytest.mark.parametrize("size", SIZES)
def test_a_row_being_edited(path: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilots, app: TunedeckApp) -> None:
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, EditRowScreen))
        await pilot.press("G", "w", "w", "j", "k", "r")
        await until(pilot, lambda: "✗ " in text_of(app) or "! " in text_of(app))

    picture(snap_compare, path, size, steps)


@pytest.mark.parametrize("size", SIZES)
def test_json_being_typed_that_is_none(path: Path, snap_compare: Snap, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilots, app: TunedeckApp) -> None:
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, EditRowScreen))
        await pilot.press("v")
        area = app.screen.query_one("#json-area", RowTextArea)
        area.load_text(area.text.replace('"user"', "user"))
        await until(pilot, lambda: "Not valid JSON" in text_of(app))

    picture(snap_compare, path, size, steps)
