"""A job of one account as a launch at another: what can be carried over, and what changes, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.first_model import first_model
from tui.jobs.inventory import chats_only
from tui.jobs.job_export import terms_of_job, terms_of_plan
from tui.jobs.job_file import JobTerms
from tui.jobs.plan import TRAINING, LaunchPlan
from tui.jobs.ports import JobServices
from tui.jobs.trainable import models_for
from tui.money.amounts import money_range
from tui.money.catalog import CatalogModel
from tui.money.job_price import job_price
from tui.money.lifetime import Lifetimes
from tui.providers.profiles import Profile, profile
from tui.records.jobs import Job, Method
from tui.records.model_names import base_of, is_tuned
from tui.records.models import Account, Capability

_ROWS = {
    Method.SUPERVISED: "whole conversations",
    Method.DPO: "pairs of answers, the better and the worse",
    Method.REINFORCEMENT: "prompts whose answers a grader scores",
}
_RATES = ("learning_rate", "learning_rate_multiplier")
_MOST_NAMED = 6
_UNKNOWN = "not published"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the comparison."""

    what: str
    before: str
    after: str
    note: str = ""
    """Why it changes; empty where that is plain."""

    @property
    def words(self) -> str:
        """Both sides in a line: `gpt-4.1 → Qwen/Qwen3-4B`, or one where nothing changes."""
        both = self.before if self.before == self.after else f"{self.before} → {self.after}"
        return f"{both} ({self.note})" if self.note else both

    def as_json(self) -> dict[str, str]:
        """Return the line for `--json`."""
        return {"what": self.what, "before": self.before, "after": self.after, "note": self.note}


@dataclass(frozen=True, slots=True)
class Origin:
    """What is launched elsewhere: a job, a launch that was refused, or a form."""

    account: str
    model: str
    method: Method
    terms: JobTerms
    price: Mapping[str, Any] | None = None
    """What was confirmed for it, as `Estimate.as_json` has it."""


def origin_of_job(services: JobServices, job: Job) -> Origin:
    """Return a job as something to launch elsewhere."""
    record = services.store.launch_of_job(job.account, job.id)
    return Origin(
        job.account, job.model, job.method, terms_of_job(services, job), record.price if record else None
    )


def origin_of_plan(plan: LaunchPlan, price: Mapping[str, Any] | None = None) -> Origin:
    """Return a plan, of a form or of a launch that was refused, as something to launch elsewhere."""
    return Origin(plan.account, plan.model, plan.method, terms_of_plan(plan), price)


def refused_launch(services: JobServices, run_id: str) -> Origin | None:
    """Return the launch that made no job and whose run id begins so; None when there is none.

    Raises:
        TunedeckError: There is more than one.
    """
    found = services.store.launches_without_job(run_id) if run_id else []
    if len(found) > 1:
        raise TunedeckError(f"{run_id!r} fits {len(found)} launches that made no job.", "Give more of it.")
    from tui.jobs.queue import plan_of

    return origin_of_plan(plan_of(found[0]), found[0].price) if found else None


@dataclass(frozen=True, slots=True)
class LaunchElsewhere:
    """A job's terms as another account takes them."""

    terms: JobTerms
    changes: tuple[Change, ...]


def accounts_for(services: JobServices, origin: Origin) -> list[tuple[Account, str]]:
    """Return the other accounts that are ready, the able first, each with what speaks against it."""
    found = []
    for one in services.accounts():
        if one.name != origin.account and one.ready:
            permission = services.provider(one.name).can(TRAINING[origin.method])
            found.append((one, permission.reason or chats_only(services, one.name)))
    return sorted(found, key=lambda pair: bool(pair[1]))


def launch_elsewhere(
    services: JobServices, origin: Origin, account: str, model: str | None = None,
    method: Method | None = None,
) -> LaunchElsewhere:  # fmt: skip
    """Map a job, or what was to become one, to another account.

    Args:
        services: Store and catalog.
        origin: What it is.
        account: Where it is to be launched.
        model: What to train there; None takes its own base model, where that can be trained there.
        method: How to train there; None keeps the origin's.

    Raises:
        TunedeckError: There is no such account, or the model has to be chosen.
    """
    wanted = method or origin.method
    terms = replace(origin.terms, method=wanted)
    here, there = (profile(services.account(name).provider) for name in (origin.account, account))
    old = services.catalog.find(origin.model, here.name)
    chosen = model or _same_model(services, origin, account, wanted)
    new = services.catalog.find(chosen, there.name)
    kept, dropped = _settings(terms, here, there)
    suffix = terms.suffix if terms.suffix and there.suffix_fits(terms.suffix) else None
    mapped = replace(terms, account=account, model=chosen, suffix=suffix, hyperparameters=kept)
    changes = [
        Change("Account", origin.account, account),
        Change("Service", here.label, there.label),
        Change("Model", origin.model, chosen, _about_start(origin.model, chosen)),
        *_about_method(origin.method, wanted, there),
        *dropped,
        _about_rate(here, there),
    ]
    if suffix != terms.suffix:
        changes.append(Change("Suffix", terms.suffix or "", "none", f"{there.label}: {there.suffix_words}"))
    if terms.wandb is not None and Capability.WANDB in there.cannot:
        mapped = replace(mapped, wandb=None)
        changes.append(Change("W&B project", terms.wandb.text, "none", there.cannot[Capability.WANDB]))
    if terms.grader is not None and wanted is not Method.REINFORCEMENT:
        mapped = replace(mapped, grader=None)
        changes.append(Change("Grader", "given", "none", f"{wanted} training scores no answers"))
    changes += _about_models(services, origin, mapped, old, new)
    return LaunchElsewhere(mapped, tuple(changes))


