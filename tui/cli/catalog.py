"""`tunedeck catalog`: models of every service, with prices, limits and dates; checks, compares."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.output import json_option, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.records.jobs import Method
from tui.services import Services

if TYPE_CHECKING:
    from tui.money.catalog import CatalogModel
    from tui.money.catalog_diff import CatalogChange

_FILE = click.Path(path_type=Path)


@click.group(invoke_without_command=True)
@click.option("--provider", help="Only this service's models.")
@click.option("--method", type=click.Choice([str(one) for one in Method]), help="Only models that take it.")
@click.option("--trainable", is_flag=True, help="Only models on which a job can be started here today.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, provider: str | None, method: str | None, trainable: bool, as_json: bool
) -> None:
    """List models of every service with prices, limits and dates; with a command, more.

    What nobody published is "not published" here and null in JSON, never 0. Your own file, named by
    `tunedeck config path`, overrides single keys; a shutdown date that a service told beats both.
    """
    if ctx.invoked_subcommand is not None:
        return
    with Services.open() as services:
        catalog = services.catalog
    if provider is not None and provider not in catalog.providers:
        raise TunedeckError(
            f"There is no service {provider!r}.", f"There are {', '.join(catalog.providers)}."
        )
    wanted = Method(method) if method else None
    models = [
        model
        for model in (catalog.trainable(wanted) if trainable else catalog.models)
        if provider in (None, model.provider) and (wanted is None or wanted in model.methods)
    ]
    if as_json:
        print_json([_json(model) for model in models])
        return
    heads = ["SERVICE", "MODEL", "METHODS", "TRAINING/M", "IN/M", "OUT/M", "STANDING BY", "NEW JOBS UNTIL",
             "STOPS ON", "WEIGHTS LEAVE", "PRICE READ"]  # fmt: skip
    print_table(heads, [_line(model) for model in models])


@command.command()
@click.argument("model")
@click.option("--provider", help="The service, where several train a model of this name.")
@json_option
def show(model: str, provider: str | None, as_json: bool) -> None:
    """Print everything that is known of MODEL (an id, an alias or a tuned model)."""
    with Services.open() as services:
        found = services.catalog.model(model, provider)
    if as_json:
        print_json(_json(found))
        return
    for key, value in _json(found).items():
        say(f"{key:<36} {_written(value)}")


@command.command()
@click.argument("file", type=_FILE, required=False)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="Exit with 1 on findings as bad as this or worse; old prices are warnings.",
)
@json_option
def check(file: Path | None, fail_on: str, as_json: bool) -> int:
    """Check dates, prices, entries that stand twice and the age of prices.

    Reads the shipped catalog with FILE over it; without one, with your own file.
    """
    from tui.money.catalog import Catalog, override_path
    from tui.money.catalog_check import check_catalog
    from tui.money.catalog_file import read_catalog_file, shipped_file

    files = [shipped_file()]
    if file is not None or override_path().exists():
        files.append(read_catalog_file(file or override_path()))
    catalog = Catalog.from_files(files)
    found = check_catalog(catalog, files)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            say(f"{one.level:<7}  {one.provider} {one.model}: {one.message}")
        say(f"{len(catalog.models)} models in {' and '.join(each.place for each in files)}: "
            f"{sum(one.level == 'error' for one in found)} errors, "
            f"{sum(one.level == 'warning' for one in found)} warnings.")  # fmt: skip
    bad = any(one.level == "error" or fail_on == "warning" for one in found)
    return int(ExitCode.BAD if bad else ExitCode.DONE)


@command.command()
@click.argument("file", type=_FILE, required=False)
@json_option
def diff(file: Path | None, as_json: bool) -> None:
    """Say what your own file, or FILE, changes in the shipped catalog."""
    from tui.money.catalog import Catalog, override_path
    from tui.money.catalog_diff import diff_catalogs
    from tui.money.catalog_file import read_catalog_file, shipped_file

    path = file or override_path()
    if file is None and not path.exists():
        say(f"There is no file of yours: {path}")
        return
    shipped = shipped_file()
    changes = diff_catalogs(
        Catalog.from_files([shipped]), Catalog.from_files([shipped, read_catalog_file(path)])
    )
    if as_json:
        print_json([asdict(one) for one in changes])
        return
    for one in changes:
        say(_change_text(one))
    if not changes:
        say(f"{path} changes nothing.")


def _change_text(one: CatalogChange) -> str:
    if not one.key:
        return f"{'added' if one.before is None else 'removed'}  {one.provider} {one.model}"
    change = f"{_written(one.before)} -> {_written(one.after)}"
    return f"changed  {one.provider} {one.model}: {one.key} {change}"


def _json(model: CatalogModel) -> dict[str, Any]:
    from tui.money.catalog_diff import model_json

    return {**model_json(model), "price_age_days": model.price_age_days()}


def _line(model: CatalogModel) -> list[str]:
    from tui.money.amounts import unit_price
    from tui.money.catalog_model import NOT_PUBLISHED

    def price(amount: Any, per: str = "") -> str:
        return unit_price(amount, model.currency) + (per if amount else "")

    training = price(model.training_price_per_million)
    if model.highest_training_price_per_million is not None:
        training += f" to {price(model.highest_training_price_per_million)}"
    if model.training_price_per_million is None and model.training_price_per_hour is not None:
        training = price(model.training_price_per_hour, "/h")
    until = model.training_ends or (model.training_may_end and f"{model.training_may_end} or later")
    leave = {True: "yes", False: "no", None: NOT_PUBLISHED}[model.weights_can_leave]
    return [
        model.provider, model.id, ", ".join(model.methods), training,
        price(model.input_price_per_million), price(model.output_price_per_million),
        price(model.hosting_price_per_hour, "/h"), until or ("ended" if model.historic else "-"),
        model.shutdown_date or "-", leave,
        f"{model.price_read_on}{' (old)' if model.is_stale() else ''}" or "-",
    ]  # fmt: skip


def _written(value: Any) -> str:
    from tui.money.catalog_model import NOT_PUBLISHED

    if value is None:
        return NOT_PUBLISHED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_written(one) for one in value) or "-"
    if isinstance(value, dict):
        return " ".join(f"{key}={_written(one)}" for key, one in value.items() if one is not None)
    return str(value) or "-"
