"""What a file costs on every model that takes it: counted once for each vocabulary, priced side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tui.datasets.line_tokens import measure_found_lines
from tui.datasets.report import Report
from tui.errors import TunedeckError
from tui.jobs.calibration import observations
from tui.jobs.ports import JobServices
from tui.jobs.reports import Progress, report_for
from tui.money.calibration import Calibration, calibrate
from tui.money.catalog import CatalogModel
from tui.money.groups import CostGroup, cost_groups
from tui.money.side_by_side import ModelCost, side_by_side
from tui.records.jobs import Method

_METHODS = {"preference": Method.DPO, "reinforcement": Method.REINFORCEMENT}


def method_for(report: Report) -> Method:
    """Return the method that a file's format is for."""
    return _METHODS.get(report.format.value, Method.SUPERVISED)


@dataclass(frozen=True, slots=True)
class FileCounts:
    """A file's reports, one for each vocabulary that a model reads."""

    reports: Mapping[str, Report]
    """Encoding, as the catalog names it -> report."""
    main: Report
    """For the first model that costs something: its vocabulary and limit make the bill."""
    held_out: Mapping[str, Report] = field(default_factory=dict)
    """Likewise of the validation file; empty without one."""

    def bills(
        self, services: JobServices, *, method: Method | None = None, epochs: int | None = None
    ) -> list[ModelCost]:
        """Return each model's bill, those that can be launched here first, then others, cheapest first.

        Args:
            services: The catalog.
            method: How the model is tuned; None takes what the format is for.
            epochs: Passes, or None for each service's automatic choice.
        """
        held_out = {name: report.tokens.per_epoch for name, report in self.held_out.items()}
        return side_by_side(
            services.catalog,
            {name: report.tokens.per_epoch for name, report in self.reports.items()},
            examples=max(1, self.main.rows),
            epochs=epochs,
            method=method or method_for(self.main),
            validation_tokens=held_out or None,
        )

    def groups(self, path: Path, *, cancelled: Callable[[], bool] = lambda: False) -> list[CostGroup]:
        """Return what each group of rows costs (`tui.money.groups`).

        Raises:
            TunedeckError: The file can't be read or has changed.
        """
        return cost_groups(self.main, measure_found_lines(path, self.main, cancelled=cancelled))


def count_for_all(
    services: JobServices,
    path: Path,
    *,
    method: Method | None = None,
    validation: Path | None = None,
    on_counts: Callable[[FileCounts], None] | None = None,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> FileCounts:
    """Count a file for every vocabulary that a model reads; kept reports are not made again.

    Args:
        services: The store and the catalog.
        path: The training file.
        method: How a model is to be tuned; None takes what the file's format is for.
        validation: The validation file.
        on_counts: Called with what is known already, after each vocabulary but the last.
        on_progress: Called with (bytes done, bytes in all) of one reading after the other.
        cancelled: Asked now and then; True ends the counting.

    Raises:
        TunedeckError: A file can't be read, or no model takes files of this method.
        CheckCancelled: `cancelled` said so.
    """

    def count(file: Path, model: CatalogModel, *, held_out: bool) -> Report:
        return report_for(
            services, file, model, validation=held_out, on_progress=on_progress, cancelled=cancelled
        )

    models = services.catalog.trainable(method)
    paid_first = sorted(models, key=lambda model: not model.training_price_per_million)
    first_of = {model.vocabulary: model for model in reversed(paid_first)}
    vocabularies = list(dict.fromkeys(model.vocabulary for model in paid_first))
    if not vocabularies:
        raise TunedeckError("No model takes files of this method.", "Choose another method.")
    reports: dict[str, Report] = {}
    held_out: dict[str, Report] = {}
    for vocabulary in vocabularies:
        reports[vocabulary] = count(path, first_of[vocabulary], held_out=False)
        if validation is not None:
            held_out[vocabulary] = count(validation, first_of[vocabulary], held_out=True)
        counts = FileCounts(dict(reports), reports[vocabularies[0]], dict(held_out))
        if on_counts is not None and vocabulary != vocabularies[-1]:
            on_counts(counts)
    return counts


def calibrations(
    services: JobServices, bills: Sequence[ModelCost], dataset_format: str
) -> dict[str, Calibration]:
    """Return what finished jobs suggest, by `provider/model`, for those models that any were run on."""
    seen = list(observations(services))
    found = {}
    for bill in bills if seen else ():
        one = calibrate(seen, bill.provider, bill.model, dataset_format)
        if one is not None:
            found[f"{bill.provider}/{bill.model}"] = one
    return found
