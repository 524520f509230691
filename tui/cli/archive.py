"""`tunedeck archive`: a job with all its files, copied into a folder that needs no tunedeck."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.job_lookup import account_option, find_job, job_argument, refresh
from tui.cli.output import json_option, narrate, print_json, say
from tui.errors import TunedeckError
from tui.jobs.archive import archive_job, result_json
from tui.services import Services


@click.command()
@job_argument
@account_option
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to copy into, below ACCOUNT/JOB; the data folder's own place when left out.",
)
@click.option("--offline", is_flag=True, help="Copy what is known without asking for news first.")
@json_option
def command(job_id: str, account: str | None, to: Path | None, offline: bool, as_json: bool) -> None:
    """Copy JOB with its files, events, numbers and checkpoints into a folder.

    A copy that was broken off is gone on with. What the service has deleted is told as missing.
    """
    with Services.open() as services:
        job = find_job(services, job_id, account)
        if not offline:
            try:
                job = refresh(services, job).job
            except TunedeckError as error:
                narrate(f"As last seen, because: {error.message}")
        result = archive_job(services, job, below=to, on_step=lambda name: narrate(f"Copying {name}"))
    if as_json:
        print_json(result_json(result))
        return
    for what, why in result.missing:
        say(f"Missing: {what}. {why}")
    say(f"{len(result.files)} files, {result.bytes:,} bytes: {result.folder}")
