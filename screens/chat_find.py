"""Finds words in all chats while they are typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from screens.base import DeckDialog
from screens.job_words import ago
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.store.chat_rows import ChatHit
from tui.store.chat_search_queries import FOUND_BEGINS, FOUND_ENDS
from tui.widgets.keys import bindings
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import content

_COLUMNS = (
    Column("Found"),
    Column("In", 26, tone="muted", drop_below=70),
    Column("Last used", 12, align="right", tone="muted"),
)
MOST_HITS = 100


class ChatFindScreen(DeckDialog, inherit_bindings=False):
    """Dismissed with the ChatHit that was chosen, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("choose", "screen")]
    DEFAULT_CSS = """
    ChatFindScreen #find { width: 94%; max-width: 110; height: 80%; max-height: 24; padding: 0 1;
        border: $frame $border; border-title-color: $text-accent; border-subtitle-color: $text-muted;
        background: $surface; }
    ChatFindScreen #find:ansi { background: $background; }
    ChatFindScreen Table { height: 1fr; margin-top: 1; }
    ChatFindScreen #find-problem { height: auto; }
    """
    AUTO_FOCUS = "Input"

    @dataclass
    class Found(Message):
        """A search is through."""

        words: str
        hits: list[ChatHit]
        problem: str = ""

    def __init__(self) -> None:
        super().__init__()
        self._hits: dict[str, ChatHit] = {}
        """Key of a row -> what was found there."""

    def compose(self) -> ComposeResult:
        """Yield the line of input over the list."""
        with Vertical(id="find") as frame:
            frame.border_title = "Find in all chats"
            frame.border_subtitle = "enter opens it, esc leaves"
            yield Input(placeholder="words or their beginnings", id="find-input", compact=True)
            yield Table(*_COLUMNS, id="find-table", empty="Write what you look for.")
            yield Static("", id="find-problem", markup=False)

    @on(Input.Changed)
    def _look(self, message: Input.Changed) -> None:
        self._search(message.value)

    @work(thread=True, group="find-chats", exclusive=True, exit_on_error=False, description="find in chats")
    def _search(self, words: str) -> None:
        worker = get_current_worker()
        try:
            found = self.Found(words, self.services.store.search_chats(words, MOST_HITS))
        except TunedeckError as error:
            found = self.Found(words, [], error.message)
        if not worker.is_cancelled:
            self.post_message(found)

    @on(Found)
    def _show(self, message: Found) -> None:
        if message.words != self.query_one(Input).value:
            return
        self._hits = {f"{hit.chat_id}/{hit.turn}": hit for hit in message.hits}
        table = self.query_one(Table)
        table.empty_text = "Nothing is found." if message.words.strip() else "Write what you look for."
        table.set_rows([_row(hit) for hit in message.hits])
        table.cursor = 0
        table.refresh()
        self.query_one("#find-problem", Static).update(content((message.problem, "bad")))

    @on(Input.Submitted)
    def _take(self) -> None:
        key = self.query_one(Table).row_key
        if key is not None:
            self.dismiss(self._hits[key])

    @on(Table.Chosen)
    def _take_row(self, message: Table.Chosen) -> None:
        self.dismiss(self._hits[message.key])

    def on_key(self, event: Key) -> None:
        """Move in the list while typing."""
        steps = {"down": 1, "up": -1, "pagedown": 8, "pageup": -8}
        if event.key in steps and isinstance(self.focused, Input):
            self.query_one(Table).cursor += steps[event.key]
            event.stop()


def _row(hit: ChatHit) -> TableRow:
    excerpt = hit.excerpt.replace(FOUND_BEGINS, "»").replace(FOUND_ENDS, "«").replace("\n", " ")
    return TableRow(
        f"{hit.chat_id}/{hit.turn}",
        [(safe_line(excerpt, 300), ""), safe_line(hit.title, 80), ago(hit.updated_at)],
    )
