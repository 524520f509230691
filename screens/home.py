"""Home: what runs, what is ready, what to do next; painted from the store, then kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from screens.base import HEADROOM_SECONDS, DeckScreen
from screens.home_facts import account_words, fitting_pairs, model_rows, radar_pairs, time_left
from screens.home_ways import HomeWays
from screens.job_words import ago, now, state_part
from screens.next_step import next_step
from screens.verdicts import verdict
from tui import clock
from tui.chat.model_names import job_title
from tui.engine_watch import EngineState, Phase
from tui.errors import TunedeckError
from tui.jobs.overview import Overview, OverviewReader, listed, needs_radar
from tui.widgets.key_value import KeyValue, Pair
from tui.widgets.keys import bindings
from tui.widgets.meter import bar
from tui.widgets.spark import spark
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import Part, content
from tui.widgets.words import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.jobs.radar import Radar
    from tui.jobs.watch import JobChange
    from tui.records.models import Account

_SPARK_WIDTH = 12
_AROUND_ACCOUNTS = 12
"""Columns of the accounts' pane that are not its words: frame, padding, gap, and the longest other name."""


_ACCOUNT_LINES, _MORE_ACCOUNT_LINES, _TALL = 6, 12, 36
"""Lines of the accounts' pane, those on a screen of so many lines; home.tcss has the same."""


class _Panes(Container):
    """Holds panes that cover it from edge to edge: what is below them is not worth drawing."""

    BLANK: ClassVar[bool] = True


