"""`tunedeck sweep list`, `show`, `stop`, `promote`, `export`, `new`, `delete`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tui.cli.job_lookup import when
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.datasets.files import refuse_no_file
from tui.errors import ExitCode, TunedeckError
from tui.services import Services


@click.command("list")
@json_option
def list_sweeps(as_json: bool) -> None:
    """List every sweep, newest first."""
    from tui.sweeps.board import read_board

    with Services.open() as services:
        boards = [read_board(services, one.id) for one in services.store.sweeps()]
    if as_json:
        print_json([{key: value for key, value in one.as_json().items() if key not in ("log", "trials")}
                    for one in boards])  # fmt: skip
    elif not boards:
        say("No sweep yet. `tunedeck sweep new` writes a file to begin with.")
    else:
        print_table(
            ["SWEEP", "NAME", "STATE", "TRIALS", "BEST", "MONEY", "BEGUN"],
            [
                [one.sweep.id, one.sweep.name, one.state_words,
                 f"{sum(row.trial.state.is_over for row in one.rows)}/{one.planned}",
                 "" if one.best is None else f"{one.best.trial.value:.4g} (trial {one.best.trial.number})",
                 one.money_words, when(one.sweep.created_at)]
                for one in boards
            ],
        )  # fmt: skip


@click.command()
@click.argument("sweep_id", metavar="SWEEP")
@click.option("--log", "with_log", is_flag=True, help="Print what has happened, too.")
@json_option
def show(sweep_id: str, with_log: bool, as_json: bool) -> None:
    """Show SWEEP: its trials by rank, with settings, value, money, job, and what mattered."""
    from tui.cli.sweep_output import print_board
    from tui.sweeps.board import read_board
    from tui.sweeps.find import find_sweep

    with Services.open() as services:
        board = read_board(services, find_sweep(services, sweep_id).id)
    if as_json:
        print_json(board.as_json())
        return
    print_board(board)
    for line in board.log if with_log else ():
        say(f"{when(line.at)}  {line.words}")


@click.command()
@click.argument("sweep_id", metavar="SWEEP")
@click.option("--wait", is_flag=True, help="Wait until everything of it is cancelled.")
@json_option
def stop(sweep_id: str, wait: bool, as_json: bool) -> int:
    """Stop SWEEP: begin no further trial, and cancel the jobs under way where their service can.

    Whoever is at it does so at once; where nobody is, this does. `sweep resume` goes on with it.
    """
    from tui.sweeps.board import read_board
    from tui.sweeps.find import find_sweep
    from tui.sweeps.stopping import stop_sweep

    with Services.open() as services:
        sweep = find_sweep(services, sweep_id)
        if sweep.state.is_over:
            narrate(f"It is {sweep.state} already: {sweep.reason}")
        else:
            stop_sweep(services, sweep, wait=wait, say=narrate)
        board = read_board(services, sweep.id)
    print_json(board.as_json()) if as_json else say(f"{board.sweep.name}: {board.state_words}")
    return int(ExitCode.DONE)


@click.command()
@click.argument("sweep_id", metavar="SWEEP")
@click.option("--trial", type=click.IntRange(1), help="Which trial; the best when left out.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Write a job file with its settings, for launch."
)
@click.option("--epochs", type=click.IntRange(1, 50), help="With --output: train its model on by so many.")
@click.option("--default-model", is_flag=True, help="Make it the model that chats and launches begin with.")
@json_option
def promote(
    sweep_id: str,
    trial: int | None,
    output: Path | None,
    epochs: int | None,
    default_model: bool,
    as_json: bool,
) -> None:
    """Promote a trial of SWEEP: mark it, tag its model, and write its settings as a job file.

    `tunedeck launch --from FILE` then trains it: anew with all its settings, or with --epochs its model
    further, at the price that launch shows.
    """
    from tui.cli.sweep_output import promoted_words
    from tui.sweeps.board import read_board
    from tui.sweeps.find import find_sweep
    from tui.sweeps.promote import promote as promote_trial
    from tui.sweeps.promote import terms_to_go_on, winner_file_text, write_new

    if epochs is not None and output is None:
        raise click.UsageError("--epochs goes with --output.")
    with Services.open() as services:
        board = read_board(services, find_sweep(services, sweep_id).id)
        found = promote_trial(services, board, trial)
        if output is not None:
            shown = found if epochs is None else replace(found, terms=terms_to_go_on(found, epochs))
            write_new(output, winner_file_text(board, shown))
        if default_model:
            _make_default(found.model, found.row.job.account if found.row.job else "")
    if as_json:
        print_json({**found.as_json(), "file": None if output is None else str(output)})
        return
    say(promoted_words(found.row))
    if found.model:
        say(f"Its model is {found.model}; `tunedeck chat` talks to it.")
    if output is not None:
        say(f"`tunedeck launch --from {output}` trains it.")


def _make_default(model: str | None, account: str) -> None:
    from tui.config import save_setting

    if model is None:
        raise TunedeckError("The trial has made no model.", "Promote one that came to its end.")
    save_setting("default_model", model)
    save_setting("default_account", account)


@click.command()
@click.argument("sweep_id", metavar="SWEEP")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="A new file; printed when left out.")
def export(sweep_id: str, output: Path | None) -> None:
    """Write SWEEP as a file that `sweep run` takes."""
    from tui.sweeps.find import find_sweep
    from tui.sweeps.promote import write_new
    from tui.sweeps.sweep_file import sweep_file_text, terms_of_definition

    with Services.open() as services:
        sweep = find_sweep(services, sweep_id)
    text = sweep_file_text(terms_of_definition(sweep.definition), (f"Made from the sweep {sweep.id}.",))
    if output is None:
        say(text.rstrip())
        return
    write_new(output, text)
    say(f"Written: {output}")


@click.command()
@click.argument("training", type=click.Path(path_type=Path), required=False)
@click.option("--like", metavar="JOB", help="Around a job that was launched before.")
@click.option("--model", help="Base model; the settings' default_model when left out.")
@click.option("--account", help="Who trains.")
@click.option("--name", default="sweep", show_default=True, help="Of the sweep.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="A new file; printed when left out.")
def new(training: Path | None, like: str | None, output: Path | None, **options: Any) -> None:
    """Write a sweep file to begin with: learning rate and epochs around TRAINING or a job.

    Change it as you like; `sweep run FILE --dry-run` says what it would cost.
    """
    from tui.sweeps.promote import write_new
    from tui.sweeps.suggested import suggested_text

    if (training is None) == (like is None):
        raise click.UsageError("Name either a training file or --like JOB.")
    if training is not None:
        refuse_no_file(training)
    with Services.open() as services:
        text = suggested_text(services, training, like, **options)
    if output is None:
        say(text.rstrip())
        return
    write_new(output, text)
    say(f"Written: {output}. `tunedeck sweep run {output} --dry-run` says what it would cost.")


@click.command()
@click.argument("sweep_id", metavar="SWEEP")
@json_option
def delete(sweep_id: str, as_json: bool) -> None:
    """Forget SWEEP and its trials; their jobs and models stay."""
    from tui.sweeps.find import find_sweep
    from tui.sweeps.stopping import forget_sweep

    with Services.open() as services:
        sweep = find_sweep(services, sweep_id)
        forget_sweep(services, sweep)
    print_json({"id": sweep.id, "deleted": True}) if as_json else say(
        f"Forgotten: {sweep.name} ({sweep.id})."
    )


COMMANDS = (list_sweeps, show, stop, promote, export, new, delete)
