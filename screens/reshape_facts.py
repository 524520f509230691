"""What a plan, or what was written, looks like: a few sentences over a table of rows or files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.safe_text import safe_line
from tui.widgets.table import TableRow
from tui.widgets.tones import Part
from tui.widgets.words import place, plural, size

if TYPE_CHECKING:
    from tui.datasets.reshape.plan import CountTable, Plan
    from tui.datasets.reshape.preview import ShownRow
    from tui.datasets.reshape.write import Written

_SHOWN_LOST = 500
_SHOWN_STRATA = 6
_SHOWN_NOTES = 4


def plan_parts(plan: Plan) -> list[Part]:
    """Return the counts of a plan and what a person should know of it."""
    parts: list[Part] = []
    for output in plan.outputs:
        rows = plan.facts.get("rows_after", output.rows)
        parts += [
            ("   " if parts else "", ""),
            (f"{safe_line(output.name, 120)} ", "muted"),
            (plural(rows, "row"), "strong"),
        ]
    parts.append((f"   of {plan.rows:,}", "muted"))
    if plan.seed is not None:
        parts.append((f"   seed {plan.seed}", "muted"))
    if plan.lost_rows:
        parts.append((f"   {_lost_words(plan)}", "warning"))
    for table in plan.tables:
        parts.append((f"\n{_mix_words(table)}", "muted"))
    for note in plan.notes[:_SHOWN_NOTES]:
        parts.append((f"\n{note}", "warning"))
    more = len(plan.notes) - _SHOWN_NOTES
    if more > 0:
        parts.append((f"\nand {more} more notes", "muted"))
    return parts


def _lost_words(plan: Plan) -> str:
    if plan.operation != "cut":
        return f"{plural(plan.lost_rows, 'row')} left out"
    words = f"{plural(plan.lost_rows, 'row')} too long"
    if plan.facts["messages_lost"]:
        words += f", {plural(plan.facts['messages_lost'], 'message')} lost"
    return words


def _mix_words(table: CountTable) -> str:
    lines = table.lines[:_SHOWN_STRATA]
    said = ", ".join(
        f"{safe_line(name, 24)} {' / '.join(f'{one:,}' for one in counts)}" for name, counts in lines
    )
    more = len(table.lines) + table.more - len(lines)
    return f"{safe_line(table.title, 40)}: {said}{f' and {more:,} more' if more else ''}"


def plan_rows(plan: Plan, rows: Sequence[ShownRow]) -> list[TableRow]:
    """Return the table of a plan: first what goes, then the first rows of each file; keys are path:line."""
    source = plan.outputs[0].parts[0].table.path
    what: Part = ("cut" if plan.operation == "cut" else "left out", "warning")
    lost = [
        TableRow(f"{source}:{one.line}:lost", (what, f"{one.line:,}", (one.why, "warning")))
        for one in plan.lost[:_SHOWN_LOST]
    ]
    kept = [
        TableRow(f"{row.path}:{row.line}:{row.output}", (row.output, f"{row.line:,}", row.words))
        for row in rows
    ]
    return [*lost, *kept]


def line_of_key(key: str) -> tuple[Path, int]:
    """Return the file and the line that a key of `plan_rows` names."""
    path, line, _ = key.rsplit(":", 2)
    return Path(path), int(line)


def written_rows(written: Written) -> list[TableRow]:
    """Return the table of what was written; keys are the paths."""
    files = [*written.files, *([written.side_file] if written.side_file is not None else [])]
    return [
        TableRow(
            str(file.path),
            (
                safe_line(file.name, 200),
                "",
                f"{plural(file.rows, 'row')}, {size(file.bytes)}  {safe_line(place(file.path), 300)}",
            ),
        )
        for file in files
    ]


def written_parts(written: Written) -> list[Part]:
    """Return the sentence over the table of what was written."""
    files = len(written.files) + (written.side_file is not None)
    whose = "its rows" if files == 1 else "the rows of one"
    return [(f"Wrote {plural(files, 'file')}. ", "good"), ("Enter", "accent"), (f" shows {whose}.", "")]
