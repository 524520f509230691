"""Finds the sweep that a person means, and starts a process that is at it."""

from __future__ import annotations

from tui import paths
from tui.errors import TunedeckError
from tui.jobs.headless import Detached, start_detached
from tui.jobs.ports import JobServices
from tui.records.sweeps import Sweep


def find_sweep(services: JobServices, name: str) -> Sweep:
    """Return the sweep whose id begins so, or the newest of that name.

    Raises:
        TunedeckError: There is none, or more than one.
    """
    sweeps = services.store.sweeps()
    named = [one for one in sweeps if one.name == name]
    begun = [one for one in sweeps if name and one.id.startswith(name)]
    exact = [one for one in sweeps if one.id == name]
    found = exact or begun or named[:1]
    if len(found) > 1:
        raise TunedeckError(f"{name!r} fits {len(found)} sweeps.", "Give more of the id.")
    if not found:
        raise TunedeckError(f"There is no sweep {name!r}.", "`tunedeck sweep list` lists them.")
    return found[0]


def start_sweep(sweep_id: str) -> Detached:
    """Start a process that is at a sweep until it is over; it outlives this one and its terminal.

    Raises:
        TunedeckError: Its log can't be written.
    """
    folder = paths.sweeps_dir() / sweep_id
    return start_detached(["sweep", "resume", sweep_id, "--own-session"], folder)
