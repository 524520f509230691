"""What pay-back needs of a file: its mean call and its training tokens, by each model's vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tui.datasets.call_tokens import CallTokens, measure_calls, text_tokens
from tui.jobs.file_costs import method_for
from tui.jobs.local_rows import reader_of
from tui.jobs.ports import JobServices
from tui.jobs.reports import Progress, report_for
from tui.money.catalog import CatalogModel
from tui.money.catalog_model import MODEL_ENCODING
from tui.money.estimate import auto_epochs
from tui.money.lifetime import Lifetimes
from tui.money.payback import PaybackCase, PaybackChoice
from tui.money.side_by_side import OTHER_VOCABULARY


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A file as one vocabulary counts it."""

    call: CallTokens
    rows: int
    tokens_per_epoch: int
    """Uncut: a row that is too long with the long prompt may fit with the short one."""


class PaybackFile:
    """Measures a file once for each vocabulary, and makes a case of any two models.

    Args:
        services: The store and the catalog.
        path: The training file.
        prompt: Instructions that the plain model gets instead of the file's own; None takes the file's.
    """

    def __init__(self, services: JobServices, path: Path, prompt: str | None = None) -> None:
        self._services = services
        self.path = path
        self._prompt = prompt
        self._measured: dict[str, MeasuredFile] = {}
        self._lifetimes = Lifetimes(services.catalog, services.store.model_dates())

    def is_measured(self, *models: CatalogModel) -> bool:
        """Say whether a case of these models needs no reading."""
        return all(model.vocabulary in self._measured for model in models)

    def measure(
        self,
        model: CatalogModel,
        *,
        on_progress: Progress | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> MeasuredFile:
        """Count the file for a model, unless its vocabulary has counted it already.

        Raises:
            TunedeckError: It can't be read, or holds no answers.
            CheckCancelled: `cancelled` said so.
        """
        key = model.vocabulary
        if key not in self._measured:
            report = report_for(
                self._services, self.path, model, on_progress=on_progress, cancelled=cancelled
            )
            call = measure_calls(self.path, _encoding(model), reader_of(model), cancelled=cancelled)
            uncut = report.tokens.per_epoch + report.tokens.lost_tokens
            self._measured[key] = MeasuredFile(call, report.rows, uncut)
        return self._measured[key]

    def case(self, prompted: CatalogModel, tuned: CatalogModel, tier: str | None = None) -> PaybackCase:
        """Return the case of a plain model against a tuned one.

        Raises:
            TunedeckError: The file can't be read, or holds no answers.
        """
        plain, made = self.measure(prompted), self.measure(tuned)
        report = report_for(self._services, self.path, tuned)
        life = self._lifetimes.of(tuned.provider, tuned.id)
        return PaybackCase(
            prompted, tuned, self._with_prompt(plain.call, prompted), self._with_prompt(made.call, tuned),
            made.rows, made.tokens_per_epoch, made.call.system, life, method_for(report), tier,
            self._lifetimes.today, report.tokens.limit,
        )  # fmt: skip

    def _with_prompt(self, call: CallTokens, model: CatalogModel) -> CallTokens:
        if self._prompt is None:
            return call
        return replace(call, system=text_tokens(self._prompt, _encoding(model), reader_of(model)))

    def usual_choice(self, tuned: CatalogModel) -> PaybackChoice:
        """Return what the sliders start with."""
        made = self.measure(tuned)
        epochs = auto_epochs(max(1, made.rows), tuned.provider).epochs
        choice = PaybackChoice() if epochs is None else PaybackChoice(epochs=epochs)
        if self._prompt is None:
            return choice
        long = text_tokens(self._prompt, _encoding(tuned), reader_of(tuned))
        # The file has the short prompt already: that is what is kept of the long one.
        return replace(choice, kept_percent=min(100, round(100 * made.call.system / long)) if long else 100)


def _encoding(model: CatalogModel) -> str:
    return OTHER_VOCABULARY if model.encoding == MODEL_ENCODING else model.encoding


def payback_models(services: JobServices) -> list[CatalogModel]:
    """Return the models that a person can turn through: those that can be named, the living ones."""
    lifetimes = Lifetimes(services.catalog, services.store.model_dates())
    return [
        model
        for model in services.catalog.models
        if not model.is_class and not model.historic and not lifetimes.of(model.provider, model.id).is_over
    ]
