"""`tunedeck launch`: from a file to a job, after a preflight and one confirmation."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from tui.cli.format_option import chosen_format, format_option
from tui.cli.job_lookup import find_job, job_json
from tui.cli.launch_options import list_parameters, number, share
from tui.cli.output import ProgressLine, confirmed, json_option, narrate, print_json, say
from tui.errors import ExitCode, TunedeckError
from tui.jobs.job_file import JobTerms, read_job_file
from tui.jobs.launch import launch
from tui.jobs.metadata import read_metadata
from tui.jobs.plan import LaunchPlan, PreflightLine, may_launch
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.preflight_grader import ask_about_grader
from tui.jobs.queue import LaunchQueued
from tui.jobs.queue_wish import HELP as START_HELP
from tui.jobs.queue_wish import parse_queue_wish
from tui.jobs.reports import file_sha256
from tui.jobs.stop_rules import HELP, parse_stop_rules
from tui.jobs.told_price import ToldPrice, ask_price
from tui.jobs.wandb import parse_wandb
from tui.money.estimate import Estimate
from tui.providers.parameters import read_choices
from tui.providers.profiles import profile
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, Method
from tui.services import Services

_SIGNS = {"ok": "ok  ", "warn": "note", "stop": "STOP"}
_SHORT_RUN_ID = 12


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
    metavar="JOB|RUN",
    help="Launch a job, or a launch that was refused, again, at --account; shows what changes there.",
)
@click.option(
    "--model",
    help="Base or tuned model to train; left out, the settings' default_model, or at "
    "another --account that of its last job, else the cheapest there.",
)
@click.option("--account", help="Who trains; left out, the account whose model it is.")
@click.option("--method", type=click.Choice([str(one) for one in Method]), help="supervised when left out.")
@click.option("--epochs", callback=number, help="Passes over the file, or auto.")
@click.option("--batch-size", callback=number, help="Examples per step, or auto.")
@click.option("--learning-rate-multiplier", callback=number, help="Factor on the service's rate, or auto.")
@click.option("--beta", callback=number, help="DPO only: how closely to stay to the base model, or auto.")
@click.option(
    "--set",
    "others",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another choice that the service takes, such as learning_rate=1e-5; --set help lists them.",
)
@click.option(
    "--grader", type=click.Path(path_type=Path), help="Reinforcement only: what scores answers (JSON)."
)
@click.option("--suffix", help="Part of the new model's name.")
@click.option("--validation", type=click.Path(path_type=Path), help="Validation file.")
@click.option("--split", callback=share, help="Share put aside for validation instead, such as 10%.")
@format_option
@click.option("--seed", type=int, help="Makes the run repeatable.")
@click.option(
    "--wandb", metavar="PROJECT[/ENTITY]", help="Log its metrics at Weights & Biases too, where it can."
)
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="Let the job carry this, where it can.")
@click.option("--stop", "stop_text", metavar="RULES", help=f"Stop it by itself: {HELP}.")
@click.option("--start", metavar="WHEN", help=f"Let it wait in the queue: {START_HELP}.")
@click.option("--yes", is_flag=True, help="Confirm the price without being asked.")
@click.option(
    "--any-price",
    is_flag=True,
    help="With --yes: launch although neither the catalog nor the service can say beforehand what it costs.",
)
@click.option("--watch", is_flag=True, help="Follow the job until it ends.")
@click.option("--dry-run", is_flag=True, help="Only say what speaks for and against it, and the price.")
@json_option
def command(
    file: Path | None, job_file: Path | None, like: str | None, yes: bool, any_price: bool, watch: bool,
    dry_run: bool, as_json: bool, **asked: Any,
) -> int:  # fmt: skip
    """Upload FILE and start a fine-tuning job at the price you confirm.

    With --from or --like, FILE and every option may be left out; what is given goes before what the job
    file or the job says. --dry-run exits with 1 when something forbids the launch.
    """
    if job_file is not None and like is not None:
        raise click.UsageError("Give either --from or --like.")
    start = read_job_file(job_file) if job_file is not None else JobTerms()
    with Services.open() as services:
        if like is not None:
            start = _like(services, like, file, asked)
        if "help" in asked["others"]:
            plan = _plan(services, file or Path(), start, {**asked, "others": ()})
            list_parameters(profile(services.account(plan.account).provider), plan.method)
            return int(ExitCode.DONE)
        training = file or start.training
        if training is None:
            raise TunedeckError(
                "There is no file to train on.", "`tunedeck launch FILE`, or --from JOB.TOML."
            )
        plan = replace(_plan(services, training, start, asked), training_sha256=file_sha256(training))
        lines = [*preflight(plan, services), *ask_about_grader(plan, services)]
        told = ask_price(plan, services) if may_launch(lines) else ToldPrice(None, None)
        if told.line is not None:
            lines.append(told.line)
        if dry_run:
            return _tell(services, plan, lines, as_json=as_json)
        for line in lines:
            narrate(_words(line))
        if not may_launch(lines):
            raise TunedeckError("Not launched: see the lines marked STOP.", "", exit_code=ExitCode.BAD)
        try:
            job = _launch(services, plan, told.dollars, yes=yes, any_price=any_price)
        except LaunchQueued as queued:
            if not queued.is_wished:
                raise
            return _tell_queued(plan, queued, as_json=as_json)
        if job is None:
            narrate("Not launched.")
            return int(ExitCode.INTERRUPTED)
        return _follow(services, plan, job, watch=watch, as_json=as_json)


def _plan(services: Services, training: Path, start: JobTerms, asked: dict[str, Any]) -> LaunchPlan:
    """Return what was asked for, on top of what the job file or the job says."""
    method = Method(asked["method"]) if asked["method"] else start.method or Method.SUPERVISED
    model_id = asked["model"] or start.model
    account = asked["account"] or start.account
    if model_id is None:
        account, model_id = _begin_with(
            services, account, Method(asked["method"]) if asked["method"] else start.method
        )
    account = account or _account_of(services, model_id)
    service = profile(services.account(account).provider)
    chosen = {
        "n_epochs": asked["epochs"], "batch_size": asked["batch_size"],
        "learning_rate_multiplier": asked["learning_rate_multiplier"], "beta": asked["beta"],
    }  # fmt: skip
    parse_queue_wish(asked["start"] or "", services.settings.night)
    aside_given = asked["validation"] is not None or asked["split"] is not None
    stop_text = start.stop_rules if asked["stop_text"] is None else asked["stop_text"]
    rules = parse_stop_rules(stop_text or "")  # what is wrong with it is told before anything is sent
    return LaunchPlan(
        account=account,
        model=model_id,
        training=training,
        method=method,
        validation=asked["validation"] if aside_given else start.validation,
        split_share=asked["split"] if aside_given else start.split_share,
        hyperparameters={
            **start.hyperparameters,
            **{name: value for name, value in chosen.items() if value is not None},
            **read_choices(asked["others"], lambda name: service.parameter(name, method)),
        },
        suffix=asked["suffix"] or start.suffix,
        seed=start.seed if asked["seed"] is None else asked["seed"],
        metadata={**start.metadata, **read_metadata(asked["metadata"])},
        grader=start.grader if asked["grader"] is None else _grader(asked["grader"]),
        wandb=start.wandb if asked["wandb"] is None else parse_wandb(asked["wandb"]),
        stop_rules=rules.text if rules else "",
        start=asked["start"] or "",
        read_as=chosen_format(asked["format_name"]) or start.read_as,
    )


def _grader(path: Path) -> dict[str, Any]:
    from tui.datasets.graders import read_grader_value  # only a reinforcement job has one

    return read_grader_value(path)


def _like(services: Services, name: str, file: Path | None, asked: dict[str, Any]) -> JobTerms:
    """Return a job's terms as the account that is asked for takes them, and say what changes there."""
    from tui.jobs.elsewhere import launch_elsewhere, origin_of_job, refused_launch  # only --like needs them

    origin = refused_launch(services, name) or origin_of_job(services, find_job(services, name))
    origin = replace(origin, terms=replace(origin.terms, training=file or origin.terms.training))
    method = Method(asked["method"]) if asked["method"] else None
    found = launch_elsewhere(services, origin, asked["account"] or origin.account, asked["model"], method)
    for change in found.changes:
        narrate(f"     {change.what}: {change.words}")
    return found.terms


