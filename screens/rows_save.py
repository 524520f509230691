"""What becomes of changes: saved under a new name, over the file, kept for later, or found from before."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.widgets import Input
from textual.worker import get_current_worker

from screens.confirm import ConfirmScreen
from screens.pending_dialog import PendingDialog
from screens.rows_edit import RowsEdit
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line
from tui.widgets.words import plural, size

if TYPE_CHECKING:
    from tui.datasets.edits.save import SaveResult


class RowsSave(RowsEdit, inherit_bindings=False):
    """Saving the open file, and the changes of an earlier time."""

    _saved_as: Path | None = None
    """The new file that was written last."""

    # Changes from before

    @work(group="pending", exclusive=True, exit_on_error=False, description="offer changes from before")
    async def offer_pending_changes(self) -> None:
        """Ask what to do with changes that an earlier run did not save, where there are any."""
        import asyncio

        from tui.datasets.edits import pending_edits

        try:
            pending = await asyncio.to_thread(pending_edits, self._path)
        except TunedeckError as error:
            self.tell_error(error)
            return
        if pending is None:
            self.changes_settled()
            return
        dialog = PendingDialog(pending, self._rescue_path.name)
        chosen = await self.app.push_screen_wait(dialog)
        try:
            await self._settle(chosen, pending.problem is None)
        except TunedeckError as error:
            self.tell_error(error)
        self.changes_settled()

    def changes_settled(self) -> None:
        """Go on once it is known what became of the changes from before."""

    @property
    def _rescue_path(self) -> Path:
        return self._path.with_name(f"{self._path.stem}.changed-rows.jsonl")

    async def _settle(self, chosen: str, fits: bool) -> None:
        import asyncio

        from tui.datasets.edits import EditedDataset, discard_edits, rescue_rows

        if chosen == "keep":
            dataset = await asyncio.to_thread(EditedDataset.open, self._path)
            self.take_dataset(dataset, self.rows.line_number or 1)
        elif chosen == "discard":
            await asyncio.to_thread(discard_edits, self._path)
        elif chosen == "rescue":
            count = await asyncio.to_thread(rescue_rows, self._path, self._rescue_path)
            self.tell(
                f"{plural(count, 'row')} written to {self._rescue_path.name}; the changes are kept too."
            )

    def action_reopen(self) -> None:
        """Open the file again as it is now, with the changes that still fit."""
        line = self.rows.line_number or 1
        try:
            self.open_file(line=line)
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.show_state("file", ())
        self.file_grew()
        self.offer_pending_changes()

    # Saving

    def action_save(self) -> None:
        """Open the line to type the new file's name in."""
        self.open_field("save", f"{self._path.stem}.edited.jsonl")

    @on(Input.Submitted, "#save")
    def save_where_typed(self, message: Input.Submitted) -> None:
        """Save under the name typed; the file's own name asks first."""
        name = message.value.strip()
        if not name:
            self.close_fields()
            return
        target = self._path.parent / Path(name).expanduser()
        self.close_fields()
        if target.exists() and target.samefile(self._path):
            self.action_save_over()
        else:
            self.show_work("Saving")
            self._save(target)

    @work(group="ask-save", exclusive=True, exit_on_error=False, description="save the file")
    async def action_save_over(self) -> None:
        """Replace the file itself, once that was confirmed."""
        if self._dataset is None:
            return
        question = ConfirmScreen(
            f"Replace {self._path.name}?",
            yes="replace the file",
            facts=[("Changes", ", ".join(self.change_words())), ("File", safe_line(str(self._path), 200))],
            warning="The changes can't be undone after it. ctrl+s writes a new file instead.",
        )
        if await self.app.push_screen_wait(question):
            self.show_work("Saving")
            self._save(None)

    @work(thread=True, group="save", exclusive=True, exit_on_error=False, description="save the file")
    def _save(self, target: Path | None) -> None:
        worker, dataset = get_current_worker(), self._dataset
        if dataset is None:
            return
        save = dataset.save_in_place if target is None else partial(dataset.save, target)
        try:
            result = save(on_progress=self.progress_teller("Saving"), cancelled=lambda: worker.is_cancelled)
        except TunedeckError as error:
            if error.exit_code != ExitCode.INTERRUPTED:
                self.post_from_thread(self.tell_error, error)
            self.post_from_thread(self.end_work, "Saving")
            return
        self.post_from_thread(self._saved, result, target is None)

    def _saved(self, result: SaveResult, over_the_file: bool) -> None:
        self.end_work("Saving")
        what = f"{plural(result.rows, 'row')}, {size(result.bytes)}, saved"
        if not over_the_file:
            self._saved_as = result.target
            self.tell(f"{what} to {result.target}. {self._path.name} is as it was.")
            self.rows_changed()
            return
        self.tell(f"{what} over {self._path.name}.")
        line = self.rows.line_number or 1
        self.open_file(line=line)
        self.file_grew()

    @property
    def path_as_shown(self) -> Path:
        """The file that holds these rows: the new one, while nothing was changed since it was saved."""
        is_saved = self._dataset is not None and not self._dataset.is_changed and bool(self.change_words())
        return self._saved_as if is_saved and self._saved_as is not None else self._path

    def change_words(self) -> list[str]:
        """Return how many rows were edited, added, deleted and moved; safe to show."""
        changes = self._dataset.changes if self._dataset is not None else None
        if changes is None:
            return []
        kinds = ((changes.edited, "edited"), (changes.inserted, "new"), (changes.deleted, "deleted"),
                 (changes.moved, "moved"))  # fmt: skip
        return [f"{count:,} {word}" for count, word in kinds if count]

    # Leaving

    def tell_what_is_kept(self, where: str = "They are here when you open the file again.") -> None:
        """Say that unsaved changes are kept, where there are any."""
        words = self.change_words()
        if words and self._dataset is not None and self._dataset.is_changed:
            self.tell(where, title=f"Not saved: {', '.join(words)}", severity="warning")

    def reason_against(self, action: str) -> str:
        """Return why there is nothing to save."""
        if action in ("save", "save_over"):
            if self._dataset is None:
                return "No file is open."
            if not self._dataset.is_changed:
                return "Nothing was changed since it was opened or saved."
        return super().reason_against(action)
