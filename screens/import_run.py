"""The conversion that an import screen begins: in the background, stopped by a key, told at its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual import work
from textual.worker import get_current_worker

from screens.import_preview import ImportPreview
from screens.text_dialog import TextDialog
from tui.errors import TunedeckError
from tui.widgets.meter import Meter
from tui.widgets.words import plural, size

if TYPE_CHECKING:
    from tui.datasets.convert.account import Conversion, ConvertOptions

_PROGRESS_SECONDS = 0.25
_BAD_ROWS_SHOWN = 200


class ImportRun(ImportPreview, inherit_bindings=False):
    """A screen that writes what it shows a row of."""

    def action_convert(self) -> None:
        """Write the new file, in the background."""
        if self._mapping is not None and self._worker is None:
            self._worker = self._convert(self._options())
            meter = self.query_one(Meter)
            meter.fraction = 0.0
            meter.display = True
            self.refresh_bindings()

    def action_stop_convert(self) -> None:
        """Stop; nothing is left behind."""
        if self._worker is not None:
            self._worker.cancel()

    @work(thread=True, group="convert", exclusive=True, exit_on_error=False, description="convert a file")
    def _convert(self, options: ConvertOptions) -> None:
        from tui.datasets.convert.convert import convert_file
        from tui.datasets.convert.losses import ConversionCancelled

        worker = get_current_worker()
        last = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _PROGRESS_SECONDS:
                last = time.monotonic()
                self.post_from_thread(self._show_progress, done, total)

        try:
            result = convert_file(
                self._path,
                self._target,
                options,
                on_progress=progress,
                cancelled=lambda: worker.is_cancelled,
            )
        except ConversionCancelled:
            self.post_from_thread(self._stopped, None)
        except TunedeckError as error:
            self.post_from_thread(self._stopped, error)
        else:
            self.post_from_thread(self._converted, result)

    def _show_progress(self, done: int, total: int) -> None:
        meter = self.query_one(Meter)
        meter.fraction = done / total if total else 0.0
        meter.note = f"{size(done)} of {size(total)}"

    def _end(self) -> None:
        self._worker = None
        self.query_one(Meter).display = False
        self.refresh_bindings()

    def _stopped(self, error: TunedeckError | None) -> None:
        self._end()
        if error is None:
            self.tell("Stopped; nothing was written.")
        else:
            self.tell_error(error)

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """End what broke off."""
        if group != "convert":
            return super().work_broke_off(group, error)
        self._stopped(error)
        return True

    def _converted(self, result: Conversion) -> None:
        self._end()
        if not result.written:
            first = "; ".join(f"{result.place} {row.line:,}: {row.reason}" for row in result.bad_rows[:3])
            self.tell(
                f"{first}. s leaves bad rows out.",
                title=f"Nothing was written: {plural(result.bad_count, 'bad row')}",
                severity="error",
            )
            return
        skipped = f" {plural(result.bad_count, 'bad row')} skipped." if result.bad_count else ""
        self.tell(f"Wrote {plural(result.rows_written, 'row')}.{skipped}")
        account = result.account(_BAD_ROWS_SHOWN)
        if not account:
            self._look_at(result)
            return
        dialog = TextDialog("Not carried over", "\n".join(account))
        self.app.push_screen(dialog, lambda _: self._look_at(result))

    def _look_at(self, result: Conversion) -> None:
        if result.target.endswith((".jsonl", ".ndjson")):
            self.navigator.open_check(self._target)
