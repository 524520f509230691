"""Numbers of one contender beside others: paired verdicts, tokens in, what a thousand calls cost."""

from __future__ import annotations

from collections.abc import Sequence

from tui.chat.lanes import Lane
from tui.evals.pricing import Prices
from tui.evals.result import EvalResult, RowAnswer
from tui.evals.statistics.verdict import PairedVerdict, compare_paired
from tui.money.usage_price import Amount, total_of

_THOUSAND = 1_000


def compared(result: EvalResult, first: int, second: int) -> PairedVerdict | None:
    """Return the verdict of two contenders over the rows that both have a score of; None without any."""
    pairs = [(row.answers[first].score, row.answers[second].score) for row in result.rows]
    known = [(one, two) for one, two in pairs if one is not None and two is not None]
    return compare_paired([one for one, _ in known], [two for _, two in known]) if known else None


def mean_tokens_in(answers: Sequence[RowAnswer]) -> float | None:
    """Return how many tokens went in on average, as the service counted them; None where it tells none."""
    told = [
        one.answer.usage.prompt_tokens for one in answers if one.answer and one.answer.usage.prompt_tokens
    ]
    return sum(told) / len(told) if told else None


def mean_seconds(answers: Sequence[RowAnswer]) -> float | None:
    """Return how long an answer took on average; None where nothing is known of it."""
    told = [one.answer.seconds for one in answers if one.answer and one.answer.seconds is not None]
    return sum(told) / len(told) if told else None


def cost_per_thousand(prices: Prices, lane: Lane, answers: Sequence[RowAnswer]) -> Amount | None:
    """Return what a thousand calls cost, from those that were made; None where no price is published."""
    given = [one.answer for one in answers if one.answer is not None]
    total = total_of(prices.answer_cost(lane, one) for one in given) if given else None
    if total is None:
        return None
    return Amount(total.low * _THOUSAND / len(given), total.high * _THOUSAND / len(given), total.currency)
