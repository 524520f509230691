from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import run_cli
from tui import paths
from tui.config import Settings
from tui.datasets.call_tokens import READ_WHOLE_BYTES, CallTokens, measure_calls
from tui.errors import TunedeckError
from tui.jobs.payback_file import PaybackFile, payback_models
from tui.money.catalog import Catalog
from tui.money.catalog_model import CatalogModel
from tui.money.lifetime import Lifetime
from tui.money.payback import Payback, PaybackCase, PaybackChoice, Verdict, fewest_calls, payback
from tui.money.payback_words import format_price, formula_lines, notes, payback_json, verdict_line
from tui.records.jobs import Method
from tui.services import Services
from tui.store.store import Store

DAY = date(2026, 11, 21)
LONG = CallTokens("o200k_base", system=2_000, tools=0, question=300, answer=200, calls_per_row=1)
MINI, LARGE = "gpt-4.1-mini-2025-04-14", "gpt-4.1-2025-04-14"
_CATALOG = Catalog.load()


def model(name: str, provider: str = "openai") -> CatalogModel:
    return _CATALOG.model(name, provider)


def case(prompted: str = MINI, tuned: str = MINI, *, days: int | None = 54, **changes: Any) -> PaybackCase:
    life = Lifetime() if days is None else Lifetime("2027-01-14", days, "a page", tuned)
    values: dict[str, Any] = {
        "prompted": model(prompted), "tuned": model(tuned), "prompted_call": LONG, "tuned_call": LONG,
        "rows": 100, "tokens_per_epoch": 100 * 2_500, "file_system": 2_000, "life": life, "today": DAY,
    }  # fmt: skip
    return PaybackCase(**{**values, **changes})


def test_rows_are_cut_at_the_limit_only_where_the_short_prompt_leaves_them_too_long() -> None:
    assert payback(case(longest_row=1_000), PaybackChoice(kept_percent=10)).training_tokens == 100 * 700
    assert payback(case(longest_row=1_000), PaybackChoice(kept_percent=50)).training_tokens == 100 * 1_000
    assert payback(case(), PaybackChoice(kept_percent=50)).training_tokens == 100 * 1_500


def million(found: Payback) -> list[Decimal]:
    sides = (found.prompted.cost, found.tuned.cost)
    return [cost * 1_000_000 for cost in sides if cost is not None]


def test_the_published_worked_example_comes_out_to_the_dollar() -> None:
    no_cache = PaybackChoice(cache_percent=0)
    assert million(payback(case(), no_cache)) == [1_240, 1_040]
    assert million(payback(case(), PaybackChoice(cache_percent=100)))[0] == 640
    assert million(payback(case(LARGE), PaybackChoice(cache_percent=100)))[0] == 3_200


def test_caching_beats_tuning_of_the_same_size_and_a_smaller_base_wins() -> None:
    cached = PaybackChoice(cache_percent=100)
    same = payback(case(), cached)
    assert same.verdict is not Verdict.PAYS
    assert same.saved_per_call is not None
    assert same.saved_per_call < 0
    assert payback(case(LARGE, MINI), cached).verdict is Verdict.PAYS


def test_break_even_is_exact() -> None:
    found = payback(case(LARGE, MINI), PaybackChoice(calls_per_day=100, cache_percent=100, epochs=2))
    # Rows carry the short prompt: 100 × (2,500 - 2,000 + 200) tokens, twice, at $5 per million.
    assert found.training_tokens == 70_000
    assert found.training == Decimal("0.7")
    assert found.saved_per_call == Decimal("0.0032") - Decimal("0.00104")
    assert found.break_even_calls == 325  # 0.7 / 0.00216 = 324.07…
    assert found.break_even_days == Decimal("0.7") / Decimal("0.216")
    assert found.saved_in_life == 54 * Decimal("0.216") - Decimal("0.7")


def test_short_beginnings_are_never_counted_as_cached() -> None:
    found = payback(case(), PaybackChoice(cache_percent=100))
    assert found.prompted.cached == 2_000
    assert found.tuned.cached == 0
    assert any("tuned call is not cached: openai caches from 1,024" in note for note in notes(found, case()))


