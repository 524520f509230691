"""Keys of the rows of a file, and of the dialogs over them."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

ROWS = (
    Key("search", ("slash",), "search", "Search", "Find text in the whole file.", footer=True),
    Key("facets", ("f",), "choose_facets", "Filter", "Show only rows that have something.", footer=True),
    Key(
        "next-finding",
        ("n",),
        "next_match(1)",
        "Next error",
        "Go to the next match; without a search, to the next row with an error.",
        footer=True,
    ),
    Key("previous-finding", ("N",), "next_match(-1)", "Error before", "Go to the match or error before."),
    Key("raw", ("r",), "toggle_raw", "Raw", "Switch between the conversation and its JSON.", footer=True),
    Key("where", ("w",), "filter", "Where", "Show only rows that a JMESPath expression holds for."),
    Key("sort", ("s",), "choose_sort", "Sort", "Sort the rows by tokens or length.", footer=True),
    Key("all", ("backspace",), "show_all", "All rows", "Show all rows again, in the order of the file."),
    Key("last", ("G", "end"), "last_row", "Last", "Go to the end of the file, numbered yet or not."),
    Key(
        "jump",
        ("colon",),
        "jump",
        "Go to line",
        "Go to a line by its number, or to a place such as 50%.",
        footer=True,
    ),
    Key("wide", ("z",), "toggle_zoom", "Zoom", "Give the conversation the whole width, and back."),
    Key("copy", ("y",), "copy_row", "Copy", "Copy the row's JSON to the clipboard."),
    Key("check", ("c",), "check_file", "Check", "Check this file and count its tokens.", footer=True),
    Key("launch", ("l",), "launch_file", "Train on it", "Start a job on this file."),
)

FACETS = (
    Key("toggle", ("space",), "toggle_facet", "Take", "Choose this property, or drop it.", footer=True),
    Key("none", ("backspace",), "choose_none", "None", "Drop every property."),
    Key("close", ("escape", "q"), "close", "Close", "Leave the rows as they are shown.", footer=True),
)

KEYS: dict[str, tuple[Key, ...]] = {"rows": ROWS, "facets": FACETS}
