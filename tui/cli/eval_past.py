"""`tunedeck eval list`, `show`, `compare`, `export`, `delete`: evaluations from before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.output import confirmed, json_option, narrate, print_json, print_table, say
from tui.cli.report_output import print_blocks
from tui.errors import ExitCode
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.records.evaluations import EvalRunHead

_WORST_SHOWN = 5


@click.command("list")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Most of them.")
@json_option
def list_evaluations(limit: int, as_json: bool) -> None:
    """List evaluations from before, the newest first; prompt diets and old against new likewise."""
    from tui.services import Services

    with Services.open() as services:
        heads = services.store.eval_run_heads(limit)
    if as_json:
        print_json([_head_json(one) for one in heads])
    elif not heads:
        say("Nothing is evaluated yet. `tunedeck eval FILE --model MODEL` does that.")
    else:
        print_table(
            ["ID", "WHEN", "SCORE", "VERDICT", "ROWS", "WHAT"],
            [
                [
                    one.id, f"{datetime.fromtimestamp(one.created_at, UTC):%Y-%m-%d %H:%M}",
                    "-" if one.score is None else f"{100 * one.score:.1f}", one.word or "-", one.rows,
                    safe_line(one.title) + ("" if one.complete else " (not complete)"),
                ]
                for one in heads
            ],
            below=["WHAT"],
        )  # fmt: skip


def _head_json(head: EvalRunHead) -> dict[str, object]:
    return {
        "id": head.id,
        "kind": head.kind or "evaluation",
        "created_at": head.created_at,
        "title": safe_line(head.title),
        "model": safe_line(head.model),
        "rows": head.rows,
        "score": head.score,
        "verdict": head.word or None,
        "complete": head.complete,
    }


@click.command()
@click.argument("evaluation")
@json_option
def show(evaluation: str, as_json: bool) -> None:
    """Show an EVALUATION from before: its id, the beginning of it, or `last`."""
    from tui.evals.kept import find_evaluation
    from tui.services import Services

    with Services.open() as services:
        kept = find_evaluation(services, evaluation)
    if as_json:
        print_json({"id": kept.run.id, **{name: one for name, one in kept.value.items() if name != "blocks"}})
    else:
        print_blocks(kept.blocks(_WORST_SHOWN))


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--fail-if-worse", is_flag=True, help="Exit 1 when SECOND is worse than FIRST.")
@json_option
def compare(first: str, second: str, fail_if_worse: bool, as_json: bool) -> int:
    """Compare the examined models of two evaluations, row by row over the rows of the same test set.

    Exit codes: 0 done; 1 worse with --fail-if-worse, or no rows in common; 2 wrong use.
    """
    from tui.evals.kept import find_evaluation
    from tui.evals.kept_compare import compare_kept
    from tui.evals.statistics.verdict import Word
    from tui.services import Services

    with Services.open() as services:
        found = compare_kept(find_evaluation(services, first), find_evaluation(services, second))
    if as_json:
        print_json(found.as_json())
    else:
        print_blocks(found.blocks(_WORST_SHOWN))
    if found.verdict is None:
        return int(ExitCode.BAD)
    return int(ExitCode.BAD if fail_if_worse and found.verdict.word is Word.WORSE else ExitCode.DONE)


@click.command()
@click.argument("evaluation")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help=".md, .html or .json.")
@click.option("--force", is_flag=True, help="Replace a file of that name.")
def export(evaluation: str, output: Path, force: bool) -> None:
    """Write the report of an EVALUATION from before into one file."""
    from tui.evals.kept import find_evaluation, write_kept
    from tui.services import Services

    with Services.open() as services:
        write_kept(find_evaluation(services, evaluation), output, overwrite=force)
    narrate(f"Report: {output}")


@click.command()
@click.argument("evaluation")
@click.option("--yes", is_flag=True, help="Delete without being asked.")
def delete(evaluation: str, yes: bool) -> int:
    """Forget the report of an EVALUATION from before; the answers that were paid for stay.

    Exit codes: 0 deleted; 2 wrong use; 130 left as it is.
    """
    from tui.evals.kept import find_evaluation
    from tui.services import Services

    with Services.open() as services:
        run = find_evaluation(services, evaluation).run
        title = safe_line(run.title, 200)
        question = f"Delete {title}?"
        if not yes and not confirmed(question, f"{question} No terminal to ask on.", "Add --yes to agree."):
            return int(ExitCode.INTERRUPTED)
        services.store.delete_eval_run(run.id)
    narrate(f"Deleted: {title}")
    return int(ExitCode.DONE)


COMMANDS = (list_evaluations, show, compare, export, delete)
