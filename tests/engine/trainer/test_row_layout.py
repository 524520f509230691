from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.tiny_model import make_tiny_base_model
from tests.engine.trainer.models import chat_rows, tiny_tokenizer, write_job
from tests.engine.trainer.test_tokenizer import CALL, DEFAULT_SYSTEM, TOOL, TOOL_TEMPLATE, nasty
from tests.engine.trl.templates import CHANNELS, THINKING
from tui.datasets.check import check_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.layout_tokens import layout_tokens
from tui.datasets.open_tokenizer import open_tokenizer
from tui.datasets.options import CheckOptions
from tui.datasets.token_segments import RowReader, SpanKind
from tui.datasets.token_view import TokenView, view_row
from tui.engine.llama.chat_template import CHATML
from tui.engine.llama.row_layout import RowLayout, load_row_layout
from tui.engine.llama.tokenizer import NO_TARGET, TrainingExample
from tui.engine.trainers.training_data import (
    BadTrainingFile,
    Reading,
    read_preferences,
    read_supervised,
    supervised_sequences,
)
from tui.engine.worker import run_job
from tui.engine.worker.stop_request import StopRequest
from tui.errors import TunedeckError

LIMIT = 256
GROWING = (CHATML, DEFAULT_SYSTEM, TOOL_TEMPLATE)
TEMPLATES = (*GROWING, THINKING, CHANNELS)


def layout(template: str = CHATML) -> RowLayout:
    return RowLayout(Path("tiny"), tiny_tokenizer(template), 2048)


