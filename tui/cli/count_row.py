"""`tunedeck count FILE --line N`: one row, by role or token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tui.cli.output import print_json, print_table, say
from tui.datasets.formats import DatasetFormat
from tui.datasets.token_ids import TokenReader
from tui.datasets.token_line import view_line
from tui.datasets.token_view import TokenSpan, TokenView


def print_row(
    file: Path,
    line: int,
    model: str,
    dataset_format: DatasetFormat | None,
    reader: TokenReader | None,
    limit: int | None,
    *,
    every_token: bool,
    as_json: bool,
) -> None:
    """Print one row's tokens.

    Raises:
        TunedeckError: The line can't be read.
    """
    view = view_line(file, line, model, dataset_format=dataset_format, reader=reader, limit=limit)
    if as_json:
        print_json(_row_json(file, line, model, view, every_token=every_token))
        return
    say(f"{file}, line {line:,} for {model} ({view.encoding})")
    say(_sum_line(view))
    print_table(["ROLE", "TOKENS"], ([role, f"{tokens:,}"] for role, tokens in view.by_role().items()))
    if every_token:
        say("")
        print_table(["AT", "TOKEN", "TEXT", "ROLE", "PART", "STATE"], map(_cells, view.spans()))


def _sum_line(view: TokenView) -> str:
    parts = [f"Tokens: {view.total:,}, of which {view.trained:,} are trained on"]
    if view.lost:
        parts.append(
            f"the limit of {view.limit:,} cuts the last {view.lost:,}, {view.lost_trained:,} of them trained"
        )
    return "; ".join(parts) + "."


def _cells(span: TokenSpan) -> list[object]:
    state = "trained" if span.trained else "read"
    return [
        span.index,
        "" if span.id is None else span.id,
        span.text.replace(" ", "␣") if span.tokens == 1 else f"{span.text} = {span.tokens:,}",
        span.role,
        span.kind.value,
        f"{state}, cut" if span.cut else state,
    ]


def _row_json(file: Path, line: int, model: str, view: TokenView, *, every_token: bool) -> dict[str, Any]:
    value: dict[str, Any] = {
        "file": str(file),
        "line": line,
        "model": model,
        "encoding": view.encoding,
        "limit": view.limit,
        "total_tokens": view.total,
        "trained_tokens": view.trained,
        "lost_tokens": view.lost,
        "lost_trained_tokens": view.lost_trained,
        "by_role": view.by_role(),
    }
    if every_token:
        value["tokens"] = [_span_json(span) for span in view.spans()]
    return value


def _span_json(span: TokenSpan) -> dict[str, Any]:
    return {
        "index": span.index,
        "tokens": span.tokens,
        "id": span.id,
        "text": span.text,
        "part_of_character": span.is_part,
        "role": span.role,
        "kind": span.kind.value,
        "message": span.message,
        "trained": span.trained,
        "cut": span.cut,
    }
