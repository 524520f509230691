"""What making rows would ask and cost, counted before anything is asked."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tui.chat.lanes import Lane
from tui.datasets.tokens import TextTokenizer, TiktokenCounter, encoding_for
from tui.errors import TunedeckError
from tui.evals.asking import Question
from tui.evals.ports import EvalServices
from tui.evals.pricing import Prices
from tui.evals.requests import Ask, plain_ask
from tui.money.base_tokenizer import load_base_tokenizer
from tui.money.usage_price import Amount
from tui.proposals.definition import Answers, Definition, Seed
from tui.proposals.prompts import changing_messages, generating_messages
from tui.proposals.rows import line_of
from tui.proposals.seeds import spoken_of
from tui.proposals.targets import refuse_other_kind, refuse_validation
from tui.providers.profile_data import LOCAL_NAME
from tui.records.chats import ChatParameters, ChatRequest, Usage
from tui.records.proposals import MakingKind, ProposalRun

SPARE = 2
"""So many times the askings that are needed when every answer is usable: not every one is."""
_PER_MESSAGE, _PER_REQUEST = 4, 3
"""Tokens around content (OpenAI's cookbook on counting tokens for chat models)."""
_MARGIN = Decimal("1.1")
"""What a count may be off by."""
_MOST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One asking, or one row that is changed on this machine."""

    number: int
    """Within its run, from 1."""
    seeds: tuple[Seed, ...]
    ask: Ask | None = None
    """None where no model is asked."""
    temperature: float | None = None
    prompt_tokens: int = 0
    known: bool = False
    """Its answer is kept from before."""


@dataclass(frozen=True, slots=True)
class ProposalPlan:
    """What would happen; nothing has been asked."""

    definition: Definition
    sources: tuple[PlannedSource, ...]
    needed: int
    """Askings that are enough when each brings what is hoped for; the others are spare."""
    price: Amount | None
    """From those with answers as long as the examples to all with the longest; None without a price."""
    max_cost: Decimal | None = None
    at_once: int = 4

    @property
    def unknown(self) -> int:
        """Askings without an answer."""
        return sum(one.ask is not None and not one.known for one in self.sources)

    @property
    def is_free(self) -> bool:
        """True when nothing that is asked costs anything."""
        return not self.unknown or (self.price is not None and not self.price.high)

    @property
    def words(self) -> str:
        """The plan as a sentence for people."""
        wanted = f"{self.definition.count:,} rows"
        if not self.definition.kind.needs_model:
            return f"{wanted}; no model is asked."
        if not self.unknown:
            return f"{wanted}: all answers are kept from before; nothing is asked."
        price = "at no published price" if self.price is None else f"for {self.price.words}"
        least = min(self.needed, self.unknown)
        range_words = f"{least:,}" if least == self.unknown else f"{least:,} to {self.unknown:,}"
        kept = sum(one.known for one in self.sources)
        known = f" ({kept:,} kept from before)" if kept else ""
        spread = ", ".join(f"{one:g}" for one in self.definition.temperatures)
        return f"{wanted}: {range_words} askings{known}, {price}; temperatures {spread} in turn."

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "run": self.definition.id,
            "kind": str(self.definition.kind),
            "rows": self.definition.count,
            "askings": len(self.sources),
            "to_ask": self.unknown,
            "price": None if self.price is None else {
                "low": str(self.price.low), "high": str(self.price.high), "currency": self.price.currency,
            },
            "temperatures": list(self.definition.temperatures),
            "answers": str(self.definition.answers),
        }  # fmt: skip

    def run(self, clock: float | None = None) -> ProposalRun:
        """Return it as it is kept."""
        lane = self.definition.lane
        return ProposalRun(
            self.definition.id, self.definition.kind, lane.account if lane else "",
            lane.model if lane else "", str(self.definition.target), self.definition.as_json(),
            int(time.time() if clock is None else clock),
        )  # fmt: skip


def plan_proposals(
    services: EvalServices, definition: Definition, *, max_cost: Decimal | None = None, at_once: int = 4
) -> ProposalPlan:
    """Count what making rows would ask; asks no service.

    Args:
        services: Store, catalog and accounts.
        definition: What is wanted.
        max_cost: In the currency of the prices; beyond it nothing more is asked.
        at_once: Requests under way together.

    Raises:
        TunedeckError: The target is held out or holds other rows, something is missing, or a cap can't be
            kept because no price is known.
    """
    refuse_validation(services.store, definition.target)
    refuse_other_kind(definition.target, definition.format)
    _refuse_missing(definition)
    sources = _sources(definition)
    lane = definition.lane
    if lane is None or not definition.kind.needs_model:
        return ProposalPlan(definition, sources, len(sources), Amount(), max_cost, at_once)
    digests = [one.ask.digest for one in sources if one.ask is not None]
    kept = services.store.eval_answers(lane.account, lane.model, digests)
    counter = _counter(services, lane)
    counted = tuple(
        replace(one, known=one.ask.digest in kept, prompt_tokens=_prompt_tokens(one.ask, counter))
        for one in sources
        if one.ask is not None
    )
    needed = _needed(definition)
    price = _price(services, definition, counted, needed, counter)
    if max_cost is not None and price is None and any(not one.known for one in counted):
        raise TunedeckError(
            "No price is published for this model, so a money cap can't be kept.",
            "Leave --max-cost out, or add the price to your catalog (tunedeck catalog).",
        )
    return ProposalPlan(definition, counted, needed, price, max_cost, at_once)


def _refuse_missing(definition: Definition) -> None:
    kind = definition.kind
    if kind.needs_model and definition.lane is None:
        raise TunedeckError("No model is named to make the rows.", "Name one with --model.")
    if kind is MakingKind.GENERATE:
        if not definition.task.strip():
            raise TunedeckError("No task is given.", "Say in a sentence what the model shall do: --task.")
        return
    if kind is MakingKind.RECORDING:
        return
    if not definition.seeds:
        raise TunedeckError("There is no row to change.", "Name the file that they are in.")
    if kind is MakingKind.TRANSLATION and not definition.detail.strip():
        raise TunedeckError("No language is named.", "Name one with --language, such as French.")
    if kind is MakingKind.NOISE and definition.answers is not Answers.KEEP:
        raise TunedeckError(
            "Slips of the keyboard are made without a model, which could write no other answer.",
            "Leave --answers out.",
        )


def _needed(definition: Definition) -> int:
    if definition.kind is MakingKind.GENERATE:
        return -(-definition.count // definition.at_a_time)
    return definition.count


def _sources(definition: Definition) -> tuple[PlannedSource, ...]:
    match definition.kind:
        case MakingKind.RECORDING:
            return ()  # read from the recording itself
        case MakingKind.GENERATE:
            return tuple(
                _generating(definition, number) for number in range(1, SPARE * _needed(definition) + 1)
            )
    chance = random.Random(f"{definition.seed}/rows")
    order: list[Seed] = []
    while len(order) < definition.count:  # a row is changed again only once all have been
        order += chance.sample(definition.seeds, len(definition.seeds))
    return tuple(
        _changing(definition, seed, number) for number, seed in enumerate(order[: definition.count], 1)
    )


def _generating(definition: Definition, number: int) -> PlannedSource:
    chance = random.Random(f"{definition.seed}/{number}")
    shown = min(definition.shots, len(definition.seeds))
    seeds = tuple(chance.sample(definition.seeds, shown))
    messages = generating_messages(definition, seeds)
    return _asking(definition, messages, seeds, number)


def _changing(definition: Definition, seed: Seed, number: int) -> PlannedSource:
    if not definition.kind.needs_model:
        return PlannedSource(number, (seed,))
    return _asking(definition, changing_messages(definition, seed, number - 1), (seed,), number)


def _asking(definition: Definition, messages: Any, seeds: tuple[Seed, ...], number: int) -> PlannedSource:
    assert definition.lane is not None
    temperature = definition.temperatures[(number - 1) % len(definition.temperatures)]
    # A seed of its own for each: the same question asked twice is to bring two answers, where a service can.
    draw = random.Random(f"{definition.seed}/{number}/draw").randrange(_MOST_SEED)
    parameters = ChatParameters(temperature=temperature, max_tokens=definition.max_tokens, seed=draw)
    request = ChatRequest(definition.lane.model, tuple(messages), parameters)
    return PlannedSource(number, seeds, plain_ask(request, number), temperature)


def _counter(services: EvalServices, lane: Lane) -> TextTokenizer:
    if services.account(lane.account).provider == LOCAL_NAME:
        tokenizer = load_base_tokenizer(lane.model)
        if tokenizer is not None:
            return tokenizer
    return TiktokenCounter(encoding_for(lane.model))


def _prompt_tokens(ask: Ask, counter: TextTokenizer) -> int:
    return _PER_REQUEST + sum(_PER_MESSAGE + counter.count(one.content) for one in ask.request.messages)


def _price(
    services: EvalServices,
    definition: Definition,
    sources: Sequence[PlannedSource],
    needed: int,
    counter: TextTokenizer,
) -> Amount | None:
    prices = Prices(services)
    asked = [one for one in sources if not one.known]
    expected = min(definition.max_tokens, _expected_tokens(definition, counter))
    low = high = Decimal(0)
    currency = "USD"
    for place, one in enumerate(asked):
        ends = [
            prices.cost(definition.lane, Usage(one.prompt_tokens, tokens)) if definition.lane else None
            for tokens in (expected, definition.max_tokens)
        ]
        if ends[0] is None or ends[1] is None:
            return None
        currency = ends[1].currency
        low += ends[0].low if place < needed else 0
        high += ends[1].high
    return Amount(low, high, currency)


def _expected_tokens(definition: Definition, counter: TextTokenizer) -> int:
    """Return about how long an answer is: as long as the examples."""
    some = definition.seeds[:20]
    if not some:
        return definition.max_tokens // 4
    said = [
        counter.count("".join(one["content"] for one in spoken_of(seed.row)) or line_of(seed.row).decode())
        for seed in some
    ]
    return max(1, definition.at_a_time * sum(said) // len(said) + 12 * definition.at_a_time)


def questions_of(
    plan: ProposalPlan, sources: Sequence[PlannedSource], services: EvalServices
) -> list[Question]:
    """Return what is to be asked, with what each may cost at most."""
    prices, lane = Prices(services), plan.definition.lane
    found = []
    for one in sources:
        if one.ask is None or lane is None:
            continue
        usage = Usage(int(one.prompt_tokens * _MARGIN) + 1, plan.definition.max_tokens)
        cost = prices.cost(lane, usage)
        found.append(Question(lane, one.ask, None if cost is None else cost.high))
    return found
