"""What jobs cost whose service has not told what they trained: those that go on, were cancelled, or failed.

They are in no list of tokens used, so the month's money would leave them out.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tui.jobs.ports import JobServices
from tui.jobs.so_far import so_far
from tui.money.usage_price import Amount
from tui.providers.profile_data import LOCAL_NAME
from tui.records.jobs import Job

MOST_JOBS = 40
"""Read at most, the newest: each is a look at its events."""


def untold_costs(services: JobServices, since: int, now: float) -> list[tuple[Job, Amount]]:
    """Return jobs that go on or have ended since, with what they have cost by now as far as it is reckoned.

    From nothing up, where nobody says whether a job that failed or was cancelled is charged for its steps.
    A job whose cost nobody can reckon is left out.

    Args:
        services: Store, catalog and accounts.
        since: Unix second; what ended before it is left out.
        now: Unix seconds.

    Raises:
        StoreError: The store can't be read.
    """
    free = [one.name for one in services.accounts() if one.provider == LOCAL_NAME]
    found = []
    for account, job_id in services.store.untold_jobs_since(since, free, MOST_JOBS):
        job = services.store.job(account, job_id)
        if job is None:
            continue
        known = so_far(services, job, services.store.cost_events(account, job_id), now=now)
        if known.cost is not None:
            cost = replace(known.cost, low=Decimal(0)) if known.may_be_less else known.cost
            found.append((job, cost))
    return found
