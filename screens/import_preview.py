"""What is to be imported, and one row of it before and after; the screen adds keys and the conversion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.widgets import Static
from textual.worker import Worker

from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.message_view import MessageView
from tui.widgets.table import Table, TableRow
from tui.widgets.tones import Part, content
from tui.widgets.words import place

if TYPE_CHECKING:
    from tui.datasets.convert.account import ConvertOptions
    from tui.datasets.convert.mapping import ColumnMapping
    from tui.datasets.convert.preview import RowPreview, Sample
    from tui.datasets.source import Row

_SAMPLE_ROWS = 100


class ImportPreview(GreyedKeys, inherit_bindings=False):
    """A screen with the columns of a file, what they become, and what a row becomes by it.

    Args:
        path: The file to import.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._target = _free_name(path)
        self._sample: Sample | None = None
        self._mapping: ColumnMapping | None = None
        self._shape: str | None = None
        self._index = 0
        self._before = False
        self._skip_bad = False
        self._worker: Worker[None] | None = None

    # Reading

    @work(thread=True, group="sample", exclusive=True, exit_on_error=False, description="read the file")
    def _read_sample(self) -> None:
        from tui.datasets.convert.detect import detect_mapping
        from tui.datasets.convert.preview import read_sample
        from tui.datasets.convert.records import SourceOptions

        try:
            sample = read_sample(self._path, SourceOptions(), _SAMPLE_ROWS)
            mapping = detect_mapping(sample.values[:50])
        except TunedeckError as error:
            self.post_from_thread(self._show_failure, error)
            return
        self.post_from_thread(self._sample_read, sample, mapping)

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say where the row would be why there is none."""
        if group != "sample":
            return super().work_broke_off(group, error)
        self._show_failure(error)
        return True

    def _show_failure(self, error: TunedeckError) -> None:
        self.query_one("#columns", Table).empty_text = "The file can't be imported."
        self.query_one(MessageView).show_note(safe_line(error.message, 600) + "\n" + error.remedy)
        self.query_one("#columns").refresh()
        self.tell_error(error)

    def _sample_read(self, sample: Sample, mapping: ColumnMapping) -> None:
        self._sample, self._mapping = sample, mapping
        notes = f"  {safe_line(' '.join(sample.notes), 300)}" if sample.notes else ""
        self.query_one("#import-source", Static).update(
            content(
                (safe_line(self._path.name, 60), "strong"),
                (f"  {sample.kind}. ", "muted"),
                mapping.reason,
                (notes, "warning"),
            )
        )
        self._show()
        self.refresh_bindings()

    # Showing

    def _show(self) -> None:
        sample, mapping = self._sample, self._mapping
        if sample is None or mapping is None:
            return
        row = sample.rows[self._index]
        value = getattr(row, "value", {})
        from tui.datasets.quoting import quoted

        self.query_one("#columns", Table).set_rows(
            TableRow(column, (column, _role_cell(role.value), quoted(value.get(column, ""), 60)))
            for column, role in mapping.roles
        )
        try:
            preview = self._preview()
        except TunedeckError as error:
            # What a column is can be told by what stands in it, so the row is shown as it is in the file.
            self._show_raw(row.line, value, "before")
            self.query_one("#import-losses", Static).update(
                content((safe_line(error.message, 300), "warning"))
            )
            self._show_target("")
            return
        self._show_row(preview)
        self._show_losses(preview)

    def _preview(self) -> RowPreview:
        from tui.datasets.convert.convert import target_for
        from tui.datasets.convert.preview import preview_row

        assert self._sample is not None
        assert self._mapping is not None
        target = target_for(self._mapping, self._options())
        self._show_target(target.shape.value)
        return preview_row(self._sample.rows[self._index], self._mapping, target)

    def _show_row(self, preview: RowPreview) -> None:
        from tui.datasets.conversation import conversation
        from tui.datasets.formats import DatasetFormat

        if self._before:
            self._show_raw(preview.line, preview.before, "before")
            return
        if preview.problem:
            self._view_of(preview.line, "after").show_note(f"This row can't be converted: {preview.problem}.")
            return
        row = _plain_row(preview.line, preview.after[0])
        if turns := conversation(row, DatasetFormat.UNKNOWN):
            self._view_of(preview.line, "after").show_turns(turns)
        else:
            self._show_raw(preview.line, preview.after[0], "after")

    def _view_of(self, line: int, when: str) -> MessageView:
        assert self._sample is not None
        view = self.query_one(MessageView)
        view.border_title = f"{self._sample.place} {line:,}"
        view.border_subtitle = f"{when} · row {self._index + 1} of the first {len(self._sample.rows)}"
        return view

    def _show_raw(self, line: int, value: Mapping[str, Any], when: str) -> None:
        self._view_of(line, when).show_raw(_plain_row(line, value))

    def _show_losses(self, preview: RowPreview) -> None:
        parts: list[Part] = []
        for loss in preview.losses[:4]:
            parts.append((f"– {loss.kind} {loss.name}".rstrip() + f": {loss.detail}\n", "warning"))
        if len(preview.losses) > 4:
            parts.append((f"and {len(preview.losses) - 4} more", "muted"))
        if not parts:
            words = "This row can't be converted." if preview.problem else "Nothing of this row is lost."
            parts = [(words, "muted")]
        self.query_one("#import-losses", Static).update(content(*parts))

    def _show_target(self, shape: str) -> None:
        bad = "bad rows are skipped" if self._skip_bad else "one bad row and nothing is written"
        self.query_one("#import-target", Static).update(
            content(
                ("→ ", "accent"),
                (safe_line(place(self._target), 200), "strong"),
                (f"  {shape} · {bad}", "muted"),
            )
        )

    def _options(self) -> ConvertOptions:
        from tui.datasets.convert.account import ConvertOptions

        assert self._mapping is not None
        return ConvertOptions(
            shape=self._mapping.shape,
            overrides=dict(self._mapping.roles),
            target_shape=self._shape,
            skip_bad=self._skip_bad,
        )


def _plain_row(line: int, value: Mapping[str, Any]) -> Row:
    from tui.datasets.convert.cell_values import Binary
    from tui.datasets.source import Row

    plain = {key: repr(cell) if isinstance(cell, Binary) else cell for key, cell in value.items()}
    return Row(line, "", plain, None, None)


def _role_cell(role: str) -> Part:
    return (role, "muted") if role == "drop" else (role, "accent")


def _free_name(path: Path) -> Path:
    """Return a name beside the source that is not taken."""
    for number in range(1, 1000):
        more = "" if number == 1 else f"-{number}"
        made = path.with_name(f"{path.stem}.converted{more}.jsonl")
        if not made.exists():
            return made
    return path.with_name(f"{path.stem}.converted.jsonl")