def _begin_with(services: Services, account: str | None, method: Method | None) -> tuple[str | None, str]:
    """Return account and model where none was named, and say why it is this one."""
    if account is None:
        return None, services.settings.default_model
    from tui.jobs.first_model import first_model  # only for who names no model

    # Where none takes the method, one of another says so; the settings' own may be another service's.
    first = first_model(services, account, method) or first_model(services, account)
    if first is None:
        return account, services.settings.default_model
    narrate(f"     Model: {first.model}{f', {first.why}' if first.why else ''}; --model takes another.")
    return account, first.model


def _account_of(services: Services, model_id: str) -> str:
    known = services.catalog.find(model_id)
    accounts = services.accounts()
    fitting = [one for one in accounts if known is not None and one.provider == known.provider]
    # The one that is named like its service goes first, then what stands first in the settings.
    fitting.sort(key=lambda one: one.name != one.provider)
    return fitting[0].name if fitting else services.settings.default_account


def _words(line: PreflightLine) -> str:
    remedy = f" {line.remedy}" if line.level != "ok" and line.remedy else ""
    return f"{_SIGNS[line.level]} {line.text}{remedy}"


def _tell(services: Services, plan: LaunchPlan, lines: list[PreflightLine], *, as_json: bool) -> int:
    """Print what a launch would be and why it may not be, and launch nothing."""
    estimate: Estimate | None = None
    with suppress(TunedeckError):  # the preflight has told it
        estimate = estimate_plan(plan, services)
    allowed = may_launch(lines) and estimate is not None
    if as_json:
        print_json(
            {
                "account": plan.account, "model": plan.model, "method": str(plan.method),
                "may_launch": allowed, "price": None if estimate is None else estimate.as_json(),
                "lines": [line.as_json() for line in lines],
            }
        )  # fmt: skip
    else:
        for line in lines:
            say(_words(line))
        if allowed and estimate is not None:
            say(f"Would launch on {plan.account} {estimate.offer}; nothing was sent.")
    return int(ExitCode.DONE if allowed else ExitCode.BAD)