def test_what_nobody_published_is_named_and_never_reckoned_with() -> None:
    found = payback(
        replace(case(), prompted=model(LARGE, "azure"), tuned=model(MINI, "azure")), PaybackChoice()
    )
    assert found.verdict is Verdict.UNKNOWN
    assert found.saved_per_call is None
    assert found.training is None
    words = json.dumps(payback_json(found, case()))
    assert "not published" in words
    assert len(found.reasons) == 3


def test_hosting_can_make_it_pay_only_from_so_many_calls_on() -> None:
    choice = PaybackChoice(calls_per_day=10, cache_percent=100, hosting_per_hour=Decimal("1.70"))
    found = payback(case(LARGE, MINI), choice)
    assert found.verdict is Verdict.ONLY_IF
    assert "Hosting takes all that the calls save." in found.reasons
    needed = fewest_calls(case(LARGE, MINI), choice)
    assert needed is not None
    assert f"at least {needed:,} calls a day" in verdict_line(found)
    assert payback(case(LARGE, MINI), replace(choice, calls_per_day=needed)).verdict is Verdict.PAYS
    assert payback(case(LARGE, MINI), replace(choice, calls_per_day=needed - 1)).verdict is not Verdict.PAYS


def test_a_model_that_ends_before_it_has_paid_back_does_not_pay() -> None:
    choice = PaybackChoice(calls_per_day=1, cache_percent=100, other_costs=Decimal(100))
    found = payback(case(LARGE, MINI), choice)
    assert found.reasons == ("The model is shut down on 2027-01-14, before that.",)
    assert payback(case(LARGE, MINI, days=None), choice).verdict is Verdict.PAYS


def test_after_the_last_day_for_jobs_it_never_pays_unless_it_is_trained_already() -> None:
    late = replace(case(LARGE, MINI), today=date(2027, 1, 7))
    found = payback(late, PaybackChoice())
    assert found.verdict is Verdict.NEVER
    assert found.reasons[0].startswith("New jobs on")
    paid = payback(late, PaybackChoice(training_paid=True))
    assert paid.verdict is Verdict.PAYS
    assert verdict_line(paid).startswith("Pays at once")


def test_free_against_free_has_nothing_to_pay_back() -> None:
    local = model("smollm2-135m-instruct", "local")
    found = payback(replace(case(days=None), prompted=local, tuned=local), PaybackChoice())
    assert (found.verdict, found.reasons) == (
        Verdict.NEVER, ("Both are free, so there is nothing to pay back.",)
    )  # fmt: skip


choices = st.builds(
    PaybackChoice,
    calls_per_day=st.integers(1, 1_000_000),
    cache_percent=st.integers(0, 100),
    kept_percent=st.integers(0, 50),
    answer_percent=st.integers(0, 300),
    epochs=st.integers(1, 10),
    other_costs=st.decimals(0, 1_000, places=2),
    hosting_per_hour=st.none() | st.decimals(0, 10, places=2),
    training_paid=st.booleans(),
)
cases = st.builds(
    lambda prompted, tuned, days: case(prompted, tuned, days=days),
    st.sampled_from([MINI, LARGE]), st.sampled_from([MINI, LARGE]), st.none() | st.integers(0, 400),
)  # fmt: skip


@given(cases, choices, st.integers(1, 100_000))
def test_more_calls_never_make_it_pay_later(one: PaybackCase, choice: PaybackChoice, more: int) -> None:
    few, many = (payback(one, replace(choice, calls_per_day=calls)) for calls in (more, more * 2))
    if few.verdict is Verdict.PAYS:
        assert many.verdict is Verdict.PAYS
        assert few.break_even_days is not None
        assert many.break_even_days is not None
        assert many.break_even_days <= few.break_even_days


