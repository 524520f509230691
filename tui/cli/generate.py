"""`tunedeck generate`: new training rows from a task and a few examples, proposed by a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tui.cli.making import lines_of, make, make_planned, temperatures_of
from tui.cli.output import json_option
from tui.errors import TunedeckError


@click.command()
@click.option("--task", "-t", default="", help="What the model to be trained shall do, in a sentence.")
@click.option("--examples", "-e", type=click.Path(path_type=Path), help="JSONL whose rows are examples.")
@click.option("--lines", callback=lines_of, metavar="LINES", help="Only these of its lines: 3,7,10-12.")
@click.option(
    "--example", "typed", multiple=True, metavar='"Q => A"', help="An example typed here; may be repeated."
)
@click.option("--model", "-m", default="", help="Who writes the rows: a model's id, or its end.")
@click.option("--account", help="Whose model it is; left out, found by name.")
@click.option("--count", "-n", type=click.IntRange(1, 10_000), help="Rows that are wanted; 20 unless said.")
@click.option(
    "--into", type=click.Path(path_type=Path), help="The training file; that of the examples unless said."
)
@click.option("--system", help="System prompt of the new rows; that of the examples unless said.")
@click.option("--pairs", is_flag=True, help="Preference pairs, where no example says which kind.")
@click.option("--at-a-time", type=click.IntRange(1, 50), default=1, show_default=True, help="Rows an asking.")
@click.option("--shots", type=click.IntRange(0, 50), default=4, show_default=True, help="Examples an asking.")
@click.option(
    "--temperatures", default="0.7,0.9,1.1", show_default=True, callback=temperatures_of,
    help="Of the askings in turn.",
)  # fmt: skip
@click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="Of one answer.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another one asks for other rows.")
@click.option(
    "--validation", type=click.Path(path_type=Path), multiple=True, help="Held-out rows to keep clear of."
)
@click.option("--recording", help="Propose what was recorded of a model, in place of asking one.")
@click.option("--go-on", metavar="RUN", help="Go on with a run that was stopped, or is to bring more.")
@click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more once it would cost more than this.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."
)
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs; ask nothing.")
@click.option("--yes", is_flag=True, help="Ask without being asked.")
@json_option
def command(as_json: bool, dry_run: bool, yes: bool, **options: Any) -> int:
    """Let a model propose training rows; a person keeps, edits or rejects each (`tunedeck review`).

    Each asking shows the model other examples at another temperature. What it writes is read leniently,
    checked by the rules, and compared with the training file, held-out rows and earlier proposals: broken
    and repeated rows are counted and told, never offered. Nothing reaches the file before you keep it, and
    nothing ever reaches a file of held-out rows. Answers are kept as they come: the same command goes on
    after a crash and asks nothing twice.

    Exit codes: 0 done; 1 fewer rows than wanted, stopped or capped; 2 wrong use or unreachable;
    130 interrupted.
    """
    from tui.cli.eval import amount_of
    from tui.proposals.setup import MakingWish
    from tui.records.proposals import MakingKind

    cap = amount_of(options["max_cost"])
    if options["go_on"]:
        return _go_on(options["go_on"], cap, options["at_once"], dry_run=dry_run, yes=yes, as_json=as_json)
    recording = options["recording"] or ""
    if not recording and not options["task"]:
        raise TunedeckError(
            "A task is needed.", 'tunedeck generate --task "Say ..." --examples FILE --model MODEL'
        )
    wish = MakingWish(
        kind=MakingKind.RECORDING if recording else MakingKind.GENERATE,
        target=options["into"], task=options["task"], examples=options["examples"], lines=options["lines"],
        typed=options["typed"], model=options["model"], account=options["account"], system=options["system"],
        count=options["count"], at_a_time=options["at_a_time"], shots=options["shots"],
        temperatures=options["temperatures"], max_tokens=options["max_tokens"], seed=options["seed"],
        pairs=options["pairs"], validation=options["validation"], recording=recording, max_cost=cap,
        at_once=options["at_once"],
    )  # fmt: skip
    return make(wish, dry_run=dry_run, yes=yes, as_json=as_json)


def _go_on(name: str, cap: Any, at_once: int, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    from tui.proposals.definition import Definition
    from tui.proposals.plan import plan_proposals
    from tui.proposals.review import find_run
    from tui.services import Services

    with Services.open() as services:
        definition = Definition.of(find_run(services.store, name))
        plan = plan_proposals(services, definition, max_cost=cap, at_once=at_once)
        return make_planned(services, plan, dry_run=dry_run, yes=yes, as_json=as_json)
