"""A list to choose from, narrowed by typing; for files, models and chats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input

from screens.base import DeckDialog, DeckScreen
from screens.job_words import ago
from screens.verdicts import verdict
from tui.data.examples import EXAMPLES
from tui.jobs.recent_files import recent_files
from tui.widgets.keys import bindings
from tui.widgets.table import Cell, Column, Table, TableRow
from tui.widgets.tones import content
from tui.widgets.words import place, size


@dataclass(frozen=True, slots=True)
class Option:
    """One line to choose."""

    key: str
    cells: Sequence[Cell]
    search: str
    """What typing is compared with."""


class ChooseScreen(DeckDialog, inherit_bindings=False):
    """Dismissed with the chosen key, with what was typed where that is allowed, or with None.

    Args:
        title: What is chosen.
        columns: Of the list.
        options: The lines.
        hint: Stands in the empty line of input.
        may_type: Enter on text that matches nothing takes the text itself.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("choose", "screen")]
    CSS_PATH = "choose.tcss"
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        title: str,
        columns: Sequence[Column],
        options: Sequence[Option],
        *,
        hint: str,
        may_type: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._columns = columns
        self._options = options
        self._hint = hint
        self._may_type = may_type

    def compose(self) -> ComposeResult:
        """Yield the line of input over the list."""
        with Vertical(id="choose") as frame:
            frame.border_title = content(self._title)
            frame.border_subtitle = "enter takes it, esc leaves"
            yield Input(placeholder=self._hint, id="choose-input", compact=True)
            yield Table(*self._columns, id="choose-table", empty="Nothing matches.")

    def on_mount(self) -> None:
        """Show all."""
        self._narrow("")

    def _narrow(self, words: str) -> None:
        wanted = words.lower().split()
        matching = [
            option for option in self._options if all(word in option.search.lower() for word in wanted)
        ]
        matching.sort(key=lambda option: not option.search.lower().startswith(words.lower()))
        rows = [TableRow(option.key, option.cells) for option in matching]
        table = self.query_one(Table)
        if self._may_type and words:
            table.empty_text = "Enter takes what you typed."
        table.set_rows(rows)
        table.cursor = 0
        table.refresh()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        self._narrow(message.value)

    @on(Input.Submitted)
    def _take(self, message: Input.Submitted) -> None:
        key = self.query_one(Table).row_key
        typed = message.value.strip()
        if key is None and not (self._may_type and typed):
            return
        self.dismiss(typed if key is None else key)

    @on(Table.Chosen)
    def _take_row(self, message: Table.Chosen) -> None:
        self.dismiss(message.key)

    def on_key(self, event: Key) -> None:
        """Move in the list while typing."""
        steps = {"down": 1, "up": -1, "pagedown": 8, "pageup": -8}
        if event.key in steps and isinstance(self.focused, Input):
            self.query_one(Table).cursor += steps[event.key]
            event.stop()


MOST_FILES = 20
FILE_COLUMNS = (
    Column("File"),
    Column("Size", 8, align="right"),
    Column("Verdict", 13),
    Column("Opened", 11, align="right", tone="muted"),
)


def file_options(screen: DeckScreen) -> list[Option]:
    """Return the files last looked at and the shipped examples."""
    records = {record.path: record for record in recent_files(screen.services.store, MOST_FILES)}
    options = [
        Option(
            str(path),
            [(place(path), ""), size(record.bytes), verdict(record), ago(record.opened_at)],
            str(path),
        )
        for path, record in records.items()
    ]
    for example in EXAMPLES:
        if example.training not in records:
            cells: list[Cell] = [
                (f"{example.training.name}  (shipped)", ""),
                "",
                ("not checked", "muted"),
                "",
            ]
            options.append(
                Option(str(example.training), cells, f"{example.training.name} shipped {example.title}")
            )
    return options


async def choose_file(screen: DeckScreen, title: str = "Choose a file") -> Path | None:
    """Let the person choose a dataset or type a path; None when they don't. To be awaited in a worker."""
    chosen = await screen.app.push_screen_wait(
        ChooseScreen(
            title,
            FILE_COLUMNS,
            file_options(screen),
            hint="part of a name, or the path of any file",
            may_type=True,
        )
    )
    return _typed_path(chosen) if chosen else None


def _typed_path(text: str) -> Path:
    return Path(text).expanduser().absolute()
