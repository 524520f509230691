"""`tunedeck jobs`: every job of every account, one of them with all that is known, or one to start again."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.job_lookup import (
    account_option,
    checkpoint_json,
    find_job,
    job_argument,
    job_json,
    refresh,
    when,
)
from tui.cli.jobs_diff import command as diff
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import TunedeckError
from tui.jobs.diagnosis import diagnose_job, diagnosis_json
from tui.jobs.job_export import ExportForm, export_job, terms_of_job
from tui.jobs.metrics import duration_text, eta_seconds, progress_from, series_from
from tui.jobs.so_far import so_far
from tui.jobs.stopping import action_json, action_words
from tui.records.jobs import Job
from tui.services import Services

_ANSWER_SECONDS = 20.0
"""A list is not held up longer by a service that hangs."""


class _JobsCommand(click.Group):
    """A list whose optional JOB stands where a group's command would: `export` and `diff` are commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave everything after a command's name to it."""
        if args[:1] in (["export"], ["diff"]):
            ctx.allow_interspersed_args = False
            args = ["", *args]
        return super().parse_args(ctx, args)


class _QuietArgument(click.Argument):
    """An argument that is named by the group's usage line, and not again before a command."""

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return none."""
        return []


@click.group(
    cls=_JobsCommand,
    invoke_without_command=True,
    subcommand_metavar="[[JOB] | export JOB | diff JOB JOB...]",
    context_settings={"allow_interspersed_args": True},
)
@click.argument("job_id", metavar="[JOB]", required=False, cls=_QuietArgument)
@account_option
@click.option("--active", is_flag=True, help="Only jobs that are not over.")
@click.option("--offline", is_flag=True, help="Show what is known without asking any service.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@json_option
@click.pass_context
def command(
    ctx: click.Context, job_id: str | None, account: str | None, active: bool, offline: bool, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """List jobs, newest first, or show one JOB."""
    if ctx.invoked_subcommand is not None:
        return
    with Services.open() as services:
        if job_id is not None:
            _show(services, job_id, account, offline=offline, as_json=as_json)
            return
        if not offline:
            for change in services.watcher.poll_together(_ANSWER_SECONDS):
                if change.problem is not None:
                    narrate(change.problem.message)
        _list(services.store.jobs(account, active_only=active, limit=limit), as_json)


@command.command()
@job_argument
@account_option
@click.option(
    "--as",
    "form",
    type=click.Choice([str(one) for one in ExportForm]),
    default="toml",
    show_default=True,
    help="A job file for `tunedeck launch --from`, or a request for curl or Python.",
)
@json_option
def export(job_id: str, account: str | None, form: str, as_json: bool) -> None:
    """Print JOB in a form that starts the same again; keys are named by their variables, never shown."""
    with Services.open() as services:
        job = find_job(services, job_id, account)
        text = export_job(services, job, ExportForm(form))
        if as_json:
            terms = terms_of_job(services, job)
            print_json({"account": job.account, "id": job.id, "form": form, "text": text,
                        "terms": terms.as_json()})  # fmt: skip
        else:
            say(text.rstrip("\n"))


command.add_command(diff)


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
            below=["MODEL", "CREATED", "TUNED MODEL"],
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
    events = store.events(job.account, job.id)
    progress, spent, left = progress_from(events), so_far(services, job, events), eta_seconds(job, events)
    found = diagnose_job(job, metrics, progress.total_steps if progress else None)
    actions = store.job_actions(job.account, job.id)
    if as_json:
        steps = [{"step": step, **values} for step, values in metrics.items()]
        print_json({**job_json(job), "metrics": steps,
                    "checkpoints": [checkpoint_json(one) for one in checkpoints],
                    "diagnosis": diagnosis_json(found), "eta_seconds": left, "so_far": spent.as_json(),
                    "stop_rules": store.stop_rules(job.account, job.id),
                    "actions": [action_json(one) for one in actions]})  # fmt: skip
        return
    launch = store.launch_of_job(job.account, job.id)
    _print_facts(job, launch.dataset_path if launch is not None else None)
    for name, words in (("Time left", f"about {duration_text(left)}" if left else ""),
                        ("Tokens so far", spent.tokens_words), ("Cost so far", spent.cost_words),
                        ("Cost by", spent.basis)):  # fmt: skip
        if words:
            say(f"{name}: {words}")
    for series in series_from(metrics).values():
        say(f"{series.name}: {series.last:g} at step {series.points[-1][0]}")
    if found is not None:
        say(f"{found.sentence} {found.advice}".rstrip())
    for action in actions:
        say(action_words(action))
    for one in checkpoints:
        say(f"Checkpoint at step {one.step}: {one.model}")


def _print_facts(job: Job, dataset: Path | None) -> None:
    facts = {
        "Job": job.id, "Account": job.account, "State": f"{job.state} ({job.raw_status})",
        "Model": job.model, "Method": job.method, "Tuned model": job.fine_tuned_model,
        "Created": when(job.created_at), "Finished": when(job.finished_at),
        "Dataset": dataset, "Training file": job.training_file, "Validation file": job.validation_file,
        "Hyperparameters": ", ".join(f"{name} {value}" for name, value in job.hyperparameters.items()),
        "Seed": job.seed, "Error": job.error.message if job.error else None,
    }  # fmt: skip
    for name, value in facts.items():
        if value not in (None, "", "-"):
            say(f"{name}: {value}")
