"""`tunedeck convert`: other shapes of training data to ours, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.output import json_option, narrate, print_json, say
from tui.cli.slow_progress import SlowProgress
from tui.datasets.convert.account import Conversion, ConvertOptions
from tui.datasets.convert.mapping import ROLE_WORDS, ColumnMapping, Role, SourceShape, parse_overrides
from tui.datasets.convert.records import SourceOptions
from tui.datasets.convert.targets import PROVIDERS, TargetShape
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line, safe_text

if TYPE_CHECKING:
    from tui.datasets.convert.preview import RowPreview

_SHOWN_BAD_ROWS = 20
_SHOWN_CHARACTERS = 2_000
_ROLES = "\n".join(f"  {role.value:<11} {words}" for role, words in ROLE_WORDS.items())


@click.command("convert", epilog=f"\b\nRoles for --map:\n{_ROLES}")
@click.argument("source", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="The new file.")
@click.option(
    "--from",
    "source_shape",
    type=click.Choice([shape.value for shape in SourceShape]),
    help="Shape of the rows; else found out.",
)
@click.option(
    "--to",
    "target_shape",
    type=click.Choice(["openai", *(shape.value for shape in TargetShape)]),
    help="Shape to write; else OpenAI's form of these rows.",
)
@click.option(
    "--map", "overrides", multiple=True, metavar="COLUMN=ROLE", help="Say what a column is; may be repeated."
)
@click.option("--provider", type=click.Choice(list(PROVIDERS)), help="Write what this service wants.")
@click.option(
    "--preview",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Show N rows before and after; write nothing.",
)
@click.option("--skip-bad", is_flag=True, help="Leave bad rows out, listed, instead of writing nothing.")
@click.option("--lossless", is_flag=True, help="Write nothing when anything would be lost.")
@click.option("--force", is_flag=True, help="Overwrite the new file if it exists.")
@click.option("--encoding", help="Encoding of a text file; else found out.")
@click.option("--delimiter", help="What separates the cells of a table (tab for tabs); else found out.")
@click.option("--sheet", help="Sheet of a workbook; else the one it opens with.")
@click.option(
    "--no-header", is_flag=True, help='The first row is no header: columns are "column 1" and so on.'
)
@click.option("--from-chats", is_flag=True, help="Take the app's own chats instead of a file.")
@click.option("--model", help="With --from-chats: only what this model answered.")
@json_option
def command(
    source: Path | None,
    target: Path | None,
    source_shape: str | None,
    target_shape: str | None,
    overrides: tuple[str, ...],
    provider: str | None,
    preview: int | None,
    skip_bad: bool,
    lossless: bool,
    force: bool,
    encoding: str | None,
    delimiter: str | None,
    sheet: str | None,
    no_header: bool,
    from_chats: bool,
    model: str | None,
    as_json: bool,
) -> int:
    """Convert SOURCE to another shape of training data.

    Reads CSV, TSV, JSON lists, JSON lines, Parquet and XLSX, in the shapes of OpenAI, Alpaca, ShareGPT, TRL,
    Vertex, prompt and completion, or plain columns. Writes .jsonl, .json, .csv or .tsv. Whatever can't be
    carried over is listed with its lines; the source is never changed.

    With --from-chats the app's own chats become rows, one for each model that answered; every finished
    answer counts as a good one, and others are told of. Of branches, the one shown last is taken. What was
    rated side by side becomes preference rows by `tunedeck compare export`.

    Exit codes: 0 written; 1 rows are bad (or, with --lossless, something would be lost) and nothing was
    written; 2 wrong use or unreadable.
    """
    options = ConvertOptions(
        source=SourceOptions(encoding, _delimiter(delimiter), sheet, not no_header),
        shape=SourceShape(source_shape) if source_shape else None,
        overrides=parse_overrides(overrides),
        target_shape=target_shape,
        provider=provider,
        skip_bad=skip_bad,
        lossless=lossless,
        force=force,
    )
    _check_use(source, target, from_chats=from_chats, model=model, preview=preview)
    if preview is not None and source is not None:
        return _preview(source, options, preview, as_json=as_json)
    if target is None:
        raise TunedeckError(
            "Where the rows go is missing.", "Name the new file with -o FILE, or use --preview N."
        )
    result = _from_chats(target, options, model) if source is None else _from_file(source, target, options)
    if as_json:
        print_json(result.as_json())
    else:
        _print_result(result)
    return int(ExitCode.DONE if result.written else ExitCode.BAD)


def _check_use(
    source: Path | None, target: Path | None, *, from_chats: bool, model: str | None, preview: int | None
) -> None:
    if from_chats == (source is not None):
        raise TunedeckError(
            "Name a SOURCE file, or take the app's chats with --from-chats.", "tunedeck convert --help"
        )
    if model is not None and not from_chats:
        raise TunedeckError("--model goes with --from-chats.", "Leave it out.")
    if from_chats and preview is not None:
        raise TunedeckError("--preview needs a SOURCE file.", "Leave it out.")


def _delimiter(text: str | None) -> str | None:
    if text is None:
        return None
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}.get(text.lower(), text)
    if len(named) != 1 or named in '"\r\n' or ord(named) > 0xFFFF:
        raise TunedeckError(f'"{text}" can\'t separate cells.', "Give one character, or the word tab.")
    return named


def _from_file(source: Path, target: Path, options: ConvertOptions) -> Conversion:
    from tui.datasets.convert.convert import convert_file

    with SlowProgress("Converting") as progress:
        return convert_file(source, target, options, on_progress=progress.update)


def _from_chats(target: Path, options: ConvertOptions, model: str | None) -> Conversion:
    from tui.chat.training_rows import LeftOut, training_examples
    from tui.datasets.convert.convert import convert_examples
    from tui.paths import store_file
    from tui.store.store import Store

    store = Store(store_file())
    left_out = LeftOut()
    examples = training_examples(store, model, left_out)
    try:
        result = convert_examples(examples, target, options, name="the app's chats")
    finally:
        store.close()
    if not result.rows_read:
        what, who = "a whole answer" if left_out.answers else "an answer", f" by {model}" if model else ""
        raise TunedeckError(f"No chat has {what}{who} yet.", left_out.sentence or "Chat first: tunedeck chat")
    return replace(result, notes=(*result.notes, left_out.sentence)) if left_out.answers else result


# Printing


def _print_result(result: Conversion) -> None:
    if result.mapping is not None:
        _print_mapping(result.mapping, result.source_kind)
    for note in result.notes:
        narrate(f"Note: {note}")
    if result.losses:
        say("Not carried over:")
        for loss in result.losses:
            say(f"  {loss.sentence(result.place)}")
    _print_bad(result)
    say(_verdict(result))


def _print_mapping(mapping: ColumnMapping, kind: str) -> None:
    narrate(f"{kind}: {mapping.shape.value}. {mapping.reason}")
    for column, role in mapping.roles:
        if role is not Role.DROP:
            narrate(f"  {safe_line(column, 60)} -> {role.value}")


def _print_bad(result: Conversion) -> None:
    if not result.bad_count:
        return
    say("Skipped rows:" if result.written else "Bad rows:")
    for row in result.bad_rows[:_SHOWN_BAD_ROWS]:
        say(f"  {result.place} {row.line:,}: {row.reason}")
    more = result.bad_count - min(len(result.bad_rows), _SHOWN_BAD_ROWS)
    if more:
        say(f"  and {more:,} more; --json lists the first 1,000")


def _verdict(result: Conversion) -> str:
    if result.written:
        skipped = f", {result.bad_count:,} skipped" if result.bad_count else ""
        rows = "row" if result.rows_written == 1 else "rows"
        return f"Wrote {result.rows_written:,} {rows} to {result.target} ({result.to.shape.value}{skipped})."
    if result.bad_count:
        verb = "is" if result.bad_count == 1 else "are"
        hint = (
            "" if result.bad_count >= result.rows_read else " Mend them, or leave them out with --skip-bad."
        )
        return f"Nothing was written: {result.bad_count:,} of {result.rows_read:,} rows {verb} bad.{hint}"
    return "Nothing was written: with --lossless nothing may be lost."


def _preview(source: Path, options: ConvertOptions, rows: int, *, as_json: bool) -> int:
    from tui.datasets.convert.preview import preview_file

    sample, mapping, target, previews = preview_file(source, options, rows)
    bad = any(preview.problem for preview in previews)
    if as_json:
        print_json(
            {
                "source": str(source),
                "source_kind": sample.kind,
                "notes": list(sample.notes),
                "numbered_by": sample.place,
                "from": mapping.shape.value,
                "reason": mapping.reason,
                "mapping": {column: role.value for column, role in mapping.roles},
                "to": target.shape.value,
                "rows": [_preview_json(preview) for preview in previews],
            }
        )
    else:
        _print_mapping(mapping, sample.kind)
        for note in sample.notes:
            narrate(f"Note: {note}")
        for preview in previews:
            _print_preview(preview, sample.place)
    return int(ExitCode.BAD if bad else ExitCode.DONE)


def _preview_json(preview: RowPreview) -> dict[str, Any]:
    return {
        "line": preview.line,
        "before": preview.before,
        "after": list(preview.after),
        "losses": [loss.as_json() for loss in preview.losses],
        "problem": preview.problem or None,
    }


def _print_preview(preview: RowPreview, place: str) -> None:
    say(f"{place} {preview.line:,}")
    for column, cell in preview.before.items():
        say(f"  before  {safe_line(column, 60)}: {_shown(cell)}")
    for row in preview.after:
        say(f"  after   {_shown(row)}")
    for loss in preview.losses:
        say(f"  lost    {loss.sentence(place)}")
    if preview.problem:
        say(f"  bad     {preview.problem}")


def _shown(value: object) -> str:
    from tui.datasets.quoting import quoted

    return safe_text(safe_line(quoted(value, _SHOWN_CHARACTERS + 1), _SHOWN_CHARACTERS))
