"""What people are told of the places that jobs can run in: which can be used, and why the others can't."""

from __future__ import annotations

from typing import Any

from tui.engine.executors.protocol import Executor


def executor_state(executor: Executor, *, ask: bool) -> dict[str, Any]:
    """Return a place as JSON: name, here, bills, several_workers, why_not, asked, costs.

    Args:
        executor: The place.
        ask: Ask the place itself too, and for its price, which may take some seconds; else only what is known
            here: commands and settings.
    """
    why_not = executor.why_not()
    asked = ask and why_not is None
    if asked:
        why_not = executor.does_not_answer()
    return {
        "name": executor.name,
        "here": executor.here,
        "bills": executor.bills,
        "several_workers": executor.several_workers,
        "usable": why_not is None,
        "why_not": why_not,
        "asked": asked,
        "costs": executor.what_it_costs() if asked and why_not is None else "",
    }
