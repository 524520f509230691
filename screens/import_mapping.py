"""Import: which column is what, with a live preview of what a row becomes; then the conversion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static
from textual.worker import Worker, get_current_worker

from screens.base import DeckScreen
from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.message_view import MessageView
from tui.widgets.meter import Meter
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import Part, content
from tui.widgets.words import place, plural, size

if TYPE_CHECKING:
    from tui.datasets.convert.account import Conversion, ConvertOptions
    from tui.datasets.convert.mapping import ColumnMapping
    from tui.datasets.convert.preview import RowPreview, Sample
    from tui.datasets.source import Row

_SAMPLE_ROWS = 100
_PROGRESS_SECONDS = 0.25
_COLUMNS = (Column("Column"), Column("Becomes", 11), Column("Value", tone="muted", drop_below=36))


class ImportMappingScreen(GreyedKeys, inherit_bindings=False):
    """The columns of a file and what they become, beside the row under way.

    Args:
        path: The file to import.
    """

    PLACE = "datasets"
    CSS_PATH = "import_mapping.tcss"
    AUTO_FOCUS = "#columns"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("import"), *DeckScreen.BINDINGS]
    HELP = """
    Each column of the file becomes something of a conversation; space changes what. The row is drawn as the
    model would be taught it, with what gets lost below. Enter or w writes the new file; the source stays.
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

    def compose_body(self) -> ComposeResult:
        """Yield the source, the columns beside the preview, the losses and the target."""
        yield Static("", id="import-source", markup=False)
        with Horizontal(id="import-split"):
            columns = Table(*_COLUMNS, id="columns", classes="pane", empty="Reading the file…")
            columns.border_title = "Columns"
            yield columns
            yield MessageView(id="preview", classes="pane")
        yield Static("", id="import-losses", markup=False)
        yield Meter(id="import-progress")
        yield Static("", id="import-target", markup=False)
        yield Input(placeholder="name of the new file", id="import-name", compact=True)

    def on_mount(self) -> None:
        """Read the first rows."""
        self._read_sample()

    @work(thread=True, group="sample", exclusive=True, exit_on_error=False)
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
        view.border_title = f"line {line:,}"
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

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action == "stop_convert":
            return "" if self._worker is not None else "Nothing is being converted."
        if action in ("next_role", "next_shape", "next_row", "toggle_before", "convert", "toggle_skip"):
            if self._mapping is None:
                return "The file is not read yet, or can't be."
            return "It is being converted; x stops." if self._worker is not None else ""
        return ""

    def action_next_role(self, direction: int) -> None:
        """Make the column under the cursor another role."""
        from tui.datasets.convert.mapping import Role

        column = self.query_one("#columns", Table).row_key
        if self._mapping is None or column is None:
            return
        roles = list(Role)
        index = roles.index(self._mapping.role_of(column))
        changed = self._mapping.with_role(column, roles[(index + direction) % len(roles)])
        self._mapping = replace(changed, keep_others=False)
        self._show()

    def action_next_shape(self) -> None:
        """Write the next shape that these rows can have."""
        from tui.datasets.convert.targets import TargetShape

        shapes: list[str | None] = [None, *(shape.value for shape in TargetShape)]
        self._shape = shapes[(shapes.index(self._shape) + 1) % len(shapes)]
        self._show()

    def action_next_row(self, direction: int) -> None:
        """Show another row."""
        if self._sample is not None:
            self._index = (self._index + direction) % len(self._sample.rows)
            self._show()

    def action_toggle_before(self) -> None:
        """Switch between the row and what it becomes."""
        self._before = not self._before
        self._show()

    def action_toggle_skip(self) -> None:
        """Leave bad rows out, or write nothing where there are any."""
        self._skip_bad = not self._skip_bad
        self._show()

    def action_edit_name(self) -> None:
        """Open the line with the new file's name."""
        field = self.query_one("#import-name", Input)
        field.value = str(self._target)
        field.display = True
        field.focus()

    @on(Input.Submitted, "#import-name")
    def _take_name(self, message: Input.Submitted) -> None:
        if message.value.strip():
            self._target = (self._path.parent / Path(message.value.strip()).expanduser()).absolute()
        self.go_back()
        self._show()

    def go_back(self) -> bool:
        """Close the line of the name first."""
        field = self.query_one("#import-name")
        if not field.display:
            return False
        field.display = False
        self.query_one("#columns").focus()
        return True

    # Converting

    @on(Table.Chosen, "#columns")
    def _convert_on_enter(self) -> None:
        self.action_convert()

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

    def _converted(self, result: Conversion) -> None:
        self._end()
        if not result.written:
            first = "; ".join(f"line {row.line:,}: {row.reason}" for row in result.bad_rows[:3])
            self.tell(
                f"{first}. s leaves bad rows out.",
                title=f"Nothing was written: {plural(result.bad_count, 'bad row')}",
                severity="error",
            )
            return
        lost = (
            f" Not carried over: {'; '.join(loss.sentence() for loss in result.losses[:5])}."
            if result.losses
            else ""
        )
        skipped = f" {plural(result.bad_count, 'bad row')} skipped." if result.bad_count else ""
        self.tell(f"Wrote {plural(result.rows_written, 'row')}.{skipped}{lost}")
        if result.target.endswith((".jsonl", ".ndjson")):
            self.navigator.open_check(self._target)


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
