from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import CliResult
from tui.money.amounts import money_range, unit_price
from tui.money.catalog import Catalog, CatalogModel, PriceTier
from tui.money.job_price import JobPrice, job_price
from tui.records.jobs import Method

CATALOG = Catalog.load(Path("no such file"))
MILLION = 1_000_000


def price(provider: str, model: str, tokens: int = MILLION, epochs: int = 1, **asked: object) -> JobPrice:
    found = job_price(CATALOG.model(model, provider), tokens, epochs, **asked)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_openai_charges_tokens_times_epochs_and_no_validation() -> None:
    # openai.md 2.3 and 2.4: gpt-4.1-mini 5.00 per million.
    found = price("openai", "gpt-4.1-mini", 2 * MILLION, 3, validation_tokens=MILLION)
    assert (found.low, found.high, found.validation) == (Decimal(30), Decimal(30), Decimal(0))
    assert found.formula == "2,000,000 tokens × 3 epochs × $5.00 per million = $30.00"


def test_reinforcement_is_charged_by_the_hour_of_the_training_loop() -> None:
    found = price("openai", "o4-mini", hours=Decimal("1.25"))
    assert found.low == 125
    assert found.formula == "1.25 hours × $100.00 per hour = $125.00"
    assert job_price(CATALOG.model("o4-mini", "azure"), 5, 1) is None


def test_fireworks_takes_double_for_preferences() -> None:
    # providers.md 1.4: LoRA up to 16B 0.50, DPO double; up to 300B 6, larger 10.
    assert price("fireworks", "LoRA, base up to 16B").low == Decimal("0.50")
    assert price("fireworks", "LoRA, base up to 16B", method=Method.DPO).low == 1
    assert price("fireworks", "LoRA, base up to 300B", method=Method.DPO).low == 12
    assert price("fireworks", "reinforcement on a B200", hours=Decimal(2)).low == 18


def test_together_charges_validation_tokens_too_and_has_a_range() -> None:
    # providers.md 1.4: tokens = n_epochs × train + n_evals × validation; up to 16B 0.48 to 1.35.
    found = price("together", "base up to 16B", epochs=2, validation_tokens=500_000)
    assert (found.low, found.high) == (Decimal("1.44"), Decimal("4.05"))
    assert found.validation == Decimal("0.48")
    assert "(1,000,000 + 500,000) tokens × 2 epochs × $0.48 to $1.35 per million" in found.formula


def test_azure_tiers_change_training_and_hosting() -> None:
    # providers.md 1.2: gpt-4.1 global 2; global is 10 to 30 % under regional; Developer half of global.
    assert price("azure", "gpt-4.1", tier="GlobalStandard").low == 2
    regional = price("azure", "gpt-4.1", tier="Standard")
    assert (round(2 / regional.low, 2), round(2 / regional.high, 2)) == (Decimal("0.90"), Decimal("0.70"))
    assert price("azure", "gpt-4.1", tier="Developer").low == 1
    model = CATALOG.model("gpt-4.1", "azure")
    assert model.hosting_price_per_hour == Decimal("1.70")
    developer = model.tier("developerTier")
    assert developer is not None
    assert developer.hosting_price_per_hour == 0
    spanned = price("azure", "gpt-4.1")
    assert (spanned.low, spanned.high) == (Decimal(1), Decimal("2.86"))
    assert model.tier_among([3, "GlobalStandard"]) == "GlobalStandard"
    assert model.tier_among(["auto", 2]) is None


def test_cost_takes_service_tier_and_hours(cli: Callable[..., CliResult]) -> None:
    asked = ("cost", "--model", "gpt-4.1", "--tokens", "1000000", "--epochs", "1")
    assert "= $25.00" in cli(*asked).stdout
    assert "= $1.00 to $2.86" in cli(*asked, "--provider", "azure").stdout
    assert cli(*asked, "--provider", "azure", "--tier", "GlobalStandard", "--json").json()["total"] == 2.0
    wrong = cli(*asked, "--provider", "azure", "--tier", "Cheap")
    assert (wrong.code, "GlobalStandard, Standard, Developer" in wrong.stderr) == (2, True)
    hours = cli("cost", "--model", "o4-mini", "--provider", "azure", "--hours", "1.25")
    assert "1.25 hours × $100.00 per hour = $125.00" in hours.stdout
    assert cli("cost", "--model", "o4-mini", "--hours", "2", "--json").json()["total"] == 200.0
    assert cli("cost", "--model", "gpt-4.1", "--hours", "2").code == 2
    assert cli("cost", "--tokens", "1", "--epochs", "1", "--tier", "x").code == 2
    unknown = cli("cost", "--model", "gpt-4o", "--provider", "azure", "--tokens", "9", "--epochs", "1")
    assert "the price is not published" in unknown.stdout


def test_an_unpublished_price_is_none_and_never_nothing() -> None:
    assert job_price(CATALOG.model("any-model", "nebius"), MILLION, 1) is None
    assert job_price(CATALOG.model("gpt-4o", "azure"), MILLION, 1) is None
    assert job_price(CATALOG.model("gpt-4.1", "openai"), MILLION, 1, full_training=True) is None
    unknown = price("fireworks", "LoRA, base up to 80B", validation_tokens=5)
    assert unknown.validation is None


def test_a_minimum_charge_and_full_training_are_counted_in() -> None:
    model = CatalogModel(
        "mine", "m", (Method.SUPERVISED,), training_price_per_million=Decimal(1), minimum_charge=Decimal(4),
        full_training_price_factor=Decimal(3), price_tiers=(PriceTier("night", (), Decimal("0.5")),),
    )  # fmt: skip
    small = job_price(model, MILLION, 1)
    assert small is not None
    assert (small.low, small.high) == (Decimal(4), Decimal(4))
    assert small.formula.endswith("= $4.00, the least being $4.00")
    full = job_price(model, 10 * MILLION, 1, full_training=True, tier="night")
    assert full is not None
    assert full.low == 15


@given(st.integers(0, 10**10), st.integers(1, 50), st.sampled_from([Method.SUPERVISED, Method.DPO]))
def test_the_two_ends_are_in_order_and_grow_with_the_epochs(tokens: int, epochs: int, method: Method) -> None:
    for model in CATALOG.models:
        found, more = (job_price(model, tokens, count, method=method) for count in (epochs, epochs + 1))
        if found is not None and more is not None:
            assert 0 <= found.low <= found.high <= more.high
            assert found.formula


@pytest.mark.parametrize(
    ("amount", "text"),
    [(None, "not published"), ("0", "free"), ("0.075", "$0.075"), ("25.00", "$25.00"), ("3", "$3.00")],
)
def test_a_unit_price_keeps_the_digits_it_was_published_with(amount: str | None, text: str) -> None:
    assert unit_price(None if amount is None else Decimal(amount)) == text


def test_a_range_shows_both_ends() -> None:
    assert money_range(Decimal("1.2"), Decimal("3.4"), "EUR") == "EUR 1.20 to EUR 3.40"
