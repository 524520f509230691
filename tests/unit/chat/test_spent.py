from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.chat.spent import call_words, cost_of, spent
from tui.money.amounts import small_money
from tui.money.usage_price import Amount
from tui.records.chats import Usage
from tui.services import Services

PRICED = Lane("openai", "gpt-4.1-mini-2025-04-14")
TUNED = Lane("openai", "ft:gpt-4.1-mini-2025-04-14:org:x:1")
UNKNOWN = Lane("openai", "gpt-nobody-priced")
LOCAL = Lane("local", "smollm2-135m-instruct")


@pytest.fixture
def services(isolated_home: Path) -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


def turn(number: int, **answers: LaneAnswer) -> Turn:
    lanes = {"priced": PRICED, "unknown": UNKNOWN, "local": LOCAL}
    return Turn(number, "q", {lanes[name]: answer for name, answer in answers.items()})


def answered(usage: Usage, finish: str = "stop") -> LaneAnswer:
    return LaneAnswer("x", finish, usage, 0.4, 1.0)


def test_a_call_costs_what_the_catalog_says_of_fresh_cached_and_written_tokens(services: Services) -> None:
    model = services.catalog.model("gpt-4.1-mini", "openai")
    cost = cost_of(services, TUNED, Usage(1_000_000, 1_000_000, 400_000))
    assert cost is not None
    assert model.input_price_per_million is not None
    assert model.cached_input_price_per_million is not None
    assert model.output_price_per_million is not None
    assert cost.high == (
        model.input_price_per_million * Decimal("0.6")
        + model.cached_input_price_per_million * Decimal("0.4")
        + model.output_price_per_million
    )
    base = cost_of(services, PRICED, Usage(1_000_000, 0, 0))
    assert base is not None
    assert base.high == model.base_input_price_per_million


def test_the_sum_names_what_has_no_price_and_what_was_not_told(services: Services) -> None:
    turns = [
        turn(1, priced=answered(Usage(1000, 100, 0)), unknown=answered(Usage(10, 1, 5))),
        turn(2, priced=answered(Usage(), "stopped"), unknown=LaneAnswer("", "error", error="Gone.")),
    ]
    total = spent(services, turns)
    assert (total.calls, total.unpriced, total.untold) == (3, 1, 1)
    assert total.words.startswith("3 calls · in 1,010 (5 cached) · out 101 · $0.000")
    assert total.words.endswith(" and 1 at a price not published · tokens of 1 not told")
    alone = spent(services, [turn(1, unknown=answered(Usage(10, 1)))])
    assert alone.words == "1 call · in 10 · out 1 · price not published"
    assert spent(services, []).words == "nothing answered yet"


def test_a_call_whose_tokens_were_not_told_has_no_price_at_all(services: Services) -> None:
    words = call_words(answered(Usage(), "stopped"), cost_of(services, LOCAL, Usage()))
    assert words == "tokens not told · first 0.4 s, 1.0 s in all · stopped"


def test_an_account_that_is_gone_has_no_price(services: Services) -> None:
    assert cost_of(services, Lane("gone", "m"), Usage(1, 1)) is None


def test_a_call_says_tokens_money_and_times() -> None:
    answer = LaneAnswer("x", "length", Usage(24, 41, 8), 0.5, 1.5)
    assert call_words(answer, Amount(Decimal("0.000123"), Decimal("0.000123"))) == (
        "in 24 (8 cached) · out 41 · $0.00012 · first 0.5 s, 1.5 s in all, 40/s · cut at the token limit"
    )
    assert "price not published" in call_words(answer, None)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "free"),
        ("0.000123", "$0.00012"),
        ("0.05", "$0.050"),
        ("0.999", "$1.00"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_small_money_is_never_rounded_to_nothing(amount: str, words: str) -> None:
    assert small_money(Decimal(amount)) == words
