"""Writes the pages that are made from the program itself: keys, settings and the command line.

`python docs/scripts/make_pages.py` writes them; with `--check` it only says whether they are up to date.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import click

from tui.cli.main import VERBS, root
from tui.config import ENVIRONMENT_PREFIX, Settings, describe_setting
from tui.datasets.count_rules import count_rules
from tui.datasets.rule_examples import shown_example
from tui.datasets.rules import RULES, fix_of
from tui.datasets.services import SERVICES
from tui.datasets.tokens import ENCODING_OF_PREFIX
from tui.datasets.verdict import line_decisions, verdict_exceptions
from tui.evals.checks.registry import described_checks
from tui.widgets.keys import display, keys_by_area

DOCS = Path(__file__).resolve().parents[1]
_WIDTH = 100
_NOTICE = "<!-- Made by docs/scripts/make_pages.py from the program; change it there. -->\n"

_KEYS_INTRODUCTION = """\
The app is worked by keys alone; `?` shows those of the screen you are on. A key that can't act now is
greyed and says why. `ctrl+p` opens the command palette, where every action has its name.
"""
_SETTINGS_INTRODUCTION = """\
Settings live in one TOML file; `tunedeck config path` says where. The nearest wins: a flag, then the
environment, then the file, then the default. A key that does not exist is an error that names the line
and the nearest valid key. Keys of services are never kept here: they come from the environment or the
keyring. Accounts have a table each, which `tunedeck account add` writes:

```toml
[accounts.work]
provider = "azure"              # `tunedeck account services` lists the services
options = { resource = "NAME" } # what the service asks for
key_variable = "WORK_KEY"       # or key = "keyring"; at Azure also "entra"

[budgets] # a month; a launch that would go over it is stopped. `tunedeck account budget` sets and shows it
work = 50

[at_once] # jobs under way; further launches wait for a place. `tunedeck queue limit` sets and shows it
work = 2

[clusters] # where jobs can run besides the engine's machine: docs/clusters.md has every key
ray_address = "http://127.0.0.1:8265"
ray_storage = "/mnt/share/tunedeck"

[notify]  # where you are told; without it every event rings the bell. `tunedeck config notify` writes it
succeeded = ["bell", "desktop"]
failed = ["bell", "terminal", "mail"]
cancelled = []                  # nowhere
stopped = ["bell"]              # a stop rule acted
attention = ["bell", "mail"]    # a queued launch was refused, an account is, an answer was lost
sweep = ["bell", "mail"]        # a sweep is done, or was stopped: by a person, by a cap

[notify.to] # addresses, as apprise URLs (`pip install 'tunedeck[notify]'`); `tunedeck notify add` writes them
mail = { url_variable = "MAIL_URL" } # such as mailto://user:password@gmail.com
team = { url = "keyring" }           # a URL holds a secret, so it is never kept in this file
```

How each channel tells:

- `bell` rings the terminal's bell, in the app and in `tunedeck watch`; tmux shows it in its list of windows
  (`monitor-bell`). The setting `bell = false` silences it everywhere.
- `terminal` has the terminal show a notification: OSC 9 (iTerm2), OSC 777 (WezTerm, Ghostty, foot, urxvt,
  patched VTE) or OSC 99 (kitty), found out from the environment, or from what the terminal told tmux;
  `notify_terminal` decides where that fails. It reaches the machine you sit at, over SSH too. tmux drops it
  unless `set -g allow-passthrough on` is in its configuration; with `all`, from tmux 3.4 on, also out of
  windows that are not seen. `tunedeck doctor` says which way it takes, or why it can't.
- `desktop` runs `notify-send` (Linux) or `osascript` (macOS) on the machine where tunedeck runs.
- An address is told through apprise in a process of its own that has 30 seconds: what fails for certain is
  tried three times more within 21 minutes, what may have been delivered is not sent again. `tunedeck notify`
  lists what was told and what failed.