def by_another_method(
    services: JobServices, origin: Origin, found: LaunchElsewhere, method: Method
) -> LaunchElsewhere:
    """Return a launch elsewhere by another method, on its model where that takes it, else on one that does.

    Raises:
        TunedeckError: Nothing can be trained there by it.
    """
    account = found.terms.account or origin.account
    model = found.terms.model
    if model not in models_for(services, account, method):
        first = first_model(services, account, method)
        model = first.model if first is not None else None
    return launch_elsewhere(services, origin, account, model, method)


def _same_model(services: JobServices, job: Origin, account: str, method: Method) -> str:
    """Return the origin's base model as the other account names it.

    Raises:
        TunedeckError: It can't be trained there.
    """
    provider = services.account(account).provider
    base = base_of(job.model)
    here = services.catalog.find(base, services.account(job.account).provider)
    fitting = models_for(services, account, method)
    names = {base, *(() if here is None else (here.id, *here.aliases))}
    for name in fitting:
        known = services.catalog.find(name, provider)
        if names & {name, *(() if known is None else known.aliases)}:
            return name
    reason = profile(provider).cannot.get(TRAINING[method])
    if reason is not None:
        raise TunedeckError(
            f"{account} can't start a {method} job.", f"{reason} Choose another account, or --method."
        )
    some = ", ".join(fitting[:_MOST_NAMED]) or "none that is known here"
    more = f" and {len(fitting) - _MOST_NAMED} more" if len(fitting) > _MOST_NAMED else ""
    raise TunedeckError(
        f"{account} can't start a {method} job on {base}.", f"Choose with --model: {some}{more}."
    )


def _about_start(before: str, after: str) -> str:
    if is_tuned(before) and not is_tuned(after):
        return "what it had learnt before stays behind"
    return ""


def _settings(terms: JobTerms, here: Profile, there: Profile) -> tuple[dict[str, Any], list[Change]]:
    """Return the choices that mean the same there, and a line for each that is left behind."""
    method = terms.method or Method.SUPERVISED
    kept: dict[str, Any] = {}
    dropped = []
    for name, value in terms.hyperparameters.items():
        known = there.parameter(name, method)
        if name in _RATES and here.name != there.name:
            note = "a rate is never carried to another service"
        elif known is None:
            note = f"{there.label} has no {name}"
        elif known.problem(value):
            note = f"{there.label} takes {known.wanted}"
        else:
            kept[name] = value
            continue
        dropped.append(Change(name, str(value), "left to the service", note))
    dropped += [
        Change(one.name, "–", "has to be given", one.help)
        for one in there.parameters_for(method) if one.required and one.name not in kept
    ]  # fmt: skip
    return kept, dropped


def _about_method(before: Method, method: Method, there: Profile) -> Iterator[Change]:
    reason = there.cannot.get(TRAINING[method])
    if reason is not None:
        yield Change("Method", str(before), "not offered there", f"{reason} Choose another method.")
    elif before is not method:
        yield Change("Method", str(before), str(method), f"the file has to hold {_ROWS[method]}")


def _about_rate(here: Profile, there: Profile) -> Change:
    words = {"multiplier": "a multiplier", "absolute": "absolute"}
    before, after = (words.get(one.learning_rate, one.learning_rate) for one in (here, there))
    return Change("Learning rate is", before, after)


def _about_models(
    services: JobServices, job: Origin, terms: JobTerms, old: CatalogModel | None, new: CatalogModel | None
) -> Iterator[Change]:
    method = terms.method or Method.SUPERVISED
    yield Change("Price per million", _unit_price(old, job.method), _unit_price(new, method))
    yield Change("Price", _old_price(job), _new_price(services, terms))
    yield Change("Longest example", _limit(old), _limit(new))
    lifetimes = Lifetimes(services.catalog, services.store.model_dates())
    ends = []
    for account, model in ((job.account, job.model), (terms.account or "", terms.model or "")):
        lifetime = lifetimes.of(services.account(account).provider, model)
        ends.append(
            "no end announced" if lifetime.shutdown_date is None
            else f"until {lifetime.shutdown_date}, {lifetime.words}"
        )  # fmt: skip
    yield Change("Result answers", ends[0], ends[1])


def _unit_price(model: CatalogModel | None, method: Method) -> str:
    price = job_price(model, 1_000_000, 1, method=method) if model is not None else None
    if price is None:
        return _UNKNOWN
    return money_range(price.unit_price, price.highest_unit_price, price.currency)


def _limit(model: CatalogModel | None) -> str:
    limit = model.training_example_limit if model is not None else None
    return _UNKNOWN if limit is None else f"{limit:,} tokens"


def _old_price(origin: Origin) -> str:
    total = origin.price.get("total") if origin.price is not None else None
    if origin.price is None or not isinstance(total, int | float):
        return "not known here"
    from decimal import Decimal

    amount = Decimal(str(total))
    return money_range(amount, amount, str(origin.price.get("currency") or "USD"))


def _new_price(services: JobServices, terms: JobTerms) -> str:
    if terms.training is None or terms.account is None or terms.model is None:
        return "once the file is named"
    from tui.jobs.preflight import estimate_plan  # counts the file

    plan = LaunchPlan(
        terms.account, terms.model, terms.training, terms.method or Method.SUPERVISED, terms.validation,
        terms.split_share, terms.hyperparameters, terms.suffix, terms.seed, grader=terms.grader,
        read_as=terms.read_as,
    )  # fmt: skip
    try:
        return estimate_plan(plan, services).amount
    except TunedeckError as error:
        return error.message
