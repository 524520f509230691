"""Says more about a refusal than the service did, from what is known here: dates, profiles, routes."""

from __future__ import annotations

from datetime import date

from tui.providers.deploying import NOT_DEPLOYED
from tui.providers.failures import NO_FINE_TUNING, TRAINING_REFUSED
from tui.providers.paging import UNNAMED
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import ModelFacts, Profile, profiles
from tui.providers.protocol import Limit, ProviderError
from tui.records.model_names import is_tuned
from tui.records.models import Account, Capability

_NOT_FOUND, _CONFLICT = 404, 409
_NO_SUCH_ROUTE = (404, 405, 501)
_NO_CHOICE = ("custom", "litellm", "tunedeck-engine", "unsloth", LOCAL_NAME)
"""Services that a person runs: no advice to go to."""


def explain_model(
    error: ProviderError, model_id: str, profile: Profile, facts: ModelFacts, today: date
) -> ProviderError:
    """Return the error with the day on which the model it is about was shut down, if it was."""
    if error.status != _NOT_FOUND or error.code == NOT_DEPLOYED:
        return error
    known = facts.find(model_id, profile.name)
    ended = known.shutdown_date if known is not None else None
    if ended is None or ended > today.isoformat():
        waits = profile.deployment if is_tuned(model_id) else ""
        return _with(error, error.message, waits) if waits else error
    return _with(
        error, f"{error.message} {model_id} was shut down on {ended}.",
        "What was trained on it is gone with it; the training file is not: `tunedeck launch FILE` elsewhere.",
    )  # fmt: skip


def explain_busy(error: ProviderError, profile: Profile) -> ProviderError:
    """Return the error as a limit on jobs, where a service that trains one at a time has one under way."""
    if error.status != _CONFLICT or profile.jobs_at_once is None:
        return error
    told = _with(
        error, error.message,
        f"{profile.label} trains {profile.jobs_at_once} job at a time; launch when it has ended.",
    )  # fmt: skip
    told.limit, told.retryable = Limit.JOBS_AT_ONCE, False
    return told


def explain_training(error: ProviderError, profile: Profile) -> ProviderError:
    """Return the error with who else trains the same file, where the account may not train any more."""
    if error.code != TRAINING_REFUSED:
        return error
    others = [
        one.label.split(" (")[0]
        for one in profiles().values()
        if one.name not in (*_NO_CHOICE, profile.name) and Capability.TRAIN_SUPERVISED not in one.cannot
    ]
    return _with(
        error, error.message,
        f"{error.remedy} The same file trains on the local engine, and at {', '.join(others)}: "
        "`tunedeck launch FILE --account NAME`; `tunedeck cost FILE --all-models` compares prices.",
    )  # fmt: skip


def called(account: Account, profile: Profile) -> str:
    """Return what an account is called in a sentence about it: two at one service must be told apart."""
    if account.name == account.provider:
        return profile.label
    return account.name if profile.name == "custom" else f"{account.name} ({profile.label})"


def name_service(error: ProviderError, name: str) -> ProviderError:
    """Return an error of an answer that nothing could be read from, with the name of who sent it."""
    told = error.message.removeprefix(UNNAMED)
    return error if told == error.message else _with(error, f"{name}{told}", error.remedy)


def explain_no_models(error: ProviderError, name: str) -> ProviderError:
    """Return the error as one of a mistaken address, where the plainest of all routes is not there."""
    if error.status not in _NO_SUCH_ROUTE or error.code not in (None, "invalid_request_error"):
        return error
    return _with(
        error, f"{name} lists no models at this address ({error.message}).",
        "Check the base URL: it usually ends in /v1, with no route such as /chat/completions and no question "
        "mark behind it.",
    )  # fmt: skip


def explain_missing_route(error: ProviderError, name: str) -> ProviderError:
    """Return the error as one of a server that knows no fine-tuning jobs, if it is."""
    if error.status not in _NO_SUCH_ROUTE or (error.code and error.code != "invalid_request_error"):
        return error
    told = _with(
        error, f"{name} offers no fine-tuning jobs at this address ({error.message}).",
        "It may still chat. If it should train, check the base URL: it usually ends in /v1.",
    )  # fmt: skip
    told.code = NO_FINE_TUNING
    return told


def _with(error: ProviderError, message: str, remedy: str) -> ProviderError:
    return ProviderError(
        message, remedy, code=error.code, status=error.status, request_id=error.request_id,
        retryable=error.retryable, limit=error.limit, retry_after=error.retry_after,
    )  # fmt: skip
