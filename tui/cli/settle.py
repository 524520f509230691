"""`tunedeck settle`: launches whose answer was lost are tied to their job, or called off."""

from __future__ import annotations

import click

from tui.cli.job_lookup import job_json, when
from tui.cli.output import confirmed, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.jobs.settle import (
    adopt_job,
    find_lost_launch,
    launch_facts,
    launch_json,
    likely_jobs,
    lost_launches,
    mark_not_created,
)
from tui.records.jobs import Job
from tui.services import Services
from tui.store.launch_rows import LaunchRecord


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--adopt", metavar="JOB", help="This job of the account is the one that the launch made.")
@click.option("--not-created", is_flag=True, help="The service made no job; the same may be launched again.")
@click.option("--yes", is_flag=True, help="Don't ask before --not-created.")
@json_option
def command(run_id: str | None, adopt: str | None, not_created: bool, yes: bool, as_json: bool) -> int:
    """List launches that got no answer, or settle the one whose run id begins with RUN.

    Nothing is created by this. The watcher settles most by itself; this is for a service that drops
    metadata or lists no jobs. Look at the service's own list of jobs first.
    """
    if run_id is None and (adopt or not_created):
        raise TunedeckError(
            "Which launch?", "Give the beginning of its run id; `tunedeck settle` lists them."
        )
    if adopt and not_created:
        raise TunedeckError(
            "A launch made a job or it made none.", "Give --adopt or --not-created, not both."
        )
    with Services.open() as services:
        if run_id is None:
            _list(services, as_json)
            return int(ExitCode.DONE)
        record = find_lost_launch(services, run_id)
        if adopt:
            _say_adopted(adopt_job(services, record, adopt), as_json)
        elif not_created:
            return _call_off(services, record, yes=yes, as_json=as_json)
        else:
            _show(services, record, as_json)
    return int(ExitCode.DONE)


def _list(services: Services, as_json: bool) -> None:
    records = lost_launches(services)
    if as_json:
        print_json([launch_json(record) for record in records])
    elif not records:
        say("Every launch has got its answer.")
    else:
        print_table(
            ["RUN", "ACCOUNT", "SENT", "MODEL", "FILE"],
            [
                [one.run_id, one.account, when(one.created_at), one.request.get("model"), one.dataset_path]
                for one in records
            ],
        )


def _show(services: Services, record: LaunchRecord, as_json: bool) -> None:
    jobs = likely_jobs(services, record)
    if as_json:
        print_json({**launch_json(record), "likely_jobs": [job_json(job) for job in jobs]})
        return
    for name, value in launch_facts(record):
        say(f"{name}: {value}")
    say(f"Sent: {when(record.created_at)}")
    for job in jobs:
        say(f"May be: {job.id} ({job.state}, {job.model}, created {when(job.created_at)})")


def _call_off(services: Services, record: LaunchRecord, *, yes: bool, as_json: bool) -> int:
    if not yes and not _yes_to(f"Has {record.account} really made no job of the launch {record.run_id}?"):
        narrate("Nothing was changed.")
        return int(ExitCode.INTERRUPTED)
    job = mark_not_created(services, record)
    if job is not None:
        narrate("The service knows the job after all.")
        _say_adopted(job, as_json)
    elif as_json:
        settled = services.store.launch(record.run_id)
        print_json(launch_json(settled if settled is not None else record))
    else:
        say(f"The launch {record.run_id} made no job; the same may be launched again.")
    return int(ExitCode.DONE)


def _say_adopted(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(job_json(job))
    else:
        say(f"Job {job.id}: {job.state} ({job.raw_status}). `tunedeck watch {job.id}` follows it.")


def _yes_to(question: str) -> bool:
    return confirmed(question, "There is no terminal to ask on.", "Add --yes when you are sure.")
