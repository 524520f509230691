"""From a confirmed plan to a job: uploads, creates once, and finds out what happened when an answer is lost.

A confirmation has a run id, written down before anything is sent and carried in the job's metadata. The store
lets one caller pass from "preparing" to "creating", so no confirmation can make two jobs; nor can a second
confirmation of the same launch pass while the first has got no answer. When the answer to
the creation is lost, the service's list of jobs is searched for the run id, and nothing is ever sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tui.errors import ExitCode, TunedeckError
from tui.jobs.files import JobFiles, is_still_there, job_files
from tui.jobs.plan import RUN_ID_KEY, LaunchPlan
from tui.jobs.ports import JobServices
from tui.jobs.preflight import preflight
from tui.jobs.queue import put_off, wait_as_wished
from tui.jobs.queue_wish import parse_queue_wish
from tui.jobs.reports import file_sha256
from tui.jobs.run_places import priced_model
from tui.jobs.runs import find_job_of_run, may_have_happened
from tui.jobs.unsettled import held_up_by
from tui.money.estimate import Estimate
from tui.money.job_price import job_price
from tui.providers.failures import TRAINING_REFUSED
from tui.providers.profiles import profile
from tui.providers.protocol import Provider, ProviderError
from tui.records.jobs import Job
from tui.records.model_names import is_tuned
from tui.records.models import Capability
from tui.records.requests import JobRequest, RemoteFile
from tui.store.database import StoreError
from tui.store.launch_rows import LaunchRecord, LaunchState
from tui.store.store import Store

__all__ = ["LaunchUncertain", "launch", "preflight"]

LaunchProgress = Callable[[str, int, int], None]
"""Called with (stage, done, total); bytes while a file goes up, 0 of 1 and 1 of 1 for the creation."""

_SEARCH_DELAYS = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each search for a job whose creation got no answer."""


class LaunchUncertain(TunedeckError):
    """A creation got no answer, and the service doesn't list the job (yet)."""

    def __init__(self, account: str, run_id: str) -> None:
        super().__init__(
            f"{account} did not answer the creation, and its list of jobs does not show one.",
            f"tunedeck keeps looking for it (run {run_id}). "
            "Before launching again, look at the service's own list of jobs; `tunedeck settle` takes what you"
            " found there.",
            exit_code=ExitCode.BAD,
        )


def launch(
    plan: LaunchPlan,
    services: JobServices,
    *,
    confirmed_price: Estimate,
    on_progress: LaunchProgress | None = None,
    on_told_price: Callable[[Decimal | None], bool] | None = None,
    search_delays: Sequence[float] = _SEARCH_DELAYS,
) -> Job:
    """Create the plan's job at its confirmed price, or return the one that this plan has made already.

    Args:
        plan: What to train; its run id is the confirmation.
        services: Store, catalog and providers.
        confirmed_price: What the person agreed to.
        on_progress: Hears about uploads and the creation.
        on_told_price: Asked whether to go on at the service's own estimate in US dollars, where nothing but
            that is known of the price, or without one where the service tells none; None goes on.
        search_delays: Seconds before each search after a lost answer.

    Raises:
        LaunchHeldUp: The same launch was sent before, and it is not known whether it made a job.
        LaunchUncertain: No answer came and no job is listed; the watcher keeps looking.
        LaunchQueued: It waits: the service takes no more jobs now, or it is to start later.
        ProviderError: The service refused or could not be reached; no job exists.
        TunedeckError: File, price or plan changed since they were confirmed, or a told price is refused.
    """
    report = on_progress or (lambda stage, done, total: None)
    known = services.store.launch(plan.run_id)
    if known is not None and known.state not in (LaunchState.PREPARING, LaunchState.REFUSED):
        return _settle(services, known, search_delays)
    model = _check_price(plan, services, confirmed_price)
    files = _check_files(plan)
    fingerprint = _claim(plan, services, files, confirmed_price)
    held_up = held_up_by(services, plan.account, fingerprint, plan.run_id)
    if held_up is not None:
        raise held_up  # before anything is uploaded
    provider = services.provider(plan.account)
    wish = parse_queue_wish(plan.start, services.settings.night)
    if not provider.can(Capability.QUEUE):
        waits = wait_as_wished(services, plan.run_id, plan.account, wish)
        if waits is not None:
            raise waits
    training = _upload(services, provider, files.training, "Uploading training file", report)
    validation = None
    if files.validation is not None:
        validation = _upload(services, provider, files.validation, "Uploading validation file", report)
    request = request_of(plan, model, training.id, validation.id if validation else None)
    request = replace(
        request, price_limit=_agreed_dollars(confirmed_price),
        priority=wish.priority, start_after=wish.start_at,
    )  # fmt: skip
    if confirmed_price.total is None and on_told_price is not None:
        told = provider.price_of(request)
        tells = told is not None or bool(provider.can(Capability.ESTIMATE_PRICE))
        if tells and not on_told_price(told):
            raise TunedeckError("Not launched; nothing was created.", "", exit_code=ExitCode.INTERRUPTED)
        request = replace(request, price_limit=told)
    report("Creating the job", 0, 1)
    job = _create(services, provider, plan, request, search_delays)
    report("Creating the job", 1, 1)
    return job


