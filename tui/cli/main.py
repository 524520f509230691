"""The root command, which imports a verb's module only when that verb is called."""

from __future__ import annotations

import importlib
import io
import sys
from pathlib import Path

import click

from tui import __version__
from tui.cli.output import report_error
from tui.errors import ExitCode, TunedeckError, is_out_of_space
from tui.safe_text import safe_text

VERBS: dict[str, tuple[str, str]] = {
    "check": ("tui.cli.check", "Find what is wrong with a dataset, line by line."),
    "rules": ("tui.cli.rules", "List the rules of check, or explain one."),
    "count": ("tui.cli.count", "Count a dataset's tokens exactly."),
    "cost": ("tui.cli.cost", "Say what a fine-tuning job would cost."),
    "payback": ("tui.cli.payback", "Say whether fine-tuning pays back, with the formula."),
    "catalog": ("tui.cli.catalog", "List, check and compare models' prices, limits and dates."),
    "rows": ("tui.cli.rows", "Print rows of a dataset by number, facet, expression or size."),
    "search": ("tui.cli.search", "Find text or a pattern in every line of a dataset."),
    "fix": ("tui.cli.fix", "Fix what can be fixed safely, with a diff before."),
    "edit": ("tui.cli.edit", "Edit a row in your editor or from a pipe, or delete rows."),
    "split": ("tui.cli.split", "Split a dataset into training, validation and test files."),
    "sample": ("tui.cli.sample", "Take some rows of a dataset by chance."),
    "shuffle": ("tui.cli.shuffle", "Put the rows of a dataset into an order by chance."),
    "dedupe": ("tui.cli.dedupe", "Leave one of the rows that say the same."),
    "delete": ("tui.cli.delete", "Leave out rows by number, facet or expression."),
    "cut": ("tui.cli.cut", "Make rows fit a model's limit of tokens."),
    "merge": ("tui.cli.merge", "Put the rows of several datasets into one."),
    "generate": ("tui.cli.generate", "Let a model propose new training rows from a few examples."),
    "augment": (
        "tui.cli.augment",
        "Propose rows said otherwise: paraphrase, noise, persona, language.",
    ),
    "review": ("tui.cli.review", "Keep, edit or reject proposed rows, and write what is kept."),
    "moderate": ("tui.cli.moderate", "Ask a free moderation which rows would sink a job."),
    "convert": ("tui.cli.convert", "Convert other shapes of training data to ours, and back."),
    "preview": ("tui.cli.preview", "Show how a service itself reads rows, token by token."),
    "launch": ("tui.cli.launch", "Upload a dataset and start a fine-tuning job."),
    "jobs": ("tui.cli.jobs", "List jobs, or show one."),
    "watch": ("tui.cli.watch", "Follow a job until it ends."),
    "events": ("tui.cli.events", "Print a job's events."),
    "checkpoints": ("tui.cli.checkpoints", "List a job's checkpoints."),
    "queue": ("tui.cli.queue", "What waits to start: its order, priorities, times, and how many at once."),
    "cancel": ("tui.cli.cancel", "Cancel a job."),
    "pause": ("tui.cli.pause", "Pause a job so that it can go on later."),
    "resume": ("tui.cli.resume", "Let a paused job go on."),
    "notify": ("tui.cli.notify", "Say where you are told of jobs' ends, and test it."),
    "archive": ("tui.cli.archive", "Copy a job with all its files into a folder."),
    "export": ("tui.cli.export", "Write a tuned model's weights for PEFT, transformers, llama.cpp, Ollama."),
    "settle": ("tui.cli.settle", "Settle a launch whose answer was lost."),
    "models": ("tui.cli.models", "Show models with family, days left and cost; tag, note, delete."),
    "deployments": ("tui.cli.deployments", "Put tuned models where they answer; what each hour costs."),
    "chat": ("tui.cli.chat", "Talk to a model, or to two side by side."),
    "compare": ("tui.cli.compare", "Several models on the same prompts; rate two blind."),
    "eval": ("tui.cli.eval", "Examine a model on held-out rows, alone or against another."),
    "record": ("tui.cli.record", "Keep what models answer before they are shut down."),
    "parity": ("tui.cli.parity", "Compare a recorded model with its successor, row by row."),
    "sweep": ("tui.cli.sweep", "Search over many jobs: plan, run, stop, rank, promote the best."),
    "diet": ("tui.cli.diet", "Say how short the system prompt may be."),
    "arms": ("tui.cli.arms", "Say whether to fine-tune at all: prompt, nearest examples, tuned."),
    "engine": ("tui.cli.engine", "Run and look after the local engine."),
    "tour": ("tui.cli.tour", "Do the whole main job on a shipped example."),
    "config": ("tui.cli.config", "Show, check and locate the settings."),
    "account": ("tui.cli.account", "List, add, remove and test accounts at services."),
    "doctor": ("tui.cli.doctor", "Test this installation and each account."),
}
"""Verb -> (module that holds a click command named `command`, one-line help)."""