def said(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


answers = st.builds(said, st.just("assistant"), nasty, weight=st.sampled_from([0, 1]))
turns = st.one_of(
    st.builds(said, st.sampled_from(["system", "user", "developer"]), nasty),
    answers,
    st.just({"role": "assistant", "content": None, "tool_calls": [CALL]}),
    st.just({"role": "tool", "content": "12 °C", "tool_call_id": "call_1"}),
)
tools = st.sampled_from([{}, {"tools": [TOOL]}, {"functions": [TOOL["function"]]}])
chats = st.builds(lambda messages, more: {"messages": messages, **more}, st.lists(turns, max_size=5), tools)
pairs = st.builds(
    lambda prompt, one, other: {
        "input": prompt,
        "preferred_output": [one],
        "non_preferred_output": [other],
    },
    chats,
    st.builds(said, st.just("assistant"), nasty),
    st.builds(said, st.just("assistant"), nasty),
)
completions = st.builds(lambda prompt, completion: {"prompt": prompt, "completion": completion}, nasty, nasty)
rows = st.one_of(
    st.tuples(chats, st.just(DatasetFormat.CHAT)),
    st.tuples(pairs, st.just(DatasetFormat.PREFERENCE)),
    st.tuples(completions, st.just(DatasetFormat.COMPLETION)),
)


def learn(
    path: Path, row: dict[str, Any], dataset_format: DatasetFormat, template: str, limit: int
) -> list[TrainingExample]:
    """Return every sequence of a row, also one with nothing to learn; none where it is left out."""
    path.write_text(json.dumps(row) + "\n", "utf-8")
    if dataset_format is DatasetFormat.PREFERENCE:
        found = read_preferences(path, tiny_tokenizer(template), limit, Reading())
        return [example for pair in found for example in (pair.preferred, pair.rejected)]
    kept = read_supervised(path, tiny_tokenizer(template), limit, Reading())
    sequences = supervised_sequences(row, tiny_tokenizer(template), limit)
    learned = [sequence for sequence in sequences if len(sequence.ids)]
    assert [len(one.ids) for row in kept for one in row.sequences] == [len(one.ids) for one in learned]
    return sequences


def learned_places(view: TokenView, sequence: int) -> list[tuple[int, int | None]]:
    spans = [
        span
        for number, span in enumerate(view.spans())
        if view.segments[view.segment_at(number)].sequence == sequence
    ]
    return [(at, span.id) for at, span in enumerate(spans) if span.trained and not span.cut]


@settings(max_examples=200)
@given(rows, st.sampled_from(TEMPLATES), st.integers(3, 90))
def test_what_is_drawn_and_counted_is_what_the_trainer_reads(
    tmp_path: Path, case: tuple[dict[str, Any], DatasetFormat], template: str, limit: int
) -> None:
    row, dataset_format = case
    reader = layout(template)
    try:
        examples = learn(tmp_path / "row.jsonl", row, dataset_format, template, limit)
    except BadTrainingFile:
        with pytest.raises(TunedeckError):
            reader.row_segments(row, dataset_format)
        return
    segments = reader.row_segments(row, dataset_format)
    read = [example for example in examples if len(example.ids)]
    assert layout_tokens(segments, limit).billed == sum(example.token_count for example in read)
    view = view_row(row, dataset_format, reader, limit)
    assert view.total == sum(segment.tokens for segment in segments)
    for sequence, example in enumerate(examples):
        wanted = [(at + 1, int(token)) for at, token in enumerate(example.targets) if token != NO_TARGET]
        assert learned_places(view, sequence) == wanted


@given(chats, st.sampled_from(GROWING))
def test_the_drawn_tokens_are_the_rendered_conversation(row: dict[str, Any], template: str) -> None:
    reader = layout(template)
    try:
        view = view_row(row, DatasetFormat.CHAT, reader, None)
    except TunedeckError:
        return
    drawn = b"".join(reader.token_bytes(span.id) for span in view.spans() if span.id is not None)
    given_tools = row.get("tools") or [{"type": "function", "function": f} for f in row.get("functions", ())]
    assert drawn.decode() == tiny_tokenizer(template).render(row["messages"], given_tools or None, False)


def test_a_conversation_of_thousands_of_turns_is_counted_exactly_in_time_that_does_not_explode(
    tmp_path: Path,
) -> None:
    turns = [said(("user", "assistant")[number % 2], f"turn {number} in on er") for number in range(4_000)]
    row = {"messages": turns}
    started = time.process_time()
    view = view_row(row, DatasetFormat.CHAT, layout(), 2_048)
    (example,) = learn(tmp_path / "row.jsonl", row, DatasetFormat.CHAT, CHATML, 2_048)
    assert time.process_time() - started < 20
    assert layout_tokens(view.segments, 2_048).billed == example.token_count == 2_048
    wanted = [(at + 1, int(token)) for at, token in enumerate(example.targets) if token != NO_TARGET]
    assert learned_places(view, 0) == wanted
    assert view.total > 40_000


def test_thousands_of_turns_that_are_written_anew_are_learned_as_far_as_a_job_reads(tmp_path: Path) -> None:
    turns = [said(("user", "assistant")[number % 2], f"turn {number} in on er") for number in range(1_000)]
    row = {"messages": turns}
    started = time.process_time()
    segments = layout(THINKING).row_segments(row, DatasetFormat.CHAT)
    examples = learn(tmp_path / "row.jsonl", row, DatasetFormat.CHAT, THINKING, 512)
    assert time.process_time() - started < 20
    read = [example.token_count for example in examples if len(example.ids)]
    assert layout_tokens(segments, 512).billed == sum(read)
    assert 10 < len(read) < 30


def test_each_token_belongs_to_who_said_it() -> None:
    row = {
        "messages": [said("user", "er on"), said("assistant", "the", weight=0), said("assistant", "on in")]
    }
    view = view_row(row, DatasetFormat.CHAT, layout(DEFAULT_SYSTEM), None)
    words: dict[tuple[str, int], str] = {}
    for span in view.spans():
        if span.kind is SpanKind.CONTENT:
            key = (span.role, span.message)
            words[key] = words.get(key, "") + span.text
    assert words == {("user", 0): "er on", ("assistant", 1): "the", ("assistant", 2): "on in"}
    trained = [span.text for span in view.spans() if span.trained]
    assert "".join(trained) == "on in<|im_end|>"


def test_tools_that_a_template_writes_out_are_tools() -> None:
    row = {"messages": [said("user", "in"), said("assistant", "on")], "tools": [TOOL]}
    view = view_row(row, DatasetFormat.CHAT, layout(), None)
    drawn = "".join(span.text for span in view.spans() if span.kind is SpanKind.TOOLS)
    assert '"name": "weather"' in drawn


def test_a_layout_reads_the_same_in_another_process(tmp_path: Path) -> None:
    reader = load_row_layout(make_tiny_base_model(tmp_path / "tiny"))
    assert isinstance(reader, RowReader)
    again = open_tokenizer(*reader.origin)
    assert isinstance(again, RowReader)
    row = chat_rows(1)[0]
    assert again.row_segments(row, DatasetFormat.CHAT) == reader.row_segments(row, DatasetFormat.CHAT)


@pytest.mark.parametrize("spoil", [{"config.json": "{"}, {"tokenizer.json": "{}"}])
def test_a_spoilt_model_is_told_in_words(tmp_path: Path, spoil: dict[str, str]) -> None:
    folder = make_tiny_base_model(tmp_path / "tiny")
    for name, text in spoil.items():
        (folder / name).write_text(text, "utf-8")
    with pytest.raises(TunedeckError, match="not a prepared base model"):
        load_row_layout(folder)


def test_a_job_of_a_llama_whose_template_writes_earlier_answers_anew_learns_each_as_it_is_asked_for(
    tmp_path: Path,
) -> None:
    base = make_tiny_base_model(tmp_path / "tiny")
    (base / "chat_template.jinja").write_text(THINKING, "utf-8")
    talk = [said("user", "one"), said("assistant", "on"), said("user", "two"), said("assistant", "in")]
    examples = [{"messages": talk}] * 3
    settings = {"n_epochs": 2, "batch_size": 2, "learning_rate_multiplier": "auto"}
    folder = write_job(tmp_path / "one", base, examples, validation=examples, hyperparameters=settings)
    reader = load_row_layout(base)
    segments = reader.row_segments(examples[0], DatasetFormat.CHAT)
    assert run_job.run_job(folder, StopRequest(folder)) == 0
    learned = ["", ""]
    for segment in segments:
        if segment.trained:
            learned[segment.sequence] += b"".join(map(reader.token_bytes, segment.ids)).decode()
    assert learned == [f"<think>\n\n</think>\n\n{answer}<|im_end|>" for answer in ("on", "in")]
    tokens = layout_tokens(segments, LIMIT).billed
    assert tokens is not None
    report = check_file(folder / "training.jsonl", CheckOptions("tiny", tokenizer=reader, token_limit=LIMIT))
    assert report.tokens.per_epoch == 3 * tokens
    verdict = json.loads((folder / "done.json").read_text())
    assert verdict["trained_tokens"] == 2 * 3 * tokens
    assert json.loads((folder / "progress.json").read_text())["total_steps"] == 4


def supervised_rows() -> list[dict[str, Any]]:
    user, long = said("user", "Is it even?"), "the on in er " * 60
    return [
        *chat_rows(6),
        {"messages": [user, said("assistant", "no", weight=0), user, said("assistant", "yes")]},
        {"messages": [user, {"role": "assistant", "content": None, "tool_calls": [CALL]}], "tools": [TOOL]},
        {"messages": [user, said("assistant", long)]},
        {"messages": [said("user", long), said("assistant", "lost")]},
        {"messages": [user, said("assistant", "silent", weight=0)]},
    ]


def preference_rows() -> list[dict[str, Any]]:
    return [
        {
            "input": {"messages": [said("user", f"Say {number} " * (1 + 20 * (number == 3)))]},
            "preferred_output": [said("assistant", "gladly")],
            "non_preferred_output": [said("assistant", "never " * (1 + 60 * (number == 5)))],
        }
        for number in range(10)
    ]


@pytest.mark.parametrize(
    ("method", "examples", "used"), [("supervised", supervised_rows(), 9), ("dpo", preference_rows(), 10)]
)
def test_the_count_of_a_file_is_what_a_job_says_it_trained(
    tmp_path: Path, method: str, examples: list[dict[str, Any]], used: int
) -> None:
    base = make_tiny_base_model(tmp_path / "tiny")
    settings = {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": "auto"}
    folder = write_job(
        tmp_path / "jobs" / "one", base, examples,
        method=method, hyperparameters=settings, max_tokens_per_example=LIMIT,
    )  # fmt: skip
    options = CheckOptions("tiny-llama", tokenizer=load_row_layout(base), token_limit=LIMIT)
    report = check_file(folder / "training.jsonl", options)

    assert run_job.run_job(folder, StopRequest(folder)) == 0

    verdict = json.loads((folder / "done.json").read_text())
    assert verdict["status"] == "succeeded"
    assert verdict["trained_tokens"] == 3 * report.tokens.per_epoch
    assert report.tokens.over_limit
    assert report.tokens.per_epoch < report.tokens.total
    assert sum(report.tokens.by_role.values()) == report.tokens.total
    steps = json.loads((folder / "progress.json").read_text())["total_steps"]
    assert steps == 3 * -(-used // 4)
