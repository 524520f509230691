"""`tunedeck preview`: how a service itself reads the first rows of a file, token by token."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tui.cli.output import ProgressLine, json_option, narrate, print_json, say
from tui.errors import ExitCode, TunedeckError
from tui.services import Services


@click.command("preview")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--account", required=True, help="Whose service; Together shows how it reads rows.")
@click.option("--model", required=True, help="The base model whose template and vocabulary count.")
@click.option(
    "--rows", type=click.IntRange(1, 50), default=3, show_default=True, help="How many, from the first."
)
@click.option("--yes", is_flag=True, help="Send the file without being asked.")
@json_option
def command(file: Path, account: str, model: str, rows: int, yes: bool, as_json: bool) -> int:
    """Show how a service reads the first rows of FILE: its tokens, and which of them are trained on.

    What is trained on stands between ⟦ and ⟧. The file has to be at the service: it is sent after a yes,
    which costs nothing, and a launch of the same content does not send it again.
    """
    from tui.jobs.token_preview import held_file, marked_text, preview_tokens, preview_words, row_words
    from tui.records.models import Capability

    with Services.open() as services:
        provider = services.provider(account)
        if provider.can(Capability.PREVIEW_TOKENS) and held_file(services, account, file) is None and not yes:
            _ask(f"{file.name} is sent to {provider.account.label} as a training file; nothing is trained.")
        progress = ProgressLine("Uploading")
        found = preview_tokens(
            services, account, model, file, rows=rows, send=True, on_progress=progress.update
        )
        progress.finish()
    if as_json:
        print_json(found.as_json())
        return int(ExitCode.DONE)
    say(preview_words(found))
    for number, row in enumerate(found.rows, 1):
        say(f"\n{row_words(number, row)}")
        say(marked_text(row))
    return int(ExitCode.DONE)


def _ask(notice: str) -> None:
    if not sys.stdin.isatty():
        raise TunedeckError(
            f"The file would be sent, and there is no terminal to ask on. {notice}", "Add --yes."
        )
    narrate(notice)
    if not click.confirm("Send it?", default=False, err=True):
        raise TunedeckError("Nothing was sent.", "", exit_code=ExitCode.INTERRUPTED)
