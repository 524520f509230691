from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import paths
from tui.errors import TunedeckError
from tui.money.catalog import Catalog, CatalogModel
from tui.money.estimate import (
    auto_epochs,
    compare_models,
    estimate_by_hour,
    estimate_cost,
    estimate_local_time,
    format_money,
    time_of,
)
from tui.records.jobs import Method
from tui.records.model_names import base_of, is_tuned

CATALOG = Catalog.load(Path("no such file"))
BEFORE_THE_END = date(2026, 11, 21)


def test_a_historic_job_costs_what_it_cost() -> None:
    estimate = estimate_cost(100_000, CATALOG.model("gpt-3.5-turbo"), epochs=3)
    assert estimate.as_json() == {
        "provider": "openai",
        "model": "gpt-3.5-turbo-0125",
        "method": "supervised",
        "tokens_per_epoch": 100_000,
        "epochs": 3,
        "epochs_source": "chosen by you",
        "price_per_million": 8.0,
        "currency": "USD",
        "total": 2.4,
        "price_read_on": "2026-09-26",
        "price_source": "developers.openai.com/api/docs/pricing (fine-tuning)",
    }
    assert estimate.formula == "100,000 tokens × 3 epochs × $8.00 per million = $2.40"


@given(st.integers(0, 10**12), st.integers(1, 50))
def test_the_price_is_exact_to_the_last_digit(tokens: int, epochs: int) -> None:
    for model in CATALOG.models:
        if model.training_price_per_million is not None:
            estimate = estimate_cost(tokens, model, epochs=epochs)
            assert estimate.total is not None
            factors = [tier.training_factor for tier in model.price_tiers] or [Decimal(1)]
            cheapest = model.training_price_per_million * min(factors)
            assert estimate.total * 1_000_000 == cheapest * tokens * epochs


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [(10, 10), (14, 7), (20, 5), (33, 3), (34, 3), (100, 3), (8333, 3), (8334, 2), (12500, 2),
     (12501, 1), (10**6, 1), (1, 25)],
)  # fmt: skip
def test_automatic_epochs_follow_the_published_notebook(examples: int, epochs: int) -> None:
    assert auto_epochs(examples).epochs == epochs


@pytest.mark.parametrize(("examples", "epochs"), [(1, 10), (30, 10), (60, 5), (75, 4), (100, 3), (5000, 3)])
def test_the_local_engine_has_its_own_rule(examples: int, epochs: int) -> None:
    choice = auto_epochs(examples, "local")
    assert choice.epochs == epochs
    assert "local engine" in choice.source


@pytest.mark.parametrize("provider", ["nebius", "crusoe", "bedrock", "azure", "custom", "litellm", "unsloth"])
def test_a_rule_that_nobody_published_is_left_open_and_never_guessed(provider: str) -> None:
    choice = auto_epochs(1_000, provider)
    assert choice.epochs is None
    assert "chosen by the service" in choice.source


def test_a_price_of_open_epochs_is_that_of_one_pass() -> None:
    model = CatalogModel("nebius", "m", (Method.SUPERVISED,), training_price_per_million=Decimal("0.40"))
    estimate = estimate_cost(1_000_000, model, examples=100)
    assert (estimate.epochs, estimate.total, estimate.epoch_total) == (None, None, Decimal("0.40"))
    assert estimate.amount == "$0.40 per epoch"
    assert estimate.offer == "at $0.40 per epoch"
    assert "for each epoch" in estimate.formula
    assert estimate_cost(1_000_000, model, epochs=3).total == Decimal("1.20")
    unpriced = estimate_cost(1_000_000, CatalogModel("nebius", "m"), examples=100)
    assert (unpriced.amount, unpriced.is_published) == ("not published", False)
    free = estimate_cost(
        1_000, CatalogModel("unsloth", "m", training_price_per_million=Decimal(0)), examples=9
    )
    assert free.is_free
    assert time_of(free) is None


def test_a_job_charged_by_the_hour_has_a_price_for_each_and_no_total() -> None:
    model = CATALOG.model("o4-mini-2025-04-16", "azure")
    estimate = estimate_by_hour(5_000, model, epochs=None, examples=20, method=Method.REINFORCEMENT)
    assert (estimate.total, estimate.price_per_hour) == (None, Decimal(100))
    assert (estimate.amount, estimate.offer) == ("$100.00 per hour", "at $100.00 per hour")
    assert not estimate.is_free


@given(st.integers(0, 10**9))
def test_automatic_epochs_are_never_out_of_range(examples: int) -> None:
    assert 1 <= (auto_epochs(examples).epochs or 0) <= 25
    assert 3 <= (auto_epochs(examples, "local").epochs or 0) <= 10


def test_the_local_model_is_free_and_says_so() -> None:
    estimate = estimate_cost(5000, CATALOG.model("smollm2"), examples=75)
    assert estimate.is_free
    assert estimate.total == 0
    assert "free" in estimate.formula


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"),
        ("ft:gpt-4.1-mini-2025-04-14:acme:tone:AbC", "gpt-4.1-mini-2025-04-14"),
        ("ft:gpt-4o-mini-2024-07-18:acme::x:ckpt-step-90", "gpt-4o-mini-2024-07-18"),
        ("ft:smollm2-135m-instruct:local:me:1234abcd", "smollm2-135m-instruct"),
    ],
)
def test_aliases_and_tuned_models_lead_to_their_base(name: str, base: str) -> None:
    assert CATALOG.model(name).id == base


def test_a_model_that_was_added_to_the_engine_is_free_and_counted_by_itself() -> None:
    model = CATALOG.model("my-llama", "local")
    assert (model.id, model.encoding) == ("my-llama", "model")
    assert model.training_price_per_million == 0
    assert CATALOG.find("my-llama") is None
    assert CATALOG.find("my-llama", "openai") is None
    assert CATALOG.find("smollm2", "openai") is None


