"""Keys of answers side by side: open, blind, and through a job's training."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

COMPARE = (
    Key("write", ("i", "slash"), "write", "Write", "Go to the prompt.", footer=True),
    Key("model", ("m", "ctrl+o"), "choose_model", "Model", "Choose who answers in this pane.", footer=True),
    Key("settings", ("s", "ctrl+s"), "edit_settings", "Settings", "Prompt and parameters of this pane.",
        footer=True),
    Key("blind", ("b",), "rate_blind", "Blind", "Rate two models blind on a file's prompts.", footer=True),
    Key("add", ("a",), "add_pane", "Add pane", "Let one more model answer, up to four.", footer=True),
    Key("file", ("o",), "choose_file", "File", "Take the prompts from a JSONL file.", footer=True),
    Key("next", ("n",), "step_prompt(1)", "Next prompt", "Ask the file's next prompt."),
    Key("before", ("p",), "step_prompt(-1)", "Prompt before", "Ask the file's prompt before."),
    Key("remove", ("x",), "remove_pane", "Remove pane", "Take this pane out."),
    Key("pane", ("right_square_bracket",), "next_pane(1)", "Next pane", "Go to the next pane."),
    Key("pane-before", ("left_square_bracket",), "next_pane(-1)", "Pane before", "Go to the pane before."),
    Key("marks", ("d",), "toggle_marks", "Differences", "Mark the words that differ, or don't."),
    Key("zoom", ("z",), "toggle_zoom", "Zoom", "Give this pane the whole screen, and back."),
    Key("ratings", ("B",), "choose_comparison", "Ratings", "Go on with a blind comparison from before."),
    Key("copy", ("y",), "copy_answer", "Copy", "Copy the whole answer of this pane."),
)  # fmt: skip

BLIND = (
    Key("left", ("l", "left"), "rate('left')", "Left", "The left answer is better.", footer=True),
    Key("right", ("r", "right"), "rate('right')", "Right", "The right answer is better.", footer=True),
    Key("tie", ("t",), "rate('tie')", "Tie", "Both are as good.", footer=True),
    Key("bad", ("b",), "rate('both bad')", "Both bad", "Neither is any good.", footer=True),
    Key("back", ("u", "backspace"), "take_back", "Take back", "Take the last rating back.", footer=True),
    Key("names", ("n",), "tell_names", "Names", "Say who is who, and how each fared.", footer=True),
    Key("export", ("e",), "export_pairs", "Export", "Write the ratings as a preference (DPO) file.",
        footer=True),
    Key("ask", ("a",), "ask_missing", "Ask", "Ask for the answers that are missing; says the price first."),
    Key("stop", ("x",), "stop_asking", "Stop", "Ask for no more answers now."),
    Key("marks", ("d",), "toggle_marks", "Differences", "Mark the words that differ, or don't."),
    Key("down", ("j", "down"), "scroll_both(1)", "Down", "Scroll both answers down."),
    Key("up", ("k", "up"), "scroll_both(-1)", "Up", "Scroll both answers up."),
    Key("page-down", ("pagedown", "ctrl+d", "space"), "scroll_both(8)", "Page down", "Scroll both far down."),
    Key("page-up", ("pageup", "ctrl+u"), "scroll_both(-8)", "Page up", "Scroll both far up."),
)  # fmt: skip

SCRUB = (
    Key("earlier", ("left", "h"), "step_stop(-1)", "Earlier", "Show the answer one checkpoint earlier.",
        footer=True),
    Key("later", ("right", "l"), "step_stop(1)", "Later", "Show the answer one checkpoint later.",
        footer=True),
    Key("first", ("home",), "step_stop(-99999)", "Base", "Show the base model's answer."),
    Key("last", ("end",), "step_stop(99999)", "End", "Show the answer at the end of training."),
    Key("write", ("i", "slash"), "write", "Write", "Go to the prompt.", footer=True),
    Key("settings", ("s", "ctrl+s"), "edit_settings", "Settings", "System prompt and parameters.",
        footer=True),
    Key("marks", ("d",), "toggle_marks", "Differences", "Mark what differs from the stop before, or don't.",
        footer=True),
    Key("copy", ("y",), "copy_answer", "Copy", "Copy the whole answer of this stop."),
    Key("chat", ("c",), "chat_stop", "Chat", "Talk to the model as it was at this stop.", footer=True),
)  # fmt: skip

KEYS: dict[str, tuple[Key, ...]] = {"compare": COMPARE, "blind": BLIND, "scrub": SCRUB}