def request_of(plan: LaunchPlan, model: str, training_id: str, validation_id: str | None) -> JobRequest:
    """Return what is asked of the service for a plan whose files are there under these ids."""
    return JobRequest(
        model=model,
        training_file=training_id,
        method=plan.method,
        validation_file=validation_id,
        hyperparameters=plan.chosen_hyperparameters,
        suffix=plan.suffix,
        seed=plan.seed,
        metadata={**plan.metadata, RUN_ID_KEY: plan.run_id},
        grader=plan.grader,
        wandb=plan.wandb,
    )


def _agreed_dollars(confirmed: Estimate) -> Decimal | None:
    return (confirmed.highest_total or confirmed.total) if confirmed.currency == "USD" else None


def _check_price(plan: LaunchPlan, services: JobServices, confirmed: Estimate) -> str:
    model = services.catalog.model(plan.model, services.account(plan.account).provider)
    model = priced_model(plan, model, profile(model.provider))
    tier = model.tier_among(plan.hyperparameters.values())
    price = job_price(model, 0, 1, method=plan.method, tier=tier)
    unit_price = price.unit_price if price else None
    agreed = (confirmed.model, confirmed.price_per_million, confirmed.method)
    if agreed != (model.id, unit_price, plan.method):
        raise TunedeckError(
            "The confirmed price is not the price of this plan any more.",
            "Look at the price again and confirm.",
        )
    # A tuned model is continued under its own name; an alias becomes the dated name that the price is for.
    return plan.model if is_tuned(plan.model) else model.id


def _check_files(plan: LaunchPlan) -> JobFiles:
    if plan.training_sha256 is not None and file_sha256(plan.training) != plan.training_sha256:
        raise TunedeckError(
            f"{plan.training} has changed since it was checked.", "Check it again, then launch."
        )
    return job_files(plan)


def _claim(plan: LaunchPlan, services: JobServices, files: JobFiles, confirmed: Estimate) -> str:
    """Write the confirmation down and return the plan's fingerprint."""
    training_sha256 = file_sha256(files.training)
    validation_sha256 = file_sha256(files.validation) if files.validation else None
    fingerprint = plan.fingerprint(training_sha256, validation_sha256)
    services.store.claim_launch(
        LaunchRecord(
            run_id=plan.run_id,
            account=plan.account,
            state=LaunchState.PREPARING,
            request=_plan_json(plan),
            fingerprint=fingerprint,
            dataset_path=plan.training.absolute(),
            dataset_sha256=training_sha256,
            price=confirmed.as_json(),
            job_id=None,
            problem=None,
            created_at=int(time.time()),
        )
    )
    return fingerprint


