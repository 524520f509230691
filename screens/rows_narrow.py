"""Some rows of a file, or all in another order: by what they have, by an expression, by size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on, work
from textual.widgets import Input
from textual.worker import get_current_worker

from screens.choose import ChooseScreen, Option
from screens.rows_find import RowsFind
from tui.datasets.facets import FACETS
from tui.datasets.row_choice import RowWish
from tui.datasets.row_order import SortKey
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.table import Column
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.datasets.edits import EditedDataset
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.row_choice import ChosenRows

_ORDERS = {
    "as in the file": (SortKey.FILE, True),
    "by tokens ↓": (SortKey.TOKENS, True),
    "by tokens ↑": (SortKey.TOKENS, False),
    "by length ↓": (SortKey.BYTES, True),
    "by length ↑": (SortKey.BYTES, False),
}
"""What a person reads -> what rows are sorted by, and whether the largest comes first."""
_ORDER_HINTS = ("", "most first", "fewest first", "longest first", "shortest first")


class RowsNarrow(RowsFind, inherit_bindings=False):
    """What of the file is shown, and in which order."""

    _wish = RowWish()
    _shown_wish = RowWish()
    """What the rows on the screen fulfil."""
    _chosen_version = 0
    """Of the dataset, when the rows on the screen were chosen."""

    def dataset_opened(self, dataset: EditedDataset, dataset_format: DatasetFormat) -> None:
        """Begin with all rows of a file that was just opened."""
        super().dataset_opened(dataset, dataset_format)
        self._wish = self._shown_wish = RowWish(model=self.services.settings.default_model)
        self.show_state("show", ())

    def format_changed(self, dataset_format: DatasetFormat) -> None:
        """Ask anew which rows to show: other rows have errors now, and other tokens."""
        super().format_changed(dataset_format)
        if self._is_narrowed:
            self.narrow(replace(self._wish))

    def file_grew(self) -> None:
        """Ask anew which rows to show."""
        super().file_grew()
        if self._chooser is not None:
            self._chooser.forget()
            if self._is_narrowed:
                self.narrow(replace(self._wish))

    @property
    def _is_narrowed(self) -> bool:
        return self._wish != RowWish(model=self._wish.model)

    # Keys

    @work(
        group="choose-facets", exclusive=True, exit_on_error=False, description="choose which rows are shown"
    )
    async def action_choose_facets(self) -> None:
        """Choose what the rows shown shall have."""
        from screens.facets_dialog import FacetsDialog

        if self._chooser is None:
            return
        dialog = FacetsDialog(self._chooser, self._wish.facets, self._wish.model)
        names = await self.app.push_screen_wait(dialog)
        if names is not None:
            self.narrow(replace(self._wish, facets=names))

    @work(group="choose-sort", exclusive=True, exit_on_error=False, description="choose an order")
    async def action_choose_sort(self) -> None:
        """Choose the order of the rows."""
        options = [
            Option(name, [(name, ""), hint], f"{name} {hint}")
            for name, hint in zip(_ORDERS, _ORDER_HINTS, strict=True)
        ]
        columns = (Column("Order", 20), Column("", tone="muted"))
        chosen = await self.app.push_screen_wait(
            ChooseScreen("Sort the rows", columns, options, hint="tokens, length or file")
        )
        if chosen is not None:
            sort, largest_first = _ORDERS[chosen]
            self.narrow(replace(self._wish, sort=sort, largest_first=largest_first))

    def action_filter(self) -> None:
        """Open the line to type an expression in."""
        self.open_field("where", self._wish.where)

    @on(Input.Submitted, "#where")
    def filter_rows(self, message: Input.Submitted) -> None:
        """Show the rows that an expression holds for; without one, drop it."""
        from tui.datasets.row_filter import compile_expression

        expression = message.value.strip()
        if expression:
            try:
                compile_expression(expression)
            except TunedeckError as error:
                self.tell_error(error)
                return
        self.close_fields()
        self.narrow(replace(self._wish, where=expression))

    def action_show_all(self) -> None:
        """Show all rows again, and forget the search."""
        self.clear_search()
        self.clear_narrowing()

    def clear_narrowing(self) -> bool:
        """Show all rows in the order of the file; return whether anything else was shown."""
        if not self._is_narrowed and not self.rows.has_view:
            return False
        self.narrow(RowWish(model=self._wish.model))
        return True

    # The rows

    def narrow(self, wish: RowWish) -> None:
        """Show the rows wished for, once they are found."""
        self._wish = wish
        if self._is_narrowed:
            self.show_work("Choosing rows")
            self._narrow(wish)
            return
        self.workers.cancel_group(self, "narrow")
        self.end_work("Choosing rows")
        self._shown_wish = wish
        self.rows.show_view(None)
        self.show_state("show", ())
        self.show_row()
        self.refresh_bindings()

    @work(thread=True, group="narrow", exclusive=True, exit_on_error=False, description="find and order rows")
    def _narrow(self, wish: RowWish) -> None:
        from tui.datasets.row_pass import PassCancelled

        worker, chooser = get_current_worker(), self._chooser
        if chooser is None:
            return
        version = self._dataset.version if self._dataset is not None else 0
        tell = self.progress_teller("Choosing rows")
        try:
            chosen = chooser.choose(wish, tell, lambda: worker.is_cancelled)
        except PassCancelled:
            self.post_from_thread(self._keep_what_is_shown, wish)
            return
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            self.post_from_thread(self.end_work, "Choosing rows")
            self.post_from_thread(self._keep_what_is_shown, wish)
            return
        self.post_from_thread(self._show_chosen, wish, chosen, version)

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Go on with the rows that are shown."""
        if group == "narrow":
            self._keep_what_is_shown(self._wish)
        return super().work_broke_off(group, error)

    def _keep_what_is_shown(self, wish: RowWish) -> None:
        """Go back to the wish that the rows on the screen fulfil, unless there is a newer one."""
        if wish is self._wish:
            self._wish = self._shown_wish

    def _show_chosen(self, wish: RowWish, chosen: ChosenRows, version: int) -> None:
        if wish is not self._wish:
            return
        order = wish.sort, wish.largest_first
        is_sorted_anew = order != (self._shown_wish.sort, self._shown_wish.largest_first)
        self._shown_wish, self._chosen_version = wish, version
        self.end_work("Choosing rows")
        self.rows.show_view(chosen.lines, empty="No row is like that. backspace shows all.")
        if is_sorted_anew:
            self.rows.cursor = 0  # who sorts wants to see the ends of the order
        self.show_choice()
        for note in chosen.notes:
            self.tell(note, severity="warning")
        self.show_row()
        self.refresh_bindings()

    def show_choice(self) -> None:
        """Say which rows are shown; they stay in sight while they are changed, and that is said too."""
        if not self.rows.has_view:
            return
        words = [self.count_words(self.rows.item_count()), *wish_words(self._shown_wish)]
        is_older = self._dataset is not None and self._dataset.version != self._chosen_version
        parts: list[Part] = [
            (" · ".join(words), "accent"),
            (", before your last change" if is_older else "", "muted"),
            ("  backspace shows all", "muted"),
        ]
        self.show_state("show", parts)

    # Greyed keys

    def reason_against(self, action: str) -> str:
        """Return why there is nothing to show all of."""
        if action == "show_all" and not self._is_narrowed and not self.has_search:
            return "All rows are shown."
        if action in ("choose_facets", "choose_sort", "filter") and self._chooser is None:
            return "No file is open."
        return super().reason_against(action)


def wish_words(wish: RowWish) -> list[str]:
    """Return what rows are shown by and in which order, in words; safe to show."""
    words = [FACETS[name].title for name in wish.facets]
    words += [f"where {safe_line(wish.where, 40)}"] if wish.where else []
    order = next(
        name for name, order in _ORDERS.items() if order == (wish.sort, wish.largest_first)
    ) if wish.sort is not SortKey.FILE else ""  # fmt: skip
    return [*words, order] if order else words
