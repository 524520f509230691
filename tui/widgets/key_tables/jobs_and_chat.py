"""Keys of checking, launching, watching jobs and chatting."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

CHECK = (
    Key("launch", ("l",), "launch_file", "Train on it", "Start a job on this file.", footer=True),
    Key(
        "model",
        ("m",),
        "next_model(1)",
        "Model",
        "Check for the next model: its limits and its tokens.",
        footer=True,
    ),
    Key("fix", ("F",), "fix_finding", "Fix", "Fix this finding, or all of its rule, with a diff first."),
    Key("model-before", ("M",), "next_model(-1)", "Model before", "Check for the model before."),
    Key("file", ("o",), "choose_file", "Other file", "Choose another file to check.", footer=True),
    Key("money", ("c",), "show_money", "Cost", "Show the cost on every model, and of what.", footer=True),
    Key("spread", ("d",), "show_spread", "Lengths", "Show how tokens spread over the rows.", footer=True),
    Key("tokens", ("t",), "show_tokens", "Tokens", "Show a row token by token.", footer=True),
    Key(
        "reshape",
        ("S",),
        "reshape_file",
        "New files",
        "Split, dedupe, cut, sample or merge this file.",
    ),
    Key(
        "moderate",
        ("a",),
        "moderate",
        "Moderate",
        "Ask a free moderation which rows would sink a job; says first what is sent.",
        footer=True,
    ),
    Key("provider", ("p",), "next_provider(1)", "Service", "Check by the rules of the next service."),
    Key("provider-before", ("P",), "next_provider(-1)", "Before", "Check by the service before's rules."),
    Key("format", ("f",), "next_format", "Format", "Read the rows as the next format; at last as found."),
    Key(
        "grader", ("R",), "choose_grader", "Grader", "Hold reinforcement rows to a grader, or to none again."
    ),
    Key("unfold", ("space",), "toggle_fold", "Unfold", "Show or hide the lines of this rule.", footer=True),
    Key("unfold-all", ("u",), "toggle_all", "Unfold all", "Show or hide the lines of every rule."),
    Key("again", ("r",), "check_again", "Check again", "Read the file again from its first line."),
    Key("stop", ("x",), "stop_check", "Stop", "Stop reading the file, or asking a moderation."),
    Key("copy", ("y",), "copy_finding", "Copy", "Copy the finding under the cursor."),
)

LAUNCH = (
    Key("launch", ("ctrl+l",), "launch", "Launch", "Show the price and start the job.", footer=True),
    Key("file", ("ctrl+o",), "choose_file", "File", "Choose the training file.", footer=True),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
    Key(
        "auto",
        ("ctrl+r",),
        "reset_field",
        "Auto",
        "Set this field back to what tunedeck would choose.",
        footer=True,
    ),
    Key(
        "mends",
        ("ctrl+g",),
        "go_to_mends",
        "Mend",
        "Go to what speaks against the launch; enter there mends it.",
        footer=True,
    ),
    Key(
        "preview",
        ("ctrl+t",),
        "preview_tokens",
        "Tokens there",
        "Show how the service itself reads the first rows, where it can.",
    ),
)

PREFLIGHT = (
    Key("mend", ("enter", "m"), "mend", "Mend", "Mend what this line tells, or choose how.", footer=True),
    Key("down", ("j", "down"), "cursor(1)", "Down", "Go to the next line."),
    Key("up", ("k", "up"), "cursor(-1)", "Up", "Go to the line before."),
    Key("first", ("g", "home"), "cursor_edge(0)", "First", "Go to the first line."),
    Key("last", ("G", "end"), "cursor_edge(1)", "Last", "Go to the last line."),
    Key("page-down", ("pagedown", "ctrl+f", "ctrl+d"), "cursor(4)", "Page down", "Go four lines down."),
    Key("page-up", ("pageup", "ctrl+u"), "cursor(-4)", "Page up", "Go four lines up."),
)

JOBS = (
    Key("new", ("n",), "new_job", "New job", "Start a fine-tuning job.", footer=True),
    Key(
        "chat",
        ("c",),
        "chat_model",
        "Chat",
        "Talk to the base and the tuned model side by side.",
        footer=True,
    ),
    Key("pause", ("p",), "pause_or_resume", "Pause/resume", "Pause this job, or let it go on.", footer=True),
    Key("cancel", ("x",), "cancel_job", "Cancel", "Stop this job for good.", footer=True),
    Key(
        "mark",
        ("space",),
        "mark_job",
        "Mark",
        "Mark this job, or take its mark off; two to four can be laid over one another.",
    ),
    Key("overlay", ("o",), "overlay_jobs", "Overlay", "Lay the marked jobs' curves over one another."),
    Key("active", ("f",), "toggle_active", "Active only", "Show only jobs that have not ended."),
    Key("refresh", ("r",), "refresh_jobs", "Refresh", "Ask the services for their jobs now."),
    Key("queue", ("w",), "show_queue", "Waiting", "Show what waits to start, and in which order."),
    Key("sweeps", ("W",), "show_sweeps", "Sweeps", "List searches over many jobs, and begin one."),
    Key("settle", ("s",), "settle_launch", "Lost launch", "Settle a launch that got no answer."),
    Key(
        "elsewhere",
        ("L",),
        "launch_elsewhere",
        "Launch elsewhere",
        "Launch the same at another account; shows what changes there.",
    ),
    Key(
        "export",
        ("e",),
        "export_job",
        "Export",
        "Take this job along: as text that starts it again, or its weights.",
    ),
)

JOB = (
    Key(
        "chat",
        ("c",),
        "chat_model",
        "Chat",
        "Talk to the base and the tuned model side by side.",
        footer=True,
    ),
    Key("pause", ("p",), "pause_or_resume", "Pause/resume", "Pause this job, or let it go on.", footer=True),
    Key("cancel", ("x",), "cancel_job", "Cancel", "Stop this job for good.", footer=True),
    Key(
        "chart",
        ("v",),
        "next_chart",
        "Loss/accuracy",
        "Switch the chart between loss and accuracy.",
        footer=True,
    ),
    Key(
        "pane",
        ("right_square_bracket",),
        "next_tab(1)",
        "Next tab",
        "Show events, checkpoints or settings.",
        footer=True,
    ),
    Key("pane-before", ("left_square_bracket",), "next_tab(-1)", "Tab before", "Show the tab before."),
    Key("stop-rules", ("S",), "set_stop_rules", "Stop rules", "Set rules that stop this job by itself."),
    Key("scrub", ("w",), "scrub_job", "Through it", "Ask one prompt at every moment of this training."),
    Key("zoom", ("z",), "toggle_zoom", "Zoom", "Give the chart the whole screen, and back."),
    Key("evaluate", ("E",), "evaluate_model", "Evaluate", "Measure the tuned model against its base."),
    Key("overlay", ("o",), "overlay_job", "Overlay", "Lay another job's curves over this one's."),
    Key("refresh", ("r",), "refresh_job", "Refresh", "Ask the service for this job now."),
    Key(
        "copy", ("Y",), "copy_id", "Copy id", "Copy the job's id, or its tuned model's name once it has one."
    ),
    Key(
        "elsewhere",
        ("L",),
        "launch_elsewhere",
        "Launch elsewhere",
        "Launch the same at another account; shows what changes there.",
    ),
    Key(
        "export",
        ("e",),
        "export_job",
        "Export",
        "Take this job along: as text that starts it again, or its weights.",
    ),
)

CHECKPOINTS = (
    Key(
        "compare",
        ("m",),
        "screen.compare_checkpoint",
        "Compare",
        "Ask the base, this checkpoint and the final model side by side.",
        footer=True,
    ),
    Key(
        "continue",
        ("t",),
        "screen.train_on_checkpoint",
        "Train on",
        "Train this checkpoint further, in Launch.",
        footer=True,
    ),
    Key("copy", ("y",), "screen.copy_checkpoint", "Copy", "Copy the name to ask for it by.", footer=True),
    Key("copy-id", ("i",), "screen.copy_checkpoint_id", "Copy its id", "Copy this checkpoint's id."),
)

WEIGHTS = (
    Key("stop", ("x",), "stop_writing", "Stop", "Write no more; a form that is half written is gone."),
    Key("copy", ("y",), "copy_folder", "Copy", "Copy the folder with the weights."),
    Key("close", ("escape", "q"), "close", "Close", "Leave this; the writing goes on."),
)

OVERLAY = (
    Key("metric", ("v",), "next_metric(1)", "Metric", "Draw the next metric.", footer=True),
    Key("metric-before", ("V",), "next_metric(-1)", "Metric before", "Draw the metric before."),
    Key("add", ("a",), "add_run", "Add job", "Lay one more job over these.", footer=True),
    Key("remove", ("x",), "remove_run", "Take out", "Take a job out of the picture.", footer=True),
    Key(
        "everything",
        ("f",),
        "toggle_everything",
        "All settings",
        "Show every setting, or only those that differ.",
        footer=True,
    ),
    Key("zoom", ("z",), "toggle_zoom", "Zoom", "Give the chart the whole screen, and back."),
    Key("refresh", ("r",), "refresh_runs", "Refresh", "Ask the services for these jobs now."),
)

CHAT = (
    Key("write", ("i", "slash"), "write", "Write", "Go to the message line.", footer=True),
    Key("models", ("m", "ctrl+o"), "choose_models", "Models", "Choose who answers.", footer=True),
    Key("system", ("s", "ctrl+s"), "toggle_settings", "System", "System prompt, parameters.", footer=True),
    Key("new", ("n", "ctrl+n"), "new_chat", "New chat", "Start over with the same models.", footer=True),
    Key("history", ("h", "ctrl+t"), "show_history", "History", "Open a chat from before.", footer=True),
    Key("retry", ("r", "ctrl+r"), "retry", "Again", "Ask the marked turn again, in a branch.", footer=True),
    Key("copy", ("y",), "copy_answer", "Copy", "Copy the answer of this lane.", footer=True),
    Key("change", ("c",), "change_turn", "Change", "Write the marked question anew, in a branch."),
    Key("turn-before", ("K",), "mark_turn(-1)", "Turn before", "Mark the turn before."),
    Key("turn", ("J",), "mark_turn(1)", "Next turn", "Mark the turn after."),
    Key("branch-before", ("less_than_sign",), "step_branch(-1)", "Branch before", "Show the branch before."),
    Key("branch", ("greater_than_sign",), "step_branch(1)", "Next branch", "Show the branch after."),
    Key("example", ("w",), "keep_example", "Training row", "Add this answer to a file to train on."),
    Key("pair", ("b",), "keep_pair", "Better answer", "Say a better answer: a preference pair."),
    Key("case", ("t",), "keep_case", "Test case", "Add this question to a test set."),
    Key("logprobs", ("l",), "show_logprobs", "Tokens", "Show how sure the model was of each token."),
    Key("tools", ("T",), "choose_tools", "Tools", "Declare tools from a file."),
    Key("calls", ("o",), "answer_calls", "Tool results", "Answer the tools that were called."),
    Key("picture", ("p",), "add_picture", "Picture", "Send a picture along."),
    Key("no-pictures", ("P",), "drop_pictures", "No pictures", "Send no picture along."),
    Key("editor", ("E",), "write_outside", "Editor", "Write the message in your own editor ($EDITOR)."),
    Key("find", ("f",), "find_in_chats", "Find", "Find words in all chats."),
    Key("tags", ("number_sign",), "edit_tags", "Tags", "Tag this chat."),
    Key("add", ("a",), "add_model", "Add model", "Let one more model answer."),
    Key("remove", ("x",), "remove_lane", "Remove lane", "Take this model out of the chat."),
    Key("export", ("e",), "export_chat", "Export", "Write this chat: Markdown, JSON, training rows."),
    Key("compare", ("v",), "compare_models", "Side by side", "Mark where answers differ; rate them blind."),
    Key("more", ("u",), "load_more", "Earlier", "Show earlier messages."),
    Key("lane", ("right_square_bracket",), "next_lane(1)", "Next lane", "Go to the next model's lane."),
    Key("lane-before", ("left_square_bracket",), "next_lane(-1)", "Lane before", "Go to the lane before."),
)

MODELS = (
    Key("chat", ("c",), "chat_model", "Chat", "Talk to this model beside its base.", footer=True),
    Key("continue", ("l",), "train_further", "Train on", "Train this model further, in Launch.", footer=True),
    Key("filter", ("slash",), "filter", "Filter", "Show only models with what you type.", footer=True),
    Key("sort", ("s",), "next_sort", "Sort", "Sort by family, days left, age, name or cost.", footer=True),
    Key("only", ("f",), "next_only", "Which", "Show all, tuned, trainable or ending models."),
    Key("tags", ("t",), "edit_tags", "Tags", "Tag this model; kept on this machine.", footer=True),
    Key("note", ("e",), "edit_note", "Note", "Note something about this model.", footer=True),
    Key("job", ("o",), "open_job", "Job", "Open the job that made this model.", footer=True),
    Key("record", ("R",), "record_model", "Record", "Record what this model answers, before it ends."),
    Key("evaluate", ("E",), "evaluate_model", "Evaluate", "Measure this model, against its base or another."),
    Key("past", ("P",), "show_past", "Past ones", "Show evaluations from before."),
    Key("diet", ("d",), "diet_model", "Diet", "Try how short this model's system prompt may be."),
    Key("parity", ("p",), "compare_recorded", "Parity", "Compare recorded answers with this model's."),
    Key("compare", ("v",), "compare_model", "Side by side", "Compare this model with its base; rate blind."),
    Key("worth", ("w",), "show_payback", "Worth it?", "Say whether tuning this base pays back."),
    Key("deploy", ("D",), "deploy_model", "Deploy", "Put this model where it answers, or take it down."),
    Key("delete", ("x",), "delete_model", "Delete", "Delete this model at its service for good."),
    Key("copy", ("y",), "copy_name", "Copy", "Copy the model's whole name."),
    Key("refresh", ("r",), "reload", "Refresh", "Ask every account for its models now."),
)

RECORD = (
    Key("start", ("s",), "start_recording", "Record", "Say the price, ask, and record.", footer=True),
    Key("mark", ("space",), "mark_model", "Mark", "Mark this model, or take its mark off.", footer=True),
    Key("file", ("f",), "choose_questions", "File", "Choose a file of questions.", footer=True),
    Key("chats", ("h",), "take_chats", "Chats", "Ask what was asked in your chats.", footer=True),
    Key("stop", ("x",), "stop_recording", "Stop", "Stop recording; what was answered is kept.", footer=True),
    Key(
        "successor",
        ("t",),
        "train_successor",
        "Successor",
        "Make this recording a training file.",
        footer=True,
    ),
    Key("go-on", ("c",), "go_on", "Continue", "Record what this recording still lacks.", footer=True),
    Key(
        "parity",
        ("p",),
        "compare_successor",
        "Compare",
        "Compare this recording with another model.",
        footer=True,
    ),
    Key("diet", ("d",), "diet_model", "Diet", "Try how short the marked model's system prompt may be."),
    Key("golden", ("e",), "write_golden", "Golden", "Write this recording as golden answers.", footer=True),
    Key("ending", ("a",), "mark_ending", "All ending", "Mark every tuned model that ends within two months."),
)

PROMPT = (
    Key("send", ("enter",), "send", "Send", "Ask.", footer=True),
    Key("newline", ("ctrl+j", "alt+enter"), "newline", "New line", "Start a new line in the message."),
    Key("outside", ("ctrl+g",), "edit_outside", "Editor", "Write the message in your own editor."),
    Key("older", ("up",), "older", "Older message", "Bring back what you asked before."),
    Key("newer", ("down",), "newer", "Newer message", "Go on to what you asked after."),
    Key(
        "leave",
        ("escape",),
        "leave",
        "Stop, leave",
        "Stop the answer; when none runs, leave the message line.",
    ),
)

CONFIRM = (
    Key("yes", ("y",), "answer_yes", "Yes", "Do it.", footer=True),
    Key("no", ("n", "escape", "q"), "answer_no", "No", "Leave everything as it is.", footer=True),
)

ELSEWHERE = (
    Key("method", ("m",), "next_method", "Method", "Train there by another method; shows what changes then.",
        footer=True),
)  # fmt: skip

CHOOSE = (Key("close", ("escape",), "close", "Close", "Choose nothing.", footer=True),)

CHOICE = (
    Key("next", ("right", "space", "l"), "step(1)", "Next value", "Choose the next value.", footer=True),
    Key("before", ("left", "h"), "step(-1)", "Value before", "Choose the value before."),
    Key("open", ("enter",), "open_field", "Choose", "Choose from a list where there is one; else go on."),
)

SETTINGS = (
    Key("take", ("ctrl+s",), "take", "Take", "Take the system prompt and the parameters.", footer=True),
    Key("close", ("escape",), "close", "Close", "Leave everything as it is.", footer=True),
)

BUTTON = (Key("press", ("enter", "space"), "press", "Press", "Do what the button says.", footer=True),)

KEYS: dict[str, tuple[Key, ...]] = {
    "check": CHECK,
    "launch": LAUNCH,
    "preflight": PREFLIGHT,
    "jobs": JOBS,
    "job": JOB,
    "checkpoints": CHECKPOINTS,
    "weights": WEIGHTS,
    "overlay": OVERLAY,
    "chat": CHAT,
    "models": MODELS,
    "record": RECORD,
    "prompt": PROMPT,
    "confirm": CONFIRM,
    "elsewhere": ELSEWHERE,
    "choice": CHOICE,
    "button": BUTTON,
    "settings": SETTINGS,
    "choose": CHOOSE,
}
