"""Puts tuned models where they answer, and says what each hour costs: price first, never two for one yes."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from decimal import Decimal

from tui.errors import TunedeckError
from tui.jobs.checkpoint_use import DROPPED
from tui.jobs.deployment_costs import Standing, hourly_cost_of, hourly_price, price_words
from tui.jobs.model_family import FamilyModel, ModelKind
from tui.jobs.ports import JobServices
from tui.jobs.runs import may_have_happened
from tui.money.catalog_model import CatalogModel
from tui.money.usage_price import Amount
from tui.providers.protocol import Provider, ProviderError
from tui.records.deployments import Deployment, DeploymentRequest, DeploymentState
from tui.records.jobs import JobState
from tui.records.model_names import base_of
from tui.records.models import Capability

DEFAULT_CAPACITY = 100
"""Thousands of tokens a minute; below it Azure's deployments were seen to crawl."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,63}")
_HOUR = Decimal(3600)
_NOT_FOUND = 404
_FREE_TIER_NOTE = "The tier Developer is taken down by Azure after 24 hours, and promises no availability."


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """A deployment as a person is asked about it."""

    account: str
    request: DeploymentRequest
    per_hour: Amount | None
    """What it costs while it stands, used or not; None where no price is published."""
    notes: tuple[str, ...] = ()
    standing: Deployment | None = None
    """The same one, when it is there already: nothing is left to do."""
    serving: tuple[Standing, ...] = ()
    """Every deployment of the model that stands already, under whatever name."""

    @property
    def offer(self) -> str:
        """What is asked, in a sentence without its question mark."""
        tier = f" on the tier {self.request.tier}" if self.request.tier else ""
        return f"Deploy {self.request.model} as {self.request.name}{tier}, {price_words(self.per_hour)}"


def plan_deployment(
    services: JobServices, model: FamilyModel, *, name: str | None = None, tier: str | None = None,
    capacity: int | None = None,
) -> DeploymentPlan:  # fmt: skip
    """Return what a deployment would be and cost; asks the service what stands already.

    Args:
        services: Store, catalog and providers.
        model: A tuned model or a checkpoint.
        name: What to call it; None takes the suffix.
        tier: How it is hosted; None takes the cheapest by the hour.
        capacity: Thousands of tokens a minute to set aside, where the service takes a number.

    Raises:
        TunedeckError: It can't be deployed, the name is taken by another model, or there is no such tier.
    """
    provider = services.provider(model.account)
    reason = reason_against_deploying(model) or provider.can(Capability.DEPLOY).reason
    if reason:
        raise TunedeckError(f"{model.id} can't be deployed.", reason)
    base = model.base_model or base_of(model.id)
    known = services.catalog.find(base, model.provider)
    chosen = _tier(known, tier)
    wanted = name or _name_for(model)
    if not _NAME.fullmatch(wanted):
        raise TunedeckError(f"{wanted!r} can't be the name of a deployment.",
                            "Use 2 to 64 letters, digits, dots, hyphens, underscores.")  # fmt: skip
    job_id, checkpoint_id = _source(services, provider, model)
    request = DeploymentRequest(
        wanted, model.id, base, job_id, checkpoint_id, model.kind is ModelKind.CHECKPOINT, chosen,
        capacity or (DEFAULT_CAPACITY if chosen else None),
    )  # fmt: skip
    per_hour = hourly_price(known, chosen)
    notes = [_FREE_TIER_NOTE] if chosen == "Developer" else []
    standing = None
    serving: list[Standing] = []
    for one in list_deployments(services, model.account):
        same_name, same_model = one.name == wanted, _serves(one, request)
        if same_name and not same_model:
            raise TunedeckError(
                f"{wanted} is the name of a deployment of {one.model} already.", "Choose another with --name."
            )
        if same_model and one.state is not DeploymentState.FAILED:
            serving.append(hourly_cost_of(services, one))
            if same_name or not chosen:
                standing = one
            else:
                notes.append(f"{one.name} serves it already ({one.tier}); another is charged apart.")
    return DeploymentPlan(model.account, request, per_hour, tuple(notes), standing, tuple(serving))


def deploy(services: JobServices, plan: DeploymentPlan) -> Deployment:
    """Deploy what a person agreed to, or return what stands already; nothing is sent twice.

    Raises:
        ProviderError: The service refused; or it gave no answer and lists no such deployment.
    """
    if plan.standing is not None:
        return plan.standing
    provider = services.provider(plan.account)
    try:
        made = provider.deploy(plan.request)
        services.store.save_deployment(made)
        return made
    except ProviderError as error:
        if not may_have_happened(error):
            raise
        found = _made_all_the_same(provider, plan.request)
        if found is None:
            raise ProviderError(
                f"{error.message} No such deployment is listed.",
                f"Look with `tunedeck deployments` before deploying again: {price_words(plan.per_hour)}.",
                code=error.code, status=error.status, request_id=error.request_id,
            ) from None  # fmt: skip
        services.store.save_deployment(found)
        return found


