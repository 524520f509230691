"""`tunedeck cost FILE --all-models`: every service side by side, and what each group of rows costs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tui.cli.output import ProgressLine, narrate, print_json, print_table, say
from tui.datasets.report import Report
from tui.errors import TunedeckError
from tui.money.catalog import CatalogModel
from tui.money.groups import CostGroup
from tui.money.side_by_side import ModelCost
from tui.records.jobs import Method
from tui.services import Services


def print_all(
    services: Services,
    file: Path,
    validation: Path | None,
    epochs: int | None,
    method: Method,
    *,
    as_json: bool,
) -> None:
    """Print what the file would cost everywhere.

    Raises:
        TunedeckError: A file can't be read or holds no examples.
    """
    from tui.datasets.line_tokens import measure_found_lines
    from tui.money.groups import cost_groups
    from tui.money.side_by_side import side_by_side

    models = services.catalog.trainable(method)
    reports = _reports(services, file, models, validation=False)
    report = _main_report(reports, models)
    if report.rows == 0:
        raise TunedeckError(f"{file} holds no examples.", "A dataset has one JSON object per line.")
    if not report.valid:
        narrate(f"{file} has errors, so the service would refuse it; `tunedeck check` lists them.")
    held_out = None
    if validation is not None:
        kept = _reports(services, validation, models, validation=True)
        held_out = {encoding: each.tokens.per_epoch for encoding, each in kept.items()}
    costs = side_by_side(
        services.catalog,
        {encoding: each.tokens.per_epoch for encoding, each in reports.items()},
        examples=report.rows,
        epochs=epochs,
        method=method,
        validation_tokens=held_out,
    )
    groups = cost_groups(report, measure_found_lines(file, report))
    if as_json:
        print_json(_as_json(file, report, costs, groups))
    else:
        _print(costs, groups)


def _reports(
    services: Services, file: Path, models: Sequence[CatalogModel], *, validation: bool
) -> dict[str, Report]:
    """Return a report for each vocabulary that a model reads."""
    from tui.jobs.reports import report_for

    progress = ProgressLine("Counting")
    reports: dict[str, Report] = {}
    for model in models:
        if model.encoding not in reports:
            reports[model.encoding] = report_for(
                services, file, model, validation=validation, on_progress=progress.update
            )
    progress.finish()
    return reports


def _main_report(reports: dict[str, Report], models: Sequence[CatalogModel]) -> Report:
    """Return the report for the first model that costs something: its vocabulary and limit make the bill."""
    paid = (model for model in models if model.training_price_per_million)
    first = next(paid, None)
    if first is not None:
        return reports[first.encoding]
    if not reports:
        raise TunedeckError("No model takes files of this method.", "Choose another --method.")
    return next(iter(reports.values()))


def _as_json(
    file: Path, report: Report, costs: Sequence[ModelCost], groups: Sequence[CostGroup]
) -> dict[str, Any]:
    return {
        "file": str(file),
        "examples": report.rows,
        "valid": report.valid,
        "encoding": report.tokens.encoding,
        "models": [cost.as_json() for cost in costs],
        "groups": [group.as_json() for group in groups],
    }


def _print(costs: Sequence[ModelCost], groups: Sequence[CostGroup]) -> None:
    from tui.money.estimate import format_money

    heads = ["SERVICE", "MODEL", "PER EPOCH", "EPOCHS", "IN ALL", "VALIDATION", "STANDING BY", "PRICE READ"]
    print_table(
        heads,
        [
            [
                cost.provider,
                cost.model,
                _amount(cost, cost.per_epoch),
                cost.epochs,
                cost.amount_text(),
                "" if cost.validation is None else _amount(cost, cost.validation),
                _standing_by(cost),
                f"{cost.price_read_on or '-'}{' (old)' if cost.is_stale else ''}",
            ]
            for cost in costs
        ],
    )
    for source in dict.fromkeys(cost.epochs_source for cost in costs):
        services = dict.fromkeys(cost.provider for cost in costs if cost.epochs_source == source)
        say(f"Epochs of {', '.join(services)}: {source}.")
    if any(cost.is_counted_otherwise for cost in costs):
        say(
            "Open-weight models of other services read vocabularies of their own; the count is o200k_base's,"
            " so their bills are rough."
        )
    billed = [cost for cost in costs if cost.total and cost.is_launchable]
    paid = next((cost for cost in billed if not cost.is_counted_otherwise), None)
    if groups:
        say("")
        say(f"What is paid for{f', on {paid.model}' if paid else ''}:")
    for group in groups:
        amount = ""
        if paid is not None and paid.price_per_million is not None:
            price = group.cost(paid.price_per_million, paid.epochs)
            amount = f": {format_money(price, paid.currency)}"
        rows = "" if group.rows is None else f" ({group.rows:,} row{'' if group.rows == 1 else 's'})"
        say(f"  {group.sentence}{rows}{amount}")


def _amount(cost: ModelCost, amount: Decimal | None) -> str:
    from tui.money.amounts import format_money
    from tui.money.catalog_model import NOT_PUBLISHED

    if amount is None:
        return NOT_PUBLISHED
    return format_money(amount, cost.currency) if amount else "free"


def _standing_by(cost: ModelCost) -> str:
    hosting = _amount(cost, cost.hosting_per_hour)
    return f"{hosting}/h" if cost.hosting_per_hour else hosting
