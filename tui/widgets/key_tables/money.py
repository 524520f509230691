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
    Key(
        "worth", ("w",), "show_payback", "Worth it?", "Say whether tuning this model pays back.", footer=True
    ),
)

PAYBACK = (
    Key("same", ("s",), "same_model", "Own base", "Compare the tuned model with its own base.", footer=True),
    Key("reset", ("r",), "reset_sliders", "Reset", "Turn every number back to where it began.", footer=True),
    Key("copy", ("y",), "copy_formula", "Copy", "Copy the verdict and the formula.", footer=True),
    Key("launch", ("t",), "launch_file", "Train on it", "Start a job on this file.", footer=True),
)

SLIDERS = (
    Key("more", ("right", "l"), "turn(1)", "More", "Turn this number up.", footer=True),
    Key("less", ("left", "h"), "turn(-1)", "Less", "Turn this number down.", footer=True),
    Key("much-more", ("L", "shift+right"), "turn(5)", "Five up", "Turn this number up by five steps."),
    Key("much-less", ("H", "shift+left"), "turn(-5)", "Five down", "Turn this number down by five steps."),
    Key("down", ("j", "down"), "cursor_down", "Down", "Go to the next number."),
    Key("up", ("k", "up"), "cursor_up", "Up", "Go to the number before."),
    Key("first", ("g", "home"), "cursor_first", "First", "Go to the first number."),
    Key("last", ("G", "end"), "cursor_last", "Last", "Go to the last number."),
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

KEYS: dict[str, tuple[Key, ...]] = {
    "money": MONEY,
    "payback": PAYBACK,
    "sliders": SLIDERS,
    "spread": SPREAD,
}
