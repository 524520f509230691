"""`tunedeck engine remote`: looks after engines on other machines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from tui.cli.output import confirmed, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError


@click.group("remote", invoke_without_command=True)
@json_option
@click.pass_context
def remote(ctx: click.Context, as_json: bool) -> None:
    """List the engines on other machines; with a command, look after one by its account's name."""
    if ctx.invoked_subcommand is None:
        _list(as_json)


@remote.command("list")
@json_option
def list_engines(as_json: bool) -> None:
    """List the engines on other machines and their tunnels; asks none of them."""
    _list(as_json)


@remote.command()
@click.argument("name")
@json_option
def connect(name: str, as_json: bool) -> int:
    """Open the tunnel of NAME, and start the engine there if it has ended."""
    from tui.remote.connection import connect as open_connection

    address = open_connection(name, by_hand=True)
    if as_json:
        print_json({"account": name, "tunnel": "open", "base_url": address.url, "pid": address.pid})
    else:
        say(f"{name} answers at {address.url}")
    return int(ExitCode.DONE)


@remote.command()
@click.argument("name")
@json_option
def disconnect(name: str, as_json: bool) -> int:
    """Close the tunnel of NAME and leave it closed; the engine and its jobs go on there."""
    from tui.remote.connection import disconnect as close_connection

    was_open = close_connection(name)
    if as_json:
        print_json({"account": name, "tunnel": "closed", "was_open": was_open})
    else:
        say(f"The tunnel of {name} is closed." if was_open else f"No tunnel of {name} was open.")
    return int(ExitCode.DONE)


@remote.command()
@click.argument("name")
@json_option
def status(name: str, as_json: bool) -> int:
    """Ask the machine of NAME how its engine is; exit code 1 when none runs there."""
    from tui.remote.far_engine import engine_status
    from tui.remote.records import known_record
    from tui.remote.ssh import Ssh
    from tui.remote.states import tunnel_state

    record = known_record(name)
    found = engine_status(Ssh(record.destination), record)
    tunnel, problem = tunnel_state(name)
    running = bool(found.get("running"))
    if as_json:
        print_json({"account": name, "target": record.target, "tunnel": tunnel.value, "engine": found})
    else:
        _say_status(record.target, found)
        say(f"Tunnel: {tunnel.value}. {problem}".rstrip())
    return int(ExitCode.DONE if running else ExitCode.BAD)


@remote.command()
@click.argument("name")
@json_option
def stop(name: str, as_json: bool) -> int:
    """Stop the engine of NAME there and close its tunnel; a running job is saved and goes on later."""
    from tui.remote.deploy import stop as stop_there

    stopped = stop_there(name)
    if as_json:
        print_json({"account": name, "stopped": stopped, "tunnel": "closed"})
    else:
        say(f"The engine of {name} has stopped." if stopped else f"No engine was running at {name}.")
    return int(ExitCode.DONE)


@remote.command()
@click.argument("name")
@click.option(
    "--wheelhouse",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of wheels to install from, for a machine without a package index.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def upgrade(name: str, wheelhouse: Path | None, yes: bool, as_json: bool) -> int:
    """Bring the engine of NAME to this program's version, or mend its installation; its jobs are kept."""
    from tui.cli.engine_deploy import deploy_planned
    from tui.remote.deploy import upgrade_plan

    narrate(f"Looking at the machine of {name}…")
    return deploy_planned(upgrade_plan(name, wheelhouse), wheelhouse, yes=yes, as_json=as_json)


@remote.command()
@click.argument("name")
@click.option("--keep-there", is_flag=True, help="Forget it here only; nothing is asked of its machine.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def remove(name: str, keep_there: bool, yes: bool, as_json: bool) -> int:
    """Delete the engine of NAME there, with its jobs and tuned models, and its account here."""
    from tui.remote.deploy import remove as remove_there
    from tui.remote.records import known_record

    record = known_record(name)
    what = (
        f"Forget the engine at {record.target} here?"
        if keep_there
        else f"Delete {record.folder} on {record.target}, with every job, file and tuned model in it?"
    )
    if not yes and not confirmed(what, f"Removing {name} needs a yes.", "Add --yes."):
        return int(ExitCode.INTERRUPTED)
    remove_there(name, keep_there=keep_there, tell=narrate)
    if as_json:
        print_json({"account": name, "removed": True, "kept_there": keep_there})
    else:
        say(f"{name} is removed." if not keep_there else f"{name} is forgotten here.")
    return int(ExitCode.DONE)


@remote.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def run(name: str, arguments: tuple[str, ...]) -> int:
    """Run tunedeck with ARGUMENTS on the machine of NAME and print what it says.

    So `tunedeck engine remote run NAME -- engine add owner/model` adds a base model there.
    """
    from tui.remote.far_engine import run_there
    from tui.remote.records import known_record
    from tui.remote.ssh import Ssh

    record = known_record(name)
    if arguments[0].startswith("-") and arguments[0] != "--version":
        raise TunedeckError("Name a command of tunedeck, such as engine.", "")
    printed = run_there(Ssh(record.destination), record, list(arguments), timeout=3600)
    if printed:
        say(printed)
    sys.stdout.flush()
    return int(ExitCode.DONE)


def _list(as_json: bool) -> None:
    from tui.remote.records import all_records
    from tui.remote.states import tunnel_state
    from tui.remote.tunnel import find_tunnel

    rows: list[dict[str, Any]] = []
    for record in all_records():
        tunnel = find_tunnel(record.name)
        rows.append({
            "account": record.name, "target": record.target, "folder": record.folder,
            "version": record.version, "tunnel": tunnel_state(record.name)[0].value,
            "base_url": tunnel.url if tunnel is not None else None,
        })  # fmt: skip
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ["ACCOUNT", "MACHINE", "VERSION", "TUNNEL", "ADDRESS"],
            [
                [row["account"], row["target"], row["version"], row["tunnel"], row["base_url"] or "-"]
                for row in rows
            ],
        )
    else:
        say("No engine on another machine is known. `tunedeck engine deploy user@host` makes one.")


def _say_status(target: str, found: dict[str, Any]) -> None:
    if not found.get("running"):
        say(f"No engine is running on {target}; it is started when it is needed.")
        return
    jobs, base = found.get("jobs") or {}, found.get("base_model") or {}
    say(f"Engine {found.get('version')} runs on {target} (process {found.get('pid')}).")
    say(f"Base model {base.get('name')}: {base.get('state')}.")
    say(f"Jobs: {jobs.get('running', 0)} running, {jobs.get('queued', 0)} queued.")
    say(f"Memory: {int(found.get('memory_bytes') or 0) // (1024 * 1024)} MB.")
