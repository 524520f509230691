"""Edit: one row's messages, or its JSON, judged while it is changed; leaving takes it into the journal."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static, TextArea

from screens.base import DeckScreen
from screens.edit_row_texts import EditsTexts
from tui.datasets.row_draft import ROLES, WEIGHTS, RowDraft
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.errors import TunedeckError
from tui.safe_text import safe_line, safe_text, safe_to_type
from tui.widgets.draft_list import DraftList
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.row_text_area import RowTextArea
from tui.widgets.tones import Part, content, content_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.datasets.formats import DatasetFormat
    from tui.datasets.report import Finding

_SIGNS: dict[str, Part] = {"error": ("✗ ", "bad"), "warning": ("! ", "warning"), "info": ("– ", "muted")}
_MOST_FINDINGS = 50


class TakesRow(Protocol):
    """Where an edited row goes: the open file's journal, or a queue of proposals."""

    def edit(self, number: int, line: bytes) -> object:
        """Put another text into a row; may raise TunedeckError. Called in a thread."""
        ...


class VerdictPane(VerticalScroll, inherit_bindings=False):
    """What the rules say, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]


class EditRowScreen(EditsTexts, inherit_bindings=False):
    """The messages on the left, the one under the cursor on the right, the verdict below.

    Args:
        dataset: The open file, which takes the row when this is left.
        number: Of the row.
        dataset_format: Of the file.
        draft: The row.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("edit"), *DeckScreen.BINDINGS]
    CSS_PATH = "edit_row.tcss"
    PLACE = "datasets"
    AUTO_FOCUS = "#draft"
    HELP = """
    Enter edits the content of a message, esc takes it. Leaving takes the row into the journal, where u brings
    back what it was; the file changes only when it is saved. The verdict is that of the service named there.
    """

    def __init__(
        self, dataset: TakesRow, number: int, dataset_format: DatasetFormat, draft: RowDraft
    ) -> None:
        super().__init__(draft)
        self._dataset = dataset
        self._number = number
        self._format = dataset_format
        self._provider = DEFAULT_SERVICE
        self._check_timer: Timer | None = None
        self.taken_words = f"Row {number:,} changed; u brings back what it was."
        """What is told once the row is taken."""
        self._taken = draft.line
        """The row as the journal has it."""

    def compose_body(self) -> ComposeResult:
        """Yield the messages, the text, the verdict and the line for a name."""
        with Horizontal(id="edit-split"):
            yield DraftList()
            with Vertical(id="content", classes="pane"):
                with VerdictPane(id="content-scroll"):
                    yield Static("", id="content-text", markup=False)
                yield RowTextArea(id="content-area")
        with Vertical(id="json", classes="pane") as frame:
            frame.border_title = f"JSON of row {self._number:,}"
            frame.border_subtitle = "esc takes it"
            yield RowTextArea(id="json-area")
        with VerdictPane(id="verdict", classes="pane"):
            yield Static("", id="verdict-text", markup=False)
        yield Input(placeholder="name of who speaks; empty takes it away", id="name", compact=True)

    def on_mount(self) -> None:
        """Show the row; one that is no JSON begins as text."""
        self.list.border_title = f"Row {self._number:,}"
        self.show_draft()
        if not self.draft.is_object:
            self.action_edit_json()

    # Showing

    def show_draft(self, cursor: int | None = None) -> None:
        """Draw the row as it is now, and judge it.

        Args:
            cursor: Where the cursor goes; None leaves it.
        """
        self.list.show_messages(self.draft.messages())
        if cursor is not None:
            self.list.cursor = cursor
        self.list.border_subtitle = "changed" if self.draft.is_changed else ""
        self.query_one("#content").border_subtitle = ""
        self._show_content()
        self._judge(self.draft.line)
        self.refresh_bindings()

    @on(LineList.Moved, "#draft")
    def _show_content(self) -> None:
        message = self.list.current
        pane = self.query_one("#content")
        pane.border_title = Content(safe_line(message.role, 60) if message is not None else "")
        text = "" if message is None else message.text if message.text is not None else message.shown
        note = " (no text: v edits the JSON)" if message is not None and message.text is None else ""
        body = Content(safe_text(text[:40_000]))
        self.query_one("#content-text", Static).update(body + content((note, "muted")))
        self.query_one("#content-scroll").scroll_home(animate=False)
        self.refresh_bindings()

    @work(group="judge", exclusive=True, exit_on_error=False, description="check the row")
    async def _judge(self, line: bytes) -> None:
        from tui.datasets.check_row import check_row

        found = await asyncio.to_thread(check_row, line, self._format, self._provider, self._number)
        self._show_verdict(found)

    @work(group="judge", exclusive=True, exit_on_error=False, description="check the row")
    async def _judge_text(self, text: str) -> None:
        """Judge the JSON that is typed; where it is none, its line is more than a column of the row."""
        from tui.datasets.check_row import check_row
        from tui.datasets.row_layout import edited_line

        def judge() -> tuple[Finding, ...]:
            line = edited_line(text, self.draft.line)
            return check_row(line, self._format, self._provider, self._number)

        try:
            self._show_verdict(await asyncio.to_thread(judge))
        except TunedeckError as error:
            self._name_verdict()
            self.query_one("#verdict-text", Static).update(content(_SIGNS["error"], error.message))

    def _name_verdict(self) -> None:
        self.query_one("#verdict").border_title = f"{SERVICES[self._provider].label} on this row"

    def _show_verdict(self, found: tuple[Finding, ...]) -> None:
        self._name_verdict()
        lines: list[list[Part]] = [
            [_SIGNS[one.severity], (one.message, "")] for one in found[:_MOST_FINDINGS]
        ]
        if not found:
            lines = [[("✓ ", "good"), ("nothing is wrong with it", "")]]
        self.query_one("#verdict-text", Static).update(content_lines(lines))

    @on(TextArea.Changed, "#json-area")
    def _judge_soon(self) -> None:
        """Judge what is typed once the typing pauses."""
        if self._check_timer is not None:
            self._check_timer.stop()
        self._check_timer = self.set_timer(0.3, self._judge_typed)

    def _judge_typed(self) -> None:
        if self.is_editing_json:
            self._judge_text(self.typed_json)

    # Keys

    @property
    def _at(self) -> int:
        return self.list.cursor

    def _try(self, step: Callable[[], int | None]) -> None:
        """Do a step and show it, the cursor where it says; or tell why it can't be done."""
        try:
            cursor = step()
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.show_draft(cursor)

    def action_next_role(self, direction: int) -> None:
        """Give the message the next (1) or the previous (-1) role."""
        message = self.list.current
        if message is None:
            return
        at = ROLES.index(message.role) if message.role in ROLES else -1 if direction > 0 else 0
        role = ROLES[(at + direction) % len(ROLES)]
        self._try(lambda: self.draft.set_role(self._at, role))

    def action_next_weight(self) -> None:
        """Give the message the next weight: none, 0, 1."""
        message = self.list.current
        if message is None:
            return
        known = message.weight if message.weight in WEIGHTS else None
        weight = WEIGHTS[(WEIGHTS.index(known) + 1) % len(WEIGHTS)]
        self._try(lambda: self.draft.set_weight(self._at, weight))

    def action_edit_name(self) -> None:
        """Open the line to type a name in."""
        field = self.query_one("#name", Input)
        message = self.list.current
        field.display = True
        field.value = safe_to_type(message.name or "") if message is not None else ""
        field.focus()

    @on(Input.Submitted, "#name")
    def take_name(self, message: Input.Submitted) -> None:
        """Give the message the name typed."""
        self.close_name()
        self._try(lambda: self.draft.set_name(self._at, message.value.strip()))

    def action_add_message(self) -> None:
        """Put an empty message below this one."""
        at = self._at if self.list.current is not None else -1
        self._try(lambda: self.draft.add(at))

    def action_duplicate_message(self) -> None:
        """Put a copy of the message below it."""
        self._try(lambda: self.draft.duplicate(self._at))

    def action_delete_message(self) -> None:
        """Take the message out."""
        self._try(lambda: self.draft.delete(self._at))

    def action_move_message(self, direction: int) -> None:
        """Move the message up (-1) or down (1)."""
        self._try(lambda: self.draft.move(self._at, direction))

    def action_undo(self) -> None:
        """Take back the last step."""
        self.draft.undo()
        self.show_draft()

    def action_redo(self) -> None:
        """Do the step again that was taken back."""
        self.draft.redo()
        self.show_draft()

    def action_next_provider(self) -> None:
        """Judge by the next service's rules."""
        names = list(SERVICES)
        self._provider = names[(names.index(self._provider) + 1) % len(names)]
        if self.is_editing_json:
            self._judge_text(self.typed_json)
        else:
            self._judge(self.draft.line)

    # Leaving

    async def action_take(self) -> None:
        """Take the row with what is typed, and leave."""
        if self.close_texts() and await self._take():
            self.app.pop_screen()

    def go_back(self) -> bool:
        """Take what is typed, then the row; what can't be taken stays."""
        if self.close_name() or self.leave_texts():
            return True
        if not self.draft.is_changed:
            return False
        self._take_and_leave()
        return True

    @work(group="take", exclusive=True, exit_on_error=False, description="take the row over")
    async def _take_and_leave(self) -> None:
        if await self._take():
            self.app.pop_screen()

    async def _take(self) -> bool:
        """Write the row into the journal; return whether it is there."""
        if not self.draft.is_changed:
            return True
        try:
            await asyncio.to_thread(self._dataset.edit, self._number, self.draft.line)
        except TunedeckError as error:
            self.tell_error(error)
            return False
        self._taken = self.draft.line
        self.tell(self.taken_words)
        return True

    def on_unmount(self) -> None:
        """Keep what was changed, however this is left: the program may be ending."""
        if self.draft.line != self._taken:
            with suppress(TunedeckError):
                self._dataset.edit(self._number, self.draft.line)

    def reason_against(self, action: str) -> str:
        """Return why a step is impossible now."""
        message = self.list.current
        if action == "undo" and not self.draft.can_undo:
            return "Nothing was changed."
        if action == "redo" and not self.draft.can_redo:
            return "Nothing was taken back."
        if action in ("next_role", "next_weight", "edit_name", "duplicate_message", "delete_message",
                      "move_message"):  # fmt: skip
            if message is None:
                return "There is no message."
            if not message.is_message:
                return "Prompt and completion have neither role nor place."
        if action == "edit_content" and message is None:
            return "There is no message: v edits the JSON."
        return ""