def test_an_unknown_model_is_told_with_the_nearest() -> None:
    with pytest.raises(TunedeckError, match=r"Did you mean gpt-4\.1-mini"):
        CATALOG.model("gpt-4.1-mimi")


def test_training_ends_on_the_published_days() -> None:
    model = CATALOG.model("gpt-4.1")
    assert model.can_train(Method.DPO, date(2027, 1, 6))
    assert "2027-01-06" in model.can_train(None, date(2027, 1, 7)).reason
    assert "shut down on 2027-01-14" in model.can_train(None, date(2027, 1, 14)).reason
    assert not CATALOG.model("gpt-3.5-turbo-0613").can_train(None, BEFORE_THE_END)
    assert "takes" in model.can_train(Method.REINFORCEMENT, BEFORE_THE_END).reason


def test_prices_carry_their_day_and_source() -> None:
    for model in CATALOG.models:
        prices = (model.training_price_per_million, model.training_price_per_hour)
        if any(price is not None for price in prices):
            assert date.fromisoformat(model.price_read_on)
            assert model.price_source
    assert CATALOG.model("gpt-4o").price_age_days(date(2026, 9, 30)) == 4


def test_comparison_lists_what_can_be_trained_cheapest_first() -> None:
    found = compare_models(CATALOG, {"o200k_base": 1000}, examples=100)
    assert found[0].provider == "local"
    priced = [one.total for one in found if one.total is not None]
    assert priced == sorted(priced)
    assert [one.total is None for one in found] == sorted(one.total is None for one in found)
    assert "gpt-3.5-turbo-0125" not in [one.model for one in found]


def test_a_price_needs_epochs_and_a_price_per_token() -> None:
    model = CATALOG.model("gpt-4.1")
    with pytest.raises(TunedeckError, match="epochs"):
        estimate_cost(1, model)
    with pytest.raises(TunedeckError, match="out of range"):
        estimate_cost(1, model, epochs=51)
    with pytest.raises(TunedeckError, match="by the hour"):
        estimate_cost(1, CATALOG.model("o4-mini"), epochs=1)


def test_local_time_is_a_range_from_measured_jobs_or_says_that_it_assumes() -> None:
    guess = estimate_local_time(10_000, 3)
    assert guess.low < guess.high
    assert "assuming" in guess.source
    measured = estimate_local_time(10_000, 3, [300.0])
    assert measured.low < 100 < measured.high
    assert measured.high - measured.low < guess.high - guess.low
    assert "your last job" in measured.source


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "$0.00"), ("0.004", "under $0.01"), ("2.4", "$2.40"), ("1234567.891", "$1,234,567.89")],
)
def test_money_is_never_rounded_to_nothing(amount: str, text: str) -> None:
    assert format_money(Decimal(amount)) == text


def test_a_user_overrides_single_keys_and_adds_models() -> None:
    path = paths.make_private(paths.config_dir()) / "catalog.toml"
    path.write_text(
        '[[models]]\nprovider = "openai"\nid = "gpt-4.1-2025-04-14"\ntraining_price_per_million = "20"\n'
        'price_read_on = "2026-11-20"\n'
        '[[models]]\nprovider = "openai"\nid = "new-model"\nmethods = ["supervised"]\n'
        'training_price_per_million = "1"\n',
        "utf-8",
    )
    catalog = Catalog.load()
    assert catalog.model("gpt-4.1").training_price_per_million == 20
    assert catalog.model("gpt-4.1").training_example_limit == 65_536
    assert catalog.model("gpt-4.1").price_read_on == "2026-11-20"
    assert catalog.model("new-model").can_train()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[models]]\nprovider = "openai"\n', "needs provider"),
        ('[[models]]\nprovider = "o"\nid = "x"\ntraining_prise = "1"\n', "training_pri"),
        (
            '[[models]]\nprovider = "o"\nid = "x"\ntraining_price_per_million = "cheap"\n',
            "line 4: training_price_per_million is wrong",
        ),
        ('[[models]]\nprovider = "o"\nid = "x"\nshutdown_date = "soon"\n', "line 4: shutdown_date is wrong"),
        ("[[models]\n", "can't be read"),
    ],
)
def test_a_wrong_override_is_told_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(TunedeckError, match=words) as caught:
        Catalog.load(path)
    assert str(path) in str(caught.value)


@given(st.text(max_size=40))
def test_any_model_name_has_a_base(name: str) -> None:
    assert isinstance(base_of(name), str)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ft:gpt-4.1-mini-2025-04-14:acme:tone:AAAA1111", "gpt-4.1-mini-2025-04-14"),
        ("gpt-4.1-mini-2025-04-14.ft-b044a9d3cf9c4228b5d393567f693b83", "gpt-4.1-mini-2025-04-14"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct-LoRa:tone-udpd", "meta-llama/Meta-Llama-3.1-8B-Instruct"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini-2025-04-14"),
        ("my.ft-draft", "my.ft-draft"),
    ],
)
def test_the_base_of_a_tuned_model_is_read_from_the_name_that_its_service_gave(name: str, base: str) -> None:
    assert base_of(name) == base
    assert is_tuned(name) == (base != name)


def test_a_model_tuned_at_azure_is_priced_and_ends_as_its_base() -> None:
    found = CATALOG.find("gpt-4.1-mini-2025-04-14.ft-b044a9d3cf9c4228b5d393567f693b83", "azure")
    assert found is not None
    assert found.id == "gpt-4.1-mini-2025-04-14"
