"""`tunedeck cancel`: stops a job for good."""

from __future__ import annotations

import click

from tui.cli.job_control import control_and_say
from tui.cli.job_lookup import account_option, job_argument
from tui.cli.output import json_option
from tui.jobs.control import Control


@click.command()
@job_argument
@account_option
@json_option
def command(job_id: str, account: str | None, as_json: bool) -> None:
    """Stop JOB for good; what was trained so far may be charged."""
    control_and_say(job_id, account, Control.CANCEL, as_json=as_json)