@given(cases, choices)
def test_a_longer_answer_or_a_dearer_start_never_helps(one: PaybackCase, choice: PaybackChoice) -> None:
    found = payback(one, choice)
    longer = payback(one, replace(choice, answer_percent=choice.answer_percent + 10))
    dearer = payback(one, replace(choice, other_costs=choice.other_costs + 10))
    assert found.saved_per_call is not None
    assert longer.saved_per_call is not None
    assert longer.saved_per_call < found.saved_per_call
    assert not (dearer.verdict is Verdict.PAYS and found.verdict is not Verdict.PAYS)


@given(cases, choices)
def test_at_break_even_the_costs_of_both_ways_are_equal(one: PaybackCase, choice: PaybackChoice) -> None:
    found = payback(one, choice)
    if found.break_even_days is None or found.break_even_calls is None:
        return
    assert found.saved_per_day is not None
    assert found.investment is not None
    assert found.break_even_days * found.saved_per_day == pytest.approx(
        found.investment, rel=Decimal("1e-20")
    )
    exact = found.break_even_days * choice.calls_per_day
    assert exact <= found.break_even_calls + Decimal("1e-9")
    assert found.break_even_calls < exact + 1


@given(cases, choices)
def test_every_condition_that_is_named_makes_it_pay(one: PaybackCase, choice: PaybackChoice) -> None:
    found = payback(one, choice)
    names = {
        "prompt can be cut": "kept_percent",
        "cache is hit": "cache_percent",
        "answers": "answer_percent",
    }
    for condition in found.conditions:
        number = int("".join(letter for letter in condition if letter.isdigit()))
        field = next((name for words, name in names.items() if words in condition), "calls_per_day")
        turned = replace(choice, **{field: number})  # type: ignore[arg-type]
        assert payback(one, turned).verdict is Verdict.PAYS


def test_the_formula_holds_its_numbers() -> None:
    one = case(LARGE, MINI)
    lines = dict(formula_lines(payback(one, PaybackChoice(cache_percent=100, epochs=2)), one))
    assert lines["1,000 prompted calls"] == (
        "(2,000 cached × $0.50 + 300 in × $2.00 + 200 out × $8.00) / 1,000 = $3.20"
    )
    assert lines["Training"] == "70,000 tokens × 2 epochs × $5.00 per million = $0.70"
    assert lines["Hosting"] == "nothing while it stands by"
    assert lines["Life"].startswith("54 days until 2027-01-14 (a page): saves $")


def test_small_and_negative_amounts_keep_digits_that_count() -> None:
    assert format_price(Decimal("-0.0010672"), "USD") == "-$0.00107"
    assert format_price(Decimal(0), "USD") == "$0.00"
    assert format_price(Decimal("-12.345"), "EUR") == "-EUR 12.34"


def row(*messages: tuple[str, str], **keys: Any) -> str:
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in messages], **keys})


def test_a_call_is_what_goes_before_each_answer_that_is_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        row(
            ("system", "Be brief."),
            ("user", "Hi"),
            ("assistant", "Yes"),
            ("user", "And"),
            ("assistant", "No"),
        )
        + "\n"
        + json.dumps({"messages": [{"role": "assistant", "content": "Not this", "weight": 0}]})
        + "\nbroken\n"
    )
    found = measure_calls(path, "o200k_base")
    # Per message 3 for the frame and 1 for the role; 3 for the start: cookbook's formula.
    assert (found.system, found.answer, found.calls_per_row) == (3 + 1 + 3, 1, 2)
    assert found.question == ((3 + 5) + (3 + 5 + 5 + 5)) / 2
    assert not found.is_sampled


def test_preference_and_prompt_rows_are_calls_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    answer = [{"role": "assistant", "content": "Yes"}]
    pair = {
        "input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": answer,
        "non_preferred_output": answer,
    }  # fmt: skip
    path.write_text(json.dumps(pair) + "\n" + json.dumps({"prompt": "Hi", "completion": "Yes"}) + "\n")
    found = measure_calls(path, "o200k_base")
    assert (found.question, found.answer) == ((8 + 1) / 2, 1)


def test_a_file_without_answers_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(row(("user", "Hi")) + "\n")
    with pytest.raises(TunedeckError, match="holds no row with an answer"):
        measure_calls(path, "o200k_base")


