"""`tunedeck launch`: from a file to a job, after a preflight and one confirmation."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import click

from tui.cli.format_option import chosen_format, format_option
from tui.cli.job_lookup import find_job, job_json
from tui.cli.output import ProgressLine, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.jobs.job_file import JobTerms, read_job_file
from tui.jobs.launch import launch
from tui.jobs.plan import LaunchPlan, may_launch
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.reports import file_sha256
from tui.jobs.stop_rules import HELP, parse_stop_rules
from tui.jobs.stopping import set_stop_rules
from tui.providers.parameters import read_choices
from tui.providers.profiles import Profile, profile
from tui.records.jobs import Method
from tui.services import Services

_SIGNS = {"ok": "ok  ", "warn": "note", "stop": "STOP"}


def _number(_ctx: click.Context, option: click.Parameter, text: str | None) -> int | float | None:
    if text is None or text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor auto.", param=option) from None


def _share(_ctx: click.Context, option: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise click.BadParameter(f"{text!r} is no share; write 10% or 0.1.", param=option)
    return share


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--from",
    "job_file",
    type=click.Path(path_type=Path),
    metavar="JOB.TOML",
    help="Take what is not given here from a job file, such as `tunedeck jobs export` writes.",
)
@click.option(
    "--like",
    metavar="JOB",
    help="Launch a job that is there again, at --account; what changes there is shown side by side.",
)
@click.option("--model", help="Base or tuned model to train; the settings' default_model when left out.")
@click.option("--account", help="Who trains; left out, the account whose model it is.")
@click.option("--method", type=click.Choice([str(one) for one in Method]), help="supervised when left out.")
@click.option("--epochs", callback=_number, help="Passes over the file, or auto.")
@click.option("--batch-size", callback=_number, help="Examples per step, or auto.")
@click.option("--learning-rate-multiplier", callback=_number, help="Factor on the service's rate, or auto.")
@click.option("--beta", callback=_number, help="DPO only: how closely to stay to the base model, or auto.")
@click.option(
    "--set",
    "others",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another choice that the service takes, such as learning_rate=1e-5; --set help lists them.",
)
@click.option("--suffix", help="Part of the new model's name.")
@click.option("--validation", type=click.Path(path_type=Path), help="Validation file.")
@click.option("--split", callback=_share, help="Share put aside for validation instead, such as 10%.")
@format_option
@click.option("--seed", type=int, help="Makes the run repeatable.")
@click.option("--yes", is_flag=True, help="Confirm the price without being asked.")
@click.option(
    "--any-price", is_flag=True, help="With --yes: launch although the catalog knows no price for it."
)
@click.option("--watch", is_flag=True, help="Follow the job until it ends.")
@click.option("--stop", "stop_text", metavar="RULES", help=f"Stop it by itself: {HELP}.")
@json_option
def command(
    file: Path | None, job_file: Path | None, like: str | None, model: str | None, account: str | None,
    method: str | None, epochs: float | None, batch_size: float | None,
    learning_rate_multiplier: float | None, beta: float | None, others: tuple[str, ...],
    suffix: str | None, validation: Path | None, split: float | None, format_name: str | None,
    seed: int | None, yes: bool, any_price: bool, watch: bool, stop_text: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Upload FILE and start a fine-tuning job at the price you confirm.

    With --from or --like, FILE and every option may be left out; what is given goes before what the job
    file or the job says.
    """
    chosen = {
        "n_epochs": epochs, "batch_size": batch_size,
        "learning_rate_multiplier": learning_rate_multiplier, "beta": beta,
    }  # fmt: skip
    if job_file is not None and like is not None:
        raise click.UsageError("Give either --from or --like.")
    start = read_job_file(job_file) if job_file is not None else JobTerms()
    with Services.open() as services:
        if like is not None:
            start = _like(services, like, account, model)
        wanted = Method(method) if method else start.method or Method.SUPERVISED
        model_id = model or start.model or services.settings.default_model
        account = account or start.account or _account_of(services, model_id)
        service = profile(services.account(account).provider)
        if "help" in others:
            _list_parameters(service, wanted)
            return int(ExitCode.DONE)
        training = file or start.training
        if training is None:
            raise TunedeckError(
                "There is no file to train on.", "`tunedeck launch FILE`, or --from JOB.TOML."
            )
        aside_given = validation is not None or split is not None
        plan = LaunchPlan(
            account=account,
            model=model_id,
            training=training,
            method=wanted,
            validation=validation if aside_given else start.validation,
            split_share=split if aside_given else start.split_share,
            hyperparameters={
                **start.hyperparameters,
                **{name: value for name, value in chosen.items() if value is not None},
                **read_choices(others, lambda name: service.parameter(name, wanted)),
            },
            suffix=suffix or start.suffix,
            seed=start.seed if seed is None else seed,
            metadata=start.metadata,
            training_sha256=file_sha256(training),
            read_as=chosen_format(format_name),
        )
        if stop_text is not None:
            parse_stop_rules(stop_text)  # what is wrong with it is told before anything is sent
        return _launch(
            services, plan, yes=yes, any_price=any_price, watch=watch, stop_text=stop_text, as_json=as_json
        )


