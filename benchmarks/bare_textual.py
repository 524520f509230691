"""The least that a Textual app can be: what the app is compared with."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Footer, Static


class BareApp(App[None]):
    """One line of text and a footer."""

    def compose(self) -> ComposeResult:
        """Show them."""
        yield Static("bare textual")
        yield Footer()


if __name__ == "__main__":
    BareApp().run()
