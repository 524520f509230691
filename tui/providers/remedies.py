"""What to do about an error of a service, by its code, its kind or its HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui.providers.protocol import Limit

TRAINING_REFUSED = "training_not_available"
NO_FINE_TUNING = "no_fine_tuning_api"
"""Our own code for a server that has no such route."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about an error, and whether the same call may succeed later."""

    text: str
    retryable: bool = False
    limit: Limit | None = None
    """Which limit it is, so that a caller knows whether to wait, to queue or to ask the person."""


_SPENT = "It starts again when a person has changed that; trying again changes nothing."

BY_CODE: Mapping[str, Remedy] = {
    TRAINING_REFUSED: Remedy(
        "OpenAI is winding fine-tuning down: organisations that never tuned can't create jobs since "
        "2026-05-07, those without recent fine-tuned inference since 2026-07-02, and nobody can after "
        "2027-01-06; tuned models answer until 2027-01-14."
    ),
    "invalid_api_key": Remedy(
        "Set the right key: `tunedeck account` says where the account's comes from."
    ),
    "model_not_found": Remedy(
        "It may be shut down, deleted, or belong to another project; `tunedeck models` lists what there is."
    ),
    "daily_rate_limit_exceeded": Remedy(
        "The day's number of jobs for this model is used up; launch again tomorrow. Nothing is tried "
        "again by itself.", limit=Limit.JOBS_PER_DAY,
    ),
    "exceeded_active_job_limit": Remedy(
        "As many jobs are under way as the account may have; launch when one has ended.",
        limit=Limit.JOBS_AT_ONCE,
    ),
    "rate_limit_exceeded": Remedy(
        "Too many requests; wait a moment and try again.", retryable=True, limit=Limit.REQUESTS
    ),
    "slow_down": Remedy(
        "The service asks for fewer requests; wait a minute and try again.", retryable=True,
        limit=Limit.REQUESTS,
    ),
    "server_is_overloaded": Remedy("The service is overloaded; try again in a while.", retryable=True),
    "insufficient_quota": Remedy(
        f"The account has no credit left; see the service's billing page. {_SPENT}", limit=Limit.MONEY
    ),
    "exceeded_quota": Remedy(
        f"The job would cost more than the account may spend; raise the limit on the service's billing page. "
        f"{_SPENT}", limit=Limit.MONEY,
    ),
    "credit_balance_exhausted": Remedy(
        f"The account has no credit left; see the service's billing page. {_SPENT}", limit=Limit.MONEY
    ),
    "organization_spend_limit_exceeded": Remedy(
        f"The organisation's spending limit is reached; raise it there. {_SPENT}", limit=Limit.MONEY
    ),
    "project_spend_limit_exceeded": Remedy(
        f"The project's spending limit is reached; raise it there. {_SPENT}", limit=Limit.MONEY
    ),
    "organization_usage_limit_exceeded": Remedy(
        f"The organisation's usage limit is reached. {_SPENT}", limit=Limit.MONEY
    ),
}  # fmt: skip

BY_STATUS: Mapping[int, Remedy] = {
    400: Remedy("Correct what it names and try again."),
    401: Remedy(
        "Check the key: it may be wrong, revoked, of another project, or not allowed from this network."
    ),
    402: Remedy(f"The service wants money first; see its billing page. {_SPENT}", limit=Limit.MONEY),
    403: Remedy("The key lacks this right; check its scopes and the account's region."),
    404: Remedy("It may have been deleted, or belong to another account."),
    405: Remedy("This address does not offer that; check the base URL."),
    407: Remedy("A proxy between here and the service wants its own password: see HTTPS_PROXY."),
    408: Remedy("Try again.", retryable=True),
    409: Remedy("Something else changed it meanwhile; look again and retry.", retryable=True),
    413: Remedy("The file or request is too large for the service."),
    422: Remedy("Correct what it names and try again."),
    429: Remedy("Wait a little and try again.", retryable=True, limit=Limit.REQUESTS),
}
SERVER_TROUBLE = Remedy("The service has trouble; try again in a while.", retryable=True)
NOTHING_TO_ADVISE = Remedy("")
WEB_PAGE = Remedy(
    "Something between here and the service answered, such as a proxy or a sign-in page; check the base URL "
    "and the network."
)
REFUSED_ON_THE_WAY = Remedy(
    "A proxy, a firewall or a sign-in page between here and the service said no, not the service: open its "
    "address in a browser, see HTTPS_PROXY; some services answer so in regions that they do not serve."
)
_SERVER_ERROR = 500
_TOO_MANY = 429
_WORDS_OF_429 = (
    ("requests per day", "daily_rate_limit_exceeded"),
    ("fine-tuning requests", "daily_rate_limit_exceeded"),
    ("active", "exceeded_active_job_limit"),
    ("quota", "insufficient_quota"),
    ("billing", "insufficient_quota"),
    ("spend", "organization_spend_limit_exceeded"),
)
"""What a 429 without a known code says -> the code it is."""


def remedy_for(status: int, code: str | None, kind: str | None, words: str) -> Remedy:
    """Return what to do, by code first, kind second, the words of a 429 third, the status last."""
    for word in (code, kind):
        if word is not None and word in BY_CODE:
            return BY_CODE[word]
    if status == _TOO_MANY:
        lower = words.lower()
        for part, known in _WORDS_OF_429:
            if part in lower:
                return BY_CODE[known]
    return BY_STATUS.get(status, SERVER_TROUBLE if status >= _SERVER_ERROR else NOTHING_TO_ADVISE)
