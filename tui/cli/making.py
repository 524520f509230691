"""What `generate` and `augment` share: the plan told and agreed to, rows made, and how it came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tui.cli.agreeing import agreed
from tui.cli.output import ProgressLine, narrate, print_json, say
from tui.errors import ExitCode

if TYPE_CHECKING:
    from tui.proposals.plan import ProposalPlan
    from tui.proposals.run import ProposalOutcome
    from tui.proposals.setup import MakingWish

_REASONS_SHOWN = 5


def temperatures_of(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[float, ...]:
    """Return temperatures typed with commas between them.

    Raises:
        BadParameter: One is no number.
    """
    try:
        return tuple(float(one) for one in text.split(",") if one.strip())
    except ValueError:
        raise click.BadParameter(f"{text!r}: write it like 0.7,0.9,1.1.") from None


def lines_of(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, ...]:
    """Return line numbers typed as `3,7,10-12`.

    Raises:
        BadParameter: It is no list of lines.
    """
    found: list[int] = []
    for part in (text or "").split(","):
        first, dash, last = part.strip().partition("-")
        if not part.strip():
            continue
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise click.BadParameter(f"{text!r}: write it like 3,7,10-12.")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def make(wish: MakingWish, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Plan, ask for a yes where it costs, make rows, and tell how that came out."""
    from tui.proposals.setup import planned_making
    from tui.services import Services

    with Services.open() as services:
        return make_planned(
            services, planned_making(services, wish), dry_run=dry_run, yes=yes, as_json=as_json
        )


def make_planned(services: Any, plan: ProposalPlan, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """As `make`, from a plan."""
    from tui.proposals.run import run_proposals

    if dry_run:
        print_json(plan.as_json()) if as_json else say(plan.words)
        return int(ExitCode.DONE)
    if not yes and not agreed(plan, question="Ask for them?"):
        narrate("Nothing was asked.")
        return int(ExitCode.INTERRUPTED)
    if yes:
        narrate(plan.words)
    narrate(f"Run {plan.definition.id}; Ctrl+C stops, and the same command goes on.")
    line = ProgressLine("Making rows")
    outcome = run_proposals(
        services, plan, on_progress=lambda what, done, total: line.update(done, total, what)
    )
    line.finish()
    if as_json:
        print_json(outcome.as_json())
    else:
        tell(outcome)
    return int(ExitCode.DONE if outcome.complete else ExitCode.BAD)


def tell(outcome: ProposalOutcome) -> None:
    """Say how it came out, and where the rows wait."""
    from tui.proposals.run import spent_words
    from tui.records.proposals import ProposalState

    run = outcome.run
    waiting = run.count(ProposalState.WAITING)
    say(f"{waiting:,} rows wait for you; {outcome.asked:,} askings now, {spent_words(outcome)}.")
    repeated, unusable = run.count(ProposalState.REPEATED), run.count(ProposalState.UNUSABLE)
    if repeated:
        say(f"{repeated:,} repeat rows that are there, or come near held-out ones: not offered.")
    if unusable:
        say(f"{unusable:,} could not be used:")
        for why, count in list(outcome.why_not.items())[:_REASONS_SHOWN]:
            say(f"  {count:,}x {why}")
    if outcome.unlooked:
        say(f"Near rows were not looked for among the last {outcome.unlooked:,} rows of the files.")
    if not outcome.complete:
        say(f"Not complete: {outcome.why_incomplete}.")
    narrate(f"Look at them: tunedeck review {run.id} --next; or in the app.")
