"""`tunedeck cost FILE --all-models`: every service side by side, and what each group of rows costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tui.cli.output import ProgressLine, narrate, print_json, print_table, say
from tui.datasets.report import Report
from tui.money.calibration import Calibration
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
    from tui.cli.counter import refuse_uncounted
    from tui.jobs.file_costs import calibrations, count_for_all

    progress = ProgressLine("Counting")
    counts = count_for_all(services, file, method=method, validation=validation, on_progress=progress.update)
    progress.finish()
    report = counts.main
    refuse_uncounted(file, report)
    if not report.valid:
        narrate(f"{file} has errors, so the service would refuse it; `tunedeck check` lists them.")
    costs = counts.bills(services, method=method, epochs=epochs)
    groups = counts.groups(file)
    known = calibrations(services, costs, report.format.value)
    if as_json:
        print_json(_as_json(file, report, costs, groups, known))
    else:
        _print(costs, groups)
        for name, one in known.items():
            say(f"{name}: {one.sentence(_counted(costs, name))} (shown, not applied)")


def _as_json(
    file: Path,
    report: Report,
    costs: Sequence[ModelCost],
    groups: Sequence[CostGroup],
    known: Mapping[str, Calibration],
) -> dict[str, Any]:
    return {
        "file": str(file),
        "examples": report.rows,
        "valid": report.valid,
        "encoding": report.tokens.encoding,
        "models": [cost.as_json() for cost in costs],
        "groups": [group.as_json() for group in groups],
        "calibrations": {name: one.as_json(_counted(costs, name)) for name, one in known.items()},
    }


def _counted(costs: Sequence[ModelCost], name: str) -> int:
    return next(cost.tokens_per_epoch for cost in costs if f"{cost.provider}/{cost.model}" == name)


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
                "auto" if cost.epochs is None else cost.epochs,
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
            price = group.cost(paid.price_per_million, paid.epochs or 1)
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
