"""`tunedeck engine executors`: the places that jobs can run in, and why the others can't be used."""

from __future__ import annotations

from typing import Any

import click

from tui.cli.output import json_option, print_json, print_table, say
from tui.errors import ExitCode
from tui.safe_text import safe_line

_LONGEST = 300


@click.command("executors")
@click.option("--offline", is_flag=True, help="Look at commands and settings alone; ask no place.")
@json_option
def command(offline: bool, as_json: bool) -> int:
    """List where jobs can run: this machine, Ray, Slurm, SkyPilot, Hugging Face Jobs.

    A running engine is asked, since its own environment counts; without one, this process looks itself.
    """
    states = _states("" if offline else "all")
    if as_json:
        print_json(states)
        return int(ExitCode.DONE)
    print_table(
        ("run_on", "can be used", "what is missing, or what it costs"),
        [(str(one["name"]), "yes" if one["usable"] else "no", _words(one)) for one in states],
        below=("what is missing, or what it costs",),
    )
    say("A job says where: `tunedeck launch FILE --set run_on=NAME`. Settings: docs/clusters.md.")
    return int(ExitCode.DONE)


def _states(ask: str) -> list[dict[str, Any]]:
    from tui.local_engine import engine_executors, find_engine

    address = find_engine()
    if address is not None:
        return engine_executors(address, ask)
    from tui.engine.executors.choose import known_executors
    from tui.engine.executors.state import executor_state

    return [executor_state(one, ask=bool(ask)) for one in known_executors().values()]


def _words(state: dict[str, Any]) -> str:
    return safe_line(str(state.get("why_not") or state.get("costs") or ""), _LONGEST)
