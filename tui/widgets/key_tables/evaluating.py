"""Keys of evaluating a model, and of what an evaluation found."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

EVALUATE = (
    Key("start", ("ctrl+l",), "start_evaluation", "Evaluate", "Say the price, ask, and begin.", footer=True),
    Key("file", ("ctrl+o",), "choose_test_set", "Test set", "Choose a file as the test set.", footer=True),
    Key("result", ("ctrl+r",), "show_result", "Result", "Show what the last run found.", footer=True),
    Key("stop", ("ctrl+t",), "stop_run", "Stop", "Stop; what was answered is kept.", footer=True),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
)

EVALUATION = (
    Key("view", ("right_square_bracket",), "next_view(1)", "Next view", "Show the next table.", footer=True),
    Key("view-before", ("left_square_bracket",), "next_view(-1)", "View before", "Show the table before."),
    Key("report", ("w",), "write_report", "Report", "Write the report: .md, .html or .json.", footer=True),
    Key("copy", ("y",), "copy_verdict", "Copy", "Copy the verdict.", footer=True),
)

KEYS: dict[str, tuple[Key, ...]] = {"evaluate": EVALUATE, "evaluation": EVALUATION}