class HomeScreen(HomeWays):
    """What runs, what is ready, what to do next."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("home"), *DeckScreen.BINDINGS]
    CSS_PATH = "home.tcss"
    PLACE = "home"
    AUTO_FOCUS = "#jobs"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - an instance variable to Textual
    HELP = """
    Home shows who trains models and until when, what ends soon, what this month has cost, the jobs under way
    and the newest ones, your datasets and models. Enter opens what the cursor is on; tab goes to the next.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known = Overview()
        self._accounts: Sequence[Account] = ()
        self._reader: OverviewReader | None = None
        self._is_reading = False
        self._is_stale = False
        self._unsubscribe: Callable[[], None] | None = None
        self._seen_before = False
        self._radar: Radar | None = None
        self._radar_failed = False
        self._asking: set[str] = set()
        """Accounts that are being asked for their models."""

    def compose_body(self) -> ComposeResult:
        """Yield next step, accounts, jobs, datasets and models, with what the store lists in them."""
        self._read_lists()
        known = self._known
        yield Static(self._next_words(), id="next", markup=False)
        if self._is_tall:
            self.add_class("-tall", update=False)  # before the first layout, which would be done again for it
        yield KeyValue(self._account_pairs(), id="accounts", classes="pane", title="Accounts")
        with _Panes(id="lists"):
            yield Table(
                Column("Job", cut="middle"),
                Column("State", 13),
                Column("Loss", _SPARK_WIDTH, tone="accent"),
                Column("Left", 11, "right", drop_below=60),
                Column("Started", 12, "right", "muted", drop_below=72),
                id="jobs",
                classes="pane",
                empty="No jobs yet. Launch one with l; its curve will be here.",
                title="Jobs",
                rows=self._job_rows(known),
            )
            with _Panes(id="things"):
                yield Table(
                    Column("Dataset"),
                    Column("Rows", 7, "right", drop_below=34),
                    Column("Verdict", 13, drop_below=26),
                    id="datasets",
                    classes="pane",
                    empty="No datasets yet. Press d to choose one.",
                    title="Datasets",
                    rows=self._dataset_rows(known),
                )
                yield Table(
                    Column("Model", cut="middle"),
                    Column("Ends in", 9, align="right", drop_below=30),
                    Column("Account", 8, tone="muted", drop_below=44),
                    id="models",
                    classes="pane",
                    empty="Models appear here once an account answers.",
                    title="Models",
                    rows=model_rows(known.models, None),
                )

    def _read_lists(self) -> None:
        """Read once what the first paint shows; everything later is read in a worker."""
        self._accounts = self.services.accounts()
        try:
            self._known = listed(self.services.lists)
        except TunedeckError as error:
            self.tell_error(error)

    def on_mount(self) -> None:
        """Keep what is said of rate limits true while nothing else happens."""
        self.set_interval(HEADROOM_SECONDS, self._show_accounts_if_shown)

    def _show_accounts_if_shown(self) -> None:
        if self.is_active:
            self._show_accounts()

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another place was open, and listen."""
        if self._seen_before:
            self._accounts = self.services.accounts()
            self.call_after_refresh(self.begin)
            if self.navigator.engine_state.phase is Phase.READY:
                self._list_models()
        self._seen_before = True

    def on_screen_suspend(self) -> None:
        """Stop listening: a place that isn't shown draws nothing."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def begin(self) -> None:
        """Follow the jobs, and read what the first paint left out."""
        if self._unsubscribe is None and self.is_current:
            self._unsubscribe = self.services.watcher.subscribe(
                lambda change: self.post_from_thread(self._job_changed, change)
            )
            self.read_again()

    def _job_changed(self, change: JobChange) -> None:
        if self.is_active:
            self.read_again()
            if change.job is not None and change.job.state.is_final:
                self._list_models()  # a finished job made one

    # Reading

    def read_again(self) -> None:
        """Read the store in the background and show it; changes meanwhile are read together, afterwards."""
        if self._is_reading:
            self._is_stale = True
        else:
            self._is_reading = True
            self._read()

    @work(thread=True, group="store", exit_on_error=False, description="read what is kept")
    def _read(self) -> None:
        if self._reader is None:
            self._reader = OverviewReader(self.services.store)
        self.post_from_thread(self._has_read, self._reader.read(now()))
        self._read_radar()

    def _read_radar(self) -> None:
        """Read, in the reader's thread, what ends and what was spent: the catalog takes its time."""
        if not needs_radar(self._accounts):
            return
        from tui.jobs.radar import read_radar  # 20 ms of imports; first paint goes without

        try:
            self.post_from_thread(self._show_radar, read_radar(self.services, now(), clock.today()))
        except TunedeckError as error:
            self.post_from_thread(self._tell_radar_failed, error)

    def _show_radar(self, radar: Radar) -> None:
        self._radar = radar
        self._show()

    def _tell_radar_failed(self, error: TunedeckError) -> None:
        """Tell a wrong catalog file once, and not with every change of a job."""
        if not self._radar_failed:
            self._radar_failed = True
            self.tell_error(error)

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Read again when something changes, all the same."""
        if group == "store":
            self._is_reading = False
        return super().work_broke_off(group, error)

    def _has_read(self, known: Overview) -> None:
        self._is_reading = False
        self._known = known
        self._show()
        if self._is_stale:
            self._is_stale = False
            self.read_again()

    # Showing

    def _show(self) -> None:
        known = self._known
        self.query_one("#jobs", Table).set_rows(self._job_rows(known))
        self.query_one("#datasets", Table).set_rows(self._dataset_rows(known))
        self.query_one("#models", Table).set_rows(model_rows(known.models, self._radar))
        self._show_accounts()
        self._show_next()

    def _job_rows(self, known: Overview) -> list[TableRow]:
        is_ascii = self.services.settings.ascii
        rows = []
        for job in known.jobs:
            losses = known.losses.get((job.account, job.id), ())
            curve = spark(losses, _SPARK_WIDTH, ascii_only=is_ascii)
            cells = (job_title(job), state_part(job), curve, time_left(known, job), ago(job.created_at))
            rows.append(TableRow(f"{job.account}\n{job.id}", cells))
        return rows

    def _dataset_rows(self, known: Overview) -> list[TableRow]:
        return [
            TableRow(str(record.path), (record.path.name, f"{record.rows:,}", verdict(record)))
            for record in known.datasets
        ]

    def _show_accounts(self) -> None:
        self.query_one("#accounts", KeyValue).set_pairs(self._account_pairs())

    def _account_pairs(self) -> list[Pair]:
        pairs: list[Pair] = []
        names = max((len(account.name) for account in self._accounts), default=0)
        room = self.app.size.width - names - _AROUND_ACCOUNTS
        for account in self._accounts:
            if account.provider == "local":
                pairs.append((account.name, self._engine_words(self.navigator.engine_state)))
            else:
                headroom = self.services.headroom(account.name, 1)
                pairs.append((account.name, account_words(account, self._radar, headroom, room)))
        lines = _MORE_ACCOUNT_LINES if self._is_tall else _ACCOUNT_LINES
        return fitting_pairs(pairs, radar_pairs(self._radar), lines)

    @property
    def _is_tall(self) -> bool:
        return self.app.size.height >= _TALL

    def on_resize(self, event: Resize) -> None:
        """Say as much of the accounts as there is room for now."""
        self.set_class(self._is_tall, "-tall")
        self._show_accounts()

    def _engine_words(self, state: EngineState) -> Part:
        width = 16
        match state.phase:
            case Phase.FETCHING | Phase.PREPARING:
                full, empty = bar(state.fraction, width, ascii_only=self.services.settings.ascii)
                done = f"{state.fraction:.0%}"  # of the work; only a fetch is measured in bytes
                if state.phase is Phase.FETCHING and state.total_bytes:
                    done = f"{size(state.done_bytes)} of {size(state.total_bytes)}"
                return f"{full}{empty} {state.phase} {state.model} {done}", "accent"
            case Phase.READY:
                return f"✓ ready with {state.model}", "good"
            case Phase.FAILED:
                return f"✗ {state.error}", "bad"
            case Phase.NO_MODEL:
                return "! runs, but has no base model yet; r looks again", "warning"
            case Phase.STARTING:
                return "starting on this machine…", "muted"
            case Phase.AT_REST:
                return "at rest; starts by itself when it is needed", "muted"
            case Phase.UNKNOWN:
                return "on this machine, free", "muted"

    def _show_next(self) -> None:
        self.query_one("#next", Static).update(self._next_words())

    def _next_words(self) -> Content:
        return content(*next_step(self.navigator.engine_state, self._known, self._radar))

    def engine_changed(self, state: EngineState) -> None:
        """Show how far the engine and its model are; a new model gets listed."""
        self._show_accounts()
        self._show_next()
        if state.phase is Phase.READY:
            self._list_models()

    @work(thread=True, group="models", exclusive=True, exit_on_error=False, description="list models")
    def _list_models(self) -> None:
        account = self.services.settings.default_account
        try:
            models = self.services.provider(account).list_models()
            self.services.store.save_listing(self.services.account(account), list(models))
        except TunedeckError:
            return  # the account's own line says what is wrong with it
        self.post_from_thread(self.read_again)

    # Keys

    @on(Table.Chosen, "#jobs")
    def open_chosen_job(self, message: Table.Chosen) -> None:
        """Show the job's curves."""
        account, _, job_id = message.key.partition("\n")
        self.navigator.open_job(account, job_id)

    @on(Table.Chosen, "#datasets")
    def open_chosen_dataset(self, message: Table.Chosen) -> None:
        """Show the dataset's rows."""
        self.navigator.open_rows(Path(message.key))

    @on(Table.Chosen, "#models")
    def talk_to_chosen_model(self, message: Table.Chosen) -> None:
        """Chat with the model, a tuned one beside its base."""
        self._chat_with(message.key)

    def action_open_example(self) -> None:
        """Check the shipped example."""
        from tui.data.examples import EXAMPLES

        self.navigator.open_check(EXAMPLES[0].training)

    def action_browse(self) -> None:
        """Go to the datasets."""
        self.navigator.go_to("datasets")

    def action_launch(self) -> None:
        """Go to Launch, with the newest sound dataset or the example."""
        from tui.data.examples import EXAMPLES

        sound = [record.path for record in self._known.datasets if record.valid]
        self.navigator.open_launch(sound[0] if sound else EXAMPLES[0].training)

    def action_chat_model(self) -> None:
        """Chat with the model under the cursor, or the newest tuned one."""
        table = self.query_one("#models", Table)
        tuned = [model for model in self._known.models if model.is_fine_tuned]
        if not table.has_focus and tuned:
            self._chat_with(f"{tuned[0].account}\n{tuned[0].id}")
        elif table.row_key is not None:
            self._chat_with(table.row_key)
        else:
            self.tell("There is no model yet. The local engine brings one; e shows the example meanwhile.")

    def _chat_with(self, key: str) -> None:
        account, _, model_id = key.partition("\n")
        models = self._known.models
        base = next(
            (model.base_model for model in models if (model.account, model.id) == (account, model_id)), None
        )
        beside = [(account, base)] if base else []
        self.navigator.open_chat((account, model_id), *beside)

    def action_reload(self) -> None:
        """Read everything again and look for the engine."""
        self.read_again()
        for account in self.services.accounts():
            if account.ready and account.provider != "local" and account.name not in self._asking:
                self._asking.add(account.name)
                self._ask_service(account.name)
        self.navigator.watch_engine()
        self.services.watcher.start()

    @work(thread=True, group="ask-services", exit_on_error=False, description="ask a service")
    def _ask_service(self, account: str) -> None:
        """Ask one account, in a thread of its own: a service that hangs holds up no other."""
        from tui.jobs.inventory import account_models  # only when it is asked for

        try:
            account_models(self.services, account)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        finally:
            self.post_from_thread(self._asking.discard, account)
        self.post_from_thread(self.read_again)
