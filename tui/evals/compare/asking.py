"""What several sides would be asked, counted and priced before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tui.chat.lanes import Lane
from tui.evals.asking import AnswerAsker, AskingOutcome
from tui.evals.cases import Case
from tui.evals.plan import EvalOptions, EvalPlan, plan_answers, questions_of
from tui.evals.ports import EvalServices
from tui.evals.pricing import CostMeter, Prices
from tui.evals.requests import Contender
from tui.evals.test_set import TestSet
from tui.money.usage_price import Amount, total_of
from tui.records.chats import TokenLogprob
from tui.records.comparisons import Side
from tui.records.evaluations import EvalAnswer


@dataclass(frozen=True, slots=True)
class ComparePlan:
    """What would be asked; nothing has been."""

    parts: tuple[EvalPlan, ...]
    """One for each side."""
    max_cost: Decimal | None = None

    @property
    def unknown(self) -> int:
        """Answers that are not kept yet."""
        return sum(part.unknown for part in self.parts)

    @property
    def price(self) -> Amount | None:
        """Of all that is to be asked; None where a price is not published."""
        return total_of(part.price for part in self.parts)

    @property
    def is_free(self) -> bool:
        """True when nothing that is asked costs anything."""
        return all(part.is_free for part in self.parts)

    @property
    def words(self) -> str:
        """The plan as a sentence for people."""
        if not self.unknown:
            return "All answers are kept from before; nothing is asked."
        price = "at no published price" if self.price is None else f"for {self.price.words}"
        return f"{self.unknown:,} answers to ask, {price}."

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        price = self.price
        return {
            "to_ask": self.unknown,
            "price": None if price is None else {
                "low": str(price.low), "high": str(price.high), "currency": price.currency,
            },
        }  # fmt: skip


def plan_sides(
    services: EvalServices,
    source: str,
    cases: Sequence[Case],
    sides: Sequence[Side],
    max_cost: Decimal | None = None,
) -> ComparePlan:
    """Count what these sides would be asked; asks no service.

    Raises:
        TunedeckError: A cap can't be kept because no price is published.
    """
    test_set = TestSet(Path(source), tuple(cases))
    parts = []
    for side in sides:
        options = EvalOptions(parameters=side.parameters, max_cost=max_cost, perplexity=False)
        contender = Contender(Lane(side.account, side.model), side.system)
        parts.append(plan_answers(services, test_set, [contender], options))
    return ComparePlan(tuple(parts), max_cost)


def ask_sides(
    services: EvalServices,
    plan: ComparePlan,
    *,
    on_answer: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> AskingOutcome:
    """Ask what has no answer yet, prompt by prompt; each answer is kept as it comes.

    Args:
        services: Providers, prices and the store.
        plan: Seen and agreed to by a person.
        on_answer: Called in this thread with (answers that came, to ask in all).
        cancelled: Asked often; True ends the asking.

    Raises:
        ProviderError: A service refuses everything or goes on failing; what it answered is kept.
    """
    # Prompt by prompt, so that whoever looks meanwhile gets pairs and not halves.
    place = {one.ask.digest: number for part in plan.parts for number, one in enumerate(part.asks)}
    questions = [one for part in plan.parts for one in questions_of(part, services)]
    questions.sort(key=lambda one: place.get(one.ask.digest, 0))
    if not questions:
        return AskingOutcome()
    meter = CostMeter(Prices(services), plan.max_cost)
    asker = AnswerAsker(services.store, services.provider, meter)
    return asker.ask(questions, on_answer=on_answer, cancelled=cancelled)


def kept_answers(services: EvalServices, plan: ComparePlan) -> list[list[EvalAnswer | None]]:
    """Return what is kept of the plan: for each prompt, the answer of each side, in their order."""
    columns = []
    for part in plan.parts:
        lane = part.contenders[0].lane
        digests = [one.ask.digest for one in part.asks]
        kept = services.store.eval_answers(lane.account, lane.model, digests)
        columns.append([kept.get(digest) for digest in digests])
    return [list(row) for row in zip(*columns, strict=True)]


def kept_logprobs(services: EvalServices, plan: ComparePlan) -> list[list[tuple[TokenLogprob, ...]]]:
    """Return how sure each side was of its tokens, as `kept_answers`; empty where nobody told."""
    columns = []
    for part in plan.parts:
        lane = part.contenders[0].lane
        digests = [one.ask.digest for one in part.asks]
        kept = services.store.answer_logprobs(lane.account, lane.model, digests)
        columns.append([kept.get(digest, ()) for digest in digests])
    return [list(row) for row in zip(*columns, strict=True)]
