from __future__ import annotations

import json

import pytest

from tui.datasets.count_errors import stated_errors
from tui.datasets.count_rules import CountRule, count_rules
from tui.datasets.formats import row_format
from tui.datasets.report import TokenSummary
from tui.datasets.row_tokens import RowTokenCounter
from tui.datasets.token_ids import TiktokenReader
from tui.datasets.token_view import view_row
from tui.datasets.tokens import TiktokenCounter, encoding_for

EXAMPLES = {name: rule for name, rule in count_rules().items() if rule.example}


@pytest.mark.parametrize("rule", EXAMPLES.values(), ids=EXAMPLES)
def test_every_example_counts_what_the_page_says(rule: CountRule) -> None:
    row = json.loads(rule.example)
    counted = RowTokenCounter(TiktokenCounter("o200k_base")).row(row, row_format(row))
    assert (counted.total, counted.trained) == (rule.tokens, rule.trained)
    drawn = view_row(row, row_format(row), TiktokenReader("o200k_base"), None)
    assert (drawn.total, drawn.trained) == (rule.tokens, rule.trained)


def test_every_part_names_its_error_and_its_source_with_a_day() -> None:
    for rule in count_rules().values():
        assert rule.error.endswith(".")
        assert rule.formula.endswith(".")
        assert rule.source
        assert rule.source_date.startswith("2026-")


def test_the_cookbooks_formula_written_out_by_hand_gives_the_examples() -> None:
    def tokens(text: str) -> int:
        return len(TiktokenReader("o200k_base").encode(text))

    plain = 3 + (3 + tokens("user") + tokens("Hello")) + (3 + tokens("assistant") + tokens("Hi"))
    assert EXAMPLES["message"].tokens == plain
    assert EXAMPLES["name"].tokens == plain + 1 + tokens("ada")
    assert EXAMPLES["weight"].tokens == 3 + 2 * (plain - 3) + sum(map(tokens, ("No", "Again", "Hi"))) - sum(
        map(tokens, ("Hello", "Hi", "Hi"))
    )
    tools = 7 + tokens("weather:Tells the weather") + 3 + 3 + tokens("city:string:Where") + 12
    question = 3 + (3 + 1 + tokens("Weather?")) + (3 + 1 + tokens("Sunny"))
    assert EXAMPLES["tools"].tokens == question + tools
    cat = 3 + (3 + 1) + (3 + 1 + tokens("A cat"))
    assert EXAMPLES["image-low"].tokens == cat + 85
    assert EXAMPLES["image-high"].tokens == cat + 85 + 4 * 170


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("ft:gpt-4.1-mini-2025-04-14:org:name:id", "o200k_base"),
        ("ft:gpt-4o-2024-08-06:org::id:ckpt-step-7", "o200k_base"),
        ("ft:gpt-3.5-turbo-0125:org::id", "cl100k_base"),
        ("ft:o4-mini-2025-04-16:org::id", "o200k_base"),
        ("ft:davinci-002:org::id", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
    ],
)
def test_a_tuned_models_name_counts_as_its_base(model: str, encoding: str) -> None:
    assert encoding_for(model) == encoding


def test_a_local_models_count_has_no_error_to_state() -> None:
    sums = {"framing": 90, "tools": 40, "user": 10}
    assert stated_errors(TokenSummary("smollm2-135m-instruct", by_role=sums, examples=9)) == []
    service = stated_errors(TokenSummary("o200k_base", by_role=sums, examples=9))
    assert [error.part for error in service] == ["priming", "tools"]
    assert all(error.least <= error.counted <= error.most for error in service)
