"""Everything that can be known before money or time is spent, as lines; asks no remote service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

from tui import clock
from tui.datasets.report import Report
from tui.errors import TunedeckError
from tui.jobs.files import job_files
from tui.jobs.inventory import chats_only
from tui.jobs.mend import ACCOUNTS, ELSEWHERE, OTHER_MODEL, Mend, MendKind
from tui.jobs.plan import TRAINING, LaunchPlan, PreflightLine
from tui.jobs.ports import JobServices
from tui.jobs.preflight_file import about_files, report_of_plan
from tui.jobs.preflight_grader import about_grader
from tui.jobs.preflight_history import about_budget, about_earlier, about_name, free_suffix
from tui.jobs.preflight_trainer import about_base_model
from tui.jobs.run_places import HERE, about_place, priced_model, run_on
from tui.jobs.trainable import only_answering_here
from tui.money.amounts import unit_price
from tui.money.catalog import STALE_AFTER_DAYS, CatalogModel
from tui.money.estimate import Estimate, estimate_by_hour, estimate_cost, time_of
from tui.providers.failures import TRAINING_REFUSED
from tui.providers.parameters import AUTO
from tui.providers.profiles import Profile, profile
from tui.records.models import Capability

_SOON_DAYS = 90
_LARGEST_SEED = 2**31 - 1


def preflight(plan: LaunchPlan, services: JobServices) -> list[PreflightLine]:
    """Return what speaks for and against launching a plan; a "stop" line forbids it.

    Checks the file (from the kept report while its content is the same), so a large one takes time.
    """
    lines = list(_about_account(plan, services))
    only_answers = only_answering_here().get(plan.model, "") if plan.account == "local" else ""
    if only_answers:
        remedy = "Add the model's folder of Hugging Face's layout to tune it: `tunedeck engine add FOLDER`."
        reason = f"{plan.model} can't be trained. {only_answers}"
        return [*lines, PreflightLine("stop", reason, remedy, (OTHER_MODEL, ELSEWHERE))]
    try:
        model = services.catalog.model(plan.model, services.account(plan.account).provider)
    except TunedeckError as error:
        return [*lines, PreflightLine("stop", error.message, error.remedy, (OTHER_MODEL, ELSEWHERE))]
    lines += _about_model(plan, model)
    provider, service = model.provider, profile(model.provider)
    model = priced_model(plan, model, service)
    if plan.account == "local":
        lines += about_base_model(plan)
    lines += _about_settings(plan, services, service)
    lines += about_place(plan, service, provider)
    lines += about_grader(plan, service)
    lines += _about_metadata(plan, service)
    lines += _about_wandb(plan, services)
    lines += _about_deployment(plan, model, service)
    try:
        files = job_files(plan)
        report = report_of_plan(services, plan, files.training, model)
        lines += about_files(plan, services, files, report, model)
        estimate = _estimate(plan, report, model)
        lines += _about_price(plan, services, estimate, model)
        lines += about_budget(plan, services, estimate, model)
        lines += about_name(plan, services, service)
        lines += about_earlier(plan, services, files, report.sha256)
    except TunedeckError as error:
        lines.append(PreflightLine("stop", error.message, error.remedy))
    return lines


def estimate_plan(plan: LaunchPlan, services: JobServices) -> Estimate:
    """Return the price of a plan's training part (validation is not charged).

    Raises:
        TunedeckError: The file can't be read, or the model is not known.
    """
    model = services.catalog.model(plan.model, services.account(plan.account).provider)
    model = priced_model(plan, model, profile(model.provider))
    report = report_of_plan(services, plan, job_files(plan).training, model)
    return _estimate(plan, report, model)


def _estimate(plan: LaunchPlan, report: Report, model: CatalogModel) -> Estimate:
    if model.training_price_per_million is None and model.training_price_per_hour is not None:
        return estimate_by_hour(
            report.tokens.per_epoch, model, epochs=plan.epochs, examples=report.rows, method=plan.method
        )
    estimate = estimate_cost(
        report.tokens.per_epoch,
        model,
        epochs=plan.epochs,
        examples=report.rows,
        method=plan.method,
        tier=model.tier_among(plan.hyperparameters.values()),
    )
    return estimate if run_on(plan) == HERE else replace(estimate, free_words="free of charge here")


def _about_account(plan: LaunchPlan, services: JobServices) -> Iterator[PreflightLine]:
    try:
        account = services.account(plan.account)
    except TunedeckError as error:
        yield PreflightLine("stop", error.message, error.remedy, (ELSEWHERE, ACCOUNTS))
        return
    if not account.ready:
        yield PreflightLine("stop", f"{account.label} is not ready.", account.state, (ACCOUNTS, ELSEWHERE))
        return
    permission = services.provider(account.name).can(TRAINING[plan.method])
    if not permission:
        yield PreflightLine("stop", permission.reason, "Choose another account; the same file works there.",
                            (ELSEWHERE,))  # fmt: skip
        return
    only_chats = chats_only(services, account.name)
    if only_chats:
        yield PreflightLine("warn", only_chats, "`tunedeck account test` asks again.", (ELSEWHERE, ACCOUNTS))
        return
    refused = services.store.account_note(account.name, TRAINING_REFUSED)
    if refused is not None:
        day = datetime.fromtimestamp(refused[1], UTC).date()
        yield PreflightLine("warn", f"On {day} the service refused a job: {refused[0]}",
                            "A key of another organisation may be allowed.",
                            (ELSEWHERE, ACCOUNTS))  # fmt: skip
    eligibility = services.catalog.provider_dates(account.provider).eligibility
    if eligibility:
        yield PreflightLine("warn", eligibility, "Nothing but the launch itself can tell; a refusal is free.",
                            (ELSEWHERE,))  # fmt: skip
    else:
        yield PreflightLine("ok", f"{account.label} takes {plan.method} jobs.")


def _about_model(plan: LaunchPlan, model: CatalogModel) -> Iterator[PreflightLine]:
    permission = model.can_train(plan.method)
    if not permission:
        yield PreflightLine("stop", permission.reason, "Choose another model.", (OTHER_MODEL, ELSEWHERE))
    elif model.shutdown_date:
        days = (date.fromisoformat(model.shutdown_date) - clock.today()).days
        lives = "1 day" if days == 1 else f"{days:,} days"
        text = (
            f"The tuned model would live {lives}: {model.id} and all that is trained on it stop answering on "
            f"{model.shutdown_date}."
        )
        soon = days <= _SOON_DAYS
        yield PreflightLine("warn" if soon else "ok", text, "Save its answers before then." if soon else "",
                            (OTHER_MODEL, ELSEWHERE) if soon else ())  # fmt: skip
    else:
        yield PreflightLine("ok", f"{model.id} can be trained; no end is announced.")


def _about_settings(plan: LaunchPlan, services: JobServices, service: Profile) -> Iterator[PreflightLine]:
    if plan.suffix is not None and not service.suffix_fits(plan.suffix):
        remedy = f"Use {service.suffix_words}." if service.suffix else f"{service.suffix_words}."
        fitting = free_suffix(plan, services, service)
        words = f"take {fitting}" if fitting else "leave it out"
        yield PreflightLine("stop", f"The suffix {plan.suffix!r} can't be part of a model's name.", remedy,
                            (Mend(MendKind.SUFFIX, words, fitting),))  # fmt: skip
    if plan.seed is not None and not 0 <= plan.seed <= _LARGEST_SEED:
        yield PreflightLine("stop", f"The seed {plan.seed} is out of range.", f"0 to {_LARGEST_SEED}.",
                            (Mend(MendKind.SEED, "leave it to the service"),))  # fmt: skip
    for name, value in plan.hyperparameters.items():
        known = service.parameter(name, plan.method)
        leave_out = Mend(MendKind.LEAVE_OUT, f"leave {name} to the service", name)
        if known is None:
            yield PreflightLine(
                "stop", f"{plan.method} at {service.label} has no hyperparameter {name!r}.",
                _instead_of(name, service), (leave_out,),
            )  # fmt: skip
        elif value != AUTO and (problem := known.problem(value)):
            yield PreflightLine("stop", f"{name} = {value} is out of range.", problem, (leave_out,))
    for known in service.parameters_for(plan.method):
        if known.required and known.name not in plan.hyperparameters:
            yield PreflightLine("stop", f"{service.label} needs {known.name}.", known.help,
                                (Mend(MendKind.FIELD, f"type {known.name}=…", "extra"),))  # fmt: skip


def _about_metadata(plan: LaunchPlan, service: Profile) -> Iterator[PreflightLine]:
    if plan.metadata and not service.keeps_metadata:
        yield PreflightLine("warn", f"{service.label} keeps no metadata; it stays in tunedeck's list.", "",
                            (Mend(MendKind.LEAVE_OUT, "leave the metadata out", "metadata"),))  # fmt: skip


def _about_wandb(plan: LaunchPlan, services: JobServices) -> Iterator[PreflightLine]:
    if plan.wandb is None:
        return
    try:
        permission = services.provider(plan.account).can(Capability.WANDB)
    except TunedeckError:
        return  # told about the account already
    if permission:
        where = f"{plan.wandb.text} at Weights & Biases"
        yield PreflightLine("ok", f"Its metrics go to {where} too, with the key that the service holds.")
    else:
        yield PreflightLine("stop", permission.reason, "Leave the Weights & Biases project out.",
                            (Mend(MendKind.LEAVE_OUT, "log nothing there", "wandb"), ELSEWHERE))  # fmt: skip


def _instead_of(name: str, service: Profile) -> str:
    other = {"learning_rate": "learning_rate_multiplier", "learning_rate_multiplier": "learning_rate"}.get(
        name
    )
    if other is not None:
        return f"It takes {other}, another kind of number: leave this out rather than carry it over."
    return "Leave it out."


def _about_deployment(plan: LaunchPlan, model: CatalogModel, service: Profile) -> Iterator[PreflightLine]:
    name = model.tier_among(plan.hyperparameters.values())
    tier = model.tier(name) if name is not None else None
    per_hour = model.hosting_price_per_hour
    if tier is not None and tier.hosting_price_per_hour is not None:
        per_hour = tier.hosting_price_per_hour
    if per_hour:
        price = unit_price(per_hour, model.currency)
        text = f"Once deployed, the tuned model costs {price} per hour, used or not."
        yield PreflightLine("warn", text, service.deployment)
    elif service.deployment:
        text = "The tuned model has to be deployed; what that costs is not published."
        yield PreflightLine("warn", text, service.deployment)


def _about_price(
    plan: LaunchPlan, services: JobServices, estimate: Estimate, model: CatalogModel
) -> Iterator[PreflightLine]:
    if estimate.is_free:
        time = time_of(estimate, services.store.training_rates(plan.account))
        when = f"; {time.text}, {time.source}" if time is not None else ""
        yield PreflightLine("ok", f"{estimate.formula}{when}.")
        return
    if estimate.total is None:
        yield PreflightLine("warn", f"{estimate.formula}.", *_about_open_price(plan, estimate))
        return
    age = model.price_age_days()
    stale = age is not None and age > STALE_AFTER_DAYS
    yield PreflightLine(
        "warn" if stale else "ok", f"{estimate.formula} (price read on {estimate.price_read_on}).",
        f"That is {age} days ago; compare with {estimate.price_source}." if stale else "",
    )  # fmt: skip


def _about_open_price(plan: LaunchPlan, estimate: Estimate) -> tuple[str, tuple[Mend, ...]]:
    """Return what to do about a price that can't be known before the launch, and the keys for it."""
    if estimate.price_per_hour is not None:
        return (
            "A stop rule such as `after 2h` ends it in time.",
            (Mend(MendKind.FIELD, "set stop rules", "stop_rules"),),
        )
    if estimate.epoch_total is not None:
        return "Choose the epochs, and the price is known.", (Mend(MendKind.EPOCHS, "choose the epochs"),)
    return "Look at the service's own price list first.", (ELSEWHERE,)
