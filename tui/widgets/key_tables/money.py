"""Keys of a file's tokens and of its price on every model."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

MONEY = (
    Key("more-epochs", ("plus",), "change_epochs(1)", "Epochs", "Reckon with one epoch more.", footer=True),
    Key("fewer-epochs", ("minus",), "change_epochs(-1)", "Fewer", "Reckon with one epoch less.", footer=True),
    Key("auto-epochs", ("a",), "auto_epochs", "Auto", "Let each service choose the epochs.", footer=True),
    Key("filter", ("slash",), "filter_bills", "Filter", "Show only some services or models.", footer=True),
    Key("sort", ("s",), "sort_bills", "Sort", "Sort by price, service, model or standing by.", footer=True),
    Key("validation", ("v",), "choose_validation", "Validation", "Price a validation file too."),
    Key("launch", ("l",), "launch_file", "Train on it", "Start a job on this file."),
)

SPREAD = (
    Key(
        "tokens",
        ("t",),
        "show_tokens",
        "Tokens",
        "Show the row under the cursor token by token.",
        footer=True,
    ),
    Key(
        "scale",
        ("y",),
        "toggle_scale",
        "Scale",
        "Draw ranges of equal ratio, or of equal width.",
        footer=True,
    ),
)

KEYS: dict[str, tuple[Key, ...]] = {"money": MONEY, "spread": SPREAD}
