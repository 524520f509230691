"""Keys on a big file, focus and resize with a long chat: CPU time of the real screens, headless, as JSON.

Used by `benchmarks.app`: `python -m benchmarks.screens FILE`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bare_screens import measure_bare
from benchmarks.pace import OTHER_SIZE, PRESSES, SIZE, cpu_per
from tui.records.chats import Answer, Usage

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tui.store.store import Store

MESSAGES = 500
MODEL = "smollm2-135m-instruct"
_ANSWER = (
    "A short paragraph with **bold** words, `code` and a list:\n\n"
    "- the first point, long enough to be wrapped on a narrow terminal\n- the second point\n"
)


async def measure_rows(pilot: Pilot[None], path: Path) -> dict[str, float]:
    """Open a file, wait for its index, and press keys in it."""
    from tui.app import TunedeckApp
    from tui.widgets.row_list import RowList

    app = pilot.app
    assert isinstance(app, TunedeckApp)
    app.open_rows(path)
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()
    rows = app.screen.query_one(RowList)
    count = rows.item_count()
    await pilot.press("G", "g")
    key = await cpu_per(PRESSES, lambda: pilot.press("down"))
    page = await cpu_per(PRESSES, lambda: pilot.press("pagedown"))
    return {"rows": count, "key_ms": key, "page_ms": page}


def store_long_chat(store: Store) -> None:
    """Keep a chat of many messages, as it would have been kept while it went on."""
    chat = store.create_chat([("local", MODEL)], title="A long chat")
    for turn in range(MESSAGES // 2):
        store.add_message(chat, turn, "user", f"Question number {turn}?")
        store.add_answer(
            Answer(chat, turn, MODEL, "local", _ANSWER, "stop", Usage(20, 40), 0.3, 1.0, 1_780_000_000 + turn)
        )


async def measure_chat(pilot: Pilot[None]) -> dict[str, float]:
    """Open the long chat from the history, move the focus and resize."""
    await pilot.press("6")
    await pilot.pause(0.5)
    await pilot.press("ctrl+t")
    await pilot.pause(0.5)
    await pilot.press("enter")
    await pilot.pause(1)
    shown = len(list(pilot.app.screen.query("*")))
    focus = await cpu_per(20, lambda: pilot.press("tab"))
    sizes = [OTHER_SIZE, SIZE] * 5

    async def resize() -> None:
        await pilot.resize_terminal(*sizes.pop())

    resized = await cpu_per(10, resize)
    return {"messages": MESSAGES, "widgets": shown, "focus_ms": focus, "resize_ms": resized}


async def measure(path: Path) -> dict[str, float]:
    """Return all numbers."""
    from tui.app import TunedeckApp
    from tui.services import Services

    services = Services.open()
    store_long_chat(services.store)
    app = TunedeckApp(services)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(1)
        rows = await measure_rows(pilot, path)
        chat = await measure_chat(pilot)
    return {**rows, **chat}


def main() -> None:
    """Measure with the file named on the command line, in a home of its own."""
    with tempfile.TemporaryDirectory(prefix="tunedeck-bench-") as folder:
        os.environ["TUNEDECK_HOME"] = folder
        os.environ["TUNEDECK_NO_ENGINE_START"] = "1"
        path = Path(sys.argv[1])
        ours = asyncio.run(measure(path))
        with path.open(encoding="utf-8") as file:
            row = json.loads(file.readline())["messages"][-1]["content"]
        sys.stdout.write(json.dumps({**ours, **measure_bare(row, _ANSWER, MESSAGES)}) + "\n")


if __name__ == "__main__":
    main()
