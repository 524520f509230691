"""What an evaluation would ask, cost and take, counted before anything is asked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tui.chat.lanes import Lane
from tui.datasets.tokens import TextTokenizer, TiktokenCounter, encoding_for
from tui.errors import TunedeckError
from tui.evals.asking import AT_ONCE, Question
from tui.evals.cases import Case
from tui.evals.checks.registry import JUDGE, check_class
from tui.evals.checks.spec import CheckSpec
from tui.evals.judging import Judge, given_of, pair_to_judge
from tui.evals.ports import EvalServices
from tui.evals.pricing import Prices
from tui.evals.requests import Ask, Contender, ask_of, fresh
from tui.evals.test_set import TestSet
from tui.money.base_tokenizer import load_base_tokenizer
from tui.money.usage_price import Amount, total_of
from tui.providers.account_limits import BURST, PER_SECOND
from tui.providers.profile_data import LOCAL_NAME
from tui.records.chats import ChatMessage, ChatParameters, Usage
from tui.records.evaluations import EvalAnswer

NEW_EVALUATION = ChatParameters(temperature=0.0, max_tokens=512)
"""Answers are meant to be the same again, and none may cost without end."""
_PER_MESSAGE, _PER_REQUEST = 4, 3
"""Tokens around content (OpenAI's cookbook on counting tokens for chat models)."""
_MARGIN = Decimal("1.1")
"""What a count may be off by."""
_JUDGE_OVERHEAD = 200
"""Tokens of a judge's instructions beside the texts."""
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """How an evaluation is run."""

    parameters: ChatParameters = NEW_EVALUATION
    checks: tuple[CheckSpec, ...] = ()
    """For rows without checks of their own."""
    max_cost: Decimal | None = None
    """Dollars (or the currency of the prices) beyond which nothing more is asked."""
    at_once: int = AT_ONCE
    ask_anew: bool = False
    """Ask everything, also what has an answer kept from before."""
    perplexity: bool = True
    batch: bool = False
    """Through the service's Batch API, at its price."""
    behaviour: bool = False
    """Add the behaviour label to the report."""
    """Score the expected answers where the service can."""
    human: Mapping[str, str] = field(default_factory=dict)
    """Case id -> "first", "second" or "tie": what people preferred, to hold a judge against."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One request with what it is about."""

    contender: Contender
    case: Case
    ask: Ask
    prompt_tokens: int
    known: bool
    """It has an answer already, or another row asks the same."""


@dataclass(frozen=True, slots=True)
class EvalPlan:
    """What would happen; nothing has been asked."""

    test_set: TestSet
    contenders: tuple[Contender, ...]
    """The first is what the last is compared with, where there are two."""
    judges: tuple[Judge, ...]
    options: EvalOptions
    asks: tuple[Planned, ...]
    judge_asks: int
    """Questions to judges, at most; those that were judged before are not known yet."""
    price: Amount | None
    """From answers as long as expected to answers as long as allowed; None where a price is not known."""
    seconds: float | None
    """About; None where nothing is known of the speed yet."""
    accounts: tuple[str, ...] = ()

    @property
    def unknown(self) -> int:
        """Requests without an answer."""
        return sum(not one.known for one in self.asks)

    @property
    def is_free(self) -> bool:
        """True when nothing that is asked costs anything."""
        return not self.unknown + self.judge_asks or (self.price is not None and not self.price.high)

    @property
    def words(self) -> str:
        """The plan as a sentence for people."""
        total = self.unknown + self.judge_asks
        if not total:
            return f"All {len(self.asks):,} answers are kept from before; nothing is asked."
        price = "at no published price" if self.price is None else f"for {self.price.words}"
        unknown = "; time not known yet"
        time = unknown if self.seconds is None else f", in about {_duration(self.seconds)}"
        time = ", by batch within a day" if self.options.batch else time
        kept = len(self.asks) - self.unknown
        known = f" ({kept:,} kept from before)" if kept else ""
        judged = f" and up to {self.judge_asks:,} questions to a judge" if self.judge_asks else ""
        return f"{self.unknown:,} answers to ask{known}{judged}, {price}{time}."

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "rows": len(self.test_set.cases),
            "answers": len(self.asks),
            "to_ask": self.unknown,
            "to_judge": self.judge_asks,
            "price": None if self.price is None else {
                "low": str(self.price.low), "high": str(self.price.high), "currency": self.price.currency,
            },
            "seconds": self.seconds,
        }  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60):,} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def plan_evaluation(
    services: EvalServices,
    test_set: TestSet,
    contenders: Sequence[Contender],
    options: EvalOptions,
    judges: Sequence[Judge] = (),
) -> EvalPlan:
    """Count what an evaluation would ask; asks no service.

    Args:
        services: Store, catalog and accounts.
        test_set: The rows.
        contenders: One model, or the base and the tuned one, in this order.
        options: How.
        judges: For the checks that a model makes.

    Raises:
        TunedeckError: A check is written wrong, a row has none, or a capped run has no price.
    """
    _refuse_wrong_checks(test_set, options, judges)
    return plan_answers(services, test_set, contenders, options, judges)