def _plan_json(plan: LaunchPlan) -> dict[str, Any]:
    return {
        "account": plan.account,
        "model": plan.model,
        "method": str(plan.method),
        # A queued launch is sent, and a job exported, from another folder perhaps.
        "training": str(plan.training.absolute()),
        "validation": str(plan.validation.absolute()) if plan.validation else None,
        "split_share": plan.split_share,
        "hyperparameters": dict(plan.hyperparameters),
        "suffix": plan.suffix,
        "seed": plan.seed,
        "metadata": dict(plan.metadata),
        "read_as": plan.read_as.value if plan.read_as is not None else None,
        "grader": dict(plan.grader) if plan.grader is not None else None,
        "wandb": plan.wandb.text if plan.wandb is not None else None,
        "stop_rules": plan.stop_rules,
    }


def _upload(
    services: JobServices, provider: Provider, path: Path, stage: str, report: LaunchProgress
) -> RemoteFile:
    sha256 = file_sha256(path)
    known = services.store.remote_file(provider.account.name, sha256)
    if known is not None and is_still_there(provider, known):
        report(f"{stage} (already there)", known.bytes, known.bytes)
        return known
    remote = provider.upload_file(
        path,
        on_progress=lambda done, total: report(stage, done, total),
        notes=services.store.upload_notes(provider.account.name, sha256),
    )
    services.store.remember_file(provider.account.name, sha256, remote)
    return remote


def _create(
    services: JobServices,
    provider: Provider,
    plan: LaunchPlan,
    request: JobRequest,
    search_delays: Sequence[float],
) -> Job:
    store = services.store
    if not store.begin_creating(plan.run_id):
        known = store.launch(plan.run_id)
        assert known is not None
        held_up = held_up_by(services, plan.account, known.fingerprint, plan.run_id)
        if held_up is not None and known.state in (LaunchState.PREPARING, LaunchState.REFUSED):
            raise held_up
        return _settle(services, known, search_delays)
    try:
        job = provider.create_job(request)
    except ProviderError as error:
        if may_have_happened(error):
            return _search(services, provider, plan.run_id, search_delays)
        _note_refusal(store, plan, error)
        queued = put_off(services, plan.run_id, error)
        if queued is not None:
            raise queued from None
        raise
    except TunedeckError as error:  # the local engine could not be started: nothing was sent
        _note_refusal(store, plan, error)
        raise
    if not job.id:
        return _search(services, provider, plan.run_id, search_delays)
    try:
        store.save_job(job)
        store.update_launch(plan.run_id, LaunchState.CREATED, job_id=job.id)
        store.forget_account_note(plan.account, TRAINING_REFUSED)
    except StoreError as error:
        raise TunedeckError(
            f"{provider.account.label} has created the job {job.id}, but it could not be kept here. "
            f"{error.message}",
            f"{error.remedy} Then `tunedeck jobs` finds it by itself; do not launch again.",
            exit_code=ExitCode.BAD,
        ) from None
    return job


def _note_refusal(store: Store, plan: LaunchPlan, error: TunedeckError) -> None:
    with suppress(StoreError):  # the person hears of the refusal; the list of jobs settles the rest later
        store.update_launch(plan.run_id, LaunchState.REFUSED, problem=error.message)
        if isinstance(error, ProviderError) and error.code == TRAINING_REFUSED:
            store.note_account(plan.account, TRAINING_REFUSED, error.message)


def _settle(services: JobServices, known: LaunchRecord, search_delays: Sequence[float]) -> Job:
    if known.job_id is not None:
        job = services.store.job(known.account, known.job_id)
        return job if job is not None else services.provider(known.account).retrieve_job(known.job_id)
    return _search(services, services.provider(known.account), known.run_id, search_delays)


def _search(services: JobServices, provider: Provider, run_id: str, delays: Sequence[float]) -> Job:
    for delay in delays:
        time.sleep(delay)
        try:
            job = find_job_of_run(provider, run_id)
        except ProviderError:
            continue  # the same trouble that swallowed the answer
        if job is not None:
            services.store.save_job(job)
            services.store.update_launch(run_id, LaunchState.CREATED, job_id=job.id)
            return job
    services.store.update_launch(run_id, LaunchState.UNKNOWN, problem="no answer to the creation")
    raise LaunchUncertain(provider.account.label, run_id)
