"""`tunedeck jobs diff`: several jobs over one another, in which settings and results they differ."""

from __future__ import annotations

import click

from tui.cli.job_lookup import account_option, find_job, refresh
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import TunedeckError
from tui.jobs.run_overlay import Overlay, Run, overlay_runs
from tui.records.jobs import Job
from tui.services import Services


@click.command("diff")
@click.argument("job_ids", metavar="JOB JOB...", nargs=-1, required=True)
@account_option
@click.option("--all", "everything", is_flag=True, help="Show settings that are the same in all jobs, too.")
@click.option("--at", "step", type=click.IntRange(min=0), help="Print every metric's value at this step.")
@click.option("--offline", is_flag=True, help="Show what is known without asking any service.")
@json_option
def command(
    job_ids: tuple[str, ...], account: str | None, everything: bool, step: int | None, offline: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Say in which settings and results two to four JOBs differ.

    Settings are those that the service resolved. With --at, each metric's newest value up to that step in
    every job; with --json, the curves too.
    """
    with Services.open() as services:
        jobs = [find_job(services, job_id, account) for job_id in job_ids]
        if not offline:
            for job in jobs:
                _refresh(services, job)
        overlay = overlay_runs(services, [(job.account, job.id) for job in jobs])
    if as_json:
        at = {} if step is None else {"at": {"step": step, "values": _values_at(overlay, step)}}
        print_json(overlay.as_json() | at)
        return
    for run in overlay.runs:
        say(f"{run.letter}  {run.title}  {run.job.id}  {run.job.account}")
    say("")
    _print_settings(overlay, everything)
    if step is not None:
        say("")
        _print_values(overlay, step)


def _refresh(services: Services, job: Job) -> None:
    try:
        refresh(services, job)
    except TunedeckError as error:
        narrate(f"{job.id} as last seen, because: {error.message}")


def _print_settings(overlay: Overlay, everything: bool) -> None:
    letters = [run.letter for run in overlay.runs]
    shown = overlay.settings if everything else overlay.differing
    if shown:
        print_table(["SETTING", *letters], [[one.name, *one.words] for one in shown])
    same = [one.name for one in overlay.settings if not one.differs]
    if same and not everything:
        say(f"Same in all: {', '.join(same)}.")


def _values_at(overlay: Overlay, step: int) -> dict[str, list[float | None]]:
    def value(run: Run, metric: str) -> float | None:
        found = run.value_at(metric, step)
        return found[1] if found is not None else None

    return {metric: [value(run, metric) for run in overlay.runs] for metric in overlay.metrics}


def _print_values(overlay: Overlay, step: int) -> None:
    rows = [
        [metric, *("–" if value is None else f"{value:.4g}" for value in values)]
        for metric, values in _values_at(overlay, step).items()
    ]
    print_table([f"AT STEP {step:,}", *(run.letter for run in overlay.runs)], rows)
