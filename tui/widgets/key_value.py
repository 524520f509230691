"""Names and values in two columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content
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
        title: str = "",
    ) -> None:
        self._pairs = list(pairs)
        super().__init__(self._content(self._pairs), id=id, classes=classes, markup=False)
        self.border_title = title or None

    def set_pairs(self, pairs: Iterable[Pair]) -> None:
        """Show these facts; equal ones draw nothing."""
        new = list(pairs)
        if new == self._pairs:
            return
        self._pairs = new
        self.update(self._content(new))

    @classmethod
    def _content(cls, pairs: Sequence[Pair]) -> Content:
        width = max((len(name) for name, _ in pairs), default=0)
        return content_lines([cls._line(name, value, width) for name, value in pairs]) or content("")

    @staticmethod
    def _line(name: str, value: str | Part, width: int) -> list[Part]:
        text, tone = (value, "") if isinstance(value, str) else value
        return [(f"{name:<{width}}  ", "muted"), (safe_text(text), tone)]  # type: ignore[list-item]
