from __future__ import annotations

import pytest

from tests.unit.evals.builders import grade
from tui.errors import TunedeckError
from tui.evals.checks.texts import normalised, numbers_in

CASES: list[tuple[str, str, str, float | None]] = [
    # check, answer, expected, score
    ("exact", " Paris\n", "Paris", 1),
    ("exact", "paris", "Paris", 0),
    ("exact", "anything", "", 0),
    ("exact:yes", "yes", "no", 1),
    ("normalised", "  The ANSWER, is: Paris! ", "the answer is paris", 1),
    ("normalised", "\uff30aris", "Paris", 1),
    ("normalised", "Paris, France", "Paris", 0),
    ("normalised", "5", "-5", 0),
    ("normalised", "\u2212.5!", "-.5", 1),
    ("normalised", "Covid 19, 2026 11 30", "covid-19, 2026-11-30", 1),
    ("contains", "It is Paris.", "paris", 1),
    ("contains:refund", "We REFUND you", "", 1),
    ("contains:refund", "No money back", "", 0),
    ('contains:{text = ["a", "b"]}', "b only", "", 0),
    ('contains:{text = "Sorry", absent = true, ignore_case = false}', "sorry", "", 1),
    ('contains:{text = "sorry", absent = true}', "Sorry!", "", 0),
    ("contains:{absent = true}", "We refund you", "refund", 0),
    ("contains:{absent = true}", "Good morning", "refund", 1),
    (r"regex:^\d{3}$", "123", "", 1),
    (r"regex:^\d{3}$", "1234", "", 0),
    (r"regex:(\w)\1", "abba", "", 1),
    (r"regex:(\w)\1", "abc", "", 0),
    ("number", "The total is 1,234.50 dollars", "1234.5", 1),
    ("number", "12 plus 30 is 42", "42", 1),
    ('number:{which = "first"}', "12 plus 30 is 42", "42", 0),
    ('number:{which = "only"}', "12 and 42", "42", 0),
    ("number:0.01", "3.14", "3.149", 1),
    ("number:0.01", "3.14", "3.1501", 0),
    ("number:{relative = 0.1}", "110", "100", 1),
    ("number", "0.3", "0.30", 1),
    ("number", "\u22125", "-5", 1),
    ("number", "none", "5", 0),
    ("length:3", "one two three", "", 1),
    ("length:3", "one two three four", "", 0),
    ("length:{min_characters = 2, max_lines = 1}", "a", "", 0),
    ("length:{min_characters = 2, max_lines = 1}", "ab\nc", "", 0),
    ("format:one-line", "one line", "", 1),
    ("format:one-line", "two\nlines", "", 0),
    ("format:one-line", "", "", 0),
    ("format:one-word", "yes", "", 1),
    ("format:uppercase", "ABC 1", "", 1),
    ("format:uppercase", "123", "", 0),
    ("format:lowercase", "abc", "", 1),
    ("format:integer", "-12", "", 1),
    ("format:integer", "12.5", "", 0),
    ("format:date", "2026-02-28", "", 1),
    ("format:date", "2026-02-30", "", 0),
    ("format:bullets", "- a\n* b\n3. c", "", 1),
    ("format:bullets", "List:\n- a", "", 0),
    ("format:plain", "no marks at all", "", 1),
    ("format:plain", "some **bold** text", "", 0),
    ('format:{form = "bullets", items = 2}', "- a\n- b\n- c", "", 0),
    ('format:{starts = "Dear", ends = "."}', "Dear you.", "", 1),
    ('format:{starts = "Dear", ends = "."}', "Hi you.", "", 0),
]


@pytest.mark.parametrize(("check", "answer", "expected", "score"), CASES)
def test_a_text_is_judged_as_its_check_says(
    check: str, answer: str, expected: str, score: float | None
) -> None:
    assert grade(check, answer, expected).score == score


@pytest.mark.parametrize("check", ["exact", "normalised", "contains", "contains:{absent = true}", "number"])
def test_a_row_that_expects_nothing_is_left_out_and_not_wrong(check: str) -> None:
    assert grade(check, "anything").score is None


def test_any_of_several_expected_answers_is_right() -> None:
    assert grade("exact", "colour", ["color", "colour"]).score == 1


def test_what_is_wrong_is_said_in_a_few_safe_words() -> None:
    found = grade("contains:\x1b[31mred", "nothing")
    assert found.score == 0
    assert "\x1b" not in found.note
    assert found.note.startswith("lacks ")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("regex:(", "No regular expression"),
        ("regex", "needs pattern"),
        ("exact:{size = 3}", "has no option size"),
        ("number:abc", "tolerance is 'abc'"),
        ("number:{which = 'middle'}", "which is"),
        ("length", "has no limit"),
        ("format:sonnet", 'knows no form "sonnet"'),
        ("nonsense", "There is no check 'nonsense'"),
        ("exact:{text = }", "no TOML"),
    ],
)
def test_a_check_that_is_written_wrong_is_told(check: str, words: str) -> None:
    with pytest.raises(TunedeckError) as caught:
        grade(check, "x", "y")
    assert words in str(caught.value)


def test_a_pattern_that_would_never_end_is_given_up() -> None:
    found = grade(r"regex:{pattern = '^(a+)+\1?$', seconds = 0.5}", "a" * 40 + "!")
    assert found.score == 0
    assert found.note == "no verdict within 0.5 s"


def test_numbers_are_found_where_people_would_find_them() -> None:
    text = "v2 costs 1,000.50 (or 1e3), not 3.4.5 or x7; -.5 is less"
    assert [str(number) for number in numbers_in(text)] == ["1000.50", "1E+3", "3.4", "-0.5"]


def test_a_text_of_megabytes_is_judged_too() -> None:
    text = "word, " * 900_000
    assert normalised(text).startswith("word word")
    assert grade("number", text + "7", "7").score == 1
    assert grade("length:5", text).score == 0


@pytest.mark.parametrize("text", ["\ud800", "\x00\x1b[2J", "1" * 10_000, "1e999", "[" * 100_000, ""])
@pytest.mark.parametrize(
    "check", ["exact", "normalised", "contains", "regex:a+", "number", "length:5", "format:plain", "json",
              "fields", "label", "refusal", "tool-call", "rouge", "bleu", 'json-schema:{"type":"object"}'],
)  # fmt: skip
def test_no_answer_makes_a_check_fail_itself(check: str, text: str) -> None:
    found = grade(check, text, '{"a": 1}', expected_calls=())
    assert found.score is None or 0 <= found.score <= 1
