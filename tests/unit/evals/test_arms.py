"""Prompt, nearest examples or fine-tuning: three ways on the same rows, over real HTTP."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support import run_cli
from tests.unit.core.fake_service import Json
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.arms.arms import ArmKind, Arms, plan_arms, run_arms
from tui.evals.arms.nearest import (
    Nearness,
    embed_missing,
    library_vectors,
    nearest_examples,
    texts_of,
)
from tui.evals.arms.report import sentences
from tui.evals.checks.spec import parse_check
from tui.evals.kept import find_evaluation
from tui.evals.test_set import read_test_set
from tui.records.chats import ChatParameters
from tui.services import Services

LANES = (Lane("openai", BASE), Lane("openai", TUNED))
EMBEDDING = "text-embedding-3-small"
TOPICS = ("parcels", "invoices", "returns", "passwords")
ROWS = 24


def row(question: str, answer: str) -> Json:
    said = {"system": "Name the team.", "user": question, "assistant": answer}
    return {"messages": [{"role": role, "content": text} for role, text in said.items()]}


@pytest.fixture
def training(tmp_path: Path) -> Path:
    rows = [row(f"Where are my {topic} number {n}", f"team {topic}") for topic in TOPICS for n in range(5)]
    return write_rows(tmp_path / "train.jsonl", *rows)


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    rows = [
        row(f"Somebody asks about {TOPICS[n % 4]} again, case {n}", f"team {TOPICS[n % 4]}")
        for n in range(ROWS)
    ]  # fmt: skip
    return write_rows(tmp_path / "held.jsonl", *rows)


def copies_or_knows(model: str, question: str, body: Json) -> Any:
    """The tuned model knows; the base answers as the last example does, and without any it can't."""
    if model == TUNED:
        topic = next(topic for topic in TOPICS if topic in question)
        return f"team {topic}"
    shown = [one["content"] for one in body["messages"] if one["role"] == "assistant"]
    return shown[-1] if shown else "some team"


def found(services: Services, held_out: Path, training: Path, **options: Any) -> Arms:
    plan = plan_arms(
        services, read_test_set(held_out), *LANES, read_test_set(training), [parse_check("exact")], **options
    )
    return run_arms(services, plan, first_wait=0.01)


def test_nearest_examples_that_do_as_well_as_the_tuned_model_are_told_with_their_price(
    service: AnsweringService, services: Services, held_out: Path, training: Path
) -> None:
    service.reply = copies_or_knows
    arms = found(services, held_out, training)
    assert [one.kind for one in arms.arms] == list(ArmKind)
    assert [one.score.estimate for one in arms.arms] == [0, 1, 1]
    assert arms.rival is arms.arms[1]
    assert arms.arms[0].against_tuned is not None
    assert arms.arms[0].against_tuned.word == "better"
    assert arms.nearest_against_prompt is not None
    assert arms.nearest_against_prompt.word == "better"
    said = sentences(arms)
    assert said[0].startswith("It can't be told yet whether fine-tuning helps:")
    assert "1,000 calls cost $" in said[0]
    prompt, nearest, tuned = (one.tokens_in for one in arms.arms)
    assert prompt is not None
    assert nearest is not None
    assert tuned is not None
    assert prompt == tuned < nearest
    assert "by a new job only" in " ".join(said)
    kept = find_evaluation(services, "last")
    assert kept.kind == "arms"
    assert kept.sentence.startswith("It can't be told yet")
    before = service.requests_answered
    assert found(services, held_out, training).result.asked == 0
    assert service.requests_answered == before


def test_a_tuned_model_that_is_better_or_worse_is_said_to_be(
    service: AnsweringService, services: Services, held_out: Path, training: Path
) -> None:
    service.reply = lambda model, question, body: (
        copies_or_knows(model, question, body) if model == TUNED else "no idea"
    )
    assert sentences(found(services, held_out, training))[0].startswith("Fine-tuning pays in quality:")
    service.reply = lambda model, question, body: (
        "no idea" if model == TUNED else copies_or_knows(model, question, body)
    )
    # At another temperature nothing is kept from before.
    arms = found(services, held_out, training, parameters=ChatParameters(temperature=0.1, max_tokens=20))
    assert sentences(arms)[0].startswith("Don't fine-tune for this:")
    assert arms.worst_rows()[0].answers[-1].score == 0


