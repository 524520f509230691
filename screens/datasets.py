"""Datasets: the files you used, the shipped examples, and a browser for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input
from textual.worker import get_current_worker

from screens.base import DeckScreen
from screens.verdicts import verdict
from tui.data.examples import EXAMPLES
from tui.datasets.estimate_apart import LARGE_BYTES, warm_up
from tui.datasets.tokens import encoding_for
from tui.jobs.recent_files import recent_files
from tui.safe_text import safe_line
from tui.widgets.folder_listing import Entry, count_rows, list_folder
from tui.widgets.keys import bindings
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.words import place, size

if TYPE_CHECKING:
    from tui.store.rows import DatasetRecord

_COLUMNS = (
    Column("Name"),
    Column("Size", 8, "right", drop_below=50),
    Column("Rows", 9, "right"),
    Column("Verdict", 14, drop_below=44),
)
MOST_RECENT = 20
_SHIPPED = [path for example in EXAMPLES for path in (example.training, example.held_out) if path]


class DatasetsScreen(DeckScreen):
    """Two lists: known datasets above, a folder below."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("datasets"), *DeckScreen.BINDINGS]
    CSS_PATH = "datasets.tcss"
    PLACE = "datasets"
    AUTO_FOCUS = "#known"
    HELP = """
    Datasets are JSONL files, one training example in each line; i makes one of a table or of another tool's
    file. Enter shows a file's rows with the conversation beside them, c checks the file and counts its
    tokens, l starts a job on it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self._folder = folder or Path.cwd()
        self._entries: list[Entry] = []
        self._rows: dict[Path, int] = {}
        self._records: dict[Path, DatasetRecord] = {}
        self._every_file = False
        self._filter = ""

    def compose_body(self) -> ComposeResult:
        """Yield the known datasets, the filter and the folder."""
        known = Table(*_COLUMNS, id="known", classes="pane")
        known.border_title = "Recent and shipped"
        yield known
        folder = Table(
            *_COLUMNS, id="folder", classes="pane", empty="No datasets here. a shows every file, h goes up."
        )
        yield folder
        yield Input(placeholder="part of a name; enter keeps it, esc clears it", id="filter", compact=True)

    def on_mount(self) -> None:
        """Show what is known; the folder follows."""
        self._show_known()
        self._list_folder(self._folder)

    def on_screen_resume(self) -> None:
        """Take in checks made meanwhile."""
        self._show_known()
        self._show_folder()

    # Known datasets

    def _show_known(self) -> None:
        rows = [self._known_row(path, path in _SHIPPED) for path in self._known_paths() if path.exists()]
        self.query_one("#known", Table).set_rows(rows)

    def _known_paths(self) -> list[Path]:
        recent = recent_files(self.services.store, MOST_RECENT)
        self._records = {record.path: record for record in recent}
        return [*self._records, *(path for path in _SHIPPED if path not in self._records)]

    def _known_row(self, path: Path, shipped: bool) -> TableRow:
        record = self._records.get(path)
        name = f"{path.name}  (shipped)" if shipped else f"{path.name}  {place(path.parent)}"
        bytes_now = path.stat().st_size
        rows = self._rows.get(path, record.rows if record else None)
        counted = f"{rows:,}" if rows is not None else ""
        return TableRow(str(path), (name, size(bytes_now), counted, verdict(record, bytes_now)))

    # The folder

    @work(thread=True, group="folder", exclusive=True, exit_on_error=False, description="list a folder")
    def _list_folder(self, folder: Path) -> None:
        worker = get_current_worker()
        try:
            entries = list_folder(folder)
        except OSError as error:
            message = f"{place(folder)} can't be read: {error.strerror or error}."
            self.post_from_thread(lambda: self.tell(message, severity="error"))
            return
        self.post_from_thread(self._folder_listed, folder, entries)
        counted = {}
        for path, rows in count_rows([*self._known_entries(), *entries]):
            if worker.is_cancelled:
                return
            counted[path] = rows
        self.post_from_thread(self._rows_counted, counted)

    def _folder_listed(self, folder: Path, entries: list[Entry]) -> None:
        moved = folder != self._folder
        came_from = self._folder
        self._folder, self._entries = folder, entries
        table = self.query_one("#folder", Table)
        if moved:
            self.query_one("#filter", Input).value = self._filter = ""
            table.set_rows(())
        self._show_folder()
        if moved and str(came_from) in table.keys:
            table.cursor = table.keys.index(str(came_from))

    def _known_entries(self) -> list[Entry]:
        return [Entry(path, False, path.stat().st_size) for path in self._known_paths() if path.exists()]

    def _rows_counted(self, counted: dict[Path, int]) -> None:
        self._rows.update(counted)
        self._show_known()
        self._show_folder()

    def _show_folder(self) -> None:
        table = self.query_one("#folder", Table)
        shown = self._shown_entries()
        rows = [] if self._folder.parent == self._folder else [TableRow("..", (("../", "muted"), "", "", ""))]
        table.set_rows([*rows, *(self._entry_row(entry) for entry in shown)])
        table.border_title = Content(safe_line(place(self._folder), 200))
        notes = [f"names with “{safe_line(self._filter, 40)}”"] if self._filter else []
        notes += ["every file"] if self._every_file else []
        table.border_subtitle = Content(", ".join(notes))

    def _shown_entries(self) -> Sequence[Entry]:
        wanted = self._filter.casefold()
        return [
            entry
            for entry in self._entries
            if (entry.is_dataset or entry.is_importable or entry.is_folder or self._every_file)
            and wanted in entry.path.name.casefold()
        ]

    def _entry_row(self, entry: Entry) -> TableRow:
        key = str(entry.path)
        if entry.is_folder:
            return TableRow(key, ((f"{entry.path.name}/", "muted"), "", "", ""))
        if entry.is_importable:
            return TableRow(key, (entry.path.name, size(entry.size), "", ("i imports", "muted")))
        if not entry.is_dataset:
            return TableRow(key, ((entry.path.name, "muted"), size(entry.size), "", ""))
        record = self._records.get(entry.path)
        rows = self._rows.get(entry.path, record.rows if record else None)
        counted = f"{rows:,}" if rows is not None else ""
        return TableRow(key, (entry.path.name, size(entry.size), counted, verdict(record, entry.size)))

    # Keys

    @on(Table.Chosen)
    def open_chosen(self, message: Table.Chosen) -> None:
        """Enter a folder, or show a file's rows."""
        if message.key == "..":
            self.action_parent()
        elif (path := Path(message.key)).is_dir():
            self._list_folder(path)
        elif Entry(path, False).is_importable:
            self.navigator.open_import(path)
        else:
            self.navigator.open_rows(path)

    @on(Table.Highlighted)
    def expect_check(self, message: Table.Highlighted) -> None:
        """Get an estimate ready while the cursor rests on a large file, for when it is opened."""
        if message.table.has_focus:
            self.prepare_estimate(Path(message.key))

    @work(
        thread=True,
        group="prepare-estimate",
        exclusive=True,
        exit_on_error=False,
        description="prepare an estimate",
    )
    def prepare_estimate(self, path: Path) -> None:
        """Start the process that estimates, in the background."""
        if path.is_file() and path.stat().st_size >= LARGE_BYTES:
            warm_up(encoding_for(self.services.settings.default_model))

    def _chosen_file(self) -> Path | None:
        table = self.query_one("#folder", Table) if self.query_one("#folder").has_focus else None
        table = table or self.query_one("#known", Table)
        path = Path(table.row_key) if table.row_key else None
        if path is None or not path.is_file():
            self.tell("Put the cursor on a file first.", severity="warning")
            return None
        return path

    def action_check_file(self) -> None:
        """Check the file under the cursor."""
        if path := self._chosen_file():
            self.navigator.open_check(path)

    def action_import_file(self) -> None:
        """Make a dataset of the file under the cursor."""
        if path := self._chosen_file():
            self.navigator.open_import(path)

    def action_make_rows(self) -> None:
        """Make more rows like those of the file under the cursor."""
        if path := self._chosen_file():
            self.navigator.open_making(path)

    def action_reshape_file(self) -> None:
        """Make new files of the rows of the file under the cursor."""
        if path := self._chosen_file():
            self.navigator.open_reshape(path)

    def action_launch_file(self) -> None:
        """Train on the file under the cursor."""
        if path := self._chosen_file():
            self.navigator.open_launch(path)

    def action_parent(self) -> None:
        """Go to the folder above."""
        self.query_one("#folder").focus()
        self._list_folder(self._folder.parent)

    def action_toggle_all(self) -> None:
        """Show every file, or only datasets."""
        self._every_file = not self._every_file
        self._show_folder()

    def action_reload(self) -> None:
        """Read the folder again."""
        self._rows.clear()
        self._list_folder(self._folder)

    def action_filter(self) -> None:
        """Open the line to type a part of a name in."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#filter")
    def filter_by_name(self, message: Input.Changed) -> None:
        """Narrow the folder down with every letter."""
        self._filter = message.value
        self._show_folder()

    @on(Input.Submitted, "#filter")
    def keep_filter(self) -> None:
        """Go on in the narrowed list, on the first name in it."""
        self.query_one("#filter").display = False
        folder = self.query_one("#folder", Table)
        if self._filter and folder.cursor == 0 and len(folder.keys) > 1:
            folder.cursor = 1
        folder.focus()

    def go_back(self) -> bool:
        """Clear the filter first."""
        field = self.query_one("#filter", Input)
        if not field.display and not self._filter:
            return False
        field.value = self._filter = ""
        self.keep_filter()
        self._show_folder()
        return True
