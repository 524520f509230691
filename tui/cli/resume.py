"""`tunedeck resume`: lets a paused job go on."""

from __future__ import annotations

import click

from tui.cli.job_control import control_job
from tui.cli.job_lookup import account_option, job_argument
from tui.cli.output import json_option
from tui.providers.protocol import Provider
from tui.records.jobs import Job
from tui.records.models import Capability


@click.command()
@job_argument
@account_option
@json_option
def command(job_id: str, account: str | None, as_json: bool) -> None:
    """Let paused JOB go on from where it stopped."""
    control_job(job_id, account, Capability.PAUSE, _act, as_json=as_json)


def _act(provider: Provider, job: Job) -> Job:
    return provider.resume_job(job.id)
