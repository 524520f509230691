"""Rows made over real HTTP: nothing asked twice, nothing broken offered, nothing held out touched."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import run_cli
from tests.unit.core.fake_service import Json
from tests.unit.evals.answering_service import BASE, AnsweringService
from tests.unit.evals.builders import write_rows
from tui import paths
from tui.errors import TunedeckError
from tui.evals.recorded import find_recording
from tui.proposals.definition import Answers, Definition
from tui.proposals.one_at_a_time import only_one
from tui.proposals.plan import plan_proposals
from tui.proposals.review import ReviewQueue, find_run, summary_of
from tui.proposals.run import ProposalOutcome, run_proposals
from tui.proposals.setup import MakingWish, planned_making
from tui.proposals.targets import origins_file
from tui.records.proposals import MakingKind, ProposalState
from tui.services import Services

TASK = "Say positive or negative."
SYSTEM = "Be brief."


def row(question: str, answer: str = "positive", system: str = SYSTEM) -> Json:
    return {
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


@pytest.fixture
def training(tmp_path: Path) -> Path:
    return write_rows(
        tmp_path / "train.jsonl", *[row(f"The {thing} was lovely today") for thing in ("sun", "tea", "walk")]
    )


class Writer:
    """Writes another example with each answer."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _model: str, _question: str, _body: Json) -> Any:
        self.count += 1
        return json.dumps({"user": f"Number {self.count} pleased nobody at all", "assistant": "negative"})


def wish(training: Path, **options: Any) -> MakingWish:
    return MakingWish(
        **{"task": TASK, "examples": training, "model": BASE, "count": 5, "max_tokens": 60, **options}
    )  # fmt: skip


def made(services: Services, wanted: MakingWish, **options: Any) -> ProposalOutcome:
    return run_proposals(services, planned_making(services, wanted), first_wait=0.01, **options)


def texts(services: Services, run_id: str, *states: ProposalState) -> list[str]:
    return [summary_of(one.line) for one in services.store.proposals(run_id, *states)]


def test_as_many_rows_as_were_wanted_wait_with_their_origin(
    service: AnsweringService, services: Services, training: Path
) -> None:
    service.reply = Writer()
    outcome = made(services, wish(training))
    assert (outcome.offered, outcome.asked, outcome.why_incomplete) == (5, 5, "")
    assert outcome.spent is not None
    assert outcome.spent.high > 0
    queue = ReviewQueue(services.store, outcome.run)
    first = queue.waiting()[0]
    assert json.loads(first.line)["messages"][0] == {"role": "system", "content": SYSTEM}
    origin = queue.origin(first)
    assert (origin["model"], origin["kind"], origin["temperature"]) == (BASE, "generate", 0.7)
    assert all(label.startswith("train.jsonl line ") for label in origin["seed_rows"])
    assert len(origin["prompt_sha256"]) == 64
    temperatures = [body["temperature"] for body in service.bodies if body and "messages" in body]
    assert sorted(temperatures) == [0.7, 0.7, 0.9, 0.9, 1.1]
    assert training.read_bytes().count(b"\n") == 3  # nothing is written unasked


def test_what_a_model_wrote_wrong_is_told_and_asked_for_again_within_bounds(
    service: AnsweringService, services: Services, training: Path
) -> None:
    writer = Writer()

    def sloppy(model: str, question: str, body: Json) -> Any:
        good = writer(model, question, body)
        return good if writer.count % 2 else "I would rather not [b]say\x1b[2J"

    service.reply = sloppy
    outcome = made(services, wish(training, count=4))
    assert outcome.offered == 4
    assert outcome.asked <= 8
    assert outcome.why_not == {"There is no example in it.": outcome.asked - 4}
    service.reply = lambda model, question, body: "never"
    outcome = made(services, wish(training, count=4, seed=2))
    assert (outcome.offered, outcome.asked) == (0, 8)
    assert "0 of 4 rows" in outcome.why_incomplete


