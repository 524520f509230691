"""`tunedeck events`: what happened in a job so far."""

from __future__ import annotations

import click

from tui.cli.job_lookup import account_option, find_job, job_argument, refresh, when
from tui.cli.output import json_option, narrate, print_json, say
from tui.errors import TunedeckError
from tui.services import Services


@click.command()
@job_argument
@account_option
@click.option("--offline", is_flag=True, help="Show what is known without asking the service.")
@json_option
def command(job_id: str, account: str | None, offline: bool, as_json: bool) -> None:
    """Print JOB's events, oldest first."""
    with Services.open() as services:
        job = find_job(services, job_id, account)
        if not offline:
            try:
                refresh(services, job)
            except TunedeckError as error:
                narrate(f"As last seen, because: {error.message}")
        events = services.store.events(job.account, job.id)
    if as_json:
        print_json(
            [
                {"id": one.id, "created_at": one.created_at, "level": one.level, "message": one.message,
                 "type": one.type, "data": dict(one.data)}
                for one in events
            ]
        )  # fmt: skip
        return
    for event in events:
        say(f"{when(event.created_at)}  {event.level}  {event.message}")
