"""A sweep to begin with, around a job that a person has in mind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tui.errors import TunedeckError
from tui.jobs.job_export import terms_of_job
from tui.jobs.job_file import JobTerms
from tui.jobs.ports import JobServices
from tui.providers.profiles import profile
from tui.records.jobs import Method
from tui.sweeps.space import EPOCHS, Axis
from tui.sweeps.sweep_file import sweep_file_text
from tui.sweeps.terms import Search, SweepTerms
from tui.sweeps.trial_plan import account_of


def suggested_terms(
    job: JobTerms, name: str, *, rate: str = "learning_rate_multiplier", most: float | None = None
) -> SweepTerms:
    """Return a sweep to begin with, around a job: its learning rate by powers and its epochs.

    Args:
        job: What the trials share; what the sweep varies is taken out of it.
        name: Of the sweep.
        rate: The hyperparameter that scales the learning rate at its service.
        most: The most that the service takes for it; None where that is not known.
    """
    low, high = (1e-6, 1e-4) if rate == "learning_rate" else (0.1, 10.0)
    chosen = job.hyperparameters.get(rate)
    if isinstance(chosen, int | float) and not isinstance(chosen, bool) and chosen > 0:
        low, high = chosen / 8, min(chosen * 8, most or chosen * 8)
    axes = (Axis(rate, (), float(f"{low:.3g}"), float(f"{high:.3g}"), log=True), Axis(EPOCHS, (1, 2, 4)))
    shared = {key: value for key, value in job.hyperparameters.items() if key not in (rate, EPOCHS)}
    split = job.split_share if job.validation is not None or job.split_share is not None else 0.1
    trained = replace(job, hyperparameters=shared, suffix=None, stop_rules=None, split_share=split)
    return SweepTerms(name, trained, axes, Search(trials=8))


def suggested_text(
    services: JobServices,
    training: Path | None,
    like: str | None,
    *,
    model: str | None,
    account: str | None,
    name: str,
) -> str:
    """Return a sweep file to begin with.

    Args:
        services: Store, catalog and accounts.
        training: The file to train on; None takes `like`.
        like: Id of a job, or its beginning.
        model: The base; None takes the settings' default, or the job's.
        account: Who trains; None lets the model say.
        name: Of the sweep.

    Raises:
        TunedeckError: There is no such job, or no such account.
    """
    job = JobTerms(training=None if training is None else training.absolute())
    if like is not None:
        named_jobs = [one for one in services.store.jobs() if one.id.startswith(like)]
        if len(named_jobs) != 1:
            found = "There is no job" if not named_jobs else f"{len(named_jobs)} jobs begin with"
            raise TunedeckError(f"{found} {like!r}.", "`tunedeck jobs` lists them.")
        job = terms_of_job(services, named_jobs[0])
    job = replace(
        job, model=model or job.model or services.settings.default_model, account=account or job.account,
        method=job.method or Method.SUPERVISED,
    )  # fmt: skip
    terms = suggested_terms(job, name)
    named = account_of(services, terms, job.model or "")
    rate = rate_of(services, named)
    known = profile(services.account(named).provider).parameter(rate, job.method or Method.SUPERVISED)
    most = known.maximum if known is not None else None
    terms = suggested_terms(replace(job, account=named), name, rate=rate, most=most)
    return sweep_file_text(terms, NOTES)


def rate_of(services: JobServices, account: str) -> str:
    """Return the hyperparameter that scales the learning rate at an account's service."""
    service = profile(services.account(account).provider)
    return "learning_rate" if service.learning_rate == "absolute" else "learning_rate_multiplier"


NOTES = (
    "[space]: what differs, as a list or a range; hyperparameters, model, training, validation, seed.",
    'strategy: "grid", "random", or "bayesian" (by results, with optuna).',
    'Add [caps] with money = 5 or hours = 2, and [halving] with by = "fresh", rungs = [1, 2, 4] if you like.',
    'An evaluation may decide too: [objective] with evaluate = "held-out.jsonl", checks = ["exact"].',
)
"""What stands above a suggested sweep file."""