class _ReaderLeft(Exception):
    """Nobody reads what this prints any more (head, less)."""


class LazyGroup(click.Group):
    """A click group whose help needs no verb's module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the work."""
        return list(VERBS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take a file's name in place of a verb for a wish to see its rows."""
        if len(args) == 1 and args[0] not in VERBS and Path(args[0]).is_file():
            return "open", _open_file, args
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(VERBS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; a reader that left is told apart, for click would make it a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _ReaderLeft from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, summary) for verb, (_, summary) in VERBS.items()])


@click.command(hidden=True)
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def _open_file(ctx: click.Context, file: Path) -> int:
    """Open the app at the rows of FILE."""
    from tui.cli.open_app import open_app  # Textual costs 140 ms; only the app needs it

    no_mouse = ctx.parent is not None and ctx.parent.params.get("no_mouse")
    return open_app(mouse=False if no_mouse else None, first_file=file)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 the thing examined is bad or the job failed; "
    "2 wrong use, unreadable, or a fault of tunedeck's own; 130 interrupted.",
)
@click.version_option(__version__, prog_name="tunedeck")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal (native selection).")
@click.pass_context
def root(ctx: click.Context, no_mouse: bool) -> int:
    """Fine-tune GPT-style models from a terminal.

    Without a command, opens the app; with a FILE in its place, at the rows of that file.
    """
    if ctx.invoked_subcommand is None:
        from tui.cli.open_app import open_app  # Textual costs 140 ms; only the app needs it

        return open_app(mouse=False if no_mouse else None)
    return int(ExitCode.DONE)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What follows the program's name; the process's own when None.
    """
    try:
        result = root.main(args=arguments, prog_name="tunedeck", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        return end_with(error)
    return result if isinstance(result, int) else int(ExitCode.DONE)


def end_with(error: BaseException) -> int:
    """Say on stderr why the program ends, and return the exit code that is documented for it.

    A fault of ours is told in a sentence too, and `faults.log` keeps where it was.

    Raises:
        BaseException: `error` itself, when it is none that a command ends with.
    """
    match error:
        case TunedeckError():
            report_error(error)
            return int(error.exit_code)
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.ctx.get_help() if error.ctx else "", err=True)
            return int(ExitCode.WRONG_USE)
        case click.ClickException():
            _show(error)
            return int(ExitCode.WRONG_USE)
        case click.Abort() | KeyboardInterrupt():
            click.echo("Interrupted.", err=True)
            return int(ExitCode.INTERRUPTED)
        case OSError():
            # A full or read-only disk; what Python still holds of it must not be tried again at exit.
            sys.stdout = None
            place = error.filename or "The output"
            remedy = "Free some space there and try again." if is_out_of_space(error) else ""
            report_error(TunedeckError(f"{place} could not be used: {error.strerror or error}.", remedy))
            return int(ExitCode.WRONG_USE)
        case _ReaderLeft():
            # Nobody to tell, and Python must not complain at exit.
            sys.stdout = None
            return int(ExitCode.DONE)
        case Exception():
            from tui.faults import fault_of  # only once something has gone wrong

            fault = fault_of(error, "finish this command")
            report_error(fault)
            return int(fault.exit_code)
    raise error


def _show(error: click.ClickException) -> None:
    """Print click's words, which repeat what was typed: control bytes in it must not reach the terminal."""
    words = io.StringIO()
    error.show(words)
    click.echo(safe_text(words.getvalue()), err=True, nl=False)
