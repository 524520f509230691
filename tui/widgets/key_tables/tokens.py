"""Keys of the row drawn token by token."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

TOKEN_TEXT = (
    Key("right", ("l", "right"), "move_token(1)", "Next token", "Move to the next token."),
    Key("left", ("h", "left"), "move_token(-1)", "Token before", "Move to the token before."),
    Key("down", ("j", "down"), "move_line(1)", "Down", "Move to the token below."),
    Key("up", ("k", "up"), "move_line(-1)", "Up", "Move to the token above."),
    Key("first", ("g", "home"), "move_edge(0)", "First", "Go to the first token."),
    Key("last", ("G", "end"), "move_edge(1)", "Last", "Go to the last token."),
    Key("half-page-down", ("ctrl+d",), "move_half(1)", "Half page down", "Move down half a page."),
    Key("half-page-up", ("ctrl+u",), "move_half(-1)", "Half page up", "Move up half a page."),
    Key("page-down", ("pagedown", "ctrl+f"), "move_page(1)", "Page down", "Move down a page."),
    Key("page-up", ("pageup",), "move_page(-1)", "Page up", "Move up a page."),
    Key(
        "next-part",
        ("w",),
        "move_stretch(1)",
        "Next part",
        "Go to where the next message begins, or what is trained on, or what is cut.",
        footer=True,
    ),
    Key(
        "part-before",
        ("b",),
        "move_stretch(-1)",
        "Part before",
        "Go to where this part or the one before begins.",
    ),
)

TOKENS = (
    Key("next-row", ("right_square_bracket",), "step_row(1)", "Next row", "Go to the next row.", footer=True),
    Key(
        "row-before",
        ("left_square_bracket",),
        "step_row(-1)",
        "Row before",
        "Go to the row before.",
        footer=True,
    ),
    Key("model", ("m",), "next_model(1)", "Model", "Read the row as the next model does.", footer=True),
    Key("model-before", ("M",), "next_model(-1)", "Model before", "Read the row as the model before does."),
    Key("search", ("slash",), "search", "Search", "Find text in this row.", footer=True),
    Key("next-match", ("n",), "next_match(1)", "Next match", "Go to the next match in this row."),
    Key("match-before", ("N",), "next_match(-1)", "Match before", "Go to the match before in this row."),
    Key("jump", ("colon",), "jump", "Go to token", "Go to a token of this row by its number."),
    Key("cut", ("x",), "go_to_cut", "Cut", "Go to the first token that the limit cuts."),
    Key("bounds", ("v",), "toggle_bounds", "Marks", "Show marks between tokens, or shades."),
    Key("copy", ("y",), "copy_token", "Copy", "Copy what is known of the token."),
)

KEYS: dict[str, tuple[Key, ...]] = {"token-text": TOKEN_TEXT, "tokens": TOKENS}
