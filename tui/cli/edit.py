"""`tunedeck edit`: change single rows of a file, in an editor or from a pipe, into a new file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tui.cli.output import json_option, narrate, print_json, say
from tui.cli.slow_progress import SlowProgress
from tui.datasets.atomic import refuse_existing
from tui.datasets.check_row import check_row
from tui.datasets.edits import EditedDataset, pending_edits
from tui.datasets.files import refuse_no_file
from tui.datasets.report import Finding, Severity
from tui.datasets.row_facts import format_of
from tui.datasets.row_layout import edited_line, text_to_edit
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line
from tui.text_editor import edit_text


@click.command("edit")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--line", type=click.IntRange(min=1), help="Edit this row in $VISUAL or $EDITOR.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="Take the row from this file instead; - is stdin.",
)
@click.option(
    "--delete", "deleted", type=click.IntRange(min=1), multiple=True, help="Delete this row; may be repeated."
)
@click.option("--provider", type=click.Choice(list(SERVICES)), default=DEFAULT_SERVICE, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="New file; else NAME.edited.jsonl.")
@click.option("--in-place", is_flag=True, help="Replace the file itself.")
@click.option("--force", is_flag=True, help="Overwrite the new file if it exists.")
@json_option
def command(
    file: Path,
    line: int | None,
    source: Path | None,
    deleted: tuple[int, ...],
    provider: str,
    output: Path | None,
    in_place: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Edit a row of a file or delete rows, and write a new file; all other rows keep their bytes.

    The row is laid out over several lines for the editor and put on one line again. What is no JSON object is
    refused with its place. Line numbers are those of the file as it is.

    Exit codes: 0 written, or nothing was changed; 1 the edited row has an error by the provider's rules, it
    is written all the same; 2 wrong use, unreadable, or no JSON, and nothing is written.
    """
    _refuse_wrong_use(line, source, deleted, output, in_place)
    refuse_no_file(file)
    target = file if in_place else output or file.with_name(f"{file.stem}.edited.jsonl")
    if not in_place:
        refuse_existing(target, overwrite=force)
    if pending_edits(file) is not None:
        raise TunedeckError(
            f"{file} has changes that were not saved in the app.", "Save or discard them there first."
        )
    dataset = EditedDataset.open(file, resume=False)
    try:
        with SlowProgress("Reading") as progress:
            dataset.build_index(progress.update)
        found = _edit(dataset, line, source, provider) if line is not None else ()
        if deleted:
            dataset.delete(*deleted)
        changed = dataset.changes.total
        if changed:
            with SlowProgress("Writing") as progress:
                if in_place:
                    dataset.save_in_place(on_progress=progress.update)
                else:
                    dataset.save(target, overwrite=force, on_progress=progress.update)
    finally:
        dataset.close(discard=True)
    _print(target if changed else None, changed, found, as_json=as_json)
    has_error = any(one.severity is Severity.ERROR for one in found)
    return int(ExitCode.BAD if has_error else ExitCode.DONE)


def _refuse_wrong_use(
    line: int | None, source: Path | None, deleted: tuple[int, ...], output: Path | None, in_place: bool
) -> None:
    if line is None and source is not None:
        raise TunedeckError("--from needs the row that it replaces.", "Add --line.")
    if line is None and not deleted:
        raise TunedeckError("Nothing was said to be edited.", "Name a row: --line 12, or --delete 12.")
    if line in deleted:
        raise TunedeckError(f"Row {line:,} can't be edited and deleted.", "Choose one of the two.")
    if output is not None and in_place:
        raise TunedeckError("Two options say the opposite.", "Choose --in-place or --output.")


def _edit(dataset: EditedDataset, line: int, source: Path | None, provider: str) -> tuple[Finding, ...]:
    """Put another text into a row and return what the rules say of it; () when it was not changed."""
    before = dataset.line(line)
    after = _from_source(source, before) if source is not None else _from_editor(line, before)
    if after == before:
        return ()
    dataset.edit(line, after)
    return check_row(after, format_of(dataset.dataset), provider, line)


def _from_source(source: Path, before: bytes) -> bytes:
    if str(source) == "-":
        content = sys.stdin.buffer.read()
    else:
        try:
            content = source.read_bytes()
        except OSError as error:
            raise TunedeckError(f"{source} can't be read: {error.strerror or error}.") from error
    return edited_line(content.decode("utf-8", "surrogateescape"), before)


def _from_editor(line: int, before: bytes) -> bytes:
    """Let the person edit until it is a row, or until they give up."""
    if not sys.stdin.isatty():
        raise TunedeckError("There is no terminal for an editor.", "Use --from - and a pipe.")
    text = text_to_edit(before)
    while True:
        text = edit_text(text, f"row-{line}.json")
        try:
            return edited_line(text, before)
        except TunedeckError as error:
            narrate(error.message)
            if not click.confirm("Go on editing?", default=True, err=True):
                raise


def _print(target: Path | None, changed: int, found: tuple[Finding, ...], *, as_json: bool) -> None:
    if as_json:
        findings = [
            {"rule": one.rule, "severity": one.severity.value, "message": one.message, "path": one.path}
            for one in found
        ]
        print_json(
            {"output": None if target is None else str(target), "changed": changed, "findings": findings}
        )
        return
    for one in found:
        say(f"{one.severity}: {safe_line(one.message)} ({one.path or '$'})")
    say("Nothing was changed." if target is None else f"{changed:,} row(s) changed; written to {target}.")
