from __future__ import annotations

import pytest

from tests.unit.evals.builders import a_case
from tui.data.packs import PACKS
from tui.evals.checks.spec import CheckSpec
from tui.evals.suggested import suggested_checks
from tui.evals.test_set import read_test_set
from tui.records.chats import ToolCall


@pytest.mark.parametrize(
    ("expected", "check"),
    [
        (["yes", "no", "Yes", "no"], "label"),
        (["1,200", "3.5", "-7", "0"], "number"),
        (['{"a": 1}', '{"a": 2}'], "fields"),
        (["Paris", "Rome", "Oslo", "Bern"], "normalised"),
        (["yes", "no"], "normalised"),  # each stands once: answers, not labels
    ],
)
def test_the_check_follows_from_what_the_rows_expect(expected: list[str], check: str) -> None:
    assert suggested_checks([a_case(one) for one in expected]).checks == (check,)


def test_long_answers_are_compared_by_rouge_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [a_case(f"Answer {number}: " + "a long explanation of it " * 5) for number in range(4)]
    monkeypatch.setattr("tui.evals.suggested.find_spec", lambda name: object())
    assert suggested_checks(cases).checks == ("rouge",)
    monkeypatch.setattr("tui.evals.suggested.find_spec", lambda name: None)
    assert suggested_checks(cases).checks == ("normalised",)
    assert "tunedeck[overlap]" in suggested_checks(cases).why


def test_rows_that_expect_tool_calls_are_judged_by_them() -> None:
    called = a_case(expected_calls=(ToolCall("look_up", "{}"),))
    assert suggested_checks([called, called, a_case("Hello")]).checks == ("tool-call",)


def test_nothing_is_suggested_where_rows_have_their_own_checks_or_expect_nothing() -> None:
    own = suggested_checks([a_case("x", checks=(CheckSpec("exact"),))])
    assert (own.checks, own.why) == ((), "each row has checks of its own")
    assert "names a right answer" in suggested_checks([a_case()]).why
    assert suggested_checks(read_test_set(PACKS["behaviour"]).cases).checks == ()
