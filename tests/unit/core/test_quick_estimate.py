from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.datasets.builders import assistant, chat, user, write
from tui.cli.main import run
from tui.datasets import estimate
from tui.datasets.estimate import FileEstimate
from tui.datasets.formats import DatasetFormat
from tui.datasets.intervals import Interval
from tui.datasets.report import Distribution
from tui.money.catalog import Catalog
from tui.money.estimate_range import price_range, price_ranges

Capture = pytest.CaptureFixture[str]
MODEL = "gpt-4.1-2025-04-14"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [chat(user("word " * (number % 50)), assistant(f"answer {number}")) for number in range(3_000)]
    return write(tmp_path / "rows.jsonl", rows)


@pytest.fixture
def sampled(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(estimate, "WHOLE_BYTES", 0)
    return path


def printed(capsys: Capture, *arguments: str) -> Any:
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def found(tokens: Interval, examples: Interval) -> FileEstimate:
    return FileEstimate(
        "o200k_base", DatasetFormat.CHAT, 10**9, 200, 4_000_000, examples, examples, tokens, tokens, tokens,
        Distribution(),
    )  # fmt: skip


def test_a_quick_count_keeps_the_stable_shape_and_says_how_far_off_it_may_be(
    sampled: Path, capsys: Capture
) -> None:
    exact = printed(capsys, "count", str(sampled), "--model", MODEL)
    quick = printed(capsys, "count", str(sampled), "--model", MODEL, "--quick")
    assert list(quick) == [*exact, "estimate"]
    ends = quick["estimate"]
    assert (ends["is_exact"], ends["confidence"]) == (False, 0.95)
    for name in ("total_tokens", "trained_tokens", "examples"):
        assert ends[name]["low"] <= exact[name] <= ends[name]["high"]
        assert ends[name]["low"] < ends[name]["high"]


def test_a_quick_count_of_a_small_file_is_the_count(path: Path, capsys: Capture) -> None:
    exact = printed(capsys, "count", str(path))
    quick = printed(capsys, "count", str(path), "--quick")
    assert quick["estimate"]["is_exact"]
    assert {name: quick[name] for name in exact} == exact


def test_people_read_a_quick_count_as_a_range(sampled: Path, capsys: Capture) -> None:
    assert run(["count", str(sampled), "--quick"]) == 0
    shown = capsys.readouterr().out
    assert "Tokens in all: about " in shown
    assert "Estimated from " in shown


def test_a_quick_cost_keeps_the_stable_shape_and_holds_the_exact_price(
    sampled: Path, capsys: Capture
) -> None:
    exact = printed(capsys, "cost", str(sampled), "--model", MODEL)
    quick = printed(capsys, "cost", str(sampled), "--model", MODEL, "--quick")
    assert list(quick) == [*exact, "estimate"]
    total = quick["estimate"]["total"]
    assert total["low"] <= exact["total"] <= total["high"]
    assert total["low"] < total["high"]


def test_a_quick_cost_compares_the_same_models_as_the_exact_one(sampled: Path, capsys: Capture) -> None:
    exact = printed(capsys, "cost", str(sampled))
    quick = printed(capsys, "cost", str(sampled), "--quick")
    assert {(one["provider"], one["model"]) for one in quick} == {
        (one["provider"], one["model"]) for one in exact
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["count", "FILE", "--quick", "--details"],
        ["count", "FILE", "--quick", "--line", "1"],
        ["cost", "--tokens", "5", "--quick"],
        ["cost", "FILE", "--quick", "--all-models"],
    ],
)
def test_quick_goes_with_nothing_that_needs_every_row(arguments: list[str], path: Path) -> None:
    assert run([str(path) if word == "FILE" else word for word in arguments]) == 2


def test_a_file_without_examples_has_no_quick_cost(tmp_path: Path, capsys: Capture) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"\n")
    assert run(["cost", str(empty), "--quick"]) == 2
    assert "no examples" in capsys.readouterr().err
    assert run(["count", str(empty), "--quick"]) == 1


def test_the_price_ranges_over_the_ends_of_tokens_and_of_automatic_epochs() -> None:
    model = Catalog.load().model(MODEL)
    # 8,000 examples are read 3 times, 8,400 only twice: the published notebook's rule.
    one = price_range(found(Interval(1e6, 0.9e6, 1.1e6), Interval(8_200, 8_000, 8_400)), model)
    assert model.training_price_per_million is not None
    assert one.low == Decimal("0.9") * 2 * model.training_price_per_million
    assert one.high == Decimal("1.1") * 3 * model.training_price_per_million
    assert one.text == "$45.00 to $82.50"


def test_models_of_another_vocabulary_are_left_to_another_sample() -> None:
    catalog = Catalog.load()
    ranges = price_ranges(found(Interval.exactly(1e6), Interval.exactly(1_000)), catalog.trainable())
    assert {catalog.model(one.estimate.model).encoding for one in ranges} <= {"o200k_base", "model"}
    assert ranges[0].text == "free"
