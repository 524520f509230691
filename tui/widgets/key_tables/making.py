"""Keys of making training rows, and of looking through what was proposed."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

MAKING = (
    Key("start", ("ctrl+l",), "start_making", "Make", "Say the price, ask, and begin.", footer=True),
    Key("review", ("ctrl+r",), "review_rows", "Review", "Look through the newest queue.", footer=True),
    Key("stop", ("ctrl+t",), "stop_run", "Stop", "Stop; what was answered is kept.", footer=True),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
)

REVIEW = (
    Key("keep", ("k",), "keep_row", "Keep", "Keep this row, and show the next one.", footer=True),
    Key("edit", ("e",), "edit_row", "Edit", "Edit this row: its messages, or its JSON.", footer=True),
    Key("reject", ("x",), "reject_row", "Reject", "Leave this row out, and show the next.", footer=True),
    Key("undo", ("u",), "take_back", "Undo", "Take the newest decision back.", footer=True),
    Key("write", ("w",), "write_rows", "Write", "Add what is kept to the training file.", footer=True),
    Key("later", ("space",), "put_off", "Later", "Look at the next one first.", footer=True),
    Key("origin", ("o",), "show_origin", "Origin", "Where it is from, and what was not offered."),
    Key("down", ("j", "down"), "scroll_row(1)", "Down", "Scroll down one line."),
    Key("up", ("up",), "scroll_row(-1)", "Up", "Scroll up one line."),
    Key("page-down", ("pagedown", "ctrl+d"), "scroll_row(10)", "Page down", "Scroll down ten lines."),
    Key("page-up", ("pageup", "ctrl+u"), "scroll_row(-10)", "Page up", "Scroll up ten lines."),
)

KEYS: dict[str, tuple[Key, ...]] = {"making": MAKING, "review": REVIEW}
"""Area -> its keys."""
