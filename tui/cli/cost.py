"""`tunedeck cost`: what a job would cost, with its formula."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.cost_all import print_all
from tui.cli.format_option import chosen_format, format_option
from tui.cli.output import ProgressLine, json_option, narrate, print_json, print_table, say
from tui.errors import TunedeckError
from tui.records.jobs import Method
from tui.services import Services

if TYPE_CHECKING:
    from tui.datasets.formats import DatasetFormat
    from tui.money.catalog import CatalogModel

_METHODS = click.Choice([str(Method.SUPERVISED), str(Method.DPO)])


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--model", help="Model to train; without it, every model that takes the file is compared.")
@click.option("--provider", help="With --model: the service, where several train a model of this name.")
@click.option("--tier", help="With --model: a way to train at another price, such as Azure's Developer.")
@click.option(
    "--hours", type=click.FloatRange(min=0), help="With --model: hours, for what is charged by time."
)
@click.option("--tokens", type=click.IntRange(min=0), help="Tokens of one epoch, instead of a file.")
@click.option("--epochs", type=int, help="Passes over the file; left out, the service's automatic choice.")
@click.option(
    "--all-models", is_flag=True, help="Every service side by side, and what each group of rows costs."
)
@click.option("--quick", is_flag=True, help="Estimate at once from a sample of FILE, with low and high.")
@click.option(
    "--validation", type=click.Path(path_type=Path), help="With --all-models: price this validation file too."
)
@format_option
@click.option("--method", type=_METHODS, default=str(Method.SUPERVISED), show_default=True)
@json_option
def command(
    file: Path | None,
    model: str | None,
    provider: str | None,
    tier: str | None,
    hours: float | None,
    tokens: int | None,
    epochs: int | None,
    all_models: bool,
    quick: bool,
    validation: Path | None,
    format_name: str | None,
    method: str,
    as_json: bool,
) -> None:
    """Say what training on FILE (or on --tokens) would cost."""

    if model is None and (provider or tier or hours is not None):
        raise click.UsageError("--provider, --tier and --hours need --model.")
    if hours is not None and model is not None:
        _print_hours(model, provider, hours, as_json)
        return
    if (file is None) == (tokens is None):
        raise click.UsageError("Give either a FILE or --tokens.")
    if all_models and (file is None or model is not None):
        raise click.UsageError("--all-models needs a FILE and no --model.")
    if validation is not None and not all_models:
        raise click.UsageError("--validation needs --all-models.")
    if quick and (file is None or all_models):
        raise click.UsageError("--quick needs a FILE and no --all-models.")
    if quick and file is not None:
        _print_quick(file, model, epochs, Method(method), chosen_format(format_name), as_json)
        return
    with Services.open() as services:
        if file is not None:
            services.formats.choose(file, chosen_format(format_name))
        if all_models and file is not None:
            print_all(services, file, validation, epochs, Method(method), as_json=as_json)
        elif model is None:
            _print_comparison(services, file, tokens, epochs, Method(method), as_json)
        else:
            found = services.catalog.model(model, provider)
            _refuse_tier(found, tier)
            _print_estimate(services, file, tokens, found, epochs, Method(method), tier, as_json)


def _refuse_tier(model: CatalogModel, tier: str | None) -> None:
    if tier is not None and model.tier(tier) is None:
        known = ", ".join(one.name for one in model.price_tiers)
        raise TunedeckError(
            f"{model.id} at {model.provider} has no tier {tier!r}.",
            f"There are {known}." if known else "It has one price.",
        )


def _print_hours(model_id: str, provider: str | None, hours: float, as_json: bool) -> None:
    from tui.money.catalog import Catalog
    from tui.money.job_price import job_price

    model = Catalog.load().model(model_id, provider)
    price = job_price(model, 0, 1, method=Method.REINFORCEMENT, hours=Decimal(str(hours)))
    if model.training_price_per_hour is None or price is None:
        raise TunedeckError(
            f"{model.id} at {model.provider} is not charged by the hour.", "Give --tokens or a FILE."
        )
    if as_json:
        print_json(
            {
                "provider": model.provider, "model": model.id, "hours": hours,
                "price_per_hour": float(price.unit_price), "currency": price.currency,
                "total": float(price.low), "price_read_on": model.price_read_on,
                "price_source": model.price_source,
            }
        )  # fmt: skip
        return
    say(price.formula)
    say(f"Price read on {model.price_read_on} at {model.price_source}.")


def _print_quick(
    file: Path, model_id: str | None, epochs: int | None, method: Method,
    dataset_format: DatasetFormat | None, as_json: bool,
) -> None:  # fmt: skip
    from tui.cli.counter import counter_for
    from tui.cli.quick import print_quick_cost
    from tui.money.catalog import Catalog

    catalog = Catalog.load()
    model = catalog.model(model_id) if model_id is not None else None
    tokenizer = counter_for(model.id) if model is not None else None
    print_quick_cost(
        file, catalog.trainable(method), model, tokenizer, epochs, method, dataset_format, as_json=as_json
    )


def _print_estimate(
    services: Services, file: Path | None, tokens: int | None, model: CatalogModel, epochs: int | None,
    method: Method, tier: str | None, as_json: bool,
) -> None:  # fmt: skip
    from tui.money.estimate import estimate_cost, time_of

    examples = None
    if file is not None:
        tokens, examples = _count(services, file, model)
    estimate = estimate_cost(tokens or 0, model, epochs=epochs, examples=examples, method=method, tier=tier)
    if as_json:
        print_json(estimate.as_json())
        return
    say(estimate.formula)
    say(f"Epochs: {estimate.epochs_source}.")
    if estimate.is_free:
        time = time_of(estimate, services.store.training_rates(model.provider))
        if time is not None:
            say(f"Time: {time.text}, {time.source}.")
    elif estimate.price_per_million is not None:
        say(f"Price read on {estimate.price_read_on} at {estimate.price_source}.")
    permission = model.can_train(method)
    if not permission:
        say(f"Note: {permission.reason}")


def _count(services: Services, file: Path, model: CatalogModel) -> tuple[int, int]:
    from tui.cli.counter import refuse_uncounted
    from tui.jobs.reports import report_for

    progress = ProgressLine("Counting")
    report = report_for(services, file, model, on_progress=progress.update)
    progress.finish()
    refuse_uncounted(file, report)
    if not report.valid:
        narrate(f"{file} has errors, so the service would refuse it; `tunedeck check` lists them.")
    return report.tokens.per_epoch, report.rows


def _print_comparison(
    services: Services,
    file: Path | None,
    tokens: int | None,
    epochs: int | None,
    method: Method,
    as_json: bool,
) -> None:
    from tui.money.amounts import unit_price
    from tui.money.estimate import compare_models

    counts, examples = {}, 0
    for model in services.catalog.trainable(method):
        if model.vocabulary in counts:
            continue
        if file is None:
            counts[model.vocabulary] = tokens or 0
        else:
            counts[model.vocabulary], examples = _count(services, file, model)
    if file is None and epochs is None:
        raise TunedeckError("The price depends on the number of epochs.", "Give --epochs N.")
    found = compare_models(services.catalog, counts, examples=examples, epochs=epochs, method=method)
    if as_json:
        print_json([estimate.as_json() for estimate in found])
        return
    print_table(
        ["SERVICE", "MODEL", "TOKENS/EPOCH", "EPOCHS", "PER MILLION", "TOTAL", "PRICE READ ON"],
        [
            [
                one.provider,
                one.model,
                f"{one.tokens_per_epoch:,}",
                "auto" if one.epochs is None else one.epochs,
                unit_price(one.price_per_million, one.currency),
                one.amount,
                one.price_read_on or "-",
            ]
            for one in found
        ],
    )
