"""The tour without an engine: grading, its report and what it says while it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import CliResult, run_cli
from tui.cli.tour import sparkline
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Report, TokenSummary
from tui.errors import TunedeckError
from tui.money.estimate import Estimate
from tui.providers.protocol import Provider
from tui.records.chats import ChatDelta, ChatRequest
from tui.records.jobs import Method
from tui.tour_exam import ExamResult, GradedAnswer, examine, is_right, read_questions
from tui.tour_report import LossCurve, TourResult


class EchoProvider:
    """Answers every question with the same text, in two pieces, and remembers what it was asked."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.requests: list[ChatRequest] = []

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        self.requests.append(request)
        yield ChatDelta(self.answer[:3])
        yield ChatDelta(self.answer[3:], finish_reason="stop")


def exam(model: str, right: int, total: int) -> ExamResult:
    questions = read_questions(held_out(), total)
    graded = [
        GradedAnswer(question, question.expected if number < right else "well", number < right)
        for number, question in enumerate(questions)
    ]
    return ExamResult(model, tuple(graded))


def held_out() -> Path:
    from tui.data.examples import SENTIMENT

    assert SENTIMENT.held_out is not None
    return SENTIMENT.held_out


def tour_result(before: int, after: int) -> TourResult:
    price = Estimate(
        "local", "smollm2-135m-instruct", Method.SUPERVISED, 4_000, 3, "chosen by you", Decimal(0), "USD",
        Decimal(0), "2026-11-21", "this machine",
    )  # fmt: skip
    report = Report(
        "x.jsonl", DatasetFormat.CHAT, 90, 1, "0", True, {"error": 0}, (), {}, TokenSummary("o200k_base")
    )
    return TourResult(
        "sentiment", report, price, None, "ftjob-1", False, "ft:x", 12_000, LossCurve(((1, 2.0), (2, 0.5))),
        exam("base", before, 60), exam("ft:x", after, 60), 61.23,
    )  # fmt: skip


@pytest.mark.parametrize("answer", ["neutral", "Neutral", " neutral.\n", "NEUTRAL!"])
def test_the_whole_answer_may_differ_in_case_blanks_and_a_closing_mark(answer: str) -> None:
    assert is_right(answer, "neutral")


@pytest.mark.parametrize("answer", ["", "The text is neutral", "neutral positive", "neutrality", "positive"])
def test_an_answer_that_says_more_or_something_else_is_wrong(answer: str) -> None:
    assert not is_right(answer, "neutral")


def test_every_held_out_row_is_asked_without_its_answer_and_at_temperature_zero() -> None:
    provider = EchoProvider("positive")
    progress: list[tuple[int, int]] = []

    result = examine(
        cast(Provider, provider), "m", read_questions(held_out()), lambda *at: progress.append(at)
    )

    assert (result.correct, len(result.answers), result.accuracy) == (20, 60, 20 / 60)
    assert progress[-1] == (60, 60)
    assert {request.parameters.temperature for request in provider.requests} == {0}
    assert {message.role for request in provider.requests for message in request.messages} == {
        "system",
        "user",
    }


def test_an_answer_full_of_control_bytes_is_made_safe() -> None:
    provider = EchoProvider("\x1b]52;c;AAAA\x07")
    result = examine(cast(Provider, provider), "m", read_questions(held_out(), 1))
    assert "\x1b" not in result.answers[0].answer


@pytest.mark.parametrize(
    ("before", "after", "passed"), [(8, 60, True), (8, 49, True), (8, 48, False), (60, 60, False)]
)
def test_a_tour_passes_above_80_percent_and_above_the_base(before: int, after: int, passed: bool) -> None:
    assert tour_result(before, after).passed is passed


def test_the_sentence_names_the_numbers() -> None:
    sentence = tour_result(8, 57).sentence
    assert "On 60 sentences" in sentence
    assert "13% before, 95% after" in sentence


def test_the_json_of_a_tour_is_stable_and_plain() -> None:
    value = json.loads(json.dumps(tour_result(8, 57).as_json()))

    assert value["held_out"]["before"] == {"model": "base", "correct": 8, "n": 60, "accuracy": 0.1333}
    assert value["held_out"]["after"]["accuracy"] == 0.95
    assert value["loss"] == {"steps": 2, "first": 2.0, "last": 0.5}
    assert value["passed"] is True
    assert all(row["base"] != row["tuned"] for row in value["samples"])


@given(st.lists(st.floats(min_value=0, max_value=20), max_size=200), st.integers(min_value=1, max_value=60))
def test_a_sparkline_is_never_wider_than_asked(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == min(width, len(values))


def test_a_falling_loss_falls() -> None:
    assert sparkline([4.0, 2.0, 0.0]) == "█▅▁"


class StandInTour:
    """In the place of the real tour: ends as it is told to."""

    ending: TourResult | BaseException

    def __init__(self, *_: Any) -> None:
        pass

    def run(self) -> TourResult:
        if isinstance(self.ending, BaseException):
            raise self.ending
        return self.ending


def run_tour(ending: TourResult | BaseException, monkeypatch: pytest.MonkeyPatch, *options: str) -> CliResult:
    import tui.tour

    monkeypatch.setattr(StandInTour, "ending", ending, raising=False)
    monkeypatch.setattr(tui.tour, "Tour", StandInTour)
    return run_cli("tour", *options)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (tour_result(8, 57), 0),
        (tour_result(8, 30), 1),
        (TunedeckError("no engine"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_code_tells_how_a_tour_ended(
    ending: TourResult | BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_tour(ending, monkeypatch).code == code


def test_stdout_holds_the_result_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_tour(tour_result(8, 57), monkeypatch, "--json").json()["passed"] is True
    plain = run_tour(tour_result(8, 57), monkeypatch).stdout
    assert "13% before, 95% after" in plain
    assert "tunedeck chat ft:x" in plain