def test_rows_that_repeat_training_or_come_near_validation_are_never_offered(
    service: AnsweringService, services: Services, training: Path, tmp_path: Path
) -> None:
    held_out = write_rows(tmp_path / "held.jsonl", row("We waited an hour for a cold soup", "negative"))
    written = iter(
        [
            ("The tea was lovely TODAY!", "positive"),
            ("We waited an hour for the cold soup", "negative"),
            ("The coffee was lovely today", "positive"),
            ("Rain all week and no heating", "negative"),
        ]
    )

    def reply(_model: str, _question: str, _body: Json) -> Any:
        user, assistant = next(written)
        return json.dumps({"user": user, "assistant": assistant})

    service.reply = reply
    plan = planned_making(services, wish(training, count=2, validation=(held_out,), at_once=1))
    outcome = run_proposals(services, plan, first_wait=0.01)
    assert outcome.run.counts == {ProposalState.WAITING: 2, ProposalState.REPEATED: 2}
    same, near = services.store.proposals(outcome.run.id, ProposalState.REPEATED)
    assert same.why == "The same words as train.jsonl line 2."
    assert "held.jsonl line 1, which is held out for validation" in near.why
    coffee = next(one for one in services.store.proposals(outcome.run.id) if b"coffee" in one.line)
    assert coffee.near == "train.jsonl line 1"
    assert coffee.near_share > 0.8  # shown beside it, for a person to judge


def test_a_run_that_is_stopped_goes_on_and_asks_nothing_twice(
    service: AnsweringService, services: Services, training: Path
) -> None:
    writer = Writer()
    service.reply = writer
    wanted = wish(training, count=9, at_once=1)
    stops = iter([False] * 12)
    first = made(services, wanted, cancelled=lambda: writer.count >= 3 or next(stops, False))
    assert "stopped" in first.why_incomplete
    asked = writer.count
    assert 3 <= asked < 9
    second = made(services, wanted)
    assert second.run.id == first.run.id
    assert second.complete
    assert second.offered == 9
    assert first.asked + second.asked == 9
    assert writer.count <= 10  # an answer that was under way when it was stopped may be lost
    before = writer.count
    again = made(services, wanted)
    assert (again.asked, writer.count, again.offered) == (0, before, 9)


def test_an_answer_that_was_kept_before_a_crash_is_not_paid_for_again(
    service: AnsweringService, services: Services, training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer()
    service.reply = writer

    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(services.store), "save_proposals", killed)
        with pytest.raises(KeyboardInterrupt):
            made(services, wish(training, count=3, at_once=3))
    assert writer.count == 3
    outcome = made(services, wish(training, count=3, at_once=3))
    assert (writer.count, outcome.asked, outcome.offered) == (3, 0, 3)


def test_a_money_cap_holds_and_a_price_is_told_before(
    service: AnsweringService, services: Services, training: Path
) -> None:
    service.reply = Writer()
    plan = planned_making(services, wish(training, count=50))
    assert plan.price is not None
    assert 0 < plan.price.low < plan.price.high
    assert "50 to 100 askings" in plan.words
    capped = planned_making(services, wish(training, count=50, max_cost=plan.price.high / 50))
    outcome = run_proposals(services, capped, first_wait=0.01)
    assert "money cap" in outcome.why_incomplete
    assert outcome.spent is not None
    assert outcome.spent.high <= plan.price.high / 50


