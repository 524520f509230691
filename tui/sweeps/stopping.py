"""Stopping a sweep from outside, and forgetting it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

from tui import paths
from tui.errors import TunedeckError
from tui.records.sweeps import Sweep
from tui.sweeps.ports import SweepServices
from tui.sweeps.runner import SweepRunner, is_being_run

_LOOK_SECONDS, _LONGEST_WAIT = 0.5, 120.0


def stop_sweep(
    services: SweepServices,
    sweep: Sweep,
    *,
    wait: bool = False,
    say: Callable[[str], None] = lambda words: None,
) -> None:
    """Let whoever is at a sweep stop it; where nobody is, cancel what runs here.

    Args:
        services: Store and providers.
        sweep: Which.
        wait: Until another process has done it, two minutes at most.
        say: Told what happens.

    Raises:
        TunedeckError: The store can't be used.
    """
    services.store.ask_sweep_to_stop(sweep.id)
    if not is_being_run(sweep.id):
        SweepRunner(services, sweep.id, say=say).run()
        return
    say("The process that is at it stops it now.")
    deadline = time.monotonic() + _LONGEST_WAIT
    while wait and time.monotonic() < deadline:
        known = services.store.sweep(sweep.id)
        if known is None or known.state.is_over:
            return
        time.sleep(_LOOK_SECONDS)


def forget_sweep(services: SweepServices, sweep: Sweep) -> None:
    """Forget a sweep that nobody is at; its jobs and models stay.

    Raises:
        TunedeckError: A process is at it.
    """
    if is_being_run(sweep.id):
        raise TunedeckError(
            f"A process is at the sweep {sweep.id}.",
            f"`tunedeck sweep stop {sweep.id}` first, then delete it.",
        )
    services.store.forget_sweep(sweep.id)
    shutil.rmtree(paths.sweeps_dir() / sweep.id, ignore_errors=True)
