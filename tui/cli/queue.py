"""`tunedeck queue`: what waits to start, in which order, and until when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import click

from tui import paths
from tui.cli.job_lookup import refresh
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.jobs.at_once import limit_of, set_limit, under_way
from tui.jobs.headless import ignore_hang_up, start_detached
from tui.jobs.queue import send_due
from tui.jobs.queue_wish import PRIORITIES, parse_queue_wish, priority_word
from tui.jobs.settle import launch_json
from tui.jobs.waiting import (
    PLACES,
    Waiting,
    change_waiting,
    drop_waiting,
    find_waiting,
    keeps_queue,
    look_at_queues,
    waiting,
)
from tui.records.jobs import Job
from tui.records.requests import QueueChange
from tui.services import Services

_SHORT_ID = 12
_LOOK_SECONDS = 5.0
"""How often `queue run --wait` looks whether something may be sent."""


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List what waits to start, in the order in which it goes; with a command, more.

    A launch gets here when it is to start later (`launch --start tonight`), while its account has as many
    jobs under way as it may (`queue limit`), and when its service takes no more now. It is sent at the price
    that was confirmed, by the open app or by `queue run`. The local engine keeps its own queue, and starts
    from it whether this program runs or not.
    """
    if ctx.invoked_subcommand is not None:
        return
    with Services.open() as services:
        _look(services)
        found = waiting(services)
    if as_json:
        print_json([_json(one) for one in found])
    elif not found:
        say("Nothing waits.")
    else:
        print_table(
            ["ID", "FILE", "MODEL", "ACCOUNT", "PRIORITY", "WAITS"],
            [
                [one.id[:_SHORT_ID], one.file, one.model, one.account, priority_word(one.priority), one.why]
                for one in found
            ],
            below=("WAITS",),
        )


@command.command()
@click.option("--wait", is_flag=True, help="Stay until nothing waits here any more; ctrl+c ends it.")
@click.option("--headless", is_flag=True, help="The same in a session that survives this terminal.")
@click.option("--own-session", is_flag=True, hidden=True)
@json_option
def run(wait: bool, headless: bool, own_session: bool, as_json: bool) -> int:
    """Send the launches whose time has come, at their confirmed prices; exit code 1 if one fails."""
    if headless:
        detached = start_detached(["queue", "run", "--wait", "--own-session"], paths.data_dir() / "queue")
        if as_json:
            print_json({"pid": detached.pid, "log": str(detached.log)})
        else:
            say(f"The queue is sent by process {detached.pid}; what happens is written to {detached.log}")
        return int(ExitCode.DONE)
    if own_session:
        ignore_hang_up()
    results: list[Job | TunedeckError] = []
    try:
        with Services.open() as services:
            if not wait:
                _see_who_has_ended(services)
            for new in _send_until_done(services) if wait else [send_due(services)]:
                results += new
                _tell(new, as_json=as_json)
    except KeyboardInterrupt:
        narrate("What waits goes on waiting; the open app or `tunedeck queue run` sends it.")
        return int(ExitCode.INTERRUPTED)
    if as_json:
        jobs = [one for one in results if isinstance(one, Job)]
        print_json([{"account": job.account, "id": job.id, "state": str(job.state)} for job in jobs])
    elif not results:
        say("No launch is due.")
    failed = any(isinstance(one, TunedeckError) for one in results)
    return int(ExitCode.BAD if failed else ExitCode.DONE)


def _look(services: Services) -> None:
    try:
        look_at_queues(services)
    except TunedeckError as error:
        narrate(f"{error.message} What is listed is what was known last.")


def _send_until_done(services: Services) -> Iterator[list[Job | TunedeckError]]:
    """Yield what came of each look at the queue, until nothing waits here any more."""
    while True:
        yield send_due(services)
        waits = services.store.queued_launches()
        if not waits:
            return
        time.sleep(_LOOK_SECONDS)
        _see_who_has_ended(services)