def plan_answers(
    services: EvalServices,
    test_set: TestSet,
    contenders: Sequence[Contender],
    options: EvalOptions,
    judges: Sequence[Judge] = (),
) -> EvalPlan:
    """As `plan_evaluation`, for answers that are only to be kept: no check has to be there.

    Raises:
        TunedeckError: A capped run has no price.
    """
    salt = secrets.token_hex(8) if options.ask_anew else ""
    counters = {contender: _counter(services, contender) for contender in contenders}
    asks: list[Planned] = []
    by_contender: dict[Contender, list[tuple[Case, Ask]]] = {}
    for contender in contenders:
        pairs = [(case, ask_of(contender, case, options.parameters)) for case in test_set.cases]
        by_contender[contender] = [(case, fresh(ask, salt) if salt else ask) for case, ask in pairs]
    kept = {
        contender: services.store.eval_answers(
            contender.lane.account, contender.lane.model, [ask.digest for _, ask in pairs]
        )
        for contender, pairs in by_contender.items()
    }
    seen: set[tuple[Lane, bytes]] = set()
    # Row by row, so that a run that is stopped has asked both models the same rows.
    for number in range(len(test_set.cases)):
        for contender in contenders:
            case, ask = by_contender[contender][number]
            tokens = _prompt_tokens(ask.request.messages, counters[contender])
            known = ask.digest in kept[contender] or (contender.lane, ask.digest) in seen
            seen.add((contender.lane, ask.digest))  # rows that ask the same are asked once
            asks.append(Planned(contender, case, ask, tokens, known))
    to_judge = _to_judge(services, test_set, contenders, judges, by_contender, kept)
    price = _price(services, asks, to_judge, options, counters)
    if options.max_cost is not None and price is None and any(not one.known for one in asks):
        raise TunedeckError(
            "No price is published for one of these models, so a money cap can't be kept.",
            "Leave --max-cost out, or add the price to your catalog (tunedeck catalog).",
        )
    lanes = [*(one.lane for one in contenders), *(judge.lane for judge in judges)]
    return EvalPlan(
        test_set, tuple(contenders), tuple(judges), options, tuple(asks), 2 * len(to_judge), price,
        _seconds(services, asks, options),
        tuple(dict.fromkeys(one.account for one in lanes)),
    )  # fmt: skip


def _refuse_wrong_checks(test_set: TestSet, options: EvalOptions, judges: Sequence[Judge]) -> None:
    """Try every check before anything is paid for.

    Raises:
        TunedeckError: One is wrong, or there is a row that nothing is asked about.
    """
    own = {spec.key: (case.line, spec) for case in test_set.cases for spec in case.checks}
    for line, spec in [*((0, spec) for spec in options.checks), *own.values()]:
        if spec.name == JUDGE:
            continue
        try:
            with closing(check_class(spec.name)(spec, test_set.cases)) as check:
                check.try_out()
        except TunedeckError as error:
            if not line:
                raise
            raise TunedeckError(f"Line {line:,}, its own check: {error.message}", error.remedy) from None
    if not options.checks and not judges and not all(case.checks for case in test_set.cases):
        raise TunedeckError(
            "No check is given.", "Add --check exact, or another; --list-checks shows them all."
        )


def _counter(services: EvalServices, contender: Contender) -> TextTokenizer:
    if services.account(contender.lane.account).provider == LOCAL_NAME:
        tokenizer = load_base_tokenizer(contender.lane.model)
        if tokenizer is not None:
            return tokenizer
    return TiktokenCounter(encoding_for(contender.lane.model))


