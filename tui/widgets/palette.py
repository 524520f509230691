"""The command palette, which stands keys that arrive before its list is laid out."""

from __future__ import annotations

from textual.command import CommandList, CommandPalette


class DeckPalette(CommandPalette):
    """Textual's palette; there, page up in a list without lines yet ends the app (seen in 8, 2026-11)."""

    def _action_command_list(self, action: str) -> None:
        if action.startswith("page") and not self.query_one(CommandList).scrollable_content_region.height:
            return
        super()._action_command_list(action)
