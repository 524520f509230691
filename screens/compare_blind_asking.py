"""Asks for the answers that a blind comparison lacks, whichever screen is shown meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work

from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from tui.evals.compare.asking import ComparePlan
from tui.evals.compare.session import RatingSession
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.evals.runs import AskingRun


class AsksBlind(GreyedKeys, inherit_bindings=False):
    """A screen over a blind comparison; it hears of each answer as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.plan: ComparePlan | None = None
        """What is missing, as last counted."""
        self.asking: AskingRun | None = None
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def session(self) -> RatingSession | None:
        """The comparison; None while it is read."""
        raise NotImplementedError

    def answer_came(self) -> None:
        """Show how far the asking is, and read what came."""
        raise NotImplementedError

    def asking_ended(self) -> None:
        """Count anew what is missing."""
        raise NotImplementedError

    @property
    def is_asking(self) -> bool:
        """True while answers are asked for."""
        return self.asking is not None and self.asking.state.is_running

    def follow(self, asking: AskingRun | None) -> None:
        """Hear of an asking from now on, also of one that has ended; None hears of none."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self.asking = asking
        if asking is not None:
            self._unsubscribe = asking.subscribe(lambda: self.post_from_thread(self._hear, asking))
            if not asking.state.is_running:  # it may have ended before anybody listened
                self.call_later(self._hear, asking)

    def on_unmount(self) -> None:
        """Stop listening; what is asked for goes on."""
        self.follow(None)

    def _hear(self, asking: AskingRun) -> None:
        if not asking.state.is_running:
            self.plan = None  # what was missing before is not any longer; it is counted anew
        self.answer_came()
        if asking.state.is_running:
            return
        ended = asking.take_end()
        if ended.problem is not None:
            self.tell_error(ended.problem)
        elif ended.result is not None and ended.result.refused:
            refused = ended.result.refused
            why = next(iter(refused.values()))
            self.tell(f"{len(refused):,} were refused: {why}", severity="warning")
        self.asking_ended()

    def reason_against_asking(self, action: str) -> str:
        """Return why a key about asking can't act now."""
        match action:
            case "ask_missing" if self.is_asking:
                return "They are being asked for."
            case "ask_missing" if self.plan is None or not self.plan.unknown:
                return "No answer is missing."
            case "stop_asking" if not self.is_asking:
                return "Nothing is being asked."
        return ""

    def asking_words(self) -> str:
        """Return how far the asking is, or what is missing; for the end of a line."""
        if self.asking is not None and (state := self.asking.state).is_running:
            return f" · {state.done:,} of {state.total:,} answers; x stops"
        if self.plan is not None and self.plan.unknown:
            return f" · {self.plan.unknown:,} answers are missing: a asks for them"
        return ""

    @work(group="blind-ask", exclusive=True, exit_on_error=False, description="agree to the price")
    async def action_ask_missing(self) -> None:
        """Say what is missing and what it costs, then ask for it."""
        plan, session = self.plan, self.session
        if plan is None or session is None:
            return
        names = " and ".join(safe_line(one.model, 60) for one in session.rating.comparison.sides)
        question = ConfirmScreen(
            f"Ask {names}? {plan.words}", yes="ask them", no="ask nothing",
            facts=[("Prompts of", safe_line(session.rating.comparison.source, 60))],
        )  # fmt: skip
        if await self.app.push_screen_wait(question):
            self.follow(self.services.runs.ask_blind(session.rating, plan))
            self.answer_came()
            self.refresh_bindings()

    def action_stop_asking(self) -> None:
        """Ask for no more answers now."""
        if self.asking is not None:
            self.asking.cancel()
