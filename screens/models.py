"""Every model of every account: family tree or sorted list, days left, cost; read from the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input, Static

from screens import job_words
from screens.base import DeckScreen
from screens.job_words import ago
from screens.model_actions import ModelActions, Permissions
from screens.model_lines import COLUMNS, cells_of, days_part
from screens.readings import Readings
from screens.text_dialog import TextScroll
from tui import clock
from tui.errors import TunedeckError
from tui.jobs.inventory import account_models
from tui.jobs.model_facts import model_facts
from tui.jobs.model_family import FamilyModel, model_family
from tui.jobs.model_list import FamilyLine, Only, Sort, arrange
from tui.safe_text import safe_line
from tui.widgets.key_value import KeyValue
from tui.widgets.keys import bindings
from tui.widgets.table import Table, TableRow
from tui.widgets.tones import content
from tui.widgets.words import plural

_ONLY_WORDS = {
    Only.ALL: "all",
    Only.TUNED: "tuned only",
    Only.TRAINABLE: "trainable only",
    Only.ENDING: "ending within two months",
}


class ModelsScreen(ModelActions, inherit_bindings=False):
    """Models with where they come from and how long they live."""

    PLACE = "models"
    CSS_PATH = "models.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - an instance variable to Textual
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("models"), *DeckScreen.BINDINGS]
    AUTO_FOCUS = "#models-table"
    HELP = """