def _launch(
    services: Services, plan: LaunchPlan, told: Decimal | None, *, yes: bool, any_price: bool
) -> Job | None:
    """Launch a plan at its price, or at what its service has told, once that is confirmed; None if not."""
    estimate = estimate_plan(plan, services)
    if estimate.total is None and told is None and yes and not any_price:
        choose = "choose --epochs, " if estimate.epoch_total is not None else ""
        raise TunedeckError(
            f"What {plan.model} on {plan.account} costs is not known beforehand, so --yes can't confirm it.",
            f"Add --any-price, {choose}or put the price into your own catalog file: `tunedeck config path`.",
        )
    if not yes and not _yes_to(f"Launch on {plan.account} {estimate.offer}?"):
        return None
    progress = ProgressLine("")

    def told_price(dollars: Decimal | None) -> bool:
        if told is None and dollars is None:
            return True  # that nobody knows the price was confirmed
        if told is not None and dollars is not None and dollars <= told:
            return True  # it is what was shown before the first question, and confirmed there
        progress.finish()
        text = (
            f"{plan.account} itself estimates ${dollars:,.2f}."
            if dollars is not None
            else f"{plan.account} estimated ${told:,.2f} before, and tells no price any more."
        )
        if yes:
            narrate(text)
            return any_price
        return _yes_to(f"{text} Launch?")

    try:
        job = launch(plan, services, confirmed_price=estimate, on_told_price=told_price,
                     on_progress=lambda stage, done, total: progress.update(done, total, stage))  # fmt: skip
    except ProviderError:
        progress.finish()
        narrate(f"`tunedeck launch --like {plan.run_id[:_SHORT_RUN_ID]} --account NAME` takes it elsewhere.")
        raise
    progress.finish()
    return job


def _tell_queued(plan: LaunchPlan, queued: LaunchQueued, *, as_json: bool) -> int:
    narrate(f"{queued.message} {queued.remedy}")
    if as_json:
        print_json({"queued": plan.run_id, "account": plan.account, "due_at": queued.due_at})
    else:
        say(f"Waits as {plan.run_id[:_SHORT_RUN_ID]} in `tunedeck queue`.")
    return int(ExitCode.DONE)


def _follow(services: Services, plan: LaunchPlan, job: Job, *, watch: bool, as_json: bool) -> int:
    if plan.stop_rules:
        narrate(f"Stop rules: {plan.stop_rules}. They act while the app is open, or `tunedeck watch` runs.")
    if watch:
        from tui.cli.watch import follow

        narrate(f"Job {job.id} on {job.account}.")
        return follow(services, job, as_json=as_json)
    if as_json:
        print_json(job_json(job))
    else:
        say(f"Job {job.id} on {job.account}: {job.state}. Follow it with `tunedeck watch {job.id}`.")
    return int(ExitCode.DONE)


def _yes_to(question: str) -> bool:
    return confirmed(
        question, "A launch needs a confirmation, and there is no terminal to ask on.", "Add --yes."
    )
