"""`tunedeck watch`: a job's events as they come, until it ends."""

from __future__ import annotations

import json
import time

import click

from tui.cli.job_lookup import account_option, find_job, job_json, refresh, when
from tui.cli.output import json_option, narrate, say
from tui.errors import ExitCode, TunedeckError
from tui.jobs.fetch import GONE_STATUS
from tui.jobs.headless import ignore_hang_up, start_headless, watch_all
from tui.jobs.metrics import eta_seconds, progress_from
from tui.jobs.stop_rules import HELP
from tui.jobs.stopping import action_words, apply_stop_rules, set_stop_rules
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, JobEvent, JobState
from tui.services import Services

_LOCAL_SECONDS, _REMOTE_SECONDS = 1.0, 10.0
_LONGEST_WAIT = 60.0
_MOST_FAILURES = 60
"""Failed looks in a row, up to a minute apart, before a script gets its answer."""


@click.command()
@click.argument("job_ids", metavar="[JOB]...", nargs=-1)
@account_option
@click.option("--stop", "stop_text", metavar="RULES", help=f"Stop it by itself: {HELP}.")
@click.option(
    "--headless",
    is_flag=True,
    help="Go on in a session of its own that survives the end of this terminal; without JOB, for every job.",
)
@click.option("--own-session", is_flag=True, hidden=True)
@json_option
def command(
    job_ids: tuple[str, ...], account: str | None, stop_text: str | None, headless: bool, own_session: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Follow JOB until it ends; exit code 1 when it fails or is cancelled.

    Stop rules are kept with the job: whoever watches it, here, headless or in the app, acts by them.
    With --json, one JSON object per line: every event, and the job itself last.
    """
    with Services.open() as services:
        jobs = [find_job(services, job_id, account) for job_id in job_ids]
        if not (headless or own_session) and len(jobs) != 1:
            raise click.UsageError("Name one JOB; several, or none for all of them, go with --headless.")
        if stop_text is not None:
            _set_rules(services, jobs, stop_text)
        if own_session:
            return _follow_all(services, jobs)
        if not headless:
            return follow(services, jobs[0], as_json=as_json)
    detached = start_headless([*[job.id for job in jobs], *(["--account", account] if account else [])])
    if as_json:
        click.echo(json.dumps({"pid": detached.pid, "log": str(detached.log)}))
    else:
        say(f"Watching goes on in process {detached.pid}; what happens is written to {detached.log}")
    return int(ExitCode.DONE)


def _set_rules(services: Services, jobs: list[Job], text: str) -> None:
    if not jobs:
        raise click.UsageError("--stop goes with a JOB.")
    for job in jobs:
        rules = set_stop_rules(services.store, job, text)
        narrate(f"Stop rules of {job.id}: {rules.text}")


def _follow_all(services: Services, jobs: list[Job]) -> int:
    ignore_hang_up()
    ended = watch_all(services, services.watcher, jobs, say)
    good = all(job.state in (JobState.SUCCEEDED, JobState.PAUSED) for job in ended)
    return int(ExitCode.DONE if good else ExitCode.BAD)


def follow(services: Services, job: Job, *, as_json: bool) -> int:
    """Print a job's events until it ends or pauses, and return the exit code."""
    from tui.cli.noticing import telling  # brings the channels along

    try:
        with telling(services):
            for event in services.store.events(job.account, job.id):
                _print_event(event, as_json)
            ended = _until_end(services, job, as_json)
            _print_end(ended, as_json)
            _archive(services, ended)
    except KeyboardInterrupt:
        narrate(f"The job goes on. `tunedeck watch {job.id}` follows it again; `tunedeck cancel` stops it.")
        return int(ExitCode.INTERRUPTED)
    good = ended.state in (JobState.SUCCEEDED, JobState.PAUSED)
    return int(ExitCode.DONE if good else ExitCode.BAD)


def _archive(services: Services, job: Job) -> None:
    """Copy a job out that has just ended, where the settings say so; its exit code stays its own."""
    note = services.store.archive_note(job.account, job.id)
    if not services.settings.archive_jobs or note is None or note.due_at is None:
        return
    from tui.jobs.archive import archive_job  # only at the end of a job

    try:
        narrate(f"All its files are in {archive_job(services, job).folder}")
    except TunedeckError as error:
        narrate(f"Its files are not copied: {error.message}")


def _until_end(services: Services, job: Job, as_json: bool) -> Job:
    pause = _LOCAL_SECONDS if job.account == "local" else _REMOTE_SECONDS
    failures = 0
    told: set[str] = set()
    while True:
        try:
            result = refresh(services, job)
        except ProviderError as error:
            failures += 1
            if not error.retryable or failures > _MOST_FAILURES:
                raise
            narrate(f"{error.message} Trying again.")
            time.sleep(min(_LONGEST_WAIT, pause * 2 ** min(failures, 6)))
            continue
        failures, job = 0, result.job
        for event in result.new_events:
            _print_event(event, as_json)
        if _stop_by_rules(services, job, told):
            time.sleep(_LOCAL_SECONDS)  # and look again: its last events are still to come
            continue
        if job.state.is_final or job.state is JobState.PAUSED or job.raw_status == GONE_STATUS:
            return job
        if result.new_events and not as_json:
            _narrate_eta(services, job)
        time.sleep(pause)


def _stop_by_rules(services: Services, job: Job, told: set[str]) -> bool:
    """Return whether a rule has just stopped the job."""
    action = apply_stop_rules(services, job)
    if action is None:
        return False
    words = action_words(action)
    if words not in told:
        told.add(words)
        narrate(words)
    return action.done


def _print_event(event: JobEvent, as_json: bool) -> None:
    if as_json:
        value = {
            "id": event.id, "job_id": event.job_id, "created_at": event.created_at, "level": event.level,
            "message": event.message, "type": event.type, "data": dict(event.data),
        }  # fmt: skip
        click.echo(json.dumps(value))
        return
    mark = "" if event.level == "info" else f"{event.level}: "
    say(f"{when(event.created_at)}  {mark}{event.message}")


def _narrate_eta(services: Services, job: Job) -> None:
    events = services.store.events(job.account, job.id)
    progress, left = progress_from(events), eta_seconds(job, events)
    if progress is not None and left is not None:
        total = f" of {progress.total_steps}" if progress.total_steps else ""
        narrate(f"Step {progress.step}{total}, about {max(1, round(left))} s left")


def _print_end(job: Job, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(job_json(job)))
    elif job.state is JobState.SUCCEEDED:
        say(f"Succeeded: {job.fine_tuned_model}. `tunedeck chat` talks to it.")
    elif job.state is JobState.PAUSED:
        say(f"Paused. `tunedeck resume {job.id}` lets it go on.")
    else:
        reason = f": {job.error.message}" if job.error else ""
        say(f"{job.raw_status.capitalize()}{reason}")
