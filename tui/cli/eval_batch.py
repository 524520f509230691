"""`tunedeck eval --batch`: hand in what is not answered yet, collect what is done, report when all is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tui.cli.output import narrate, print_json, say
from tui.errors import ExitCode, TunedeckError

if TYPE_CHECKING:
    from tui.chat.lanes import Lane
    from tui.evals.batching import BatchOutcome
    from tui.evals.plan import EvalPlan
    from tui.evals.setup import EvalWish
    from tui.services import Services


def batched(
    services: Services,
    wish: EvalWish,
    plan: EvalPlan,
    options: dict[str, Any],
    *,
    confirmed: Callable[[EvalPlan], bool],
    as_json: bool,
) -> ExitCode | tuple[EvalPlan, dict[tuple[Lane, bytes], str]]:
    """Return the plan with all answers there and what was refused, or the exit code while it is not done.

    Raises:
        TunedeckError: A service has no batches, or `--anew` is asked for too.
        ProviderError: A service refuses.
    """
    from tui.evals.batching import collect_batches, refuse_without_batches, submit_batches, wait_for_batches
    from tui.evals.setup import planned

    if wish.anew:
        raise TunedeckError(
            "--anew and --batch don't go together: a batch is collected later.", "Leave one out."
        )
    refuse_without_batches(services, plan)
    look = collect_batches(services, plan.accounts)
    refused = dict(look.refused)
    plan = planned(services, wish)
    waiting = {digest for batch, _ in look.open for digest in batch.digests}
    new = [one for one in plan.asks if not one.known and one.ask.digest not in waiting]
    new = [one for one in new if (one.contender.lane, one.ask.digest) not in refused]
    if new:
        if not options["yes"] and not confirmed(plan):
            narrate("Nothing was handed in.")
            return ExitCode.INTERRUPTED
        sent = submit_batches(services, plan)
        for batch in sent.submitted:
            narrate(f"Handed in {len(batch.digests):,} requests: {batch.id}")
        if sent.capped:
            narrate("The money cap left some requests out.")
        look = collect_batches(services, plan.accounts)
        refused |= look.refused
    if look.open and options["wait"]:
        look = wait_for_batches(services, plan.accounts, on_look=_say_how_far)
        refused |= look.refused
    if look.open:
        _print_open(look, as_json=as_json)
        return ExitCode.DONE
    return planned(services, wish), refused


def _say_how_far(look: BatchOutcome) -> None:
    if look.open:
        narrate(look.words.replace("\n", "; "))


def _print_open(look: BatchOutcome, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "complete": False,
                "batches": [
                    {
                        "id": batch.id,
                        "account": batch.account,
                        "model": batch.model,
                        "state": batch.state,
                        "requests": len(batch.digests),
                        "done": None if remote is None else remote.completed + remote.failed,
                    }
                    for batch, remote in look.open
                ],
            }
        )
        return
    say(look.words)
    say("The same command collects the answers when they are there; --wait waits for them.")
