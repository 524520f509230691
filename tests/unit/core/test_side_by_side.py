from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.line_tokens import LineTokens, measure_found_lines
from tui.money.catalog import Catalog, CatalogModel
from tui.money.groups import cost_groups
from tui.money.side_by_side import ModelCost, side_by_side
from tui.records.jobs import Method

Cli = Callable[..., CliResult]
DAY = date(2026, 11, 25)
TOKENS = {"o200k_base": 1_000_000, "smollm2-135m-instruct": 1_200_000}


def bills(**options: Any) -> list[ModelCost]:
    return side_by_side(Catalog.load(), TOKENS, **{"examples": 100, "today": DAY, **options})


def bill(costs: list[ModelCost], provider: str, model: str) -> ModelCost:
    return next(cost for cost in costs if (cost.provider, cost.model) == (provider, model))


def test_every_model_that_takes_the_file_has_its_bill_and_the_day_of_its_price() -> None:
    costs = bills()
    mini = bill(costs, "openai", "gpt-4.1-mini-2025-04-14")
    assert mini.per_epoch == 5
    assert (mini.epochs, mini.total) == (3, Decimal(15))
    assert (mini.price_read_on, mini.price_age_days, mini.is_stale) == ("2026-09-26", 60, False)
    assert mini.hosting_per_hour == 0
    assert mini.validation is None
    assert bill(costs, "local", "smollm2-135m-instruct").amount_text() == "free"
    assert [cost.is_launchable for cost in costs] == sorted(
        (cost.is_launchable for cost in costs), reverse=True
    )


def test_a_price_with_two_ends_keeps_both() -> None:
    together = bill(bills(), "together", "base up to 16B")
    assert together.amount_text() == "$0.48 to $1.35"
    assert together.is_stale
    assert together.is_counted_otherwise
    assert not together.is_launchable


def test_a_validation_file_costs_only_where_it_is_charged() -> None:
    costs = bills(validation_tokens={"o200k_base": 500_000})
    assert bill(costs, "openai", "gpt-4.1-mini-2025-04-14").validation == 0
    together = bill(costs, "together", "base up to 16B")
    assert together.validation == Decimal("0.24")
    assert together.total == Decimal("0.72")
    assert together.highest_total == Decimal("2.025")
    assert bill(costs, "fireworks", "LoRA, base up to 16B").validation is None


def test_a_catalog_of_ones_own_prices_validation_and_hosting() -> None:
    model = CatalogModel(
        "azure", "mine", (Method.SUPERVISED,), training_price_per_million=Decimal(2),
        hosting_price_per_hour=Decimal("1.70"), validation_is_billed=True, price_read_on="2026-11-20",
    )  # fmt: skip
    (cost,) = side_by_side(
        Catalog([model], {}),
        TOKENS,
        examples=100,
        epochs=3,
        validation_tokens={"o200k_base": 10_000},
        today=DAY,
    )
    assert (cost.total, cost.validation, cost.hosting_per_hour) == (
        Decimal("6.06"),
        Decimal("0.06"),
        Decimal("1.70"),
    )
    assert cost.as_json()["hosting_per_hour"] == 1.7


def test_preference_rows_are_priced_where_preferences_are_taken() -> None:
    names = {(cost.provider, cost.model) for cost in bills(method=Method.DPO)}
    assert ("tinker", "Qwen3-8B") not in names
    assert ("fireworks", "LoRA, base up to 16B") in names
    assert bill(bills(method=Method.DPO), "fireworks", "LoRA, base up to 16B").price_per_million == 1


def test_what_nobody_published_is_never_nothing() -> None:
    costs = bills()
    unpriced = [cost for cost in costs if cost.total is None]
    assert ("azure", "gpt-4.1-mini-2025-04-14") in [(cost.provider, cost.model) for cost in unpriced]
    unknown = [cost for cost in unpriced if cost.price_per_million is None]
    assert {cost.amount_text() for cost in unknown} == {"not published"}
    assert {cost.as_json()["total"] for cost in unpriced} == {None}
    launchable = [cost.total is None for cost in costs if cost.is_launchable]
    assert launchable == sorted(launchable)