def test_the_question_itself_is_never_among_its_examples_and_trained_rows_are_refused(
    service: AnsweringService, services: Services, held_out: Path, training: Path
) -> None:
    rows = read_test_set(training)
    examples, left_out = nearest_examples(services, rows.cases, rows.cases, 3, Nearness())
    assert left_out == len(rows.cases)
    for case in rows.cases:
        shown = examples.by_case[case.id]
        assert len(shown) == 6
        assert case.question not in [one.content for one in shown]
    with pytest.raises(TunedeckError, match="was trained on"):
        found(services, training, training)
    assert service.requests_answered == 0


def test_vectors_of_a_service_are_asked_for_once_and_find_what_words_do_not(
    service: AnsweringService, services: Services, tmp_path: Path
) -> None:
    training = read_test_set(
        write_rows(tmp_path / "t.jsonl", row("It is cheap", "low"), row("It is dear", "high"))
    )  # fmt: skip
    asked = read_test_set(write_rows(tmp_path / "h.jsonl", row("Quite inexpensive stuff", "low")))
    likeness = {"It is cheap": [1.0, 0.1], "It is dear": [0.0, 1.0], "Quite inexpensive stuff": [0.9, 0.0]}
    requests: list[int] = []

    def embeddings(body: Json) -> Json:
        requests.append(len(body["input"]))
        vectors = [{"index": n, "embedding": likeness[text]} for n, text in enumerate(body["input"])]
        return {"object": "list", "data": list(reversed(vectors)), "model": body["model"]}

    service.embeddings = embeddings
    lane = Lane("openai", EMBEDDING)
    how = Nearness(EMBEDDING, lane)
    with pytest.raises(TunedeckError, match="not embedded yet"):
        nearest_examples(services, asked.cases, training.cases, 1, how)
    texts = texts_of(asked.cases, training.cases)
    assert embed_missing(services, lane, texts) == 3
    assert embed_missing(services, lane, texts) == 0
    assert requests == [3]
    examples, _ = nearest_examples(services, asked.cases, training.cases, 1, how)
    assert [one.content for one in examples.by_case[asked.cases[0].id]] == ["It is cheap", "low"]
    service.embeddings = lambda body: {"data": [{"embedding": ["x"]}]}
    with pytest.raises(TunedeckError, match="did not give a vector"):
        embed_missing(services, Lane("openai", "other"), texts)
    service.embeddings = None
    with pytest.raises(TunedeckError, match="has no embeddings"):
        embed_missing(services, Lane("openai", "third"), texts)


def test_the_command_line_says_it_in_a_sentence_and_writes_a_report(
    service: AnsweringService, services: Services, held_out: Path, training: Path, tmp_path: Path
) -> None:
    service.reply = copies_or_knows
    arguments = ["arms", str(held_out), "-m", TUNED, "--account", "openai", "--check", "exact"]
    assert run_cli(*arguments).code == 2  # nobody knows what it was trained on
    arguments += ["--training", str(training)]
    assert json.loads(run_cli(*arguments, "--dry-run", "--json").stdout)["to_ask"] == 3 * ROWS
    assert run_cli(*arguments).code == 2  # it costs, and there is nobody to ask
    assert service.requests_answered == 0
    report = tmp_path / "arms.md"
    result = run_cli(*arguments, "--yes", "--json", "--report", str(report))
    assert result.code == 0
    value = json.loads(result.stdout)
    assert [one["kind"] for one in value["arms"]] == ["long prompt", "nearest examples", "tuned model"]
    assert value["rival"] == "nearest examples"
    assert "Tuned against it" in report.read_text()
    assert "arms" in run_cli("eval", "list", "--json").stdout


def test_vectors_of_this_machine_come_from_a_library_or_a_sentence_says_that_it_is_missing(
    tmp_path: Path,
) -> None:
    texts = {b"1": "it is cheap", b"2": "it is dear"}
    if find_spec("model2vec") is None:
        with pytest.raises(TunedeckError, match="need model2vec"):
            library_vectors(str(tmp_path), texts)
        return
    import numpy
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["[UNK]", "[PAD]", "cheap", "dear", "it", "is"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    StaticModel(vectors=numpy.eye(6, 4, 2, dtype=numpy.float32), tokenizer=tokenizer).save_pretrained(
        tmp_path
    )
    vectors = library_vectors(str(tmp_path), texts)
    assert list(vectors[b"1"]) != list(vectors[b"2"])
    with pytest.raises(TunedeckError, match="can't be read"):
        library_vectors(str(tmp_path / "none"), texts)
