"""Names and values in two columns."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widgets import Static

from tui.safe_text import safe_text
from tui.widgets.tones import Part, content, content_lines

Pair = tuple[str, str | Part]
"""A name with its value, or a value with a tone."""


class KeyValue(Static):
    """A panel of facts: muted names on the left, aligned values on the right."""

    DEFAULT_CSS = "KeyValue { height: auto; }"

    def __init__(
        self,
        pairs: Iterable[Pair] = (),
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._pairs: list[Pair] = []
        self._initial = list(pairs)

    def on_mount(self) -> None:
        """Show what was given at construction."""
        if self._initial and not self._pairs:
            self.set_pairs(self._initial)

    def set_pairs(self, pairs: Iterable[Pair]) -> None:
        """Show these facts; equal ones draw nothing."""
        new = list(pairs)
        if new == self._pairs:
            return
        self._pairs = new
        width = max((len(name) for name, _ in new), default=0)
        self.update(content_lines([self._line(name, value, width) for name, value in new]) or content(""))

    @staticmethod
    def _line(name: str, value: str | Part, width: int) -> list[Part]:
        text, tone = (value, "") if isinstance(value, str) else value
        return [(f"{name:<{width}}  ", "muted"), (safe_text(text), tone)]  # type: ignore[list-item]