Every base model and what was made of it: tuned models, their checkpoints, what was trained further. Beside it
stands what is known of the model under the cursor, and who says when it ends. Enter talks to it. What you see
is kept on this machine, so it is here without a network too; r asks the accounts.
"""

    @dataclass
    class Read(Message):
        """The store was read."""

        family: list[FamilyModel]
        permissions: dict[str, Permissions]
        seen_at: int | None
        reading: int

    def __init__(self) -> None:
        super().__init__()
        self._family: list[FamilyModel] = []
        self._lines: dict[str, FamilyLine] = {}
        self._permissions: dict[str, Permissions] = {}
        self._sort, self._only, self._words = Sort.FAMILY, Only.ALL, ""
        self._seen_at: int | None = None
        self._asking = ""
        self._problem = ""
        self._read_once = False
        self._readings = Readings()

    def compose_body(self) -> ComposeResult:
        """Yield a line of summary, the filter, the list, and what is known of one model."""
        yield Static("", id="models-summary", markup=False)
        yield Input(placeholder="words of name, tag, note or dataset; esc clears", id="filter", compact=True)
        with Container(id="models-body"):
            yield Table(*COLUMNS, id="models-table", classes="pane", empty="Reading…", title="Models")
            with TextScroll(id="model-facts", classes="pane"):
                yield KeyValue(id="model-lines")

    def on_mount(self) -> None:
        """Show what is kept, then ask the accounts."""
        self._read_models()
        self._ask_accounts()

    def on_screen_resume(self) -> None:
        """Read again what may have changed while another screen was shown."""
        if self._read_once:
            self._read_models()

    # Reading

    @work(thread=True, group="read-models", exclusive=True, exit_on_error=False, description="read models")
    def _read_models(self) -> None:
        reading = self._readings.begin()
        family = model_family(self.services, today=clock.today())
        seen = self.services.store.models_seen_at()
        permissions = {name: self.ask_permissions(name) for name in {one.account for one in family}}
        self.post_message(self.Read(family, permissions, min(seen.values(), default=None), reading))

    @work(thread=True, group="ask-models", exclusive=True, exit_on_error=False, description="ask for models")
    def _ask_accounts(self) -> None:
        problem = ""
        for account in self.services.accounts():
            if not account.ready:
                continue
            self.post_from_thread(self._show_asking, account.name)
            try:
                account_models(self.services, account.name)
            except TunedeckError as error:
                problem = f"{account.name}: {error.message}"
        self.post_from_thread(self._asked, problem)

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say no more that an account is being asked."""
        if group == "ask-models":
            self._asked(error.message)
        return False

    def _show_asking(self, account: str) -> None:
        self._asking = account
        self._show_summary()

    def _asked(self, problem: str) -> None:
        self._asking, self._problem = "", problem
        self._read_models()

    @on(Read)
    def _take(self, message: Read) -> None:
        if self._readings.is_stale(message.reading):
            return
        self._read_once = True
        self._family, self._permissions = message.family, message.permissions
        self._seen_at = message.seen_at
        self._show()

    # Showing

    def _show(self) -> None:
        lines = arrange(self._family, sort=self._sort, only=self._only, words=self._words)
        self._lines = {_key(line.model): line for line in lines}
        table = self.query_one(Table)
        table.empty_text = (
            "No model fits; esc clears the filter, f shows all."
            if self._family
            else "No model yet. r asks the accounts; 4 trains one, on this machine for free."
        )
        ascii_only = self.services.settings.ascii
        table.set_rows(
            [TableRow(key, cells_of(line, ascii_only=ascii_only)) for key, line in self._lines.items()]
        )
        table.refresh()
        self._show_summary()
        self._show_facts()

    def _show_summary(self) -> None:
        shown = plural(len(self._lines), "model")
        if len(self._lines) < len(self._family):
            shown += f" of {len(self._family):,}"
        text = f"{shown}, {_ONLY_WORDS[self._only]}, by {self._sort}" if self._family else ""
        if self._words:
            text += f", with “{safe_line(self._words, 40)}”"
        parts: list[tuple[str, str]] = [(text, "muted")]
        if self._asking:
            parts.append((f"   asking {safe_line(self._asking, 40)}…", "accent"))
        elif self._seen_at is not None and job_words.now() - self._seen_at > 60:
            parts.append((f"   lists of {ago(self._seen_at)}: r asks again", "muted"))
        if self._problem:
            parts.append((f"   {safe_line(self._problem, 200)}", "warning"))
        self.query_one("#models-summary", Static).update(content(*parts), layout=False)  # type: ignore[arg-type]

    def _show_facts(self) -> None:
        model = self.chosen_model()
        facts = model_facts(model) if model is not None else []
        tone = days_part(model)[1] if model is not None else ""
        self.query_one("#model-lines", KeyValue).set_pairs(
            [(name, (value, tone) if name == "Ends" else value) for name, value in facts]
        )
        pane = self.query_one("#model-facts")
        pane.border_title, pane.display = "This model", bool(facts)
        self.refresh_bindings()

    # What keys act on

    def chosen_model(self) -> FamilyModel | None:
        """Return the model under the cursor."""
        key = self.query_one(Table).row_key if self.is_mounted else None
        line = self._lines.get(key) if key is not None else None
        return line.model if line is not None else None

    def permissions(self, account: str) -> Permissions:
        """Return what the account of a listed model can do."""
        return self._permissions.get(account, {})

    def model_changed(self) -> None:
        """Read the store again."""
        self._read_models()

    @on(Table.Highlighted)
    def _cursor_moved(self) -> None:
        self._show_facts()

    @on(Table.Chosen)
    def _talk(self) -> None:
        model = self.chosen_model()
        if model is not None and not model.is_model:
            self.action_open_job()
            return
        reason = self.reason_against("chat_model")
        if reason:
            self.tell(reason, title="Chat: not now", severity="warning")
        else:
            self.action_chat_model()

    def action_next_sort(self) -> None:
        """Put the models in the next order."""
        orders = list(Sort)
        self._sort = orders[(orders.index(self._sort) + 1) % len(orders)]
        self._show()

    def action_next_only(self) -> None:
        """Show the next kind of models."""
        kinds = list(Only)
        self._only = kinds[(kinds.index(self._only) + 1) % len(kinds)]
        self._show()

    def action_reload(self) -> None:
        """Ask every account for its models."""
        self._problem = ""
        self._ask_accounts()

    def action_filter(self) -> None:
        """Open the filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#filter")
    def _narrow(self, message: Input.Changed) -> None:
        self._words = message.value
        self._show()

    @on(Input.Submitted, "#filter")
    def _keep_filter(self) -> None:
        self.query_one("#filter").display = bool(self._words)
        self.query_one(Table).focus()

    def go_back(self) -> bool:
        """Clear the filter first."""
        field = self.query_one("#filter", Input)
        if not field.display and not self._words:
            return False
        field.value = self._words = ""
        self._keep_filter()
        self._show()
        return True


def _key(model: FamilyModel) -> str:
    return f"{model.account}\n{model.id}"