def _see_who_has_ended(services: Services) -> None:
    """Ask after the jobs of accounts for which something waits: when one has ended, there is a place."""
    accounts = {one.record.account for one in services.store.queued_launches()}
    for job in services.store.jobs_to_watch():
        if job.account in accounts:
            with suppress(TunedeckError):
                refresh(services, job)


def _tell(results: Sequence[Job | TunedeckError], *, as_json: bool) -> None:
    for one in results:
        if isinstance(one, TunedeckError):
            narrate(f"{one.message} {one.remedy}")
        elif not as_json:
            say(f"Job {one.id} on {one.account}: {one.state}.")


@command.command("set")
@click.argument("name", metavar="ID")
@click.argument("wish", nargs=-1, required=True)
@json_option
def set_wish(name: str, wish: tuple[str, ...], as_json: bool) -> None:
    """Let what waits as ID start at another time, or matter more or less: now, tonight, 23:30, +2h, high."""
    with Services.open() as services:
        _look(services)
        found = find_waiting(services, name)
        wanted = parse_queue_wish(" ".join(wish), services.settings.night)
        words = " ".join(wish).lower().split()
        start_after = wanted.start_at if wanted.start_at is not None else 0 if "now" in words else None
        priority = wanted.priority if any(word in PRIORITIES for word in words) else None
        change_waiting(services, found, QueueChange(priority=priority, start_after=start_after))
        _show(services, found, as_json)


@command.command()
@click.argument("name", metavar="ID")
@click.argument("place", type=click.Choice(PLACES))
@json_option
def move(name: str, place: str, as_json: bool) -> None:
    """Move what waits as ID among those of its account and priority."""
    with Services.open() as services:
        _look(services)
        found = find_waiting(services, name)
        change_waiting(services, found, QueueChange(place=place))
        _show(services, found, as_json)


@command.command()
@click.argument("account")
@click.argument("jobs", type=click.IntRange(min=0), required=False)
@json_option
def limit(account: str, jobs: int | None, as_json: bool) -> None:
    """Say how many jobs ACCOUNT may have under way at once, or set it; 0 takes the limit away.

    Launches beyond it wait. For this machine itself, set engine_jobs_at_once: `tunedeck config`.
    """
    with Services.open() as services:
        if jobs is not None:
            if keeps_queue(services, account):
                raise TunedeckError(
                    f"{account} keeps its own queue.",
                    "`tunedeck config set engine_jobs_at_once N` sets how many it trains; restart it then.",
                    exit_code=ExitCode.WRONG_USE,
                )
            set_limit(services, account, jobs or None)
        known, taken = limit_of(services, account), under_way(services, account)
    if as_json:
        print_json({"account": account, "limit": known, "under_way": taken})
    else:
        say(f"{account}: {taken} under way of {'any number' if known is None else known}.")


@command.command()
@click.argument("name", metavar="ID")
def remove(name: str) -> None:
    """Take what waits as ID out of the queue: a launch is not sent, a job of the engine is cancelled."""
    with Services.open() as services:
        _look(services)
        found = find_waiting(services, name)
        drop_waiting(services, found)
    ending = "is cancelled" if found.job is not None else "will not be sent"
    say(f"The {'job' if found.job else 'launch'} of {found.file} on {found.account} {ending}.")


def _show(services: Services, changed: Waiting, as_json: bool) -> None:
    still = [one for one in waiting(services) if one.id == changed.id]
    found = (
        still[0] if still else replace(changed, start_at=None, why="waits no more")
    )  # it was let go at once
    if as_json:
        print_json(_json(found))
    else:
        say(f"{found.file} on {found.account}: {priority_word(found.priority)} priority, {found.why}.")


def _json(one: Waiting) -> dict[str, Any]:
    if one.launch is None:
        return one.as_json()
    return {**launch_json(one.launch.record), **one.as_json(), "due_at": one.launch.due_at}
