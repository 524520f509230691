"""`tunedeck parity`: a recorded model's answers beside its successor's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.agreeing import settled_unasked
from tui.cli.eval import amount_of
from tui.cli.output import ProgressLine, json_option, narrate, print_json, say
from tui.errors import ExitCode

if TYPE_CHECKING:
    from tui.evals.parity import ParityPlan, ParityReport
    from tui.services import Services

_WORST_SHOWN = 3


@click.command()
@click.argument("old")
@click.argument("new")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--account", help="Whose model NEW is; left out, found by name.")
@click.option("--system", help="System prompt for NEW in place of the rows' own.")
@click.option(
    "--check", "checks", multiple=True, metavar="CHECK", help="Score both against the rows' answers."
)
@click.option(
    "--agreement",
    metavar="CHECK",
    help="How alike two answers are: a check, with the old answer as the right one; else shared words.",
)
@click.option("--limit", type=click.IntRange(1), help="Only so many rows of FILE, from the beginning.")
@click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more once answers would cost more than this.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."
)
@click.option("--report", type=click.Path(path_type=Path), multiple=True, help="Write .md, .html or .json.")
@click.option("--fail-under", type=click.FloatRange(0, 100), help="Exit 1 when agreement in % is lower.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs; ask nothing.")
@click.option("--yes", is_flag=True, help="Ask without being asked.")
@json_option
def command(old: str, new: str, file: Path | None, as_json: bool, **options: Any) -> int:
    """Compare what OLD answered when it was recorded with what NEW answers now, row by row, worst first.

    FILE is what was recorded from, or golden answers of `record export`; left out, all that was recorded of
    OLD. NEW is asked the same with the same parameters; the price comes first, and nothing is asked twice.

    Agreement is told by shared words, or by a check of your choice: --agreement exact, rouge, fields, label,
    tool-call, python:FILE. --check says which of the two is right, where rows hold a right answer.

    Exit codes: 0 done; 1 agreement under --fail-under, or not complete; 2 wrong use or unreachable; 130
    interrupted.
    """
    from tui.evals.parity import run_parity
    from tui.evals.parity_report import parity_json, write_parity
    from tui.evals.reports.files import report_format
    from tui.services import Services

    for path in options["report"]:
        report_format(path)
    with Services.open() as services:
        plan = _plan(services, old, new, file, options)
        settled = settled_unasked(plan.plan, options, as_json=as_json, who=plan.new.label)
        if settled is not None:
            return int(settled)
        line = ProgressLine("Asking")
        report = run_parity(services, plan, on_progress=line.update)
        line.finish()
    for path in options["report"]:
        write_parity(report, path)
        narrate(f"Report: {path}")
    if as_json:
        print_json(parity_json(report))
    else:
        _print(report)
    return int(_exit_code(report, options["fail_under"]))


def _plan(services: Services, old: str, new: str, file: Path | None, options: dict[str, Any]) -> ParityPlan:
    from tui.evals.parity_setup import ParityWish, planned_parity

    wish = ParityWish(
        old, new, options["account"], file, options["limit"], options["system"], options["checks"],
        options["agreement"], amount_of(options["max_cost"]), options["at_once"],
    )  # fmt: skip
    return planned_parity(services, wish)


def _print(report: ParityReport) -> None:
    from tui.evals.parity_report import parity_blocks, sentences
    from tui.evals.reports.blocks import Heading, Quoted

    for sentence in sentences(report):
        say(sentence)
    for block in parity_blocks(report, worst=_WORST_SHOWN):
        match block:
            case Heading(3, text):
                say(f"\n{text}")
            case Quoted(label, text):
                say(f"  {label}: {text}")


def _exit_code(report: ParityReport, fail_under: float | None) -> ExitCode:
    from tui.evals.statistics.verdict import reaches

    if report.why_incomplete:
        narrate("The same command goes on where it was.")
        return ExitCode.BAD
    if fail_under is not None and not reaches(report.agreement.estimate, fail_under):
        narrate(f"The agreement is under {fail_under:g} %.")
        return ExitCode.BAD
    return ExitCode.DONE
