"""`tunedeck queue`: launches that wait until their service takes jobs again."""

from __future__ import annotations

from typing import Any

import click

from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.services import Services
from tui.store.launch_rows import QueuedLaunch


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List launches that wait until their service takes jobs again; with a command, more.

    A launch gets here when the service refuses it for today, or while as many jobs as it allows are under
    way. It is sent once more at the price that was confirmed, by the open app or by `queue run`.
    """
    if ctx.invoked_subcommand is not None:
        return
    with Services.open() as services:
        queued = services.store.queued_launches()
    if as_json:
        print_json([_json(one) for one in queued])
    elif not queued:
        say("No launch waits.")
    else:
        from tui.jobs.queue import when_due

        print_table(
            ["RUN", "FILE", "MODEL", "ACCOUNT", "PRICE", "SENT AFTER"],
            [
                [one.record.run_id[:12], one.record.dataset_path.name, one.record.request.get("model"),
                 one.record.account, one.record.price.get("total"), when_due(one.due_at)]
                for one in queued
            ],
        )  # fmt: skip


@command.command()
@json_option
def run(as_json: bool) -> int:
    """Send the launches whose time has come, at their confirmed prices; exit code 1 if one fails."""
    from tui.jobs.queue import send_due

    with Services.open() as services:
        results = send_due(services)
    failures = [one for one in results if isinstance(one, TunedeckError)]
    jobs = [one for one in results if not isinstance(one, TunedeckError)]
    for failure in failures:
        narrate(f"{failure.message} {failure.remedy}")
    if as_json:
        print_json([{"account": job.account, "id": job.id, "state": str(job.state)} for job in jobs])
    else:
        for job in jobs:
            say(f"Job {job.id} on {job.account}: {job.state}.")
        if not results:
            say("No launch is due.")
    return int(ExitCode.BAD if failures else ExitCode.DONE)


@command.command()
@click.argument("run_id", metavar="RUN")
def remove(run_id: str) -> None:
    """Take the launch whose run id begins with RUN out of the queue; it made no job and will make none."""
    from tui.jobs.queue import find_queued

    with Services.open() as services:
        found = find_queued(services, run_id)
        services.store.unqueue_launch(found.record.run_id)
    say(f"The launch of {found.record.dataset_path.name} on {found.record.account} will not be sent.")


def _json(one: QueuedLaunch) -> dict[str, Any]:
    from tui.jobs.settle import launch_json

    return {**launch_json(one.record), "due_at": one.due_at}
