"""`tunedeck diet`: how short the system prompt may be, on base and tuned model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.agreeing import settled_unasked
from tui.cli.eval import amount_of
from tui.cli.output import ProgressLine, json_option, narrate, print_json, say
from tui.cli.report_output import print_fitting
from tui.errors import ExitCode

if TYPE_CHECKING:
    from tui.evals.diet import DietPlan
    from tui.services import Services


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", "-m", required=True, help="The tuned model, or any other.")
@click.option(
    "--against", default="base", show_default=True, help="The model to compare with; `none` for none."
)
@click.option(
    "--check", "checks", multiple=True, required=True, metavar="CHECK", help="How answers are judged."
)
@click.option(
    "--system", type=click.Path(path_type=Path), help="The whole prompt, where rows have none or many."
)
@click.option("--shares", default="100,50,25,10,0", show_default=True, help="Percent of its tokens to try.")
@click.option(
    "--prompt", "variants", type=click.Path(path_type=Path), multiple=True,
    help="A shorter prompt of your own to try too; may be repeated.",
)  # fmt: skip
@click.option("--account", help="Whose models they are; left out, found by name.")
@click.option("--temperature", default="0", show_default=True, help="Empty leaves it to the service.")
@click.option("--max-tokens", default="512", show_default=True, help="Most tokens of an answer.")
@click.option("--limit", type=click.IntRange(1), help="Only so many rows, from the beginning.")
@click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more once answers would cost more than this.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."
)
@click.option("--report", type=click.Path(path_type=Path), multiple=True, help="Write .md, .html or .json.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs; ask nothing.")
@click.option("--yes", is_flag=True, help="Ask without being asked.")
@json_option
def command(file: Path, as_json: bool, **options: Any) -> int:
    """Ask held-out rows of FILE with ever less of the system prompt, on base and tuned model.

    Says which is the shortest prompt within noise, with the interval of the difference, and what a thousand
    calls cost with each. The price comes first; answers are kept, and nothing is asked twice.

    Exit codes: 0 done; 1 not complete; 2 wrong use or unreachable; 130 interrupted.
    """
    from tui.evals.diet import run_diet, sentences
    from tui.evals.diet_report import HEADINGS, diet_json, meal_cells, write_diet
    from tui.evals.reports.files import report_format
    from tui.services import Services

    for path in options["report"]:
        report_format(path)
    with Services.open() as services:
        plan = _plan(services, file, options)
        settled = settled_unasked(
            plan.plan, options, as_json=as_json, who=", ".join(lane.model for lane in plan.lanes)
        )
        if settled is not None:
            return int(settled)
        line = ProgressLine("Asking")
        diet = run_diet(services, plan, on_progress=lambda what, done, total: line.update(done, total))
        line.finish()
    for path in options["report"]:
        write_diet(diet, path)
        narrate(f"Report: {path}")
    if as_json:
        print_json(diet_json(diet))
    else:
        for sentence in sentences(diet):
            say(sentence)
        _, prompt, *others = HEADINGS
        for lane in diet.lanes:
            say(f"\n{lane.model}")
            mine = [meal_cells(diet.meals[place])[1:] for place in diet.places(lane)]
            print_fitting([prompt.upper(), *(head.upper() for head in others)], mine)
    return int(ExitCode.DONE if diet.result.complete else ExitCode.BAD)


def _plan(services: Services, file: Path, options: dict[str, Any]) -> DietPlan:
    from tui.evals.diet_setup import DietWish, planned_diet
    from tui.evals.test_set import read_test_set

    against = options["against"]
    wish = DietWish(
        model=options["model"], against=None if against == "none" else against, account=options["account"],
        checks=options["checks"], system=options["system"], shares=options["shares"],
        variants=options["variants"], temperature=options["temperature"], max_tokens=options["max_tokens"],
        max_cost=amount_of(options["max_cost"]), at_once=options["at_once"],
    )  # fmt: skip
    return planned_diet(services, wish, read_test_set(file, limit=options["limit"]))