def test_where_the_automatic_epochs_are_not_published_one_pass_is_priced_and_no_total() -> None:
    tinker = bill(bills(), "tinker", "Qwen3-8B")
    assert (tinker.epochs, tinker.total, tinker.highest_total) == (None, None, None)
    assert tinker.per_epoch == Decimal("0.44") * TOKENS["o200k_base"] / 1_000_000
    assert tinker.amount_text().endswith("/epoch")
    assert "not published" in tinker.epochs_source
    chosen = bill(bills(epochs=2), "tinker", "Qwen3-8B")
    assert tinker.per_epoch is not None
    assert chosen.total == 2 * tinker.per_epoch


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    def row(words: int, name: int) -> dict[str, Any]:
        return {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": f"{name} " + "word " * words},
                {"role": "assistant", "content": "yes"},
            ]
        }

    values = [row(10, number) for number in range(97)] + [row(2_000, 1_000), row(10, 5), row(10, 5)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def test_groups_say_what_is_paid_for(rows: Path) -> None:
    report = check_file(rows, CheckOptions(token_limit=1_000))
    groups = {group.name: group for group in cost_groups(report, measure_found_lines(rows, report))}
    bill_ = report.tokens.per_epoch
    cut = groups["Rows that the limit cuts"]
    assert (cut.rows, cut.tokens) == (1, 1_000)
    assert cut.share == pytest.approx(1_000 / bill_)
    longest = groups["The 1 % longest rows"]
    assert longest.share == pytest.approx(1_000 / bill_, rel=0.02)
    assert longest.sentence.startswith("The 1 % longest rows are about ")
    repeated = next(group for group in groups.values() if group.rule == "duplicate-row")
    single = min(report.tokens.spread.rows.counts)
    assert repeated.rows == 2
    assert repeated.is_exact
    assert repeated.tokens == pytest.approx(2 * single, abs=4)
    words = groups["All user messages"]
    assert words.rows is None
    assert words.share == pytest.approx(report.tokens.by_role["user"] / report.tokens.total)
    assert longest.cost(Decimal(5), 2) == Decimal(10) * longest.tokens / 1_000_000


def test_many_found_lines_are_reckoned_from_some_and_said_to_be(rows: Path) -> None:
    report = check_file(rows, CheckOptions())
    groups = cost_groups(report, [LineTokens("duplicate-row", 2_000, 500, 5_000)])
    found = next(group for group in groups if group.rule == "duplicate-row")
    assert (found.tokens, found.is_exact) == (20_000, False)
    assert "about" in found.sentence


def test_nothing_counted_has_no_groups(rows: Path) -> None:
    report = check_file(rows, CheckOptions(count_tokens=False))
    assert cost_groups(report) == []
    tokens = replace(report.tokens, per_epoch=0)
    assert cost_groups(replace(report, tokens=tokens)) == []


def test_cost_of_all_models_is_printed_and_its_json_holds(cli: Cli, rows: Path) -> None:
    value = cli("cost", str(rows), "--all-models", "--json").json()
    assert list(value) == ["file", "examples", "valid", "encoding", "models", "groups", "calibrations"]
    assert value["examples"] == 100
    assert value["calibrations"] == {}
    mini = next(each for each in value["models"] if each["model"].startswith("gpt-4.1-mini"))
    assert mini["total"] == pytest.approx(mini["tokens_per_epoch"] * mini["epochs"] * 5 / 1e6)
    assert {each["provider"] for each in value["models"]} > {"local", "openai", "together", "fireworks"}
    shown = cli("cost", str(rows), "--all-models", "--validation", str(rows)).stdout
    assert "2026-05-08 (old)" in shown
    assert "of the bill" in shown
    assert "auto, by OpenAI's published notebook" in shown


def test_wrong_use_of_all_models_is_told(cli: Cli, rows: Path) -> None:
    assert cli("cost", "--tokens", "5", "--epochs", "1", "--all-models").code == 2
    assert cli("cost", str(rows), "--all-models", "--model", "gpt-4.1").code == 2
    assert cli("cost", str(rows), "--validation", str(rows)).code == 2