def test_kept_rows_are_appended_once_with_their_origins_whenever_it_was_killed(
    service: AnsweringService, services: Services, training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.reply = Writer()
    outcome = made(services, wish(training, count=3))
    queue = ReviewQueue(services.store, outcome.run)
    one, two, three = (proposal.number for proposal in queue.waiting())
    queue.keep(one)
    queue.reject(two)
    queue.keep(three)
    assert queue.take_back() == three
    queue.edit(three, json.dumps(row("Edited by hand", "neutral")).encode())
    queue.keep(three)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("_write_origins", "mark_written"):
        with monkeypatch.context() as patch:
            holder = ReviewQueue if name == "_write_origins" else type(services.store)
            patch.setattr(holder, name, killed)
            with pytest.raises(KeyboardInterrupt):
                queue.write()
    written = queue.write()
    assert (written.rows, written.there_already) == (0, 2)
    lines = training.read_bytes().splitlines()
    assert len(lines) == 5
    assert b"Edited by hand" in lines[-1]
    origins = [json.loads(line) for line in origins_file(training).read_bytes().splitlines()]
    assert [(each["number"], each["edited"]) for each in origins] == [(one, False), (three, True)]
    with pytest.raises(TunedeckError, match="stands in the training file already"):
        queue.reject(one)


def test_a_row_that_was_edited_wrong_can_not_be_kept_and_a_held_out_one_is_held_back(
    service: AnsweringService, services: Services, training: Path, tmp_path: Path
) -> None:
    held_out = write_rows(tmp_path / "held.jsonl", row("A question that is held out from all of it"))
    service.reply = Writer()
    queue = ReviewQueue(services.store, made(services, wish(training, count=2, validation=(held_out,))).run)
    one, two = (proposal.number for proposal in queue.waiting())
    queue.edit(one, b'{"messages": []}')
    with pytest.raises(TunedeckError, match="The rules refuse that row"):
        queue.keep(one)
    queue.edit(two, json.dumps(row("A question that is held out from all of it")).encode())
    queue.keep(two)
    written = queue.write()
    assert written.rows == 0
    assert [number for number, _ in written.held_back] == [two]
    assert training.read_bytes().count(b"\n") == 3


def test_no_row_is_ever_made_for_or_from_held_out_files(
    service: AnsweringService, services: Services, training: Path, tmp_path: Path
) -> None:
    parts = [tmp_path / "data.validation.jsonl", paths.splits_dir() / "abc" / "data.training.jsonl"]
    for path in parts:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(path, row("held"))
    for path in parts:
        with pytest.raises(TunedeckError, match="is held out"):
            planned_making(services, wish(training, target=path))
    with pytest.raises(TunedeckError, match="is held out"):
        planned_making(services, wish(parts[0], target=training))
    assert service.requests_answered == 0


def test_noise_changes_questions_here_and_keeps_answers(services: Services, training: Path) -> None:
    outcome = made(services, wish(training, kind=MakingKind.NOISE, count=None, model=""))
    assert (outcome.offered, outcome.asked) == (3, 0)
    queue = ReviewQueue(services.store, outcome.run)
    for proposal in queue.waiting():
        messages = json.loads(proposal.line)["messages"]
        assert messages[0]["content"] == SYSTEM
        assert messages[2]["content"] == "positive"
        assert "lovely today" not in messages[1]["content"] or "The " in messages[1]["content"]
        assert queue.origin(proposal)["answers"] == "keep"
    assert texts(services, outcome.run.id) == texts(
        services, made(services, wish(training, kind=MakingKind.NOISE, count=None, model="")).run.id
    )


def test_a_translation_changes_both_and_a_paraphrase_the_question_alone(
    service: AnsweringService, services: Services, training: Path
) -> None:
    def reply(_model: str, question: str, _body: Json) -> Any:
        if question.startswith("{"):
            messages = json.loads(question)["messages"]
            return json.dumps({"messages": [{**one, "content": f"fr {one['content']}"} for one in messages]})
        return f'"{question} indeed, and so said all of us"'

    service.reply = reply
    french = made(services, wish(training, kind=MakingKind.TRANSLATION, count=None, detail="French"))
    assert all("=> fr positive" in one for one in texts(services, french.run.id))
    other = made(services, wish(training, kind=MakingKind.PARAPHRASE, count=None))
    assert all(one.endswith("so said all of us => positive") for one in texts(services, other.run.id))
    label = wish(
        training, kind=MakingKind.TRANSLATION, count=1, detail="French", answers=Answers.KEEP, lines=(2,)
    )  # fmt: skip
    assert texts(services, made(services, label).run.id) == [
        "The tea was lovely today indeed, and so said all of us => positive"
    ]


def test_what_was_recorded_of_a_model_is_looked_through_in_the_same_queue(
    service: AnsweringService, services: Services, training: Path, tmp_path: Path
) -> None:
    service.reply = lambda model, question, body: f"about {question}"
    assert run_cli("record", str(training), "--model", BASE, "--yes").code == 0
    recording = find_recording(services, BASE)
    into = tmp_path / "successor.jsonl"
    wanted = MakingWish(kind=MakingKind.RECORDING, recording=recording.id, target=into)
    outcome = made(services, wanted)
    assert outcome.offered == 3
    queue = ReviewQueue(services.store, outcome.run)
    for one in queue.waiting():
        queue.keep(one.number)
    assert queue.write().rows == 3
    assert b"about The sun was lovely today" in into.read_bytes()


def test_the_same_run_is_found_again_from_what_is_kept(
    service: AnsweringService, services: Services, training: Path
) -> None:
    service.reply = Writer()
    outcome = made(services, wish(training, typed=("Great stuff => positive",)))
    run = find_run(services.store, outcome.run.id[:6])
    definition = Definition.of(run)
    assert definition.id == run.id
    assert plan_proposals(services, definition, max_cost=Decimal(1)).unknown == 5  # the spare ones


def test_the_command_line_generates_reviews_and_writes(
    service: AnsweringService, services: Services, training: Path
) -> None:
    service.reply = Writer()
    arguments = ["generate", "-t", TASK, "-e", str(training), "-m", BASE, "-n", "2", "--max-tokens", "60"]
    dry = run_cli(*arguments, "--dry-run", "--json")
    assert json.loads(dry.stdout)["to_ask"] == 4
    assert run_cli(*arguments).code == 2  # it costs, and there is nobody to ask
    assert service.requests_answered == 0
    result = run_cli(*arguments, "--yes", "--json")
    assert result.code == 0
    outcome = json.loads(result.stdout)
    assert outcome["offered"] == 2
    listed = json.loads(run_cli("review", "last", "--json").stdout)
    numbers = [str(one["number"]) for one in listed]
    shown = run_cli("review", "last", "--next")
    assert "pleased nobody" in shown.stdout
    assert run_cli("review", "last", "--keep", numbers[0], "--reject", numbers[1]).code == 0
    written = json.loads(run_cli("review", "last", "--write", "--json").stdout)
    assert written["rows"] == 1
    assert run_cli("review", "last", "--write").code == 2
    runs = json.loads(run_cli("review", "--json").stdout)
    assert runs[0]["counts"]["written"] == 1
    assert run_cli("review", "nothing").code == 2
    assert run_cli("augment", str(training), "-k", "noise", "--yes").code == 0
    assert run_cli("augment", str(training), "-k", "translation", "-m", BASE).code == 2  # no language
    assert run_cli("generate", "-m", BASE).code == 2


def test_pairs_make_pairs_and_hostile_answers_stay_text(
    service: AnsweringService, services: Services, tmp_path: Path
) -> None:
    pair: Json = {
        "input": {"messages": [{"role": "user", "content": "Say hello"}]},
        "preferred_output": [{"role": "assistant", "content": "Hello!"}],
        "non_preferred_output": [{"role": "assistant", "content": "What?"}],
    }
    path = write_rows(tmp_path / "pairs.jsonl", pair)
    written = {"user": "Say bye \x1b[2J\ud800", "preferred": "Bye!", "rejected": "[red]Go"}
    service.reply = lambda model, question, body: json.dumps(written)
    outcome = made(services, wish(path, count=1))
    (line,) = [one.line for one in services.store.proposals(outcome.run.id, ProposalState.WAITING)]
    row_made = json.loads(line)
    assert row_made["preferred_output"][0]["content"] == "Bye!"
    assert row_made["non_preferred_output"][0]["content"] == "[red]Go"
    shown = run_cli("review", "last")
    assert "\x1b" not in shown.stdout
    assert "Say bye" in shown.stdout


def test_two_programs_never_make_or_write_the_same_rows_at_once(
    service: AnsweringService, services: Services, training: Path
) -> None:
    service.reply = Writer()
    plan = planned_making(services, wish(training, count=1))
    with only_one(plan.definition.id, "held"), pytest.raises(TunedeckError, match="by another tunedeck"):
        run_proposals(services, plan, first_wait=0.01)
    assert service.requests_answered == 0
    queue = ReviewQueue(services.store, run_proposals(services, plan, first_wait=0.01).run)
    queue.keep(queue.waiting()[0].number)
    with only_one(queue.run.id, "held"), pytest.raises(TunedeckError, match="by another tunedeck"):
        queue.write()
    assert queue.write().rows == 1
