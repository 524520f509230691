"""What the app is drawn with: lines and signs, or ASCII alone where the settings say so."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App
from textual.filter import LineFilter


class DrawnInAscii(App[None], inherit_bindings=False):
    """The part of the app that chooses what frames and signs are drawn with."""

    _frame = "round"  # the styles' variables are asked for while Textual is built
    _signs: tuple[LineFilter, ...] = ()

    def draw_in_ascii(self) -> None:
        """Draw frames and signs by ASCII characters from now on."""
        from tui.widgets.ascii_lines import AsciiLines  # few need it, and the first paint waits for imports

        self._frame = "ascii"
        self._signs = (AsciiLines(),)

    def get_css_variables(self) -> dict[str, str]:
        """Return the theme's colours and `frame`, what panes and dialogs are framed with."""
        return {**super().get_css_variables(), "frame": self._frame}

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what each line goes through before it is drawn."""
        return (*super().get_line_filters(), *self._signs)
