"""The gate for what is pasted: nothing that comes in that way can act on the terminal it is drawn on.

Textual's text areas and inputs draw what they hold as it is, control bytes too. Terminals paste a line end as
a carriage return, as if enter had been pressed; here it is a line end again.
"""

from __future__ import annotations

from textual.app import App
from textual.driver import Driver
from textual.events import Event, Paste

from tui.safe_text import safe_to_type
from tui.widgets.paste_guard import guard_pastes


class SafePastes(App[None], inherit_bindings=False):
    """The part of the app that every paste comes through, the terminal's and ctrl+v's alike."""

    def get_driver_class(self) -> type[Driver]:
        """Return what reads and writes the terminal; escape characters in a paste send no keys."""
        driver = super().get_driver_class()
        guard_pastes(driver)
        return driver

    async def on_event(self, event: Event) -> None:
        """Make a paste safe before the widget that has the keys takes it."""
        if isinstance(event, Paste):
            event.text = safe_to_type(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        await super().on_event(event)

    @property
    def clipboard(self) -> str:
        """What was copied last in the app, as ctrl+v pastes it: an answer may hold anything."""
        return safe_to_type(super().clipboard)
