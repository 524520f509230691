"""Ever less of the system prompt, over real HTTP."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import run_cli
from tests.unit.core.fake_service import Json
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.datasets.tokens import TiktokenCounter
from tui.errors import TunedeckError
from tui.evals.checks.spec import parse_check
from tui.evals.diet import Diet, plan_diet, run_diet, sentences
from tui.evals.diet_report import diet_json, write_diet
from tui.evals.prompt_cut import cut_prompt
from tui.evals.test_set import read_test_set
from tui.services import Services

BOTH = (Lane("openai", BASE), Lane("openai", TUNED))
COUNTER = TiktokenCounter("o200k_base")
RULES = [f"Rule {number} is that you always keep rule {number} in mind." for number in range(1, 21)]
PROMPT = " ".join(RULES)
ROWS = 12


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "held-out.jsonl", *[row(number) for number in range(ROWS)])


def row(number: int, system: str = PROMPT) -> Json:
    return {
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": f"Question {number}"},
            {"role": "assistant", "content": f"answer {number}"},
        ]
    }


def needs_half_of_it(model: str, question: str, body: Json) -> Any:
    """The base needs the first nine rules; the tuned model errs in one row, whatever it is told."""
    told = next((one["content"] for one in body["messages"] if one["role"] == "system"), "")
    right = question.replace("Question", "answer")
    if model == TUNED:
        return "wrong" if question == "Question 3" else right
    return right if "Rule 9 " in told else "no idea"


def eaten(services: Services, path: Path, **options: Any) -> Diet:
    lanes = options.pop("lanes", BOTH)
    checks = [parse_check("exact")]
    plan = plan_diet(services, read_test_set(path), lanes, checks, COUNTER, **options)
    return run_diet(services, plan, first_wait=0.01)


def test_the_shortest_prompt_within_noise_is_named_for_each_model(
    service: AnsweringService, services: Services, rows: Path
) -> None:
    service.reply = needs_half_of_it
    diet = eaten(services, rows)
    assert [(meal.lane.model, meal.prompt.share) for meal in diet.meals] == [
        (model, share) for model in (BASE, TUNED) for share in (100, 50, 25, 10, 0)
    ]
    assert [meal.score.estimate for meal in diet.meals] == [1, 1, 0, 0, 0] + [11 / 12] * 5
    base, tuned = diet.shortest(BOTH[0]), diet.shortest(BOTH[1])
    assert base is not None
    assert tuned is not None
    assert (base.prompt.share, tuned.prompt.share) == (50, 0)
    instead = diet.instead_of_base
    assert instead is not None
    assert (instead.lane.model, instead.prompt.share) == (TUNED, 0)
    # One of twelve lost: the interval against the base reaches from a loss to a gain of nothing.
    assert instead.against_base is not None
    assert instead.against_base.difference.low < 0
    whole, none = diet.meals[0], diet.meals[4]
    assert whole.asked_tokens is not None
    assert none.asked_tokens is not None
    assert whole.asked_tokens > none.asked_tokens
    assert whole.cost_per_thousand is not None
    assert none.cost_per_thousand is not None
    assert whole.cost_per_thousand.high > none.cost_per_thousand.high > 0
    assert any("the shortest prompt within noise is 50 %" in line for line in sentences(diet))


def test_a_template_that_puts_a_prompt_of_its_own_in_place_of_none_is_told_and_is_not_the_shortest(
    service: AnsweringService, services: Services, rows: Path
) -> None:
    def with_a_prompt_of_its_own(_model: str, question: str, body: Json) -> Any:
        told = body["messages"][0]
        prompt = len(told["content"].split()) if told["role"] == "system" else 90
        usage = {"prompt_tokens": prompt, "completion_tokens": 2, "total_tokens": prompt + 2}
        said = {"content": question.replace("Question", "answer")}
        return [
            {"id": "c", "choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]},
            {"id": "c", "choices": [], "usage": usage},
        ]

    service.reply = with_a_prompt_of_its_own
    diet = eaten(services, rows, lanes=BOTH[1:])
    shortest = diet.shortest(BOTH[1])
    assert shortest is not None
    assert shortest.prompt.share == 10
    assert [meal.prompt.share for meal in diet.put_in_place] == [0]
    assert f"{TUNED} without a system prompt took 90 tokens in" in " ".join(sentences(diet))


def test_rows_that_lose_most_with_less_of_the_prompt_stand_first(
    service: AnsweringService, services: Services, rows: Path
) -> None:
    def reply(model: str, question: str, body: Json) -> Any:
        """The tuned model needs its prompt in one row, and fails in another with and without it."""
        told = any(one["role"] == "system" for one in body["messages"])
        wrong = question == "Question 3" or (question == "Question 5" and not told)
        return "wrong" if wrong else question.replace("Question", "answer")

    service.reply = reply
    diet = eaten(services, rows, shares=[0])
    assert [row.case.line for row in diet.worst_rows(BOTH[1])][:3] == [6, 4, 1]
    told = diet_json(diet)["worst_first"][1]
    assert told["model"] == TUNED
    assert [one["score"] for one in told["rows"][0]["answers"]] == [1.0, 0.0]
    assert told["rows"][0]["answers"][1]["text"] == "wrong"


def test_every_length_is_asked_once_and_eaten_again_for_nothing(
    service: AnsweringService, services: Services, rows: Path
) -> None:
    service.reply = needs_half_of_it
    assert eaten(services, rows, shares=[0]).result.asked == 4 * ROWS
    assert eaten(services, rows, shares=[0]).result.asked == 0
    assert set(service.asked.values()) == {2}  # a question in two lengths


def test_a_tuned_model_that_falls_short_is_said_to(
    service: AnsweringService, services: Services, rows: Path
) -> None:
    service.reply = lambda model, question, body: (
        "wrong" if model == TUNED else question.replace("Question", "answer")
    )
    diet = eaten(services, rows, shares=[0])
    assert diet.instead_of_base is None
    assert sentences(diet)[-1].startswith("With no prompt does ft:")


def test_own_prompts_and_one_model_alone(service: AnsweringService, services: Services, rows: Path) -> None:
    service.reply = needs_half_of_it
    diet = eaten(services, rows, lanes=BOTH[:1], shares=[0], variants=["Rule 9 in short."])
    assert [meal.prompt.text for meal in diet.meals] == [PROMPT, "Rule 9 in short.", ""]
    assert diet.instead_of_base is None
    short = diet.shortest(BOTH[0])
    assert short is not None
    assert short.prompt.text == "Rule 9 in short."


def test_rows_without_one_prompt_are_refused_before_anything_is_asked(
    service: AnsweringService, services: Services, tmp_path: Path
) -> None:
    none = write_rows(tmp_path / "none.jsonl", {"prompt": "Hi", "expected": "Hi"})
    with pytest.raises(TunedeckError, match="no system prompt to cut"):
        eaten(services, none)
    many = write_rows(tmp_path / "many.jsonl", row(1), row(2, "Another."))
    with pytest.raises(TunedeckError, match="2 different system prompts"):
        eaten(services, many)
    with pytest.raises(TunedeckError, match="A judge compares two answers"):
        plan_diet(services, read_test_set(none), BOTH, [parse_check("judge:x")], COUNTER, system="A prompt.")
    assert eaten(services, many, system=PROMPT, shares=[0]).result.asked == 2 * 2 * 2


def test_whole_sentences_are_kept_and_words_only_where_none_fits() -> None:
    assert cut_prompt(PROMPT, 100, COUNTER) == PROMPT
    half = cut_prompt(PROMPT, 50, COUNTER)
    assert half == " ".join(RULES[:10])
    assert cut_prompt("One endless sentence without any end " * 20, 10, COUNTER).startswith("One endless")
    assert cut_prompt("# Task\nSort.\n\n- one\n- two\n", 60, COUNTER).startswith("# Task")
    assert cut_prompt(PROMPT, 0, COUNTER) == ""


@given(st.text(max_size=300), st.integers(0, 100))
def test_a_cut_prompt_is_a_beginning_within_its_share(text: str, share: int) -> None:
    cut = cut_prompt(text, share, COUNTER)
    assert text.startswith(cut)
    assert share >= 100 or COUNTER.count(cut) <= COUNTER.count(text) * share // 100


def test_the_command_tells_price_table_and_report(
    service: AnsweringService, rows: Path, tmp_path: Path
) -> None:
    service.reply = needs_half_of_it
    arguments = ("diet", str(rows), "--model", TUNED, "--account", "openai", "--check", "exact")
    assert run_cli(*arguments).code == 2
    assert service.requests_answered == 0
    dry = run_cli(*arguments, "--dry-run", "--json").json()
    assert dry["to_ask"] == 10 * ROWS
    report = tmp_path / "diet.md"
    done = run_cli(*arguments, "--yes", "--report", str(report))
    assert done.code == 0, done.stderr
    assert "the shortest prompt within noise is 50 %" in done.stdout
    assert "AGAINST ALL OF IT" in done.stdout
    assert report.read_text("utf-8").startswith("# Prompt diet")
    assert "worst first" in report.read_text("utf-8")
    told = run_cli(*arguments, "--yes", "--json").json()
    assert (told["shortest_within_noise"], told["instead_of_base"]) == ({BASE: 50, TUNED: 0}, 0)
    assert run_cli(*arguments, "--shares", "half").code == 2
    assert run_cli(*arguments, "--system", str(tmp_path / "none")).code == 2
    assert run_cli(*arguments, "--against", TUNED).code == 2


def test_a_diet_that_was_stopped_before_its_answers_says_nothing_of_any_length(
    service: AnsweringService, services: Services, rows: Path
) -> None:
    plan = plan_diet(services, read_test_set(rows), BOTH, [parse_check("exact")], COUNTER, shares=[0])
    diet = run_diet(services, plan, cancelled=lambda: True)
    assert diet.shortest(BOTH[0]) is None
    assert not any(meal.is_within_noise for meal in diet.meals)
    told = " ".join(sentences(diet))
    assert "no row has a score with two lengths of the prompt yet" in told
    assert "Not complete: it was stopped." in told
    assert "worse" not in told
    assert "With no prompt" not in told


def test_a_money_cap_leaves_a_report_that_says_so(
    service: AnsweringService, services: Services, rows: Path, tmp_path: Path
) -> None:
    service.reply = needs_half_of_it
    diet = eaten(services, rows, max_cost=Decimal("0.004"), at_once=1)
    assert not diet.result.complete
    assert diet_json(diet)["why_incomplete"] == "the money cap was reached"
    for ending in ("md", "html", "json"):
        write_diet(diet, tmp_path / f"r.{ending}")
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["complete"] is False
