"""The preflight's lines about what is there already: the same job, the same name, this month's money."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from tui.jobs.budget import month_spend, monthly_budgets
from tui.jobs.files import DEFAULT_SPLIT_SEED, JobFiles
from tui.jobs.mend import ELSEWHERE, OTHER_MODEL, TO_JOBS, Mend, MendKind
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.ports import JobServices
from tui.jobs.reports import file_sha256
from tui.jobs.unsettled import held_up_by
from tui.money.amounts import format_money
from tui.money.catalog import CatalogModel
from tui.money.estimate import Estimate
from tui.providers.profiles import Profile
from tui.records.jobs import Job, JobState
from tui.records.model_names import is_tuned

_OVER = (JobState.FAILED, JobState.CANCELLED)
_NEARLY = Decimal("0.8")
_SUFFIXES_TRIED = 100
_TUNED_NAME_PARTS, _SUFFIX_PART = 5, 3
"""Of OpenAI's names of tuned models, `ft:BASE:ORGANISATION:SUFFIX:ID`."""


def about_earlier(
    plan: LaunchPlan, services: JobServices, files: JobFiles, training_sha256: str
) -> Iterator[PreflightLine]:
    """Tell of a launch or job that asks for the same: same data, model, method and settings."""
    validation_sha256 = file_sha256(files.validation) if files.validation else None
    fingerprint = plan.fingerprint(training_sha256, validation_sha256)
    held_up = held_up_by(services, plan.account, fingerprint, plan.run_id)
    if held_up is not None:
        yield PreflightLine("stop", held_up.message, held_up.remedy, (TO_JOBS, _other_seed(plan)))
        return
    waiting = {one.record.run_id for one in services.store.queued_launches()}
    for earlier in services.store.launches_like(plan.account, fingerprint):
        if earlier.run_id == plan.run_id:
            continue
        if earlier.run_id in waiting:
            yield PreflightLine("stop", "The same launch waits for the service's limit already.",
                                "It is sent by itself; `tunedeck queue` lists it.",
                                (TO_JOBS, _other_seed(plan)))  # fmt: skip
            return
        job = services.store.job(plan.account, earlier.job_id) if earlier.job_id else None
        if job is not None and job.state not in _OVER:
            yield PreflightLine("warn", f"The same data and settings made job {job.id} ({job.state}).",
                                "Another seed or other settings would tell more.",
                                (_other_seed(plan),))  # fmt: skip
            return
    twin = _made_elsewhere(plan, services, training_sha256)
    if twin is not None:
        yield PreflightLine(
            "warn", f"The same data and settings made job {twin.id} ({twin.state}), not launched from here.",
            "Another seed or other settings would tell more.", (_other_seed(plan),),
        )  # fmt: skip


def _other_seed(plan: LaunchPlan) -> Mend:
    seed = (DEFAULT_SPLIT_SEED if plan.seed is None else plan.seed) + 1
    return Mend(MendKind.SEED, f"take seed {seed}", str(seed))


def _made_elsewhere(plan: LaunchPlan, services: JobServices, training_sha256: str) -> Job | None:
    store = services.store
    for job in store.jobs(plan.account):
        if (
            job.training_file is not None
            and job.state not in _OVER
            and job.method is plan.method
            and plan.seed in (None, job.seed)
            and all(job.hyperparameters.get(name) == value
                    for name, value in plan.chosen_hyperparameters.items())
            and _same_model(plan, services, job)
            and store.content_of_file(plan.account, job.training_file) == training_sha256
            and store.launch_of_job(plan.account, job.id) is None
        ):  # fmt: skip
            return job
    return None


def _same_model(plan: LaunchPlan, services: JobServices, job: Job) -> bool:
    if plan.model == job.model:
        return True
    if is_tuned(plan.model) or is_tuned(job.model):
        return False
    provider = services.account(plan.account).provider
    asked, made = (services.catalog.find(name, provider) for name in (plan.model, job.model))
    return asked is not None and made is not None and asked.id == made.id


