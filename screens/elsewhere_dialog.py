"""What changes when a job is launched at another account, side by side, and by which method it is."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from screens.confirm import ConfirmScreen
from tui.errors import TunedeckError
from tui.records.jobs import Method
from tui.safe_text import safe_line
from tui.widgets.key_value import Pair
from tui.widgets.keys import bindings
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.jobs.elsewhere import LaunchElsewhere, Origin

_NAMES = {"learning_rate_multiplier": "Rate multiplier", "learning_rate": "Learning rate", "beta": "Beta"}
"""Hyperparameters -> how the form calls them."""
_NAME_WIDTH, _VALUE_WIDTH = 18, 46
"""Columns of the dialog, which is 66 wide inside."""


class ElsewhereScreen(ConfirmScreen, inherit_bindings=False):
    """Dismissed with True when the launch form is to be filled with `found`, with False otherwise.

    Args:
        origin: What is launched elsewhere.
        found: What it is there.
        methods: By which methods it can be trained there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("elsewhere", "confirm", "screen")]

    def __init__(self, origin: Origin, found: LaunchElsewhere, methods: Sequence[Method]) -> None:
        self.found = found
        """What is asked about."""
        self._origin = origin
        self._methods = tuple(methods)
        self._is_mapping = False
        super().__init__(self._words(), yes="fill the form", facts=_facts(found))

    def _words(self) -> str:
        return f"Launch this at {self.found.terms.account}?"

    def key_parts(self) -> list[Part]:
        """Return the line of keys, with that for the method where there is more than one."""
        parts = super().key_parts()
        if len(self._methods) > 1:
            parts += [("      ", ""), ("m", "accent"), (" another method", "")]
        return parts

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out the key for the method where there is only one."""
        return None if action == "next_method" and len(self._methods) < 2 else True

    def action_answer_yes(self) -> None:
        """Say yes to what is shown, and not while it changes."""
        if not self._is_mapping:
            super().action_answer_yes()

    def action_next_method(self) -> None:
        """Look what changes with the next method."""
        method = self.found.terms.method
        if not self._is_mapping and method in self._methods:
            self._is_mapping = True
            self._map(self._methods[(self._methods.index(method) + 1) % len(self._methods)])

    @work(
        thread=True,
        group="other-method",
        exclusive=True,
        exit_on_error=False,
        description="change the method",
    )
    def _map(self, method: Method) -> None:
        from tui.jobs.elsewhere import by_another_method  # prices and dates; only for this key

        try:
            found = by_another_method(self.services, self._origin, self.found, method)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            self.post_from_thread(self._show, self.found)
        else:
            self.post_from_thread(self._show, found)

    def _show(self, found: LaunchElsewhere) -> None:
        self.found, self._is_mapping = found, False
        self.show_facts(self._words(), _facts(found))

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Stay with what is shown."""
        self._is_mapping = False
        return super().work_broke_off(group, error)


def _facts(found: LaunchElsewhere) -> list[Pair]:
    """Return the comparison; what is too long for a line goes on in lines without a name."""
    pairs: list[Pair] = []
    for one in found.changes:
        name = _NAMES.get(one.what, safe_line(one.what, _NAME_WIDTH))
        first, *rest = wrap(safe_line(one.words, 300), _VALUE_WIDTH) or [""]
        pairs += [(name, first), *(("", line) for line in rest)]
    return pairs
