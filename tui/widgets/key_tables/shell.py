"""Keys of the frame around the screens, of lists and charts, of Home and Datasets."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

APP = (
    Key("home", ("1",), "go('home')", "Home", "Go to Home: what runs, what is ready, what to do next."),
    Key("datasets", ("2",), "go('datasets')", "Datasets", "Go to Datasets: files and the rows in them."),
    Key("check", ("3",), "go('check')", "Check", "Go to Check & cost: findings, tokens and price of a file."),
    Key("launch", ("4",), "go('launch')", "Launch", "Go to Launch: start a fine-tuning job."),
    Key("jobs", ("5",), "go('jobs')", "Jobs", "Go to Jobs: live curves, events and checkpoints."),
    Key("chat", ("6",), "go('chat')", "Chat", "Go to Chat: talk to models side by side."),
    Key("models", ("7",), "go('models')", "Models", "Go to Models: families, days left, tags, costs."),
    Key("back", ("escape",), "go_back", "Back", "Go back one level; the focus returns to where it was."),
    Key("close", ("q",), "close", "Close", "Go back one level; on Home, twice leaves tunedeck."),
    Key("help", ("question_mark", "f1"), "show_help", "Help", "Show every key that works here.", footer=True),
    Key(
        "palette",
        ("ctrl+p", "colon"),
        "command_palette",
        "Commands",
        "Find any command by typing a part of its name.",
        footer=True,
    ),
    Key("save-copy", ("f2",), "save_copy", "Save copy", "Save what was copied last to a file."),
    Key("quit", ("ctrl+q",), "quit", "Quit", "Leave tunedeck; jobs go on without it.", priority=True),
    Key("interrupt", ("ctrl+c",), "interrupt", "Quit", "Twice within two seconds: leave tunedeck."),
)

SCREEN = (
    Key("next-pane", ("tab",), "app.focus_next", "Next pane", "Move to the next pane or field."),
    Key("previous-pane", ("shift+tab",), "app.focus_previous", "Previous pane", "Move to the pane before."),
    Key(
        "copy-selection",
        ("ctrl+c",),
        "screen.copy_text",
        "Copy",
        "Copy text selected with the mouse.",
    ),
)

LIST = (
    Key("down", ("j", "down"), "cursor_down", "Down", "Move down one line."),
    Key("up", ("k", "up"), "cursor_up", "Up", "Move up one line."),
    Key("first", ("g", "home"), "cursor_first", "First", "Go to the first line."),
    Key("last", ("G", "end"), "cursor_last", "Last", "Go to the last line."),
    Key("half-page-down", ("ctrl+d",), "cursor_half(1)", "Half page down", "Move down half a page."),
    Key("half-page-up", ("ctrl+u",), "cursor_half(-1)", "Half page up", "Move up half a page."),
    Key("page-down", ("pagedown", "ctrl+f"), "cursor_page(1)", "Page down", "Move down a page."),
    Key("page-up", ("pageup",), "cursor_page(-1)", "Page up", "Move up a page."),
    Key("open", ("enter", "right"), "open_item", "Open", "Open what the cursor is on."),
)

SCROLL = (
    Key("down", ("j", "down"), "scroll_down", "Down", "Scroll down one line."),
    Key("up", ("k", "up"), "scroll_up", "Up", "Scroll up one line."),
    Key("first", ("g", "home"), "scroll_home", "Top", "Scroll to the top."),
    Key("last", ("G", "end"), "scroll_end", "Bottom", "Scroll to the bottom."),
    Key("page-down", ("pagedown", "ctrl+f", "ctrl+d"), "page_down", "Page down", "Scroll down a page."),
    Key("page-up", ("pageup", "ctrl+u"), "page_up", "Page up", "Scroll up a page."),
)

CHART = (
    Key("cursor-left", ("left", "h"), "move_cursor(-1)", "Left", "Read the value one column to the left."),
    Key("cursor-right", ("right", "l"), "move_cursor(1)", "Right", "Read the value one column to the right."),
    Key("first", ("home", "g"), "cursor_edge(0)", "First", "Read the first value."),
    Key("last", ("end", "G"), "cursor_edge(1)", "Last", "Read the last value."),
    Key("log", ("y",), "toggle_log", "Log scale", "Switch the vertical axis between linear and logarithmic."),
    Key("smooth", ("s",), "cycle_smoothing", "Smooth", "Change how much the training curve is smoothed."),
)

HOME = (
    Key("example", ("e",), "open_example", "Try the example", "Open the shipped example.", footer=True),
    Key("browse", ("d",), "browse", "Datasets", "Choose a dataset of your own.", footer=True),
    Key("launch", ("l",), "launch", "Train", "Go to Launch with your newest sound dataset.", footer=True),
    Key("chat-model", ("c",), "chat_model", "Chat", "Talk to the model under the cursor.", footer=True),
    Key("accounts", ("a",), "show_accounts", "Accounts", "Add, test and remove accounts at services."),
    Key("make", ("m",), "make_rows", "Make rows", "Let a model propose training rows, and review them."),
    Key("record", ("R",), "record_models", "Record", "Record what models that end soon answer."),
    Key("notices", ("n",), "show_notices", "Notifications", "Say where you are told of jobs' ends."),
    Key("sweeps", ("w",), "show_sweeps", "Sweeps", "List searches over many jobs, and begin one."),
    Key("refresh", ("r",), "reload", "Refresh", "Read jobs, models and the engine's state again."),
)

ACCOUNTS = (
    Key("test", ("t",), "test_account", "Test", "Ask this account's service what works.", footer=True),
    Key("test-all", ("T",), "test_all", "Test all", "Ask the service of every account that is ready."),
    Key("add", ("n",), "add_account", "New account", "Add an account at any service.", footer=True),
    Key("edit", ("e",), "edit_account", "Edit", "Change this account: address, key, options.", footer=True),
    Key("remove", ("x",), "remove_account", "Remove", "Remove this account and its key.", footer=True),
    Key(
        "tunnel",
        ("c",),
        "toggle_tunnel",
        "Tunnel",
        "Open or close the tunnel of an engine elsewhere.",
        footer=True,
    ),
)

ACCOUNT_FORM = (
    Key("take", ("ctrl+s",), "take", "Save", "Save the account.", footer=True),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
    Key("close", ("escape",), "close", "Close", "Leave everything as it is.", footer=True),
)

DATASETS = (
    Key("check", ("c",), "check_file", "Check", "Check this file and count its tokens.", footer=True),
    Key("launch", ("l",), "launch_file", "Train on it", "Start a job on this file.", footer=True),
    Key("filter", ("slash",), "filter", "Filter", "Show only names that hold what you type.", footer=True),
    Key("parent", ("h", "left", "backspace"), "parent", "Up", "Go to the folder above.", footer=True),
    Key("import", ("i",), "import_file", "Import", "Make a dataset of a table or of another tool's file."),
    Key(
        "reshape",
        ("S",),
        "reshape_file",
        "New files",
        "Split, dedupe, cut, sample or merge this file.",
    ),
    Key("make", ("m",), "make_rows", "Make rows", "Make more rows like those of this file."),
    Key("all-files", ("a",), "toggle_all", "All files", "Show every file, not only datasets."),
    Key("refresh", ("r",), "reload", "Refresh", "Read the folder again."),
)

DIALOG = (Key("close", ("escape", "q"), "close", "Close", "Close this and go back.", footer=True),)

HELP = (
    Key("close", ("escape", "q", "question_mark", "f1"), "close", "Close", "Close the help.", footer=True),
)

KEYS: dict[str, tuple[Key, ...]] = {
    "app": APP,
    "screen": SCREEN,
    "list": LIST,
    "scroll": SCROLL,
    "chart": CHART,
    "home": HOME,
    "accounts": ACCOUNTS,
    "account-form": ACCOUNT_FORM,
    "datasets": DATASETS,
    "dialog": DIALOG,
    "help": HELP,
}
