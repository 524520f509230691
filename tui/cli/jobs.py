"""`tunedeck jobs`: every job of every account, or one of them with all that is known."""

from __future__ import annotations

import click

from tui.cli.job_lookup import account_option, find_job, job_json, refresh, when
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import TunedeckError
from tui.jobs.diagnosis import diagnose_job, diagnosis_json
from tui.jobs.metrics import progress_from, series_from
from tui.jobs.stopping import action_json, action_words
from tui.records.jobs import Job
from tui.services import Services


@click.command()
@click.argument("job_id", metavar="[JOB]", required=False)
@account_option
@click.option("--active", is_flag=True, help="Only jobs that are not over.")
@click.option("--offline", is_flag=True, help="Show what is known without asking any service.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@json_option
def command(
    job_id: str | None, account: str | None, active: bool, offline: bool, limit: int, as_json: bool
) -> None:
    """List jobs, newest first, or show one JOB."""
    with Services.open() as services:
        if job_id is not None:
            _show(services, job_id, account, offline=offline, as_json=as_json)
            return
        if not offline:
            for change in services.watcher.poll_once():
                if change.problem is not None:
                    narrate(change.problem.message)
        _list(services.store.jobs(account, active_only=active, limit=limit), as_json)


def _list(jobs: list[Job], as_json: bool) -> None:
    if as_json:
        print_json([job_json(job) for job in jobs])
    elif not jobs:
        say("No jobs yet. `tunedeck launch FILE` starts one.")
    else:
        print_table(
            ["JOB", "ACCOUNT", "STATE", "MODEL", "CREATED", "TUNED MODEL"],
            [
                [job.id, job.account, job.state, job.model, when(job.created_at), job.fine_tuned_model or "-"]
                for job in jobs
            ],
        )


def _show(services: Services, job_id: str, account: str | None, *, offline: bool, as_json: bool) -> None:
    job = find_job(services, job_id, account)
    if not offline:
        try:
            job = refresh(services, job).job
        except TunedeckError as error:
            narrate(f"As last seen, because: {error.message}")
    store = services.store
    metrics, checkpoints = store.metrics(job.account, job.id), store.checkpoints(job.account, job.id)
    progress = progress_from(store.events(job.account, job.id))
    found = diagnose_job(job, metrics, progress.total_steps if progress else None)
    actions = store.job_actions(job.account, job.id)
    if as_json:
        steps = [{"step": step, **values} for step, values in metrics.items()]
        saved = [{"id": one.id, "model": one.model, "step": one.step, "metrics": dict(one.metrics)}
                 for one in checkpoints]  # fmt: skip
        print_json({**job_json(job), "metrics": steps, "checkpoints": saved,
                    "diagnosis": diagnosis_json(found),
                    "stop_rules": store.stop_rules(job.account, job.id),
                    "actions": [action_json(one) for one in actions]})  # fmt: skip
        return
    _print_facts(job)
    for series in series_from(metrics).values():
        say(f"{series.name}: {series.last:g} at step {series.points[-1][0]}")
    if found is not None:
        say(f"{found.sentence} {found.advice}".rstrip())
    for action in actions:
        say(action_words(action))
    for one in checkpoints:
        say(f"Checkpoint at step {one.step}: {one.model}")


def _print_facts(job: Job) -> None:
    facts = {
        "Job": job.id, "Account": job.account, "State": f"{job.state} ({job.raw_status})",
        "Model": job.model, "Method": job.method, "Tuned model": job.fine_tuned_model,
        "Created": when(job.created_at), "Finished": when(job.finished_at),
        "Trained tokens": f"{job.trained_tokens:,}" if job.trained_tokens is not None else None,
        "Training file": job.training_file, "Validation file": job.validation_file,
        "Hyperparameters": ", ".join(f"{name} {value}" for name, value in job.hyperparameters.items()),
        "Seed": job.seed, "Error": job.error.message if job.error else None,
    }  # fmt: skip
    for name, value in facts.items():
        if value not in (None, "", "-"):
            say(f"{name}: {value}")
