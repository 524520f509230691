"""What the parts of Side by side know of each other."""

from __future__ import annotations

from collections.abc import Sequence

from screens.greyed_keys import GreyedKeys
from tui.chat.lanes import LaneAnswer
from tui.evals.cases import Case
from tui.evals.record import ALTERNATIVES
from tui.records.chats import ChatParameters
from tui.records.comparisons import Side
from tui.widgets.answer_pane import AnswerPane

NEW_SIDE = ChatParameters(temperature=0.0, max_tokens=512, logprobs=ALTERNATIVES)
"""The likeliest answer, so that what differs is the model's doing and not chance's."""


class CompareBase(GreyedKeys, inherit_bindings=False):
    """A screen with panes; its parts are classes between this one and `CompareScreen`."""

    def __init__(self) -> None:
        super().__init__()
        self.sides: tuple[Side, ...] = ()
        """Who answers, pane by pane."""
        self.panes: list[AnswerPane] = []
        self.active = 0
        """The pane that keys act on."""
        self.cases: Sequence[Case] = ()
        """Prompts of a file; empty when they are typed."""
        self.place = 0
        """Which of them is shown, from 0."""
        self.source = ""
        """Where the prompt is from."""

    @property
    def is_asking(self) -> bool:
        """True while an answer comes."""
        raise NotImplementedError

    def set_sides(self, sides: tuple[Side, ...]) -> None:
        """Let these answer from now on."""
        raise NotImplementedError

    def change_side(self, side: Side) -> None:
        """Let another one answer in the active pane."""
        raise NotImplementedError

    def ask_case(self, source: str, case: Case) -> None:
        """Ask all panes."""
        raise NotImplementedError

    def answer_of(self, place: int) -> LaneAnswer | None:
        """Return what a pane shows."""
        raise NotImplementedError

    def show_all(self) -> None:
        """Show everything anew."""
        raise NotImplementedError
