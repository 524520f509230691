"""What a service itself estimates for a plan, where it can and its files are there already."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tui.errors import TunedeckError
from tui.jobs.files import job_files
from tui.jobs.launch import request_of
from tui.jobs.mend import ELSEWHERE, OTHER_MODEL
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.ports import JobServices
from tui.jobs.reports import file_sha256
from tui.money.amounts import format_money
from tui.providers.protocol import Limit, ProviderError
from tui.records.model_names import is_tuned
from tui.records.models import Capability


@dataclass(frozen=True, slots=True)
class ToldPrice:
    """A service's own estimate in US dollars, and the line that says so."""

    dollars: Decimal | None
    line: PreflightLine | None


def ask_price(plan: LaunchPlan, services: JobServices) -> ToldPrice:
    """Ask the service what a plan would cost; blocks, uploads nothing, and costs nothing.

    Without the files there it can't be asked; the launch asks once they are, before anything is created.
    """
    try:
        provider = services.provider(plan.account)
        if not provider.can(Capability.ESTIMATE_PRICE):
            return ToldPrice(None, None)
        label = provider.account.label
        files = job_files(plan)
        known = services.store.remote_file(plan.account, file_sha256(files.training))
        aside = None
        if files.validation is not None:
            aside = services.store.remote_file(plan.account, file_sha256(files.validation))
        if known is None or (files.validation is not None and aside is None):
            text = f"{label} tells its own estimate once the files are there, before a job is created."
            return ToldPrice(None, PreflightLine("ok", text))
        model = services.catalog.model(plan.model, services.account(plan.account).provider)
        named = plan.model if is_tuned(plan.model) else model.id
        told = provider.price_of(request_of(plan, named, known.id, aside.id if aside else None))
    except ProviderError as error:
        # What the service says against the job itself would be said against its creation too.
        refused = error.status is not None and (error.status == 400 or error.limit is Limit.MONEY)
        ways = (OTHER_MODEL, ELSEWHERE) if refused else ()
        return ToldPrice(
            None, PreflightLine("stop" if refused else "warn", error.message, error.remedy, ways)
        )
    except TunedeckError:
        return ToldPrice(None, None)  # told about the account or the file already
    if told is None:
        return ToldPrice(None, PreflightLine("ok", f"{label} estimates no price for this job."))
    text = f"{label} itself estimates {format_money(told, 'USD')} for it."
    return ToldPrice(told, PreflightLine("ok", text))
