"""The two texts that are typed in while a row is edited: a message's content, and the whole row's JSON."""

from __future__ import annotations

from textual import on

from screens.greyed_keys import GreyedKeys
from tui.datasets.row_draft import RowDraft
from tui.errors import TunedeckError
from tui.safe_text import safe_text
from tui.widgets.draft_list import DraftList
from tui.widgets.line_list import LineList
from tui.widgets.row_text_area import RowTextArea

MOST_CHARACTERS = 200_000
"""Longer texts make a text area slow, and are left to an editor that is made for them."""


class EditsTexts(GreyedKeys, inherit_bindings=False):
    """A row whose content and JSON can be typed in.

    Args:
        draft: The row.
    """

    def __init__(self, draft: RowDraft) -> None:
        super().__init__()
        self.draft = draft
        self._refused = ""
        """What was typed when it could not be taken last."""
        self._content_index = -1

    @property
    def list(self) -> DraftList:
        """The messages."""
        return self.query_one(DraftList)

    @property
    def _content_area(self) -> RowTextArea:
        return self.query_one("#content-area", RowTextArea)

    @property
    def _json_area(self) -> RowTextArea:
        return self.query_one("#json-area", RowTextArea)

    @property
    def is_editing_json(self) -> bool:
        """True while the whole row is edited as text."""
        return self.has_class("-json")

    def show_draft(self, cursor: int | None = None) -> None:
        """Draw the row as it is now."""
        raise NotImplementedError

    @property
    def typed_json(self) -> str:
        """The JSON as it is typed."""
        return self._json_area.text

    # Content

    @on(LineList.Opened, "#draft")
    def action_edit_content(self) -> None:
        """Type in the content of the message; one that is no plain text is edited as JSON."""
        message = self.list.current
        if message is None:
            return
        if message.text is None or safe_text(message.text) != message.text:
            if message.text is not None:
                self.tell("This text holds control or invisible characters: they are edited in the JSON.")
            self.action_edit_json()
            return
        if len(message.text) > MOST_CHARACTERS:
            self.tell(f"The text has {len(message.text):,} characters: E in the rows edits it outside.")
            return
        self._content_index = self.list.cursor
        self.add_class("-content")
        self.query_one("#content").border_subtitle = "esc takes it"
        area = self._content_area
        area.load_text(message.text)
        area.move_cursor(area.document.end)
        area.focus()

    # JSON

    def action_edit_json(self) -> None:
        """Type in the JSON of the whole row."""
        try:
            text = self.draft.json()
        except TunedeckError as error:
            self.tell_error(error)
            return
        if len(text) > MOST_CHARACTERS:
            self.tell(f"The row has {len(text):,} characters: E in the rows edits it outside.")
            return
        self._refused = ""
        self.add_class("-json")
        self._json_area.load_text(text)
        self._json_area.focus()

    # Leaving

    def leave_texts(self) -> bool:
        """Close the text that is open, and take it; return whether one was, or still is.

        JSON that is none stays open once, so that it can be mended; asked again, it is dropped.
        """
        if not self.has_class("-json") and not self.has_class("-content"):
            return False
        typed = self._json_area.text
        if not self.close_texts() and self.has_class("-json") and self._refused == typed:
            self._refused = ""
            self.remove_class("-json")
            self.tell("What was typed was dropped; the row is as it was before it.")
            self._show_list()
        elif self.has_class("-json"):
            self._refused = typed
        return True

    def close_texts(self) -> bool:
        """Take what is typed and close it; return False when it can't be taken and stays open."""
        try:
            if self.has_class("-content"):
                self.draft.set_text(self._content_index, self._content_area.text)
            elif self.has_class("-json"):
                self.draft.set_json(self._json_area.text)
        except TunedeckError as error:
            if self._refused != self._json_area.text:
                self.tell(f"{error.message} esc once more drops what you typed.", severity="error")
                self._place_cursor(error.message)
            return False
        self.remove_class("-content", "-json")
        self._show_list()
        return True

    def _place_cursor(self, message: str) -> None:
        """Put the cursor where a message about JSON says that it breaks."""
        import re

        place = re.search(r"line ([\d,]+), column ([\d,]+)", message)
        if place is not None:
            line, column = (int(number.replace(",", "")) - 1 for number in place.groups())
            self._json_area.move_cursor((line, column))

    def _show_list(self) -> None:
        self.list.focus()
        self.show_draft()

    def close_name(self) -> bool:
        """Hide the line for a name; return whether it was open."""
        field = self.query_one("#name")
        was_open = field.display
        field.display = False
        if was_open:
            self.list.focus()
        return bool(was_open)