def test_a_large_file_is_sampled_and_the_mean_stays(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [row(("user", "word " * (1 + number % 40)), ("assistant", "Yes")) for number in range(40_000)]
    path.write_text("\n".join(lines))
    assert path.stat().st_size > READ_WHOLE_BYTES
    found = measure_calls(path, "o200k_base")
    assert found.is_sampled
    assert found.question == pytest.approx(3 + 4 + 21.5, rel=0.05)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEDECK_TODAY", "2026-11-25")  # models end, and jobs on them before
    path = tmp_path / "rows.jsonl"
    long = "Follow each of these rules with great care. " * 250
    path.write_text(
        "\n".join(row(("system", long), ("user", f"Text {n}"), ("assistant", "good")) for n in range(12))
    )
    return path


def test_the_command_says_it_with_its_formula_and_exit_code(file: Path) -> None:
    pays = run_cli("payback", str(file), "--model", MINI, "--against", LARGE)
    assert pays.code == 0
    assert pays.stdout.startswith("Pays back after ")
    assert "1,000 tuned calls: (" in pays.stdout
    assert "read on 2026-09-26" in pays.stdout
    never = run_cli("payback", str(file), "--model", LARGE, "--against", MINI, "--json", "--kept", "100")
    assert never.code == 1
    assert never.json()["verdict"] in ("never", "only if")
    assert never.json()["tuned"]["input_price_per_million"] == 3
    azure = run_cli("payback", str(file), "--model", LARGE, "--provider", "azure", "--json")
    assert (azure.code, azure.json()["verdict"]) == (1, "can't be told")
    assert azure.json()["saved_per_day"] is None


def test_a_long_prompt_may_stand_in_a_file_of_its_own(file: Path, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Follow each of these rules with great care. " * 2_500)
    found = run_cli("payback", str(file), "--model", MINI, "--prompt", str(prompt), "--json").json()
    assert found["kept_percent"] == 10
    assert found["prompted"]["cached_tokens"] + found["prompted"]["fresh_tokens"] > 20_000
    assert run_cli("payback", str(file), "--model", MINI, "--prompt", str(tmp_path / "no")).code == 2


def test_wrong_use_is_told(file: Path) -> None:
    assert run_cli("payback", str(file), "--model", "gpt-9").code == 2
    assert run_cli("payback", str(file), "--model", MINI, "--tier", "Night").code == 2
    assert run_cli("payback", str(file.with_name("missing")), "--model", MINI).code == 2
    assert run_cli("payback", str(file), "--model", MINI, "--kept", "101").code == 2


def test_what_the_limit_cuts_of_long_rows_is_not_taken_off_the_short_ones(
    tmp_path: Path, isolated_home: Path
) -> None:
    path = tmp_path / "long.jsonl"
    system = "Follow rule. " * 22_000  # 66,000 tokens, more than a row may have
    path.write_text(row(("system", system), ("user", "Hi"), ("assistant", "Hello there")) + "\n")
    with Services.open(isolated_home / "store.sqlite3") as services:
        found = PaybackFile(services, path).case(model(MINI), model(MINI))
    assert found.longest_row == 65_536
    tokens = payback(found, PaybackChoice(kept_percent=0)).training_tokens
    assert 3 < tokens < 40


def test_a_file_is_read_once_for_each_vocabulary(file: Path, isolated_home: Path) -> None:
    with Services(Settings(), Store(paths.store_file()), Catalog.load()) as services:
        measured = PaybackFile(services, file)
        measured.measure(model(MINI))
        assert measured.is_measured(model(LARGE))
        assert not measured.is_measured(model("smollm2-135m-instruct", "local"))
        one = measured.case(model(LARGE), model(MINI))
        assert one.method is Method.SUPERVISED
        assert one.rows == 12
        assert measured.usual_choice(model(MINI)).epochs == 8
        assert model(MINI).id in [entry.id for entry in payback_models(services)]
        assert not any(entry.is_class or entry.historic for entry in payback_models(services))