Each thing is told once, ever, through each channel, by whichever program is there first: the open app,
`tunedeck watch`, or `tunedeck watch --headless`, which has no terminal and leaves those two to others.
"""
_COMMANDS_INTRODUCTION = """\
Data goes to stdout, narration and progress to stderr. `--json` prints JSON for programs. Exit codes: 0
done; 1 the thing examined is bad or the job failed; 2 wrong use, or something could not be read or
reached; 130 interrupted.
"""

_RULES_INTRODUCTION = """\
What `tunedeck check` looks for; `tunedeck rules` prints the same. An error is what the service refuses, a
warning what it takes although the result may not be what was meant. Severities differ by service
(`--provider`), each rule can be switched off (`--ignore RULE`), and quality lints never make a file invalid.
In the examples, \u27e83\u00d7text\u27e9 stands for the text three times; unless a whole file is
shown, the row stands behind fifty good ones.
NaN and Infinity, lone surrogates, duplicate keys, byte order marks, UTF-16, line ends, NUL,
huge lines and deep nesting each have a rule that says what was decided and why. Lines that end with CRLF are
read as lines that end with LF.
"""

_TOKENS_INTRODUCTION = """\
How `tunedeck count`, `check` and `cost` count, offline, and how far from the bill each part may be. Made
from `tui/datasets/count_rules.toml`; a test counts every example. `tunedeck count FILE --details` states the
errors of a file; `--line N --tokens` and the key `t` show a row token by token.
"""
_ENCODINGS_INTRODUCTION = """\
The vocabulary goes by the base model: `ft:gpt-4.1-mini-2025-04-14:org::id` counts as
`gpt-4.1-mini-2025-04-14` (tiktoken 0.14 takes the wrong one, or none, for such names). The first beginning
that fits decides; every other model since gpt-4o reads o200k_base. Both tables are part of the program.
"""
_CALIBRATION = """\
A succeeded job says what it trained: `trained_tokens / n_epochs` is one epoch. Beside it stands what was
counted of the same content, and the median of the jobs' ratios is shown with their number and range, by
service, model and format of rows: "counted 12,345; 3 finished jobs suggest +0.4 %". It is shown and never
applied. For models of the local engine the ratio is exactly 1.
"""

_CHECKS_INTRODUCTION = """\
What makes an answer right, for `tunedeck eval`. A check is data: `--check NAME`, `--check NAME:VALUE` for its
first option, `--check 'NAME:{option = value, ...}'` in TOML for several, a `[[check]]` table with `name` and
the options in a file (`--checks FILE.toml`), or the same in a row's own `checks`. Paths in a file are read
from its folder. A check that does not apply to a row (no expected answer, say) leaves the row out and never
counts it as wrong. Scores are 0 to 1. [The guide](evaluation.md) says how rows, runs and verdicts work.
"""
_VERDICT_INTRODUCTION = """\
What OpenAI's schemas accept `tunedeck check` accepts, and what they refuse it refuses: a fuzz test compares
each row's verdict with the types of OpenAI's own package and with the rules that its guides and error texts
state. Every case in which the verdict differs on purpose is in the first table, and nothing else may differ.
The second table says what is decided for lines on which readers of JSON disagree. Both are made from
`tui/datasets/verdict.toml`; the rules themselves, with each service's severity, are in [rules.md](rules.md).
"""
_AREA_TITLES = {
    "app": "Everywhere",
    "screen": "Every screen",
    "list": "In a list",
    "scroll": "In a text",
    "chart": "In a chart",
    "prompt": "Chat: while you write",
    "dialog": "In a question",
    "help": "In the help",
    "home": "Home",
    "accounts": "Accounts",
    "account-form": "Accounts: one account",
    "notices": "Notifications",
    "notice-rule": "Notifications: one rule",
    "address-form": "Notifications: a new address",
    "datasets": "Datasets: choose a file",
    "rows": "Datasets: rows of a file",
    "tokens": "Tokens of a row",
    "token-text": "Tokens of a row: the text",
    "making": "Make training rows",
    "review": "Review proposed rows",
    "reshape": "Datasets: new files of rows",
    "check": "Check and cost",
    "money": "Cost on every model",
    "record": "Record models",
    "evaluate": "Evaluate a model",
    "evaluation": "Evaluate a model: what it found",
    "evaluations": "Evaluations from before",
    "diet": "Prompt diet",
    "arms": "Should I fine-tune?",
    "parity": "Old against new",
    "payback": "Is it worth it?",
    "sliders": "Is it worth it: the numbers",
    "spread": "Lengths of rows",
    "launch": "Launch",
    "preflight": "Before the launch",
    "confirm": "Confirmation",
    "elsewhere": "Launch elsewhere: what changes",
    "jobs": "Jobs",
    "job": "A job",
    "checkpoints": "A job: its checkpoints",
    "overlay": "Jobs over one another",
    "chat": "Chat",
    "compare": "Side by side",
    "blind": "Side by side: rating blind",
    "scrub": "A job: one prompt through its training",
}


def keys_page() -> str:
    """Return the page of every key."""
    parts = [
        _NOTICE,
        "# Keys\n",
        _KEYS_INTRODUCTION,
    ]
    for area, keys in keys_by_area().items():
        parts.append(f"## {_AREA_TITLES.get(area, area.replace('_', ' ').capitalize())}\n")
        parts.append("| key | does | name |\n|---|---|---|")
        for key in keys:
            shown = " ".join(f"`{display(one)}`" for one in key.keys)
            parts.append(f"| {_cell(shown)} | {_cell(key.help or key.description)} | `{area}.{key.name}` |")
        parts.append("")
    return "\n".join(parts)


def settings_page() -> str:
    """Return the page of every setting."""
    rows = []
    for entry in dataclasses.fields(Settings):
        default = f'"{entry.default}"' if isinstance(entry.default, str) else str(entry.default).lower()
        rows.append(
            f"| `{entry.name}` | `{default}` | {_cell(describe_setting(entry.name))} "
            f"| `{ENVIRONMENT_PREFIX}{entry.name.upper()}` |"
        )
    return "\n".join(
        [
            _NOTICE,
            "# Settings\n",
            _SETTINGS_INTRODUCTION,
            "| key | default | what it does | in the environment |\n|---|---|---|---|",
            *rows,
            "",
            "Other variables:\n",
            "| variable | what it does |\n|---|---|",
            "| `TUNEDECK_HOME` | everything that tunedeck keeps goes below this one folder |",
            "| `TUNEDECK_BASE_MODELS` | where base models are kept |",
            "| `OPENAI_API_KEY` | makes the account `openai` ready |",
            "| `OPENAI_BASE_URL` | another address for that account |",
            "| `NO_COLOR` | no colours |",
            "",
        ]
    )


def command_line_page() -> str:
    """Return the page of every verb, as its own `--help` prints it."""
    parts = [
        _NOTICE,
        "# Command line\n",
        _COMMANDS_INTRODUCTION,
    ]
    context = click.Context(root, info_name="tunedeck", terminal_width=_WIDTH)
    parts.append(_help_block("tunedeck", root, context))
    for verb in VERBS:
        command = root.get_command(context, verb)
        assert command is not None
        parts.extend(_command_parts(command, context, verb, level=2))
    return "\n".join(parts)


def rules_page() -> str:
    """Return the page of every rule of `tunedeck check`, made from its data."""
    parts = [_NOTICE, "# Rules\n", _RULES_INTRODUCTION]
    parts.append(
        "| service | examples | largest file | byte order mark | read | source |\n|---|---|---|---|---|---|"
    )
    for name, service in SERVICES.items():
        size = f"{service.maximum_bytes / 2**30:.4g} GB" if service.maximum_bytes else "not published"
        parts.append(
            f"| `{name}` {service.label} | {service.minimum_examples} or more | {size} "
            f"| {service.byte_order_mark} | {service.source_date} | {_cell(service.source)} |"
        )
    for rule in RULES.values():
        severities = ", ".join(f"{name} {rule.severity_at(name) or 'off'}" for name in SERVICES)
        parts.append(f"\n## `{rule.id}`\n\n**{rule.summary}.** {_cell(rule.explanation)}\n")
        parts.append(f"- How bad: {severities}")
        if rule.lints:
            parts.append(f"- Quality lint: `--lints {rule.lints}`")
        parts.append(f"- Safe fix: {fix_of(rule.id) or 'none; only a person can decide'}")
        parts.append(f"- Source: {_cell(rule.source)}, read {rule.source_date}\n")
        parts.append(f"```text\n{shown_example(rule.id)}\n```")
    return "\n".join(parts)


def verdict_page() -> str:
    """Return the page of what is decided where readers and schemas disagree."""
    parts = [
        _NOTICE,
        "# The verdict\n",
        _VERDICT_INTRODUCTION,
        "## Rows\n",
        "| what | OpenAI's types | here | why | source |\n|---|---|---|---|---|",
    ]
    for entry in verdict_exceptions().values():
        ours = "accepted" if entry.schema == "refuses" else "refused"
        rule = f", {_rule_link(entry.rule)}" if entry.rule else ""
        here = f"{ours}{rule}"
        source = f"{entry.source}, read {entry.source_date}"
        cells = (entry.summary, entry.schema, here, entry.reason, source)
        parts.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    parts.append("\n## Lines and bytes\n")
    parts.append("| what | Python's reader | here | fix | why | source |\n|---|---|---|---|---|---|")
    for line in line_decisions().values():
        here = f"{line.verdict}, {_rule_link(line.rule)}" if line.rule else line.verdict
        fix = (fix_of(line.rule) if line.rule else None) or "–"
        cells = (line.summary, line.reader or "–", here, fix, line.reason, line.source)
        parts.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(parts)


def checks_page() -> str:
    """Return the page of the evaluation's checks."""
    parts = [_NOTICE, "# Checks of answers\n", _CHECKS_INTRODUCTION]
    for one in described_checks():
        options = ", ".join(f"`{option}`" for option in one.options) or "none"
        words = f"{one.summary} {one.details}".rstrip()
        parts.append(f"## `{one.name}`\n\n{words}\n\nOptions: {options}\n")
    return "\n".join(parts)


