"""`tunedeck checkpoints`: the snapshots of a job that can be talked to and trained further."""

from __future__ import annotations

import click

from tui.cli.job_lookup import account_option, checkpoint_json, find_job, job_argument, when
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import TunedeckError
from tui.jobs.checkpoint_use import checkpoint_uses
from tui.jobs.fetch import fetch_checkpoints
from tui.records.jobs import Checkpoint
from tui.services import Services

_LOSSES = ("train_loss", "valid_loss", "full_valid_loss")


@click.command()
@job_argument
@account_option
@click.option("--offline", is_flag=True, help="Show what is known without asking the service.")
@json_option
def command(job_id: str, account: str | None, offline: bool, as_json: bool) -> None:
    """List JOB's checkpoints, newest step first, with their losses.

    `tunedeck chat` talks to each by its MODEL, and `tunedeck launch --model` trains it further where the
    service can. Checkpoints that a service has dropped since stay listed here, and say so. With --json,
    "reasons_against" says what can't be done with each, and why.
    """
    with Services.open() as services:
        job = find_job(services, job_id, account)
        if not offline:
            try:
                fetch_checkpoints(services.store, services.provider(job.account), job)
            except TunedeckError as error:
                narrate(f"As last seen, because: {error.message}")
        found = services.store.checkpoints(job.account, job.id)
        if as_json:
            uses = checkpoint_uses(services, job, found)
            print_json(
                [{"account": job.account, "job_id": job.id, **checkpoint_json(one),
                  "created_at": one.created_at, "listed": one.is_listed,
                  "reasons_against": uses[one.id].as_json()}
                 for one in found]
            )  # fmt: skip
            return
    if found:
        headings = ["STEP", "TRAIN", "VALID", "FULL", "MADE", "MODEL"]
        print_table(headings, [_cells(one) for one in found], below=["MODEL"])
    else:
        say(
            f"Job {job.id} ({job.state}) has made no checkpoint{'' if job.state.is_final else ' yet'}, "
            "or its service lists none."
        )


def _cells(checkpoint: Checkpoint) -> list[str]:
    losses = [checkpoint.metrics.get(name) for name in _LOSSES]
    return [
        f"{checkpoint.step:,}",
        *("-" if loss is None else f"{loss:.4g}" for loss in losses),
        when(checkpoint.created_at),
        (checkpoint.model or "-") + ("" if checkpoint.is_listed else "  (not listed any more)"),
    ]
