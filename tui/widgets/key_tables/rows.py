"""Keys of the rows of a file, and of the dialogs over them."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

ROWS = (
    Key("search", ("slash",), "search", "Search", "Find text in the whole file.", footer=True),
    Key("facets", ("f",), "choose_facets", "Filter", "Show only rows that have something.", footer=True),
    Key("edit", ("e",), "edit_row", "Edit", "Edit the row: its messages, or its JSON.", footer=True),
    Key("fix", ("F",), "fix", "Fix", "Fix what can be fixed safely, with the difference shown.", footer=True),
    Key("undo", ("u",), "undo", "Undo", "Take back the newest change.", footer=True),
    Key("save", ("ctrl+s",), "save", "Save", "Save the rows with all changes to a new file.", footer=True),
    Key(
        "next-finding",
        ("n",),
        "next_match(1)",
        "Next error",
        "Go to the next match; without a search, to the next row with an error.",
        footer=True,
    ),
    Key("sort", ("s",), "choose_sort", "Sort", "Sort the rows by tokens or length.", footer=True),
    Key("previous-finding", ("N",), "next_match(-1)", "Error before", "Go to the match or error before."),
    Key(
        "raw",
        ("r",),
        "toggle_raw",
        "Raw",
        "Show the conversation, its JSON, or the line as it is in the file.",
    ),
    Key("outside", ("E",), "edit_outside", "Editor", "Edit the row's JSON in your own editor ($EDITOR)."),
    Key("redo", ("U", "ctrl+r"), "redo", "Redo", "Do again what was undone last."),
    Key("save-over", ("O",), "save_over", "Save over", "Replace the file itself; asks first."),
    Key("delete", ("d", "delete"), "delete_row", "Delete", "Delete the row; u brings it back."),
    Key("mark", ("space",), "toggle_mark", "Mark", "Mark the row and go on to the next."),
    Key("delete-marked", ("D",), "delete_marked", "Delete marked", "Delete every marked row."),
    Key("duplicate", ("a",), "duplicate_row", "Add copy", "Put a copy of the row below it."),
    Key("move-down", ("J",), "move_row(1)", "Move down", "Move the row down by one."),
    Key("move-up", ("K",), "move_row(-1)", "Move up", "Move the row up by one."),
    Key("move-to", ("M",), "move_to", "Move to", "Move the row to a number."),
    Key("where", ("w",), "filter", "Where", "Show only rows that a JMESPath expression holds for."),
    Key("all", ("backspace",), "show_all", "All rows", "Show all rows again, in the order of the file."),
    Key("last", ("G", "end"), "last_row", "Last", "Go to the end of the file, numbered yet or not."),
    Key(
        "jump",
        ("colon",),
        "jump",
        "Go to line",
        "Go to a line by its number, or to a place such as 50%.",
    ),
    Key("wide", ("z",), "toggle_zoom", "Zoom", "Give the conversation the whole width, and back."),
    Key("tokens", ("t",), "show_tokens", "Tokens", "Show this row token by token."),
    Key(
        "next-any",
        ("right_square_bracket",),
        "next_marked_row(1)",
        "Next finding",
        "Go to the next row with an error or a warning.",
    ),
    Key(
        "previous-any",
        ("left_square_bracket",),
        "next_marked_row(-1)",
        "Finding before",
        "Go to the row with an error or a warning before.",
    ),
    Key("copy-part", ("Y",), "copy_part", "Copy part", "Copy a message, its JSON path or the finding."),
    Key("copy", ("y",), "copy_row", "Copy", "Copy the row's JSON to the clipboard."),
    Key("reopen", ("R",), "reopen", "Open again", "Open the file again as it is on the disk now."),
    Key(
        "reshape",
        ("S",),
        "reshape_file",
        "New files",
        "Split, dedupe, cut, sample or merge this file.",
    ),
    Key("make", ("m",), "make_rows", "Make rows", "Make rows like the marked ones, or like all."),
    Key("check", ("c",), "check_file", "Check", "Check this file and count its tokens."),
    Key("launch", ("l",), "launch_file", "Train on it", "Start a job on this file."),
)

FACETS = (
    Key("toggle", ("space",), "toggle_facet", "Take", "Choose this property, or drop it.", footer=True),
    Key("none", ("backspace",), "choose_none", "None", "Drop every property."),
    Key("close", ("escape", "q"), "close", "Close", "Leave the rows as they are shown.", footer=True),
)

FIX = (
    Key("this", ("x",), "fix_this", "Fix this", "Fix this row, or every row of this fix.", footer=True),
    Key("rule", ("X",), "fix_rule", "Fix all like it", "Fix every row of this fix.", footer=True),
    Key("all", ("A",), "fix_all", "Fix all", "Apply every fix that is not about quality.", footer=True),
    Key("undo", ("u",), "undo", "Undo", "Take back the newest change.", footer=True),
    Key("redo", ("U", "ctrl+r"), "redo", "Redo", "Do again what was undone last."),
    Key("unfold", ("space",), "toggle_fold", "Unfold", "Show or hide the rows of this fix."),
    Key("again", ("r",), "look_again", "Look again", "Read the file again."),
)

PENDING = (
    Key(
        "keep", ("k", "enter"), "choose('keep')", "Keep", "Keep the changes and go on with them.", footer=True
    ),
    Key("discard", ("d",), "choose('discard')", "Discard", "Throw the changes away.", footer=True),
    Key("write", ("w",), "choose('rescue')", "Write", "Write the changed rows to a file.", footer=True),
    Key("close", ("escape", "q"), "close", "Close", "Keep the changes, or let them lie.", footer=True),
)

EDIT = (
    Key("content", ("e",), "edit_content", "Edit text", "Edit the content of the message.", footer=True),
    Key("json", ("v",), "edit_json", "JSON", "Edit the JSON of the whole row.", footer=True),
    Key("role", ("r",), "next_role(1)", "Role", "Give the message the next role.", footer=True),
    Key("role-before", ("R",), "next_role(-1)", "Role before", "Give the message the role before."),
    Key("take", ("ctrl+s",), "take", "Take", "Take the row as it is now, and leave.", footer=True),
    Key("weight", ("w",), "next_weight", "Weight", "Give the message a weight: none, 0, 1.", footer=True),
    Key("name", ("n",), "edit_name", "Name", "Give the message a name."),
    Key("add", ("a",), "add_message", "Add", "Put an empty message below this one.", footer=True),
    Key("duplicate", ("c",), "duplicate_message", "Copy", "Put a copy of the message below it."),
    Key("delete", ("d", "delete"), "delete_message", "Delete", "Take the message out.", footer=True),
    Key("move-down", ("J",), "move_message(1)", "Move down", "Move the message down by one."),
    Key("move-up", ("K",), "move_message(-1)", "Move up", "Move the message up by one."),
    Key("undo", ("u",), "undo", "Undo", "Take back the last step.", footer=True),
    Key("redo", ("U", "ctrl+r"), "redo", "Redo", "Do the step again that was taken back."),
    Key("provider", ("p",), "next_provider", "Service", "Judge the row by the next service's rules."),
)

KEYS: dict[str, tuple[Key, ...]] = {
    "rows": ROWS,
    "facets": FACETS,
    "fix": FIX,
    "edit": EDIT,
    "pending": PENDING,
}
