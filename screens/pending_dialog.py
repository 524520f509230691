"""What is to become of changes that an earlier run did not save; nothing is lost by closing it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from screens.base import DeckDialog
from tui.safe_text import safe_text
from tui.widgets.keys import bindings
from tui.widgets.tones import Part, content, content_lines
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.datasets.edits import PendingEdits


class PendingDialog(DeckDialog, inherit_bindings=False):
    """Dismissed with "keep", "discard" or "rescue"; closing it keeps them, or lets them lie ("leave").

    Args:
        pending: The changes.
        rescue_name: File that the changed rows would be written to.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("pending", "screen")]
    DEFAULT_CSS = """
    PendingDialog #pending { width: 66; max-width: 94%; height: auto; max-height: 94%; padding: 1 2;
        border: $frame $border; border-title-color: $text-accent; background: $surface; overflow-y: auto; }
    PendingDialog #pending:ansi { background: $background; }
    """

    def __init__(self, pending: PendingEdits, rescue_name: str) -> None:
        super().__init__()
        self._pending = pending
        self._rescue_name = rescue_name

    def compose(self) -> ComposeResult:
        """Yield what was found, and the keys."""
        changes, problem = self._pending.changes, self._pending.problem
        what = plural(changes.total, "unsaved change") if changes.total else plural(changes.marked, "mark")
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(self._pending.last_change))
        lines: list[list[Part]] = []
        if problem is not None:
            lines += [[(safe_text(problem.message), "warning")], []]
        else:
            lines.append([("k", "accent"), (" keeps them, and goes on with them", "")])
        lines += [
            [("d", "accent"), (" discards them: the file stays as it is", "")],
            [("w", "accent"), (f" writes the changed rows to {safe_text(self._rescue_name)}", "")],
            [("esc", "accent"), (" keeps them" if problem is None else " lets them lie", "")],
        ]
        with Vertical(id="pending") as frame:
            frame.border_title = content(f"{what} from {when}")
            yield Static(content_lines(lines), markup=False)

    def action_choose(self, what: str) -> None:
        """Choose what becomes of them."""
        if what != "keep" or self._pending.problem is None:
            self.dismiss(what)

    def action_close(self) -> None:
        """Keep them where they fit, else let them lie."""
        self.dismiss("keep" if self._pending.problem is None else "leave")
