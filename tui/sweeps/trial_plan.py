"""From a trial's settings to the launch that tries them, always under the same run id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tui.errors import TunedeckError
from tui.jobs.metadata import MOST_PAIRS
from tui.jobs.plan import LaunchPlan
from tui.jobs.ports import JobServices
from tui.providers.profiles import Profile, profile
from tui.records.jobs import Method
from tui.records.requests import SWEEP_KEY
from tui.records.sweeps import SettingValue
from tui.sweeps.space import EPOCHS, MODEL, PLAN_AXES, SEED, TRAINING, VALIDATION
from tui.sweeps.terms import Halving, RungsBy, SweepTerms

_RUN_ID_LENGTH = 32
_SHORT_ID = 6


def run_id_of(sweep_id: str, number: int, rung: int) -> str:
    """Return the run id of a trial's launch at a rung: the same whenever and by whom it is asked for.

    A launch's run id makes one job however often it is launched, so a sweep that is killed at any moment
    and begun again pays for no trial twice.
    """
    return hashlib.sha256(f"{sweep_id}/{number}/{rung}".encode()).hexdigest()[:_RUN_ID_LENGTH]


def job_rung(halving: Halving | None, rung: int) -> int:
    """Return the rung whose launch trains a rung: with pauses one job does all."""
    return 0 if halving is None or halving.by is RungsBy.PAUSE else rung


def epochs_at(halving: Halving, rung: int) -> int:
    """Return the epochs that the launch of a rung asks for."""
    match halving.by:
        case RungsBy.PAUSE:
            return halving.rungs[-1]
        case RungsBy.FRESH:
            return halving.rungs[rung]
        case RungsBy.CONTINUE:
            return halving.rungs[rung] - (halving.rungs[rung - 1] if rung else 0)


def plan_of_trial(
    services: JobServices,
    terms: SweepTerms,
    settings: Mapping[str, SettingValue],
    *,
    sweep_id: str = "",
    number: int = 0,
    rung: int = 0,
    model: str | None = None,
    files: Mapping[str, str] | None = None,
) -> LaunchPlan:
    """Return the launch of a trial.

    Args:
        services: Settings and accounts.
        terms: The sweep.
        settings: What the trial tries.
        sweep_id: Of the sweep; empty for a plan that is only looked at.
        number: Of the trial.
        rung: Of a halving.
        model: The tuned model to continue; None trains what the settings or the terms name.
        files: Path -> SHA-256 of what was agreed to.

    Raises:
        TunedeckError: No training file is named, or there is no such account.
    """
    job = terms.job
    training = settings.get(TRAINING, job.training)
    if training is None:
        raise TunedeckError("The sweep names no training file.", 'Write training = "train.jsonl".')
    named = str(settings.get(MODEL, job.model or services.settings.default_model))
    account = account_of(services, terms, named)
    service = profile(services.account(account).provider)
    validation = settings.get(VALIDATION, job.validation)
    tried = {name: value for name, value in settings.items() if name not in PLAN_AXES}
    if terms.halving is not None:
        tried[EPOCHS] = epochs_at(terms.halving, rung)
    seed = settings.get(SEED, job.seed)
    metadata = dict(job.metadata)
    if service.keeps_metadata and sweep_id and len(metadata) < MOST_PAIRS:
        metadata[SWEEP_KEY] = f"{sweep_id}/{number}/{rung}"
    plan = LaunchPlan(
        account=account,
        model=model or named,
        training=Path(str(training)),
        method=job.method or Method.SUPERVISED,
        validation=None if validation is None else Path(str(validation)),
        split_share=job.split_share,
        hyperparameters={**job.hyperparameters, **tried},
        suffix=_suffix(service, job.suffix, sweep_id, number, rung),
        seed=int(seed) if isinstance(seed, int | float) else None,
        metadata=metadata,
        grader=job.grader,
        wandb=job.wandb,
        stop_rules=job.stop_rules or "",
        training_sha256=(files or {}).get(str(training)),
        read_as=job.read_as,
    )
    if not sweep_id:
        return plan
    from dataclasses import replace

    return replace(plan, run_id=run_id_of(sweep_id, number, rung))


def account_of(services: JobServices, terms: SweepTerms, model: str) -> str:
    """Return the account that trains a model of the sweep: the one that is named, else whose model it is."""
    if terms.job.account is not None:
        return terms.job.account
    known = services.catalog.find(model)
    accounts = services.accounts()
    fitting = [one for one in accounts if known is not None and one.provider == known.provider]
    fitting.sort(key=lambda one: one.name != one.provider)
    return fitting[0].name if fitting else services.settings.default_account


def _suffix(service: Profile, wanted: str | None, sweep_id: str, number: int, rung: int) -> str | None:
    """Return a name that tells the trials' models apart, where the service takes one."""
    if not sweep_id:
        return wanted
    end = f"t{number}" + (f"r{rung}" if rung else "")
    names: Sequence[str] = [f"{wanted}-{end}"] if wanted else [f"{sweep_id[:_SHORT_ID]}-{end}"]
    return next((name for name in names if service.suffix_fits(name)), wanted)