def _like(services: Services, job_id: str, account: str | None, model: str | None) -> JobTerms:
    from tui.jobs.elsewhere import launch_elsewhere  # only --like needs it

    job = find_job(services, job_id)
    found = launch_elsewhere(services, job, account or job.account, model)
    for change in found.changes:
        narrate(f"     {change.what}: {change.words}")
    return found.terms


def _account_of(services: Services, model_id: str) -> str:
    known = services.catalog.find(model_id)
    accounts = services.accounts()
    fitting = [one for one in accounts if known is not None and one.provider == known.provider]
    # The one that is named like its service goes first, then what stands first in the settings.
    fitting.sort(key=lambda one: one.name != one.provider)
    return fitting[0].name if fitting else services.settings.default_account


def _list_parameters(service: Profile, method: Method) -> None:
    print_table(
        ["NAME", "TAKES", "LEFT OUT", "MEANING"],
        [
            [one.name, one.wanted, "the service's choice" if one.default is None else one.default, one.help]
            for one in service.parameters_for(method)
        ],
    )


def _launch(
    services: Services, plan: LaunchPlan, *, yes: bool, any_price: bool, watch: bool, stop_text: str | None,
    as_json: bool,
) -> int:  # fmt: skip
    lines = preflight(plan, services)
    for line in lines:
        remedy = f" {line.remedy}" if line.level != "ok" and line.remedy else ""
        narrate(f"{_SIGNS[line.level]} {line.text}{remedy}")
    if not may_launch(lines):
        raise TunedeckError("Not launched: see the lines marked STOP.", "", exit_code=ExitCode.BAD)
    estimate = estimate_plan(plan, services)
    if estimate.total is None and yes and not any_price:
        raise TunedeckError(
            f"No price is known for {plan.model} on {plan.account}, so --yes can't confirm one.",
            "Add --any-price, or put the price into your own catalog file: `tunedeck config path`.",
        )
    price = f"for {estimate.amount}" if estimate.total is not None else "at a price that is not published"
    if not yes and not _confirmed(f"Launch on {plan.account} {price}?"):
        narrate("Not launched.")
        return int(ExitCode.INTERRUPTED)
    progress = ProgressLine("")

    def told_price(dollars: Decimal) -> bool:
        progress.finish()
        text = f"{plan.account} itself estimates ${dollars:,.2f}."
        if yes:
            narrate(text)
        return yes or _confirmed(f"{text} Launch?")

    job = launch(plan, services, confirmed_price=estimate, on_told_price=told_price,
                 on_progress=lambda stage, done, total: progress.update(done, total, stage))  # fmt: skip
    progress.finish()
    if stop_text is not None:
        rules = set_stop_rules(services.store, job, stop_text)
        narrate(f"Stop rules: {rules.text}. They act while the app is open, or `tunedeck watch` runs.")
    if watch:
        from tui.cli.watch import follow

        narrate(f"Job {job.id} on {job.account}.")
        return follow(services, job, as_json=as_json)
    if as_json:
        print_json(job_json(job))
    else:
        say(f"Job {job.id} on {job.account}: {job.state}. Follow it with `tunedeck watch {job.id}`.")
    return int(ExitCode.DONE)


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise TunedeckError(
            "A launch needs a confirmation, and there is no terminal to ask on.", "Add --yes."
        )
    return click.confirm(question, default=False, err=True)
