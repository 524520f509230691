"""Keys of the screen that maps the columns of a file to roles."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

IMPORT = (
    Key("convert", ("w",), "convert", "Convert", "Write the new file.", footer=True),
    Key("role", ("space",), "next_role(1)", "Role", "Make this column the next role.", footer=True),
    Key("role-before", ("b",), "next_role(-1)", "Role before", "Make this column the role before."),
    Key("shape", ("t",), "next_shape", "Target", "Write the next shape of rows.", footer=True),
    Key("row", ("n",), "next_row(1)", "Next row", "Show the next row of the file.", footer=True),
    Key("row-before", ("N",), "next_row(-1)", "Row before", "Show the row before."),
    Key(
        "before",
        ("v",),
        "toggle_before",
        "Before/after",
        "Switch between the row and what it becomes.",
        footer=True,
    ),
    Key(
        "skip", ("s",), "toggle_skip", "Skip bad", "Leave bad rows out, or write nothing where there are any."
    ),
    Key("name", ("o",), "edit_name", "Name", "Change the name of the new file."),
    Key("stop", ("x",), "stop_convert", "Stop", "Stop converting; nothing is left behind."),
)

KEYS: dict[str, tuple[Key, ...]] = {"import": IMPORT}
