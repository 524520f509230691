"""What stands around the panes of the rows: the line of what goes on, and the lines to type in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.widgets import Input, Static

from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.widgets.row_list import RowList
from tui.widgets.tones import Part, content

SECONDS_BETWEEN_POSTS = 0.25
_STATE_ORDER = ("file", "work", "search", "show", "edits", "grown")
"""Where each part stands in the line below the panes."""


class RowsState(GreyedKeys, inherit_bindings=False):
    """The line below the panes, and lines to type in; the screen yields them."""

    WORK_GROUPS: ClassVar[tuple[str, ...]] = ("search", "narrow", "findings", "save", "fix")
    """Work that esc ends."""

    def __init__(self) -> None:
        super().__init__()
        self._state: dict[str, Sequence[Part]] = {}
        self._works: dict[str, str] = {}
        """Work that goes on -> how far it is, the newest last."""

    def show_state(self, key: str, parts: Sequence[Part]) -> None:
        """Show or take away one part of the line below the panes.

        Args:
            key: Which part; one of the known ones.
            parts: Safe text; nothing takes it away.
        """
        if parts:
            self._state[key] = parts
        elif key in self._state:
            del self._state[key]
        else:
            return
        line: list[Part] = []
        for name in _STATE_ORDER:
            if name in self._state:
                line += [(" · ", "muted")] * bool(line)
                line += self._state[name]
        state = self.query_one("#rows-state", Static)
        state.display = bool(line)
        state.update(content(*line))

    # Lines to type in

    def open_field(self, name: str, value: str = "") -> None:
        """Show one of the lines to type in, and give it the keys."""
        for field in self.query(Input):
            field.display = field.id == name
        field = self.query_one(f"#{name}", Input)
        field.value = value
        field.focus()

    def close_fields(self) -> bool:
        """Hide the lines to type in; return whether one was open."""
        fields = [field for field in self.query(Input) if field.display]
        for field in fields:
            field.display = False
        if fields:
            self.query_one(RowList).focus()
        return bool(fields)

    # Work that goes on

    def show_work(self, words: str, done: int = 0, total: int = 0) -> None:
        """Say what goes on, how far it is, and how to end it."""
        self._works[words] = f"{words} {100 * done // total} %" if total else f"{words}…"
        self._show_works()

    def end_work(self, words: str) -> None:
        """Say no more that something goes on; other work may still."""
        self._works.pop(words, None)
        self._show_works()

    def end_all_work(self) -> None:
        """Say no more that anything goes on."""
        self._works.clear()
        self._show_works()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say no more that it goes on."""
        self.end_all_work()
        return super().work_broke_off(group, error)

    def _show_works(self) -> None:
        parts: list[Part] = [(", ".join(self._works.values()), "accent"), ("  esc stops", "muted")]
        self.show_state("work", parts if self._works else ())

    def progress_teller(self, words: str) -> Any:
        """Return a callback for threads that shows progress four times a second."""
        next_post = time.monotonic() + SECONDS_BETWEEN_POSTS

        def tell(done: int, total: int) -> None:
            nonlocal next_post
            if time.monotonic() >= next_post:
                next_post = time.monotonic() + SECONDS_BETWEEN_POSTS
                self.post_from_thread(self.show_work, words, done, total)

        return tell

    def cancel_work(self) -> bool:
        """End what goes on; return whether there was anything."""
        running = [
            worker
            for worker in self.workers
            if worker.group in self.WORK_GROUPS and worker.is_running and worker.node is self
        ]
        shown = "work" in self._state
        for worker in running:
            if shown:
                worker.cancel()
        self.end_all_work()
        return bool(running) and shown
