"""Home: what runs, what is ready, what to do next; painted from the store, then kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from screens.base import DeckScreen
from screens.job_words import ago, job_title, now, rough_duration, state_part
from screens.next_step import UNDER_WAY, Situation, next_step
from screens.verdicts import verdict
from tui.chat.model_names import short_model_name
from tui.engine_watch import EngineState, Phase
from tui.errors import TunedeckError
from tui.jobs.metrics import eta_seconds
from tui.jobs.recent_files import recent_files
from tui.records.jobs import Job
from tui.records.models import Account, ModelInfo
from tui.store.rows import DatasetRecord
from tui.widgets.key_value import KeyValue, Pair
from tui.widgets.keys import bindings
from tui.widgets.meter import bar
from tui.widgets.spark import spark
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import Part, content
from tui.widgets.words import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.jobs.watch import JobChange

MOST_JOBS, MOST_DATASETS, MOST_MODELS = 30, 30, 50
_SPARK_WIDTH = 12


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read from the store at once."""

    jobs: Sequence[Job]
    curves: Sequence[str]
    datasets: Sequence[DatasetRecord]
    models: Sequence[ModelInfo]
    accounts: Sequence[Account]


class HomeScreen(DeckScreen):
    """What runs, what is ready, what to do next."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("home"), *DeckScreen.BINDINGS]
    CSS_PATH = "home.tcss"
    PLACE = "home"
    AUTO_FOCUS = "#jobs"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - an instance variable to Textual
    HELP = """
    Home shows where models are trained and served, the jobs under way and the newest ones, the datasets you
    looked at and the models you have. Enter opens what the cursor is on; tab goes from pane to pane.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: _Known | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._seen_before = False
        self._final_curves: dict[tuple[str, str], str] = {}

    def compose_body(self) -> ComposeResult:
        """Yield next step, accounts, jobs, datasets and models."""
        yield Static(id="next", markup=False)
        yield KeyValue(id="accounts", classes="pane")
        with Container(id="lists"):
            yield Table(
                Column("Job", cut="middle"),
                Column("State", 13),
                Column("Loss", _SPARK_WIDTH, tone="accent"),
                Column("Left", 11, "right", drop_below=60),
                Column("Started", 12, "right", "muted", drop_below=72),
                id="jobs",
                classes="pane",
                empty="No jobs yet. Launch one with l; its curve will be here.",
            )
            with Container(id="things"):
                yield Table(
                    Column("Dataset"),
                    Column("Rows", 7, "right", drop_below=34),
                    Column("Verdict", 13),
                    id="datasets",
                    classes="pane",
                    empty="No datasets yet. Press d to choose one.",
                )
                yield Table(
                    Column("Model", cut="middle"),
                    Column("Account", 8, tone="muted", drop_below=34),
                    id="models",
                    classes="pane",
                    empty="Models appear here once an account answers.",
                )

    def on_mount(self) -> None:
        """Name the panes and show what the store has, before anything is asked of a service."""
        titles = {"accounts": "Accounts", "jobs": "Jobs", "datasets": "Datasets", "models": "Models"}
        for name, title in titles.items():
            self.query_one(f"#{name}").border_title = title
        self._show_stored()

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another place was open, and listen."""
        if self._seen_before:
            self._show_stored()
            if self.navigator.engine_state.phase is Phase.READY:
                self._list_models()
        self._seen_before = True
        self.call_after_refresh(self._listen)

    def on_screen_suspend(self) -> None:
        """Stop listening: a place that isn't shown draws nothing."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _listen(self) -> None:
        if self._unsubscribe is None and self.is_current:
            self._unsubscribe = self.services.watcher.subscribe(
                lambda change: self.post_from_thread(self._job_changed, change)
            )

    def _job_changed(self, change: JobChange) -> None:
        if self.is_active:
            self._show_stored()
            if change.job is not None and change.job.state.is_final:
                self._list_models()  # a finished job made one

    # Showing

    def _show_stored(self) -> None:
        self._known = self._read_store()
        self._show_jobs(self._known)
        self._show_things(self._known)
        self._show_accounts()
        self._show_next()

    def _read_store(self) -> _Known:
        store = self.services.store
        jobs = sorted(store.jobs(limit=MOST_JOBS), key=lambda job: job.state not in UNDER_WAY)
        return _Known(
            jobs,
            [self._curve(job) for job in jobs],
            recent_files(store, MOST_DATASETS),
            store.models()[:MOST_MODELS],
            self.services.accounts(),
        )

    def _curve(self, job: Job) -> str:
        key = (job.account, job.id)
        if key in self._final_curves:
            return self._final_curves[key]
        curve = self._read_curve(job)
        if job.state.is_final:
            self._final_curves[key] = curve
        return curve

    def _read_curve(self, job: Job) -> str:
        metrics = self.services.store.metrics(job.account, job.id)
        losses = [values["train_loss"] for _, values in sorted(metrics.items()) if "train_loss" in values]
        return spark(losses, _SPARK_WIDTH, ascii_only=self.services.settings.ascii)

    def _show_jobs(self, known: _Known) -> None:
        rows = [
            TableRow(
                f"{job.account}\n{job.id}",
                (job_title(job), state_part(job), curve, self._left(job), ago(job.created_at)),
            )
            for job, curve in zip(known.jobs, known.curves, strict=True)
        ]
        self.query_one("#jobs", Table).set_rows(rows)

    def _left(self, job: Job) -> str:
        if job.state not in UNDER_WAY:
            return ""
        seconds = eta_seconds(job, self.services.store.events(job.account, job.id), now())
        return "" if seconds is None else rough_duration(seconds)

    def _show_things(self, known: _Known) -> None:
        self.query_one("#datasets", Table).set_rows(
            TableRow(str(record.path), (record.path.name, f"{record.rows:,}", verdict(record)))
            for record in known.datasets
        )
        self.query_one("#models", Table).set_rows(
            TableRow(f"{model.account}\n{model.id}", (short_model_name(model.id), model.account))
            for model in known.models
        )

    def _show_accounts(self) -> None:
        known = self._known
        if known is None:
            return
        pairs: list[Pair] = []
        for account in known.accounts:
            if account.provider == "local":
                pairs.append((account.name, self._engine_words(self.navigator.engine_state)))
            else:
                state = account.state or ("ready" if account.ready else "not ready")
                pairs.append(
                    (account.name, (f"✓ {state}", "good") if account.ready else (f"– {state}", "muted"))
                )
        self.query_one("#accounts", KeyValue).set_pairs(pairs)

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
        known = self._known
        if known is not None:
            situation = Situation(self.navigator.engine_state, known.jobs, known.datasets, known.models)
            self.query_one("#next", Static).update(content(*next_step(situation)))

    def engine_changed(self, state: EngineState) -> None:
        """Show how far the engine and its model are; a new model gets listed."""
        self._show_accounts()
        self._show_next()
        if state.phase is Phase.READY:
            self._list_models()

    @work(thread=True, group="models", exclusive=True, exit_on_error=False)
    def _list_models(self) -> None:
        account = self.services.settings.default_account
        try:
            models = self.services.provider(account).list_models()
            self.services.store.save_models(account, list(models))
        except TunedeckError:
            return  # the account's own line says what is wrong with it
        self.post_from_thread(self._show_stored)

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

        sound = [record.path for record in self._known.datasets if record.valid] if self._known else []
        self.navigator.open_launch(sound[0] if sound else EXAMPLES[0].training)

    def action_chat_model(self) -> None:
        """Chat with the model under the cursor, or the newest tuned one."""
        table = self.query_one("#models", Table)
        tuned = [model for model in self._known.models if model.is_fine_tuned] if self._known else []
        if not table.has_focus and tuned:
            self._chat_with(f"{tuned[0].account}\n{tuned[0].id}")
        elif table.row_key is not None:
            self._chat_with(table.row_key)
        else:
            self.tell("There is no model yet. The local engine brings one; e shows the example meanwhile.")

    def _chat_with(self, key: str) -> None:
        account, _, model_id = key.partition("\n")
        models = self._known.models if self._known else ()
        base = next(
            (model.base_model for model in models if (model.account, model.id) == (account, model_id)), None
        )
        beside = [(account, base)] if base else []
        self.navigator.open_chat((account, model_id), *beside)

    def action_reload(self) -> None:
        """Read everything again and look for the engine."""
        self._show_stored()
        self.navigator.watch_engine()
        self.services.watcher.start()