def undeploy(services: JobServices, account: str, name: str) -> bool:
    """Take a deployment down; the model stays. False when the service had none of that name.

    Raises:
        ProviderError: The service refused.
    """
    was_there = True
    try:
        services.provider(account).delete_deployment(name)
    except ProviderError as error:
        if error.status != _NOT_FOUND:
            raise
        was_there = False
    services.store.forget_deployment(account, name)
    return was_there


def list_deployments(services: JobServices, account: str) -> list[Deployment]:
    """Return what is deployed at an account, and keep it.

    Raises:
        TunedeckError: The account can't be asked.
    """
    found = list(services.provider(account).list_deployments())
    services.store.save_deployments(account, found)
    return found


def standing_deployments(
    services: JobServices, account: str | None = None, *, now: float | None = None
) -> tuple[list[Standing], list[TunedeckError]]:
    """Return what is deployed at every account that can, with its cost, and what went wrong.

    Args:
        services: Catalog, accounts and providers.
        account: Only this one, whose error is raised.
        now: Unix seconds; None takes the clock's.

    Raises:
        TunedeckError: There is no such account, or it can't be asked.
    """
    moment = time.time() if now is None else now
    found: list[Standing] = []
    problems: list[TunedeckError] = []
    names = [account] if account is not None else [one.name for one in services.accounts() if one.ready]
    for name in names:
        try:
            provider = services.provider(name)
            if account is None and not provider.can(Capability.DEPLOY):
                continue
            listed = list_deployments(services, name)
        except TunedeckError as error:
            if account is not None:
                raise
            problems.append(error)
            continue
        found += [hourly_cost_of(services, one, now=moment) for one in listed]
    return found, problems


def reason_against_deploying(model: FamilyModel) -> str:
    """Return why a model can't be deployed, whatever its service can; empty when it can."""
    if model.kind is ModelKind.BASE:
        return "A base model answers at its service already."
    if model.kind is ModelKind.JOB and (model.job is None or model.job.state != JobState.SUCCEEDED):
        return "This job has made no model yet."
    if model.deleted_at is not None:
        return f"{model.id} was deleted."
    return DROPPED if model.is_dropped else ""


def _tier(known: CatalogModel | None, asked: str | None) -> str:
    tiers = known.price_tiers if known is not None else ()
    if asked is None:
        prices = [(hourly_price(known, one.name), place, one.name) for place, one in enumerate(tiers)]
        priced = [(price.high, place, name) for price, place, name in prices if price is not None]
        return min(priced)[2] if priced else (tiers[0].name if tiers else "")
    for one in tiers:
        if asked.lower() in (one.name.lower(), *(alias.lower() for alias in one.aliases)):
            return one.name
    names = ", ".join(one.name for one in tiers) or "none: it has one way only"
    raise TunedeckError(f"There is no tier {asked!r} there.", f"Tiers: {names}.")


def _name_for(model: FamilyModel) -> str:
    suffix = model.job.suffix if model.job is not None and model.job.suffix else "tuned"
    step = f"-step-{model.step}" if model.kind is ModelKind.CHECKPOINT and model.step is not None else ""
    words = re.sub(r"[^A-Za-z0-9-]+", "-", suffix).strip("-") or "tuned"
    return f"{words[:40]}{step}-{re.sub(r'[^A-Za-z0-9]', '', model.id)[-6:]}"


def _source(services: JobServices, provider: Provider, model: FamilyModel) -> tuple[str | None, str | None]:
    """Return the ids of the job and of the checkpoint that a model is, as far as they are known."""
    if model.job is None:
        return None, None
    kept = [one for one in services.store.checkpoints(model.account, model.job.id) if one.is_listed]
    if not kept and provider.can(Capability.CHECKPOINTS):
        kept = list(provider.list_checkpoints(model.job.id))
        services.store.save_checkpoints(model.account, model.job.id, kept)
    if model.kind is ModelKind.CHECKPOINT:
        fitting = [one for one in kept if one.model == model.id or one.step == model.step]
    else:
        fitting = sorted(kept, key=lambda one: -one.step)
    return model.job.id, fitting[0].id if fitting else None


def _serves(one: Deployment, request: DeploymentRequest) -> bool:
    source = f"{request.job_id}:{request.checkpoint_id}"
    names = {request.checkpoint_id} if request.is_checkpoint else {request.model}
    return one.model in names | {source}


def _made_all_the_same(provider: Provider, request: DeploymentRequest) -> Deployment | None:
    try:
        listed = provider.list_deployments()
    except ProviderError:
        return None  # the same trouble that swallowed the answer
    return next((one for one in listed if _serves(one, request) and request.name in one.name), None)
