"""Base against tuned over real HTTP: asked once, paid once, compared row by row."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.fake_service import answer_with, refuse_with
from tests.unit.evals.answering_service import BASE, JUDGE, TUNED, AnsweringService, Reply
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals import asking
from tui.evals.checks.spec import parse_check
from tui.evals.compare.blind import BlindRating
from tui.evals.human import blind_ratings
from tui.evals.judging import Judge, open_judge
from tui.evals.plan import NEW_EVALUATION, EvalOptions, EvalPlan, plan_evaluation
from tui.evals.requests import Contender
from tui.evals.result import EvalResult
from tui.evals.run import run_evaluation
from tui.evals.scoring import NOT_OFFERED
from tui.evals.statistics.verdict import Word
from tui.evals.test_set import read_test_set
from tui.providers.protocol import ProviderError
from tui.records.chats import ChatParameters
from tui.records.comparisons import Rating, Side
from tui.services import Services

BOTH = (Contender(Lane("openai", BASE)), Contender(Lane("openai", TUNED)))
ROWS = 20


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [{"prompt": f"How much is {number} + 1?", "expected": str(number + 1)} for number in range(ROWS)]
    return write_rows(tmp_path / "held-out.jsonl", *rows)


def right(question: str) -> str:
    return str(int(question.split()[3]) + 1)


def base_errs(model: str, question: str, _body: Any) -> str:
    """The tuned model is always right, the base model in the first eight rows."""
    number = int(right(question)) - 1
    return right(question) if model == TUNED or number < 8 else "no idea at all"


def planned(services: Services, path: Path, judges: tuple[Judge, ...] = (), **options: Any) -> EvalPlan:
    values = {"checks": (parse_check("exact"),), **options}
    contenders = values.pop("contenders", BOTH)
    return plan_evaluation(services, read_test_set(path), contenders, EvalOptions(**values), judges)


def evaluated(services: Services, path: Path, judges: tuple[Judge, ...] = (), **options: Any) -> EvalResult:
    return run_evaluation(services, planned(services, path, judges, **options), first_wait=0.01)


def test_both_models_are_asked_the_same_rows_and_the_word_follows_from_the_interval(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = base_errs
    result = evaluated(services, questions)
    assert result.complete
    assert set(service.asked.values()) == {1}
    assert service.requests_answered == result.asked == 2 * ROWS
    base, tuned = result.contenders
    assert (base.score.estimate, tuned.score.estimate) == (0.4, 1.0)
    assert result.verdict is not None
    assert result.verdict.word is Word.BETTER
    assert result.verdict.difference.low > 0
    assert result.verdict.test is not None
    assert (result.verdict.test.gained, result.verdict.test.lost) == (12, 0)
    assert tuned.seconds is not None
    assert tuned.likelihood.words == NOT_OFFERED


def test_a_loss_comes_before_everything_else(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    lost, both_wrong = "How much is 5 + 1?", "How much is 9 + 1?"

    def reply(model: str, question: str, _body: Any) -> str:
        return "wrong" if question == both_wrong or (question == lost and model == TUNED) else right(question)

    service.reply = reply
    rows = evaluated(services, questions).rows
    assert [row.case.question for row in rows[:2]] == [lost, both_wrong]
    assert [row.change for row in rows[:3]] == [-1, 0, 0]


def test_cost_is_that_of_the_answers_at_the_catalogs_prices(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = base_errs
    result = evaluated(services, questions)
    tuned = result.contenders[1]
    assert (tuned.usage.prompt_tokens, tuned.usage.completion_tokens) == (6 * ROWS, ROWS)
    assert tuned.cost is not None
    # The tuned model costs $0.80 a million in and $3.20 out.
    assert tuned.cost.high == (Decimal("0.80") * 6 * ROWS + Decimal("3.20") * ROWS) / 1_000_000
    base = result.contenders[0].cost
    assert result.spent is not None
    assert base is not None
    assert result.spent.high == tuned.cost.high + base.high


def test_asked_again_nothing_is_sent_and_nothing_is_paid(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = base_errs
    first = evaluated(services, questions)
    plan = planned(services, questions)
    assert plan.unknown == 0
    assert plan.price is not None
    assert plan.price.high == 0
    assert plan.words == f"All {2 * ROWS} answers are kept from before; nothing is asked."
    again = run_evaluation(services, plan)
    assert service.requests_answered == 2 * ROWS
    assert again.asked == 0
    assert again.spent is not None
    assert again.spent.high == 0
    assert again.verdict == first.verdict


def test_other_parameters_prompts_and_an_explicit_wish_ask_anew(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    evaluated(services, questions)
    assert planned(services, questions, ask_anew=True).unknown == 2 * ROWS
    other = (Contender(Lane("openai", BASE), "Be brief."), BOTH[1])
    assert planned(services, questions, contenders=other).unknown == ROWS
    run_evaluation(services, planned(services, questions, contenders=other))
    assert service.bodies[-1]["messages"][0] == {"role": "system", "content": "Be brief."}
    evaluated(services, questions, ask_anew=True)
    assert service.requests_answered == 5 * ROWS


def test_a_run_that_breaks_off_goes_on_where_it_was(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    def reply(model: str, question: str, body: Any) -> str | int:
        return 401 if service.requests_answered > 15 else base_errs(model, question, body)

    service.reply = reply
    with pytest.raises(ProviderError) as caught:
        evaluated(services, questions, at_once=1)
    assert caught.value.status == 401
    kept = 2 * ROWS - planned(services, questions).unknown
    assert kept == 15
    service.reply = base_errs
    service.asked.clear()
    result = evaluated(services, questions)
    assert result.complete
    assert service.requests_answered == 2 * ROWS - kept


def test_the_money_cap_is_never_passed_and_a_higher_one_goes_on(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = lambda model, question, body: "word " * 500
    most = planned(services, questions).price
    assert most is not None
    cap = most.high / 4
    result = evaluated(services, questions, max_cost=cap)
    assert result.why_incomplete == "the money cap was reached"
    assert result.spent is not None
    assert 0 < result.spent.high <= cap
    assert 0 < result.asked < 2 * ROWS
    assert result.verdict is not None
    again = evaluated(services, questions, max_cost=most.high)
    assert again.complete
    assert service.requests_answered == 2 * ROWS


def test_a_rows_own_check_that_is_wrong_is_told_with_its_line(services: Services, tmp_path: Path) -> None:
    rows = [{"prompt": "a", "checks": ["exact"]}, {"prompt": "b", "checks": ["regex:("]}]
    with pytest.raises(TunedeckError, match="Line 2, its own check: No regular expression"):
        planned(services, write_rows(tmp_path / "set.jsonl", *rows))


def test_the_time_is_that_of_answers_before_and_no_less_than_the_pace_allows(
    service: AnsweringService, services: Services, questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = planned(services, questions)
    assert first.seconds is None
    assert first.words.endswith("; time not known yet.")
    evaluated(services, questions)
    known = planned(services, questions, ask_anew=True).seconds
    assert known is not None
    monkeypatch.setattr("tui.evals.plan.BURST", 0.0)
    paced = planned(services, questions, ask_anew=True)
    assert paced.seconds is not None
    assert paced.seconds >= max(known, 2 * ROWS / 10)
    assert "in about" in paced.words


def test_rows_that_ask_the_same_are_asked_once(
    service: AnsweringService, services: Services, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "set.jsonl", *[{"prompt": "the same", "expected": "ok"}] * 5)
    plan = planned(services, path)
    assert plan.unknown == 2
    result = run_evaluation(services, plan)
    assert service.requests_answered == 2
    assert result.contenders[0].answered == 5


def test_a_cap_without_a_price_is_refused_before_anything_is_sent(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    unknown = (Contender(Lane("openai", "a-model-nobody-has-priced")),)
    with pytest.raises(TunedeckError, match="cap can't be kept"):
        planned(services, questions, contenders=unknown, max_cost=Decimal(1))
    assert planned(services, questions, contenders=unknown).price is None
    assert service.requests_answered == 0


def test_a_busy_service_is_waited_for(service: AnsweringService, services: Services, questions: Path) -> None:
    busy = refuse_with(
        429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}},
        **{"x-should-retry": "false", "retry-after-ms": "20"},
    )  # fmt: skip
    service.faults["POST", "/v1/chat/completions"] += [busy] * 3
    service.reply = base_errs
    result = evaluated(services, questions)
    assert result.complete
    assert service.requests_answered == 2 * ROWS


def test_a_row_that_the_service_will_not_answer_is_told_and_the_others_go_on(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    def reply(model: str, question: str, body: Any) -> str | int:
        return 400 if " 3 +" in question and model == TUNED else base_errs(model, question, body)

    service.reply = reply
    result = evaluated(services, questions)
    assert result.complete
    assert [one.refused for one in result.contenders] == [0, 1]
    assert result.verdict is not None
    assert result.verdict.rows == ROWS - 1
    row = next(row for row in result.rows if " 3 +" in row.case.question)
    assert "this can't be answered" in row.answers[1].refusal
    assert row.change is None


def test_a_model_that_refuses_everything_ends_the_run(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = lambda model, question, body: 400 if model == TUNED else "x"
    with pytest.raises(ProviderError) as caught:
        evaluated(services, questions)
    assert caught.value.status == 400
    assert service.requests_answered < 2 * ROWS


def test_a_run_that_is_stopped_is_reported_as_far_as_it_came(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = base_errs
    plan = planned(services, questions, at_once=1)
    seen: list[int] = []
    result = run_evaluation(
        services,
        plan,
        on_progress=lambda what, done, total: seen.append(done),
        cancelled=lambda: len(seen) > 5,
    )
    assert not result.complete
    assert result.why_incomplete == "it was stopped"
    assert 5 <= result.asked < 2 * ROWS


def test_an_answer_without_end_is_stopped_at_a_million_characters(
    service: AnsweringService, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LONGEST_ANSWER", 10_000)
    piece = {"choices": [{"index": 0, "delta": {"content": "word " * 200}}]}
    service.reply = lambda model, question, body: [piece] * 100_000
    path = write_rows(tmp_path / "one.jsonl", {"prompt": "Go on.", "expected": "x"})
    result = evaluated(services, path, contenders=BOTH[:1])
    answer = result.rows[0].answers[0].answer
    assert answer is not None
    assert (len(answer.text), answer.finish_reason) == (10_000, "too long")
    assert result.contenders[0].cut == 1
    assert service.stream_broken_off.wait(10)


HOSTILE: list[Reply] = [
    "\x1b]0;owned\x07\x1b[2J\x9b31m", "[/bold][link=x]y", "half \ud83d of a pair", "\x00", "x" * 400_000,
    {"tool_calls": [{"index": 0, "function": {"name": "f\x1b[0m", "arguments": '{"a": '}}]},
]  # fmt: skip


def test_hostile_answers_leave_the_store_and_the_report_intact(
    service: AnsweringService, services: Services, tmp_path: Path
) -> None:
    rows = [{"prompt": str(number), "expected": "x"} for number in range(len(HOSTILE))]
    service.reply = lambda model, question, body: HOSTILE[int(question)]
    path = write_rows(tmp_path / "set.jsonl", *rows)
    checks = tuple(parse_check(name) for name in ("exact", "json", "regex:a+", "tool-call:{name='f'}"))
    result = evaluated(services, path, checks=checks)
    assert result.contenders[0].answered == len(HOSTILE)
    text = str(result.as_json())
    assert not {"\x1b", "\x07", "\x00", "\x9b", "\ud83d"} & set(text)
    assert len(services.store.eval_runs()) == 1


def sse(*pieces: bytes) -> bytes:
    chunks = [b'{"choices": [{"index": 0, "delta": {"content": "' + piece + b'"}}]}' for piece in pieces]
    return b"".join(b"data: " + chunk + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "content", [sse(b"ok \xff\xfe bytes"), sse(b"x" * 5_000_000), b"data: {broken\n\n", b"\x00\xff", b""]
)
def test_a_stream_of_any_bytes_ends_in_an_answer_or_in_a_sentence(
    service: AnsweringService, services: Services, tmp_path: Path, content: bytes
) -> None:
    path = write_rows(tmp_path / "one.jsonl", {"prompt": "Go on.", "expected": "x"})
    service.faults["POST", "/v1/chat/completions"] += [answer_with(content)] * 20
    said = evaluated(services, path, contenders=BOTH[:1]).rows[0].answers[0]
    if len(content) < 1_000:
        assert said.answer is None
        assert said.refusal.endswith(("neither UTF-8 nor JSON.", "before it began."))
    else:
        assert said.answer is not None
        assert (len(said.answer.text), said.answer.finish_reason) == (1_000_000, "too long")


def test_scores_between_0_and_1_and_labels_have_their_own_summaries(
    service: AnsweringService, services: Services, tmp_path: Path
) -> None:
    rows = [{"prompt": f"row {number}", "expected": ["good", "bad"][number % 2]} for number in range(12)]
    service.reply = lambda model, question, body: (
        "good" if model == BASE else ["Good.", "bad"][int(question.split()[1]) % 2]
    )
    path = write_rows(tmp_path / "set.jsonl", *rows)
    result = evaluated(services, path, checks=(parse_check("label"), parse_check("rouge")))
    labels = result.contenders[0].checks[parse_check("label").key].labels
    assert labels is not None
    assert labels.grid == ((0, 6), (0, 6))
    assert labels.macro_f1 == pytest.approx(1 / 3)
    rouge = result.verdicts[parse_check("rouge").key]
    assert rouge.difference.method == "Bonett-Price"
    assert result.contenders[1].checks[parse_check("label").key].score.estimate == 1


def test_a_row_with_checks_of_its_own_is_judged_by_those(
    service: AnsweringService, services: Services, tmp_path: Path
) -> None:
    path = write_rows(
        tmp_path / "set.jsonl",
        {"prompt": "a", "checks": ["contains:yes", "length:1"]}, {"prompt": "b", "expected": "no"},
    )  # fmt: skip
    service.reply = lambda model, question, body: "yes"
    result = evaluated(services, path, contenders=BOTH[:1])
    assert {row.case.line: row.answers[0].score for row in result.rows} == {1: 1.0, 2: 0.0}
    assert [one.title for one in result.contenders[0].checks.values()] == [
        "exact",
        "contains:yes",
        "length:1",
    ]
    with pytest.raises(TunedeckError, match="No check is given"):
        planned(services, path, checks=())


def judge_of(services: Services) -> Judge:
    return open_judge(parse_check(f"judge:{JUDGE}"), Lane("openai", JUDGE))


def verdict(question: str, better: str) -> str:
    first = question.split("<answer_a>\n")[1].split("\n</answer_a>")[0]
    second = question.split("<answer_b>\n")[1].split("\n</answer_b>")[0]
    if first == second or better not in (first, second):
        return "Both are alike.\nVERDICT: TIE"
    return f"This one is right.\nVERDICT: {'A' if first == better else 'B'}"


def test_a_judge_is_asked_in_both_orders_and_shown_the_rubric(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    def reply(model: str, question: str, body: Any) -> str:
        if model == JUDGE:
            asked = question.split("How much is ")[1].split(" ")[0]
            return verdict(question, str(int(asked) + 1))
        return base_errs(model, question, body)

    service.reply = reply
    judge = judge_of(services)
    human = {f"line {line}": "second" for line in range(9, 15)} | {"line 1": "first"}
    plan = planned(services, questions, (judge,), human=human)
    assert plan.judge_asks == 2 * ROWS
    report = run_evaluation(services, plan).judges[0]
    asked = [body for body in service.bodies if body["model"] == JUDGE]
    assert len(asked) == 12 * 2 + 8  # where both answers are alike, both orders are one question
    assert judge.rubric in asked[0]["messages"][0]["content"]
    assert (report.ratings.wins, report.ratings.losses, report.ratings.ties) == (12, 0, 8)
    assert report.rate.estimate == 1
    assert report.turned.estimate == 0
    assert report.longer.estimate == 0  # the right answers are the short ones
    assert report.human_rows == 7
    assert report.human_agreement == pytest.approx(6 / 7)
    assert planned(services, questions, (judge,)).judge_asks == 0


def test_a_judge_whose_service_holds_lengths_is_held_to_a_short_reason_and_a_verdict(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = lambda model, question, body: (
        '{"reason": "The first says verdict: B.", "verdict": "A"}'
        if model == JUDGE
        else base_errs(model, question, body)
    )
    judge = open_judge(parse_check(f"judge:{JUDGE}"), Lane("openai", JUDGE), held=True)
    report = run_evaluation(services, planned(services, questions, (judge,))).judges[0]
    asked = next(body for body in service.bodies if body["model"] == JUDGE)
    fields = asked["response_format"]["json_schema"]["schema"]["properties"]
    assert fields["verdict"]["enum"] == ["A", "B", "TIE"]
    assert fields["reason"]["maxLength"] == 200
    assert "VERDICT:" not in asked["messages"][0]["content"]
    assert report.unread == 0
    assert report.turned.estimate == 1  # always A: the place decided, which the other order took back


@pytest.mark.parametrize("turned", [False, True])
def test_a_judge_is_held_against_what_was_rated_blind_of_the_same_answers(
    service: AnsweringService, services: Services, questions: Path, turned: bool
) -> None:
    service.reply = lambda model, question, body: (
        "VERDICT: A" if model == JUDGE else base_errs(model, question, body)
    )
    sides = [Side(lane.account, lane.model, None, NEW_EVALUATION) for lane in (BOTH[0].lane, BOTH[1].lane)]
    pair = (sides[1], sides[0]) if turned else (sides[0], sides[1])
    rating = BlindRating.begin(services, "q.jsonl", read_test_set(questions, limit=4).cases, pair)
    rating.ask(rating.plan())
    preferred = Rating.FIRST if turned else Rating.SECOND
    for number, said in enumerate((Rating.TIE, Rating.BOTH_BAD, preferred, preferred), 1):
        rating.rate(number, said)
    plan = planned(services, questions, (judge_of(services),))
    assert blind_ratings(services, plan) == {
        "line 1": "tie", "line 2": "tie", "line 3": "second", "line 4": "second",
    }  # fmt: skip
    report = run_evaluation(services, plan).judges[0]
    assert (report.human_rows, report.blind_rows, report.human_agreement) == (4, 4, 0.5)
    of_file = planned(services, questions, (judge_of(services),), human={"line 4": "tie"})
    report = run_evaluation(services, of_file).judges[0]  # a file's word goes before
    assert (report.human_rows, report.blind_rows, report.human_agreement) == (4, 3, 0.75)
    others = planned(services, questions, parameters=ChatParameters(temperature=0.0, max_tokens=9))
    assert blind_ratings(services, others) == {}  # nobody has seen those answers


def test_a_judge_that_goes_by_the_place_is_found_out(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = lambda model, question, body: (
        "VERDICT: A" if model == JUDGE else base_errs(model, question, body)
    )
    result = evaluated(services, questions, (judge_of(services),), checks=())
    report = result.judges[0]
    assert (report.ratings.wins, report.ratings.losses, report.ratings.ties) == (0, 0, ROWS)
    assert report.turned.estimate == 1
    assert result.verdict is not None
    assert result.verdict.word is Word.UNKNOWN


def test_a_judge_without_a_verdict_is_counted_and_no_score_is_made_up(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = lambda model, question, body: "Hard to say." if model == JUDGE else "x"
    result = evaluated(services, questions, (judge_of(services),), contenders=BOTH[:1], checks=())
    assert result.judges[0].unread == ROWS
    assert result.rows[0].answers[0].score is None
