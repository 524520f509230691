"""Keys of the screen that makes new files of rows."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

RESHAPE = (
    Key("write", ("ctrl+s",), "write_files", "Write", "Write the new files; the old one stays.", footer=True),
    Key(
        "operation",
        ("ctrl+n",),
        "next_operation",
        "Next operation",
        "Choose the next thing to do: split, dedupe, cut, sample, shuffle, delete, merge.",
        footer=True,
    ),
    Key(
        "name",
        ("ctrl+o",),
        "edit_name",
        "Name",
        "Change name or folder of the new files.",
        footer=True,
    ),
    Key(
        "preview",
        ("ctrl+l",),
        "go_to_preview",
        "Preview",
        "Go to the preview, and back.",
        footer=True,
    ),
    Key("reset", ("ctrl+r",), "reset_field", "Default", "Set this field back to what it was at first."),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
    Key("take-away", ("backspace",), "take_away", "Take away", "Take the last file of a merge away."),
)

KEYS: dict[str, tuple[Key, ...]] = {"reshape": RESHAPE}
