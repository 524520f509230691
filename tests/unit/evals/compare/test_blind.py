"""Blind rating over real HTTP: order kept before it is shown, ratings kept, pairs that pass check."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support import run_cli, run_cli_process, tunedeck_command, wait_until
from tests.unit.core.fake_service import Json
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import a_case, write_rows
from tui.chat.lanes import Lane
from tui.datasets.check import check_file
from tui.datasets.options import CheckOptions
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.compare.blind import LEFT, RIGHT, BlindRating, as_shown, rating_of
from tui.evals.compare.pairs import export_pairs, preference_rows
from tui.evals.compare.standing import comparison_json
from tui.evals.plan import EvalOptions, plan_answers
from tui.evals.requests import Contender
from tui.evals.statistics.preference import Ratings, stop_advice, win_rate
from tui.evals.test_set import TestSet
from tui.records.chats import ChatMessage, ChatParameters, ToolCall, Usage
from tui.records.comparisons import Rating, Side
from tui.records.evaluations import EvalAnswer
from tui.services import Services

PARAMETERS = ChatParameters(temperature=0.0, max_tokens=64)
FIRST, SECOND = Side("openai", BASE, None, PARAMETERS), Side("openai", TUNED, "Be short.", PARAMETERS)


def cases(count: int = 10) -> list[Case]:
    return [
        a_case(line=number, id=str(number), messages=(ChatMessage("user", f"Question {number}"),))
        for number in range(1, count + 1)
    ]


def by_model(model: str, question: str, body: Json) -> str:
    return f"{'tuned' if model == TUNED else 'base'} says {question}"


@pytest.fixture
def rating(services: Services, service: AnsweringService) -> BlindRating:
    service.reply = by_model
    begun = BlindRating.begin(services, "prompts.jsonl", cases(), (FIRST, SECOND), seed=3)
    begun.ask(begun.plan())
    return begun


def test_each_side_is_asked_once_with_its_own_prompt(rating: BlindRating, service: AnsweringService) -> None:
    assert set(service.asked.values()) == {1}
    assert len(service.asked) == 20
    again = rating.plan()
    assert again.unknown == 0
    assert "nothing is asked" in again.words
    sent = [body for body in service.bodies if "messages" in body]
    systems = {
        body["model"]: [m["content"] for m in body["messages"] if m["role"] == "system"] for body in sent
    }
    assert systems == {BASE: [], TUNED: ["Be short."]}


def test_what_stands_left_is_by_seed_kept_and_the_same_after_a_new_start(
    rating: BlindRating, services: Services
) -> None:
    order = [one.first_is_left for one in rating.rounds]
    assert set(order) == {True, False}
    again = BlindRating.begin(services, "prompts.jsonl", cases(), (FIRST, SECOND), seed=3)
    assert [one.first_is_left for one in again.rounds] == order
    other = BlindRating.begin(services, "prompts.jsonl", cases(), (FIRST, SECOND), seed=4)
    assert [one.first_is_left for one in other.rounds] != order


def test_left_and_right_mean_the_side_that_stood_there(rating: BlindRating) -> None:
    for one in rating.rounds:
        left, right = as_shown(one, rating.answers(one))
        assert left is not None
        assert right is not None
        meant = rating_of(LEFT, one)
        assert left.text.startswith("base" if meant is Rating.FIRST else "tuned")
        assert rating_of(RIGHT, one) is not meant
        assert rating_of("tie", one) is Rating.TIE


def test_ratings_are_kept_counted_and_can_be_taken_back(rating: BlindRating, services: Services) -> None:
    given = [Rating.SECOND] * 6 + [Rating.FIRST, Rating.TIE, Rating.BOTH_BAD]
    for number, one in enumerate(given, 1):
        rating.rate(number, one)
    rating.rate(1, None)
    resumed = BlindRating.resume(services, rating.comparison.id)
    assert resumed.ratings() == Ratings(wins=5, losses=1, ties=1, both_bad=1)
    following = resumed.next_round()
    assert following is not None
    assert following.number == 1
    told = comparison_json(resumed)
    assert told["win_rate_of_second"] == win_rate(Ratings(5, 1)).as_json()
    assert told["advice"] == stop_advice(Ratings(5, 1, 1, 1)).as_json()


def test_nothing_is_rated_that_was_not_answered(services: Services, service: AnsweringService) -> None:
    begun = BlindRating.begin(services, "x", cases(2), (FIRST, SECOND))
    with pytest.raises(TunedeckError, match="not been answered by both"):
        begun.rate(1, Rating.TIE)
    with pytest.raises(TunedeckError, match="no prompt 3"):
        begun.rate(3, Rating.TIE)
    assert service.requests_answered == 0


def test_the_same_side_twice_or_no_prompt_is_refused(services: Services) -> None:
    with pytest.raises(TunedeckError, match="the same model with the same prompt"):
        BlindRating.begin(services, "x", cases(1), (FIRST, FIRST))
    with pytest.raises(TunedeckError, match="nothing to compare"):
        BlindRating.begin(services, "x", [], (FIRST, SECOND))
    with pytest.raises(TunedeckError, match="no comparison 'nope'"):
        BlindRating.resume(services, "nope")


def test_what_an_evaluation_has_asked_is_not_asked_again(
    services: Services, service: AnsweringService
) -> None:
    service.reply = by_model
    test_set = TestSet(Path("x"), tuple(cases(3)))
    contender = Contender(Lane("openai", BASE))
    plan = plan_answers(services, test_set, [contender], EvalOptions(parameters=PARAMETERS))
    first = BlindRating.begin(services, "x", cases(3), (FIRST, SECOND))
    first.ask(first.plan())
    assert plan.unknown == 3
    after = plan_answers(services, test_set, [contender], EvalOptions(parameters=PARAMETERS))
    assert after.unknown == 0


def test_ratings_become_a_preference_file_that_passes_our_own_check(
    rating: BlindRating, tmp_path: Path
) -> None:
    for number in range(1, 11):
        rating.rate(number, Rating.SECOND if number % 2 else Rating.FIRST)
    rating.rate(10, Rating.TIE)
    path = tmp_path / "pairs.jsonl"
    written = export_pairs(rating, path)
    assert (written.rows, written.left_out) == (9, {"rated tie": 1})
    row = json.loads(path.read_text().splitlines()[0])
    assert row["preferred_output"][0]["content"].startswith("tuned")
    assert row["non_preferred_output"][0]["content"].startswith("base")
    assert row["input"]["messages"][0] == {"role": "system", "content": "Be short."}
    report = check_file(path, CheckOptions())
    assert report.format is not None
    assert report.format.value == "preference"
    errors = [finding.rule for finding in report.findings if finding.severity.value == "error"]
    assert errors == ["not-enough-examples"]  # nine are one too few for the service
    with pytest.raises(TunedeckError):
        export_pairs(rating, path)


def test_an_answer_that_was_cut_is_preferred_in_no_pair(
    services: Services, service: AnsweringService
) -> None:
    service.reply = lambda model, question, body: (
        [{"id": "c", "choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": "length"}]}]
        if model == TUNED
        else "whole"
    )
    begun = BlindRating.begin(services, "x", cases(1), (FIRST, SECOND))
    begun.ask(begun.plan())
    begun.rate(1, Rating.SECOND)
    assert preference_rows(begun) == ([], {"the better answer is not whole": 1})
    begun.rate(1, Rating.FIRST)
    assert len(preference_rows(begun)[0]) == 1


def test_the_command_rates_from_a_pipe_goes_on_and_exports(service: AnsweringService, tmp_path: Path) -> None:
    service.reply = by_model
    file = write_rows(
        tmp_path / "v.jsonl", *({"messages": [{"role": "user", "content": f"Q {n}"}]} for n in range(12))
    )
    arguments = ["compare", "rate", BASE, TUNED, "--file", str(file), "--yes"]
    first = run_cli_process(*arguments, input_text="left\nnonsense\nright\ntie\nback\nq\n")
    assert first.code == 0, first.stderr
    assert "Say left, right" in first.stderr
    assert TUNED not in first.stdout.split("RIGHT")[1]  # nobody is named while rating
    assert "second" not in first.stderr  # nor which of the two is ahead
    second = run_cli_process(*arguments, "--json", input_text="l\nr\nl\nr\nb\nl\nr\nl\nl\nr\n")
    told = json.loads(second.stdout)
    assert told["rated"] == 12
    assert told["both_bad"] == 1
    assert service.requests_answered == 24
    listed = run_cli("compare", "ratings", "--json")
    assert json.loads(listed.stdout)[0]["rated"] == 12
    out = tmp_path / "pairs.jsonl"
    exported = run_cli("compare", "export", told["id"], "--to", str(out), "--json")
    assert json.loads(exported.stdout)["rows"] == 11
    assert run_cli("compare", "export", told["id"], "--to", str(out)).code == 2
    checked = run_cli("check", str(out), "--json")
    assert json.loads(checked.stdout)["format"] == "preference"
    assert checked.code == 0


def test_the_command_shows_answers_and_where_they_differ(service: AnsweringService) -> None:
    service.reply = by_model
    done = run_cli(
        "compare", BASE, TUNED, "-m", "Why?", "--system", "One.", "--system", "Two.", "--yes", "--json"
    )
    told = json.loads(done.stdout)
    assert [one["text"] for one in told["prompts"][0]["answers"]] == ["base says Why?", "tuned says Why?"]
    pieces = told["prompts"][0]["differences"][0]
    assert [one["text"] for one in pieces["other"] if one["differs"]] == ["tuned"]
    plain = run_cli("compare", BASE, TUNED, "-m", "Why?", "--system", "One.", "--system", "Two.")
    assert plain.code == 0  # kept from before: nothing is asked and nothing confirmed
    assert "tuned says Why?" in plain.stdout
    assert service.requests_answered == 2


def test_a_terminal_is_shown_the_words_that_differ_and_no_control_codes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.cli.compare_output import print_prompts

    monkeypatch.setattr("click._compat.should_strip_ansi", lambda *_: False)
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)
    call = ToolCall("look\x1b", '{"a"')
    row = [
        EvalAnswer("It is\x1b[2J cold", (), "stop", Usage(), None, None, 1),
        EvalAnswer("It is\x1b[2J warm", (call,), "stop", Usage(), None, None, 1),
    ]
    print_prompts(["one", "two"], [Case(1, "1", (ChatMessage("user", "How?\x07"),))], [row], [[(), ()]])
    shown = capsys.readouterr().out
    assert "It is␛[2J \x1b[1m\x1b[4mcold\x1b[0m" in shown
    assert "It is␛[2J \x1b[1m\x1b[4mwarm\x1b[0m" in shown
    assert '→ look␛({"a")' in shown
    assert "> How?␇" in shown


def test_each_model_may_have_settings_of_its_own(service: AnsweringService) -> None:
    service.reply = by_model
    done = run_cli(
        "compare", BASE, BASE, TUNED, "-m", "Why?", "--yes", "--json",
        "--temperature", "0", "--temperature", "0.5", "--temperature", "",
        "--max-tokens", "8", "--stop", "", "--stop", r"END|\n", "--stop", "",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert [one["parameters"].get("temperature") for one in told["sides"]] == [0, 0.5, None]
    sent = sorted(service.bodies, key=lambda body: (body["model"] == TUNED, body.get("temperature", 9)))
    sent = [body for body in sent if "messages" in body]
    assert [body.get("temperature") for body in sent] == [0, 0.5, None]
    assert [body.get("stop") for body in sent] == [None, ["END", "\n"], None]
    assert {body["max_completion_tokens"] for body in sent} == {8}
    plain = run_cli(
        "compare", BASE, BASE, "-m", "Why?", "--max-tokens", "8", "--temperature", "0",
        "--temperature", "0.5", "--stop", "", "--stop", r"END|\n",
    )  # fmt: skip
    assert f"{BASE} (1)\n" in plain.stdout
    wrong = run_cli("compare", BASE, TUNED, BASE, "-m", "Why?", "--seed", "1", "--seed", "2")
    assert (wrong.code, "once for each model" in wrong.stderr) == (2, True)


def test_a_service_without_logprobs_is_compared_without_them(service: AnsweringService) -> None:
    service.reply = lambda model, question, body: (
        400 if "logprobs" in body else by_model(model, question, body)
    )
    service.refusal_message = "logprobs are not supported with this model"
    done = run_cli("compare", BASE, TUNED, "-m", "Why?", "-m", "When?", "--yes", "--json")
    assert done.code == 0
    told = json.loads(done.stdout)["prompts"]
    assert [one["text"] for one in told[1]["answers"]] == ["base says When?", "tuned says When?"]
    assert told[1]["differences"][0]["parting"] is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_blind_asking_that_was_killed_asks_for_nothing_again_that_had_come(
    service: AnsweringService, tmp_path: Path
) -> None:
    held, let_go = threading.Event(), threading.Event()

    def reply(model: str, question: str, body: Json) -> str:
        if question in ("Q 3", "Q 4", "Q 5") and not let_go.is_set():
            held.set()
            let_go.wait(60)
        return by_model(model, question, body)

    service.reply = reply
    file = write_rows(
        tmp_path / "v.jsonl", *({"messages": [{"role": "user", "content": f"Q {n}"}]} for n in range(6))
    )
    arguments = ["compare", "rate", BASE, TUNED, "--file", str(file), "--yes"]
    process = subprocess.Popen(
        tunedeck_command(*arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def kept() -> int:
        return int(services.store.query("SELECT count(*) AS kept FROM eval_answers")[0]["kept"])

    with Services.open() as services:
        wait_until(lambda: held.is_set() and kept() >= 6, what="the first six answers to be kept")
        process.kill()
        process.communicate(timeout=30)
    let_go.set()
    order = json.loads(run_cli("compare", "ratings", "--json").stdout)
    again = run_cli_process(*arguments, "--json", input_text="l\nr\nl\nr\nt\nb\n")
    told = json.loads(again.stdout)
    assert (told["id"], told["rated"], told["prompts"]) == (order[0]["id"], 6, 6)
    assert {service.asked[model, f"Q {n}"] for model in (BASE, TUNED) for n in range(3)} == {1}


def test_nothing_that_costs_is_asked_without_a_yes(service: AnsweringService) -> None:
    done = run_cli("compare", BASE, TUNED, "-m", "Why?")
    assert done.code == 2
    assert "--yes" in done.stderr
    dry = run_cli("compare", BASE, TUNED, "-m", "Why?", "--dry-run", "--json")
    assert json.loads(dry.stdout)["to_ask"] == 2
    assert service.requests_answered == 0
