"""What rows have, counted while the dialog is open, to choose from; several at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.worker import get_current_worker

from screens.base import DeckDialog
from tui.datasets.facets import FACETS, FROM_REPORT
from tui.errors import TunedeckError
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.tones import Line, Part, Tone, content, fit

if TYPE_CHECKING:
    from tui.datasets.facets import Facets
    from tui.datasets.row_choice import RowChooser

_SECONDS_BETWEEN_POSTS = 0.25
_NAMES = tuple(FACETS)


class FacetList(LineList):
    """Each property with a box and its count."""

    def __init__(self, chosen: tuple[str, ...]) -> None:
        super().__init__(id="facet-list")
        self.chosen = set(chosen)
        self._counts: Mapping[str, str] = {}

    def show_counts(self, counts: Mapping[str, str]) -> None:
        """Show how many rows have each, as far as that is known."""
        self._counts = counts
        self.items_changed()

    def toggle(self) -> None:
        """Choose or drop the property under the cursor."""
        self.chosen ^= {_NAMES[self.cursor]}
        self.items_changed()

    def clear(self) -> None:
        """Drop all."""
        self.chosen.clear()
        self.items_changed()

    def item_count(self) -> int:
        """Return how many properties there are."""
        return len(_NAMES)

    def item_line(self, index: int, width: int) -> Line:
        """Return box, name and count."""
        name = _NAMES[index]
        count = self._counts.get(name, "…")
        box: Part = ("[x] ", "accent") if name in self.chosen else ("[ ] ", "muted")
        room = max(1, width - len(count) - 5)
        tone: Tone = "muted" if count == "0" else ""
        return (box, (fit(FACETS[name].title, room), tone), (f" {count}", ""))


class FacetsDialog(DeckDialog, inherit_bindings=False):
    """Dismissed with the names of the properties that rows shall have, or None to leave all as it is.

    Args:
        chooser: Counts, and keeps what it counted.
        chosen: What rows are shown by now.
        model: Whose limit of tokens "too long" means.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("facets", "screen")]
    DEFAULT_CSS = """
    FacetsDialog #facets { width: 48; max-width: 94%; height: auto; max-height: 92%; padding: 0 1;
        border: $frame $border; border-title-color: $text-accent; border-subtitle-color: $text-muted;
        background: $surface; }
    FacetsDialog #facets:ansi { background: $background; }
    FacetsDialog #facet-list { height: auto; max-height: 100%; }
    """

    def __init__(self, chooser: RowChooser, chosen: tuple[str, ...], model: str) -> None:
        super().__init__()
        self._chooser = chooser
        self._chosen = chosen
        self._model = model

    def compose(self) -> ComposeResult:
        """Yield the list in its frame."""
        with Vertical(id="facets") as frame:
            frame.border_title = "Show rows that have"
            yield FacetList(self._chosen)

    def on_mount(self) -> None:
        """Begin to count."""
        self._say_how("counting…")
        self._count()

    @property
    def _list(self) -> FacetList:
        return self.query_one(FacetList)

    def _say_how(self, words: str) -> None:
        keys = "space takes, enter shows"
        self.query_one("#facets").border_subtitle = content(f"{keys} · {words}" if words else keys)

    @work(thread=True, group="facets", exclusive=True, exit_on_error=False, description="count the rows")
    def _count(self) -> None:
        from tui.datasets.row_pass import PassCancelled

        worker = get_current_worker()
        next_post = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal next_post
            if total and time.monotonic() >= next_post:
                next_post = time.monotonic() + _SECONDS_BETWEEN_POSTS
                self.post_from_thread(self._say_how, f"counting {100 * done // total} %")

        try:
            for names in ((), FROM_REPORT):
                facets = self._chooser.facets(names, self._model, tell, lambda: worker.is_cancelled)
                self.post_from_thread(self._list.show_counts, _counts(facets))
        except PassCancelled:
            return
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        self.post_from_thread(self._say_how, "")

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say no more that it counts."""
        self._list.show_counts(dict.fromkeys(_NAMES, "?"))
        self._say_how("")
        return super().work_broke_off(group, error)

    def action_toggle_facet(self) -> None:
        """Choose or drop the property under the cursor."""
        self._list.toggle()

    def action_choose_none(self) -> None:
        """Drop all."""
        self._list.clear()

    @on(LineList.Opened, "#facet-list")
    def take(self) -> None:
        """Show the rows that have all that is chosen; with nothing chosen, those under the cursor."""
        chosen = self._list.chosen or ({_NAMES[self._list.cursor]} - set(self._chosen))
        self.dismiss(tuple(name for name in _NAMES if name in chosen))


def _counts(facets: Facets) -> dict[str, str]:
    known = (name for name in _NAMES if facets.knows(name))
    return {name: f"{facets.count(name):,}{'+' if facets.is_partial(name) else ''}" for name in known}
