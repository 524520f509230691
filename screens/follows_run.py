"""A screen over a run that goes on without it: price and yes before, progress meanwhile, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.widgets import Static

from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.widgets.key_value import Pair
from tui.widgets.meter import Meter
from tui.widgets.tones import Part, content

if TYPE_CHECKING:
    from tui.evals.arms.arms import ArmsPlan
    from tui.evals.background import BackgroundRun, RunState
    from tui.evals.diet import DietPlan
    from tui.evals.parity import ParityPlan
    from tui.evals.plan import EvalPlan
    from tui.evals.record import RecordPlan
    from tui.money.usage_price import Amount

_LOOKS_A_SECOND = 4


class FollowsRun(GreyedKeys, inherit_bindings=False):
    """Has a `Meter` and a line of state, and looks at its run while it is shown."""

    STATE = ""
    """Selector of the line that says how the run stands."""

    def __init__(self) -> None:
        super().__init__()
        self.was_running = False
        """As the screen shows it."""

    @property
    def background(self) -> BackgroundRun[Any, Any]:
        """The run that is followed."""
        raise NotImplementedError

    def state_parts(self, state: RunState[Any, Any]) -> Sequence[Part]:
        """Return how the run stands, or how it ended."""
        raise NotImplementedError

    def run_turned(self) -> None:
        """Show that the run has begun, or that it is over."""

    def run_went_on(self, state: RunState[Any, Any]) -> None:
        """Show what a run that is under way has done since; most screens need no more than the meter."""

    def follow_run(self) -> None:
        """Look at the run from now on."""
        self.set_interval(1 / _LOOKS_A_SECOND, self.look_at_run)
        self.look_at_run()

    def look_at_run(self) -> None:
        """Show how the run stands."""
        state = self.background.state
        meter = self.query_one(Meter)
        meter.display = state.is_running
        meter.fraction = state.fraction
        self.query_one(self.STATE, Static).update(content(*self.state_parts(state)))
        if state.is_running:
            self.run_went_on(state)
        if state.is_running != self.was_running:
            self.was_running = state.is_running
            self.run_turned()
            self.refresh_bindings()

    async def agree_and_start(
        self,
        plan: EvalPlan | RecordPlan | DietPlan | ParityPlan | ArmsPlan,
        question: str,
        facts: Sequence[Pair],
    ) -> None:
        """Show price and time, ask, and begin; never more than the shown limit is spent. For workers.

        Args:
            plan: What is begun.
            question: Over the dialog.
            facts: What a yes depends on, beside the price.
        """
        from tui.evals.plan import EvalPlan
        from tui.evals.spending import dearest_end, kept_below

        asked = plan if isinstance(plan, EvalPlan) else plan.plan
        cap = await asyncio.to_thread(dearest_end, self.services, asked)
        if not asked.is_free:
            unknown = "Nobody knows what this costs; the service charges it."
            dialog = ConfirmScreen(
                question, yes="ask them", facts=[*facts, *price_facts(asked, cap)],
                warning=unknown if asked.price is None else "",
            )  # fmt: skip
            if not await self.app.push_screen_wait(dialog):
                return
        capped = kept_below(asked, cap)
        try:
            self.background.start(capped if isinstance(plan, EvalPlan) else replace(plan, plan=capped))
        except TunedeckError as error:
            self.tell_error(error)
        self.look_at_run()

    def stop_run(self) -> None:
        """Ask nothing more; what was answered is kept."""
        self.background.cancel()
        self.look_at_run()


def price_facts(plan: EvalPlan, cap: Amount | None) -> list[Pair]:
    """Return what a run asks for and costs, for the question before it."""
    judged = f", and up to {plan.judge_asks:,} of a judge" if plan.judge_asks else ""
    capped = plan.options.max_cost
    never = f"{capped} (your cap)" if capped is not None else "no limit" if cap is None else cap.words
    return [
        ("To ask", f"{plan.unknown:,} answers{judged}"),
        ("Price", "not published" if plan.price is None else plan.price.words),
        ("Never more than", never),
    ]
