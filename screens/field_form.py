"""A form on the screen: a line for each field, a note beside it, a sentence below on the one in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantFocus, Resize
from textual.widget import Widget
from textual.widgets import Static

from tui.safe_text import safe_line
from tui.widgets.tones import Part, content

_NOTE_LENGTH = 400
"""Characters of a note or sentence at most: what a service or a file name adds may be long."""


class FieldForm(Vertical):
    """Lines of label, field and note, and the line below them; subclasses say what stands there.

    A note has as much room as its line leaves it, which at 80 columns is about twenty characters. What the
    field that has the keys says is therefore whole in the line below, before the sentence about the field.

    Args:
        id: The form's own id; the line below is `#<id>-hint`, the note of a field `#note-<field>`.
        title: In the border.
    """

    def __init__(self, *, id: str, title: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes="pane")
        self.border_title = title
        self._notes: Mapping[str, Part] = {}

    def field_row(self, name: str, label: str, field: Widget) -> ComposeResult:
        """Yield the line of one field, whose id is `name`."""
        with Horizontal(classes="row", id=f"row-{name}"):
            yield Static(label, classes="label", markup=False)
            yield field
            yield Static("", classes="note", id=f"note-{name}", markup=False)

    def hint_line(self) -> Static:
        """Return the line below the fields."""
        return Static("", id=f"{self.id}-hint", classes="hint", markup=False)

    def sentence(self, name: str) -> str:
        """Return what there is to say about a field; empty where its note is enough."""
        return ""

    def show_field_notes(self, notes: Mapping[str, str], problems: Mapping[str, str]) -> None:
        """Show beside each field what is wrong with it, else its note.

        Args:
            notes: Field -> what it comes to; a field without one loses its note.
            problems: Field -> what is wrong with it.
        """
        self._notes = {name: (safe_line(note, _NOTE_LENGTH), "muted") for name, note in notes.items()}
        self._notes |= {name: (f"✗ {wrong}", "bad") for name, wrong in problems.items()}
        for name in self._names():
            note = self._notes.get(name)
            self.query_one(f"#note-{name}", Static).update(content(note) if note else "")
        self.show_hint()

    def _names(self) -> Iterable[str]:
        return [(row.id or "").removeprefix("row-") for row in self.query(".row")]

    def show_hint(self) -> None:
        """Explain the field that has the keys: its note where that is cut off, then its sentence."""
        focused = self.screen.focused
        name = (focused.id or "") if focused is not None and focused in self.query("*") else ""
        note, sentence = self._notes.get(name), safe_line(self.sentence(name), _NOTE_LENGTH)
        parts: list[Part] = [note] if note is not None and self._is_cut(name, note[0]) else []
        if parts and sentence:
            parts.append((" · ", "muted"))
        self.query_one(f"#{self.id}-hint", Static).update(content(*parts, (sentence, "muted")))

    def _is_cut(self, name: str, words: str) -> bool:
        room = self.query_one(f"#note-{name}", Static).content_size.width
        return 0 < room < Content(words).cell_length

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Explain the field that has the keys."""
        self.show_hint()

    def on_resize(self, event: Resize) -> None:
        """Say below what no longer fits beside."""
        self.call_after_refresh(self.show_hint)
