"""`tunedeck sweep`: a search over many jobs, from its file to the promoted winner."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.output import confirmed, json_option, narrate, print_json, say
from tui.cli.sweep_options import amount, caps_changed
from tui.cli.sweep_past import COMMANDS
from tui.errors import ExitCode, TunedeckError

if TYPE_CHECKING:
    from tui.records.sweeps import Sweep
    from tui.services import Services
    from tui.sweeps.planning import SweepPlan


@click.group("sweep", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Search over many jobs: which hyperparameters, base model or dataset come to the lowest loss.

    A sweep is a TOML file: a job, what differs between trials, how to search, what caps it. `sweep new`
    writes one, `sweep run` says its price and time, asks, and runs it; it can be killed at any moment, and
    `sweep resume` goes on without paying for a trial twice.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _past in COMMANDS:
    command.add_command(_past)


def _options(function: Any) -> Any:
    """Add what begins and resumes a sweep alike."""
    for option in reversed(
        (
            click.option(
                "--max-cost", callback=amount, metavar="AMOUNT", help="Money cap, in place of the file's."
            ),
            click.option("--max-hours", type=click.FloatRange(0), help="Time cap, in place of the file's."),
            click.option("--at-once", type=click.IntRange(1, 64), help="Jobs under way together."),
            click.option("--yes", is_flag=True, help="Confirm price and time without being asked."),
            click.option(
                "--any-price",
                is_flag=True,
                help="With --yes: begin although the price is not known beforehand.",
            ),
            click.option(
                "--headless", is_flag=True, help="Run in a session of its own that survives this terminal."
            ),
        )
    ):
        function = option(function)
    return function


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--trials", type=click.IntRange(1, 1000), help="How many trials, in place of the file's.")
@_options
@click.option(
    "--dry-run", is_flag=True, help="Only say what would be launched, the price, and what forbids it."
)
@json_option
def run(file: Path, trials: int | None, dry_run: bool, as_json: bool, **options: Any) -> int:
    """Run the sweep that FILE describes, after its price and time and one confirmation.

    Exit codes: 0 done; 1 stopped before its end, or something forbids it; 2 wrong use; 130 interrupted.
    """
    from tui.services import Services
    from tui.sweeps.planning import plan_sweep, sweep_of
    from tui.sweeps.sweep_file import read_sweep_file

    terms = caps_changed(read_sweep_file(file), options)
    if trials is not None:
        terms = replace(terms, search=replace(terms.search, trials=trials))
    with Services.open() as services:
        plan = plan_sweep(services, terms)
        if dry_run:
            _tell(plan, as_json=as_json)
            return int(ExitCode.DONE if plan.may_begin else ExitCode.BAD)
        if not _agreed_to(plan, options):
            narrate("Nothing was launched.")
            return int(ExitCode.INTERRUPTED)
        sweep = sweep_of(plan, int(time.time()))
        services.store.add_sweep(sweep)
        narrate(f"Sweep {sweep.id}: `tunedeck sweep show {sweep.id}` shows it, `sweep stop` ends it.")
        return _go_on(services, sweep, headless=options["headless"], as_json=as_json)


@command.command()
@click.argument("sweep_id", metavar="SWEEP")
@_options
@click.option("--own-session", is_flag=True, hidden=True)
@json_option
def resume(sweep_id: str, own_session: bool, as_json: bool, **options: Any) -> int:
    """Go on with SWEEP where it was: after a crash, a stop, or with other caps.

    What was agreed to holds as long as prices and caps are the same; else they are shown and confirmed anew.
    Exit codes: 0 done; 1 stopped before its end; 2 wrong use; 130 interrupted.
    """
    from tui.services import Services
    from tui.sweeps.find import find_sweep
    from tui.sweeps.planning import plan_sweep
    from tui.sweeps.sweep_file import terms_of_definition

    with Services.open() as services:
        sweep = find_sweep(services, sweep_id)
        if own_session:
            from tui.jobs.headless import ignore_hang_up

            ignore_hang_up()
            return _run_here(services, sweep, as_json=False)
        known = terms_of_definition(sweep.definition)
        terms = caps_changed(known, options)
        plan = plan_sweep(services, terms)
        same = terms == known and plan.agreed.get("units") == sweep.agreed.get("units")
        if not same:
            if not _agreed_to(plan, options):
                narrate("Nothing was launched.")
                return int(ExitCode.INTERRUPTED)
            sweep = replace(sweep, definition=terms.as_json(), agreed=plan.agreed)
            services.store.agree_to_sweep(sweep)
        return _go_on(services, sweep, headless=options["headless"], as_json=as_json)


def _tell(plan: SweepPlan, *, as_json: bool) -> None:
    from tui.cli.sweep_output import line_words

    if as_json:
        print_json(plan.as_json())
        return
    for line in plan.lines:
        say(line_words(line))
    say(plan.words)
    say("Nothing was sent.")


def _agreed_to(plan: SweepPlan, options: dict[str, Any]) -> bool:
    from tui.cli.sweep_output import line_words

    for line in plan.lines:
        narrate(line_words(line))
    if not plan.may_begin:
        raise TunedeckError("Not begun: see the lines marked STOP.", "", exit_code=ExitCode.BAD)
    narrate(plan.words)
    if options["yes"]:
        if plan.cost.money is None and not options["any_price"]:
            raise TunedeckError(
                f"What the sweep costs is {plan.price_words}, so --yes can't confirm it.",
                "Add --any-price, or choose what makes the price known.",
            )
        return True
    return confirmed(
        f"Begin {plan.trials:,} trials for {plan.price_words}?",
        "A sweep needs a confirmation, and there is no terminal to ask on.",
        "Add --yes.",
    )


def _go_on(services: Services, sweep: Sweep, *, headless: bool, as_json: bool) -> int:
    if not headless:
        return _run_here(services, sweep, as_json=as_json)
    from tui.sweeps.find import start_sweep

    detached = start_sweep(sweep.id)
    if as_json:
        print_json({"id": sweep.id, "pid": detached.pid, "log": str(detached.log)})
    else:
        say(f"Sweep {sweep.id} runs in process {detached.pid}; what happens is written to {detached.log}")
    return int(ExitCode.DONE)


def _run_here(services: Services, sweep: Sweep, *, as_json: bool) -> int:
    from tui.cli.noticing import telling
    from tui.cli.sweep_output import print_board
    from tui.records.sweeps import SweepState
    from tui.sweeps.board import read_board
    from tui.sweeps.runner import SweepRunner

    runner = SweepRunner(
        services, sweep.id, say=lambda words: narrate(f"{time.strftime('%H:%M:%S')} {words}")
    )
    try:
        with telling(services):
            ended = runner.run()
    except KeyboardInterrupt:
        narrate(f"Its jobs go on. `tunedeck sweep resume {sweep.id}` goes on with it; `sweep stop` ends it.")
        return int(ExitCode.INTERRUPTED)
    board = read_board(services, sweep.id)
    print_json(board.as_json()) if as_json else print_board(board)
    is_good = ended.state is SweepState.DONE and board.best is not None
    return int(ExitCode.DONE if is_good else ExitCode.BAD)