def tokens_page() -> str:
    """Return the page of how tokens are counted, with examples counted by the program."""
    parts = [_NOTICE, "# Tokens\n", _TOKENS_INTRODUCTION]
    parts.append("| part | formula | stated error | source |\n|---|---|---|---|")
    rules = count_rules().values()
    for rule in rules:
        cells = (rule.part, rule.formula, rule.error, f"{rule.source}, read {rule.source_date}")
        parts.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    parts.append("\n## Vocabularies\n")
    parts.append(_ENCODINGS_INTRODUCTION)
    parts.append("| model begins with | vocabulary |\n|---|---|")
    parts += [f"| `{prefix}` | {encoding} |" for prefix, encoding in ENCODING_OF_PREFIX]
    parts.append("\n## What finished jobs say\n")
    parts.append(_CALIBRATION)
    parts.append("## Examples\n")
    for rule in rules:
        if rule.example:
            sums = f"{rule.tokens} tokens with o200k_base, {rule.trained} of them trained on"
            parts.append(f"**{rule.part}**: {sums}.\n\n```json\n{rule.example}\n```\n")
    return "\n".join(parts)


def _rule_link(rule: str) -> str:
    return f"[`{rule}`](rules.md#{rule})"


def _command_parts(command: click.Command, parent: click.Context, name: str, level: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=_WIDTH)
    parts = [_help_block(context.command_path, command, context, level)]
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            nested = command.get_command(context, verb)
            assert nested is not None
            parts.extend(_command_parts(nested, context, verb, level + 1))
    return parts


def _help_block(title: str, command: click.Command, context: click.Context, level: int = 2) -> str:
    return f"{'#' * level} `{title}`\n\n```text\n{command.get_help(context)}\n```\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES: dict[str, Callable[[], str]] = {
    "keys.md": keys_page,
    "settings.md": settings_page,
    "command-line.md": command_line_page,
    "rules.md": rules_page,
    "verdict.md": verdict_page,
    "tokens.md": tokens_page,
    "eval-checks.md": checks_page,
}


def main() -> int:
    """Write or check every page and return the exit code."""
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make().rstrip() + "\n"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8", newline="\n")
    print(
        "up to date"
        if not stale
        else f"{'stale' if '--check' in sys.argv else 'written'}: {', '.join(stale)}"
    )
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
