"""Keys of evaluating a model, and of what an evaluation found."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

EVALUATE = (
    Key("start", ("ctrl+l",), "start_evaluation", "Evaluate", "Say the price, ask, and begin.", footer=True),
    Key("file", ("ctrl+o",), "choose_test_set", "Test set", "Choose a file as the test set.", footer=True),
    Key("result", ("ctrl+r",), "show_result", "Result", "Show what the last run found.", footer=True),
    Key("stop", ("ctrl+t",), "stop_run", "Stop", "Stop; what was answered is kept.", footer=True),
    Key("diet", ("ctrl+n",), "try_diet", "Diet", "Try how short the system prompt may be."),
    Key("parity", ("ctrl+y",), "compare_recorded", "Parity", "Compare with what was recorded of a model."),
    Key("arms", ("ctrl+s",), "try_arms", "Worth it?", "Compare a long prompt, nearest rows, and tuning."),
    Key("past", ("ctrl+g",), "show_past", "Past ones", "Show evaluations from before."),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
)

DIET = (
    Key("start", ("ctrl+l",), "start_diet", "Begin", "Say the price, ask, and begin.", footer=True),
    Key("file", ("ctrl+o",), "choose_test_set", "Rows", "Choose a file of held-out rows.", footer=True),
    Key("result", ("ctrl+r",), "show_result", "Result", "Show what the last diet found.", footer=True),
    Key("stop", ("ctrl+t",), "stop_run", "Stop", "Stop; what was answered is kept.", footer=True),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
)

ARMS = (
    Key("start", ("ctrl+l",), "start_arms", "Compare", "Say the price, ask, and begin.", footer=True),
    Key("file", ("ctrl+o",), "choose_test_set", "Rows", "Choose a file of held-out rows.", footer=True),
    Key("result", ("ctrl+r",), "show_result", "Result", "Show what the last run found.", footer=True),
    Key("stop", ("ctrl+t",), "stop_run", "Stop", "Stop; what was answered is kept.", footer=True),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
)

PARITY = (
    Key("start", ("ctrl+l",), "start_parity", "Compare", "Say the price, ask, and begin.", footer=True),
    Key("file", ("ctrl+o",), "choose_test_set", "Rows", "Choose a file of rows.", footer=True),
    Key("result", ("ctrl+r",), "show_result", "Result", "Show what the last comparison found.", footer=True),
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

EVALUATIONS = (
    Key("mark", ("space",), "mark_evaluation", "Mark", "Mark this one, or take its mark off.", footer=True),
    Key("compare", ("c",), "compare_evaluations", "Compare", "Compare the two marked ones.", footer=True),
    Key("report", ("w",), "write_evaluation", "Report", "Write this one: .md, .html or .json.", footer=True),
    Key("delete", ("x",), "delete_evaluation", "Delete", "Forget this report; answers stay.", footer=True),
)

KEYS: dict[str, tuple[Key, ...]] = {
    "evaluate": EVALUATE,
    "evaluation": EVALUATION,
    "evaluations": EVALUATIONS,
    "diet": DIET,
    "arms": ARMS,
    "parity": PARITY,
}
"""Area -> its keys."""
