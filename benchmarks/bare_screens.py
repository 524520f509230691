"""What one would build of Textual's own widgets: a table with a preview, a chat of one widget per message."""

from __future__ import annotations

import asyncio

from textual.app import App, ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import DataTable, Footer, Static

from benchmarks.pace import OTHER_SIZE, PRESSES, SIZE, cpu_per

TABLE_ROWS = 2_000
"""As many as a DataTable is comfortable with; ours has a million."""


class BareList(App[None]):
    """A DataTable with the row under its cursor beside it."""

    CSS = """
    DataTable { width: 2fr; border: round $border; }
    VerticalScroll { width: 3fr; border: round $border; }
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Yield table and preview."""
        with Horizontal():
            yield DataTable(cursor_type="row")
            with VerticalScroll():
                yield Static("", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one(DataTable)
        table.add_columns("line", "question")
        table.add_rows((str(number), f"Question number {number}?") for number in range(TABLE_ROWS))
        table.focus()

    def on_data_table_row_highlighted(self, message: DataTable.RowHighlighted) -> None:
        """Show the row."""
        self.query_one(Static).update(f"Question number {message.cursor_row}?\n\n{self._text}")


class BareChat(App[None]):
    """Messages in one scrolling pane."""

    CSS = "Static { height: auto; margin-bottom: 1; }"

    def __init__(self, text: str, messages: int) -> None:
        super().__init__()
        self._text = text
        self._messages = messages

    def compose(self) -> ComposeResult:
        """Yield every message."""
        with VerticalScroll():
            for number in range(self._messages):
                yield Static(f"Question number {number}?" if number % 2 == 0 else self._text, markup=False)
        yield Footer()


async def measure_bare_list(text: str) -> float:
    """Return milliseconds of CPU for a key in the table, scrolling, as in our list."""
    app = BareList(text)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.5)
        await pilot.press(*["down"] * SIZE[1])
        return await cpu_per(PRESSES, lambda: pilot.press("down"))


async def measure_bare_chat(text: str, messages: int) -> float:
    """Return milliseconds of CPU for a resize of the chat at its end."""
    app = BareChat(text, messages)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.5)
        app.query_one(VerticalScroll).scroll_end(animate=False)
        await pilot.pause(0.5)
        sizes = [OTHER_SIZE, SIZE] * 5

        async def resize() -> None:
            await pilot.resize_terminal(*sizes.pop())

        return await cpu_per(10, resize)


def measure_bare(text: str, answer: str, messages: int) -> dict[str, float]:
    """Return both, for the text of a row and of an answer."""
    return {
        "bare_key_ms": asyncio.run(measure_bare_list(text)),
        "bare_resize_ms": asyncio.run(measure_bare_chat(answer, messages)),
    }