def _prompt_tokens(messages: Sequence[ChatMessage], counter: TextTokenizer) -> int:
    return _PER_REQUEST + sum(_PER_MESSAGE + counter.count(one.content) for one in messages)


def questions_of(plan: EvalPlan, services: EvalServices) -> list[Question]:
    """Return what is to be asked, with what each may cost at most."""
    prices = Prices(services)
    return [
        Question(one.contender.lane, one.ask, most_of(prices, one.contender, one.prompt_tokens, plan.options))
        for one in plan.asks
        if not one.known
    ]


def most_of(prices: Prices, contender: Contender, prompt_tokens: int, options: EvalOptions) -> Decimal | None:
    """Return the most that one answer costs; None where no price is known, or no limit of its length."""
    longest = options.parameters.max_tokens
    if longest is None:
        return None
    usage = Usage(int(prompt_tokens * _MARGIN) + 1, longest)
    cost = prices.cost(contender.lane, usage, batched=options.batch)
    return None if cost is None else cost.high


def _to_judge(
    services: EvalServices,
    test_set: TestSet,
    contenders: Sequence[Contender],
    judges: Sequence[Judge],
    by_contender: Mapping[Contender, list[tuple[Case, Ask]]],
    kept: Mapping[Contender, Mapping[bytes, EvalAnswer]],
) -> list[tuple[Judge, Case]]:
    """Return the pairs that a judge has yet to be asked about, as far as the answers to judge are known."""
    found = []
    for judge in judges:
        for number, case in enumerate(test_set.cases):
            answers = [kept[one].get(by_contender[one][number][1].digest) for one in contenders]
            pair = pair_to_judge(case, [None if one is None else given_of(one) for one in answers])
            if pair is None:
                if len(contenders) > 1 or case.expected:
                    found.append((judge, case))
                continue
            digests = list({ask.digest for ask in judge.asks(case, *pair)})
            if len(services.store.eval_answers(judge.lane.account, judge.lane.model, digests)) < len(digests):
                found.append((judge, case))
    return found


def _price(
    services: EvalServices,
    asks: Sequence[Planned],
    to_judge: Sequence[tuple[Judge, Case]],
    options: EvalOptions,
    counters: Mapping[Contender, TextTokenizer],
) -> Amount | None:
    prices = Prices(services)
    longest = options.parameters.max_tokens
    parts: list[Amount | None] = []
    for one in asks:
        if one.known:
            continue
        expected = counters[one.contender].count(one.case.expected[0]) if one.case.expected else 1
        ends = [
            prices.cost(one.contender.lane, Usage(one.prompt_tokens, tokens), batched=options.batch)
            for tokens in (min(expected, longest or expected), longest or 4 * expected)
        ]
        parts.append(_joined(*ends))
    tokens = {one.case.id: one.prompt_tokens for one in asks}
    for judge, case in to_judge:
        most = judge.parameters.max_tokens or 0
        shown = tokens[case.id] + _JUDGE_OVERHEAD
        low = prices.cost(judge.lane, Usage(2 * shown, 40))
        high = prices.cost(judge.lane, Usage(2 * (shown + 2 * (longest or 512)), 2 * most))
        parts.append(_joined(low, high))
    return total_of(parts)


def _joined(low: Amount | None, high: Amount | None) -> Amount | None:
    return None if low is None or high is None else Amount(low.low, max(low.high, high.high), high.currency)


def _seconds(services: EvalServices, asks: Sequence[Planned], options: EvalOptions) -> float | None:
    """Return how long it takes about: by answers seen before, and by the requests an account may send."""
    if options.batch:
        return None  # the service promises a day, and no more can be known
    total = 0.0
    for lane in dict.fromkeys(one.contender.lane for one in asks):
        count = sum(not one.known for one in asks if one.contender.lane == lane)
        if not count:
            continue
        seen = services.store.mean_answer(lane.account, lane.model)
        limit = next(
            (one.limit for one in services.rate_gauges(lane.account) if one.name == "requests"), None
        )
        if seen is None and limit is None:
            return None
        by_speed = count * seen[0] / options.at_once if seen is not None else 0.0
        by_limit = count * _MINUTE / limit if limit else 0.0
        is_local = services.account(lane.account).provider == LOCAL_NAME
        by_pace = 0.0 if is_local else max(0.0, count - BURST) / PER_SECOND
        total += max(by_speed, by_limit, by_pace)
    return total
