"""Before anything is asked of a model: what it would be, or a yes to its price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tui.cli.output import confirmed, narrate, print_json, say
from tui.errors import ExitCode


class PricedPlan(Protocol):
    """A plan that says in words what it asks and what that costs."""

    @property
    def words(self) -> str:
        """What is asked and what it costs, for people."""
        ...

    @property
    def is_free(self) -> bool:
        """True when nothing that costs is asked."""
        ...


class ShownPlan(PricedPlan, Protocol):
    """A plan that programs can read too."""

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        ...


def agreed(plan: PricedPlan, *, who: str = "", question: str = "Ask them?") -> bool:
    """Ask before anything that costs, or whose price is not known, is sent; what is free is narrated.

    Args:
        plan: What would be asked.
        who: Whom it asks, where the plan does not say.
        question: What is to be agreed to.

    Raises:
        TunedeckError: There is no terminal to ask on.
    """
    narrate(f"{who}: {plan.words}" if who else plan.words)
    without = f"{plan.words} There is no terminal to ask on."
    return plan.is_free or confirmed(question, without, "Add --yes to agree, or --max-cost with it.")


def settled_unasked(
    plan: ShownPlan, options: Mapping[str, Any], *, as_json: bool, who: str = ""
) -> ExitCode | None:
    """Return how a command ends that asks nothing: a dry run, or a no; None when it may go on.

    Args:
        plan: What would be asked.
        options: With `dry_run` and `yes`.
        as_json: How a dry run is shown.
        who: Whom it asks, where the plan does not say.

    Raises:
        TunedeckError: There is no terminal to ask on.
    """
    if options["dry_run"]:
        if as_json:
            print_json(plan.as_json())
        else:
            say(plan.words)
        return ExitCode.DONE
    if not options["yes"] and not agreed(plan, who=who):
        narrate("Nothing was asked.")
        return ExitCode.INTERRUPTED
    return None