def about_name(plan: LaunchPlan, services: JobServices, service: Profile) -> Iterator[PreflightLine]:
    """Tell of tuned models of the account, there or on their way, that have the plan's suffix."""
    names = _named(plan, services, plan.suffix) if plan.suffix else set()
    if not names:
        return
    others = "" if len(names) == 1 else f" and {len(names) - 1} more"
    free = free_suffix(plan, services, service)
    yield PreflightLine(
        "warn", f"{plan.suffix!r} is in a name already: {min(names)}{others}.",
        "Only an id at the end of the name would tell them apart; choose another suffix.",
        (Mend(MendKind.SUFFIX, f"take {free}" if free else "leave it out", free),),
    )  # fmt: skip


def _named(plan: LaunchPlan, services: JobServices, suffix: str) -> set[str]:
    names = {one.id for one in services.store.models(plan.account) if _suffix_of(one.id) == suffix}
    for job in services.store.jobs(plan.account):
        if job.suffix == suffix and job.state not in _OVER:
            names.add(job.fine_tuned_model or f"what job {job.id} will make")
    return names


def free_suffix(plan: LaunchPlan, services: JobServices, service: Profile) -> str:
    """Return a suffix near the plan's that the service takes and no model of the account has; "" for none."""
    wanted = re.sub(r"[^A-Za-z0-9]+", "-", plan.suffix or "").strip("-")
    for base in (wanted, wanted.lower()):
        for number in range(1, _SUFFIXES_TRIED):
            suffix = _fitting(base, "" if number == 1 else f"-{number}", service)
            if not suffix:
                break
            if suffix != plan.suffix and not _named(plan, services, suffix):
                return suffix
    return ""


def _fitting(base: str, end: str, service: Profile) -> str:
    """Return the longest beginning of a word that a service takes with an end; "" when it takes none."""
    shortened = (base[:length].rstrip("-") + end for length in range(len(base), 0, -1))
    return next((suffix for suffix in shortened if service.suffix_fits(suffix)), "")


def _suffix_of(model_id: str) -> str | None:
    parts = model_id.split(":")
    tuned = parts[0] == "ft" and len(parts) >= _TUNED_NAME_PARTS
    return parts[_SUFFIX_PART] if tuned else None


def about_budget(
    plan: LaunchPlan, services: JobServices, estimate: Estimate, model: CatalogModel
) -> Iterator[PreflightLine]:
    """Hold the price to what the account's monthly budget leaves; nothing where there is no budget.

    Raises:
        TunedeckError: The settings file's budgets can't be read.
    """
    budget = monthly_budgets().get(plan.account)
    if budget is None or estimate.is_free:
        return
    allowed = format_money(budget, model.currency)
    raises = f"`tunedeck account budget {plan.account} AMOUNT` changes it."
    raise_it = Mend(MendKind.BUDGET, "raise the budget")
    price = estimate.highest_total or estimate.total
    if price is None:
        text = f"Without a price this can't be held to {plan.account}'s budget of {allowed} a month."
        fields = (Mend(MendKind.EPOCHS, "choose the epochs"),) if estimate.epoch_total is not None else ()
        yield PreflightLine("warn", text, raises, (*fields, raise_it))
        return
    spent = month_spend(services, plan.account, model.currency)
    after = spent.total + price
    month = f"{datetime.now(UTC):%B}"
    if after > budget:
        yield PreflightLine(
            "stop",
            f"This job's {format_money(price, model.currency)} would go over {plan.account}'s budget of "
            f"{allowed} a month; {month} has cost {spent.words}.",
            raises,
            (*_fewer_epochs(estimate, budget - spent.total), replace(raise_it, value=str(after)), OTHER_MODEL,
             ELSEWHERE),
        )  # fmt: skip
    else:
        nearly = after > budget * _NEARLY
        yield PreflightLine(
            "warn" if nearly else "ok",
            f"With this job {month} comes to {format_money(after, model.currency)} of {plan.account}'s "
            f"{allowed}{f' ({spent.words})' if spent.unpriced else ''}.",
            raises if nearly else "",
            (raise_it,) if nearly else (),
        )


def _fewer_epochs(estimate: Estimate, left: Decimal) -> tuple[Mend, ...]:
    """Return the most epochs that what is left of a budget pays for, where that is any."""
    price = estimate.highest_total or estimate.total
    if price is None or not price or not estimate.epochs:
        return ()
    epochs = int(left / (price / estimate.epochs))
    if not 1 <= epochs < estimate.epochs:
        return ()
    word = "epoch" if epochs == 1 else "epochs"
    return (Mend(MendKind.EPOCHS, f"train {epochs} {word} instead of {estimate.epochs}", str(epochs)),)
