"""How a chat is laid out: lanes side by side or one at a time, and the lines over and under them."""

from __future__ import annotations

from textual.events import Resize
from textual.widgets import Static

from screens.chat_writing import ChatWriting
from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.chat.parameters import describe_parameters
from tui.chat.spent import call_words, cost_of, spent
from tui.chat.tools_file import tool_names
from tui.safe_text import safe_line
from tui.widgets.lane_view import LaneView
from tui.widgets.tones import content

NARROWEST_LANE = 36
"""Columns below which lanes no longer stand side by side."""


class ChatLooks(ChatWriting, inherit_bindings=False):
    """The lanes of a chat, and what is said about it."""

    def __init__(self) -> None:
        super().__init__()
        self._active = 0
        # Kept here, because views that are being removed can still be queried for a while.
        self._views: list[LaneView] = []

    @property
    def is_open(self) -> bool:
        """True once a conversation is shown."""
        raise NotImplementedError

    def show_branch_line(self) -> None:
        """Show all turns anew, after another branch was chosen."""
        marked = self.marked_turn()
        for view in self._views:
            view.show_turns(self.session.turns)
            if marked is not None and marked is not self.session.turns[-1]:
                self.call_after_refresh(view.show_marks, marked)
        self.show_line()
        self.refresh_bindings()

    def _facts(self, lane: Lane, answer: LaneAnswer) -> str:
        return call_words(answer, cost_of(self.services, lane, answer.usage))

    def _arrange(self) -> None:
        """Put the lanes side by side, or show only the active one where they would be too narrow."""
        views = self._views
        too_narrow = bool(views) and self.size.width // len(views) < NARROWEST_LANE
        for index, view in enumerate(views):
            view.display = not too_narrow or index == self._active
            place = f"{index + 1} of {len(views)}: ] goes on" if too_narrow and len(views) > 1 else ""
            headroom = self.services.headroom(view.lane.account, 1 if len(views) > 1 else 2)
            view.show_standing(" · ".join(filter(None, (place or view.standing, headroom))))

    def _arrange_if_shown(self) -> None:
        if self.is_active:
            self._arrange()

    def on_resize(self, event: Resize) -> None:
        """Arrange the lanes for the new width."""
        super().on_resize(event)
        if self.is_open:
            self._arrange()

    def show_line(self, asked: Turn | None = None) -> None:
        """Show the first question, the system prompt and the parameters.

        Args:
            asked: A turn that has just been asked, and may not be the session's yet.
        """
        session = self.session
        first = session.turns[0] if session.turns else asked
        title = first.question if first is not None else "New chat"
        system = f"system: {session.system}" if session.system.strip() else ""
        tools = f"tools: {tool_names(session.tools)}" if session.tools else ""
        tags = " ".join(f"#{tag}" for tag in session.tags)
        parts = (tags, system, describe_parameters(session.parameters), tools)
        facts = " · ".join(part for part in parts if part)
        self.query_one("#chat-line", Static).update(
            content((safe_line(title, 60), "strong"), (f"  {safe_line(facts, 300)}", "muted"))
        )
        self._show_spent()

    def _show_spent(self) -> None:
        words = spent(self.services, self.session.all_turns).words
        self.query_one("#total-line", Static).update(
            content(("chat ", "accent"), (safe_line(words, 200), "muted"))
        )
