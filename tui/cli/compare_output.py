"""Comparisons in words and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tui.cli.output import print_table, say
from tui.safe_text import safe_line, safe_text

if TYPE_CHECKING:
    from tui.evals.cases import Case
    from tui.evals.compare.blind import BlindRating
    from tui.evals.compare.differences import Parting, Piece
    from tui.records.chats import TokenLogprob
    from tui.records.evaluations import EvalAnswer

Answers = Sequence[Sequence["EvalAnswer | None"]]
Logprobs = Sequence[Sequence["tuple[TokenLogprob, ...]"]]


def prompts_json(cases: Sequence[Case], answers: Answers, logprobs: Logprobs) -> list[dict[str, Any]]:
    """Return the answers to each prompt; differences are those of each later answer to the first."""
    return [
        {"line": case.line, "prompt": case.question, "answers": [_answer_json(one) for one in row],
         "differences": _differences(row, tokens)}
        for case, row, tokens in zip(cases, answers, logprobs, strict=True)
    ]  # fmt: skip


def _answer_json(answer: EvalAnswer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {
        "text": answer.text,
        "tool_calls": [{"name": one.name, "arguments": one.arguments} for one in answer.tool_calls],
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.usage.prompt_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "first_token_seconds": answer.first_token_seconds,
        "seconds": answer.seconds,
    }


def _differences(
    row: Sequence[EvalAnswer | None], tokens: Sequence[tuple[TokenLogprob, ...]]
) -> list[dict[str, Any] | None]:
    from tui.evals.compare.differences import parting, word_differences
    from tui.evals.compare.marks import same_calls

    first = row[0]
    found: list[dict[str, Any] | None] = []
    for answer, logprobs in zip(row[1:], tokens[1:], strict=True):
        if first is None or answer is None:
            found.append(None)
            continue
        pieces = word_differences(first.text, answer.text)
        place = parting(tokens[0], logprobs)
        found.append({
            "equal": first.text == answer.text,
            "same_calls": same_calls(first.tool_calls, answer.tool_calls),
            "first": [_piece_json(one) for one in pieces[0]],
            "other": [_piece_json(one) for one in pieces[1]],
            "parting": None if place is None else _parting_json(place),
        })  # fmt: skip
    return found


def _piece_json(piece: Piece) -> dict[str, Any]:
    return {"text": piece.text, "differs": piece.differs}


def _parting_json(place: Parting) -> dict[str, Any]:
    return {
        "index": place.index, "before": place.before, "tokens": list(place.tokens),
        "probabilities": list(place.probabilities), "other_probabilities": list(place.other_probabilities),
    }  # fmt: skip


def print_prompts(labels: Sequence[str], cases: Sequence[Case], answers: Answers, logprobs: Logprobs) -> None:
    """Print each prompt with its answers, and where they part.

    On a terminal the words that an answer does not share with the first are bold and underlined.
    """
    from tui.evals.compare.marks import marked

    for number, (case, row, tokens) in enumerate(zip(cases, answers, logprobs, strict=True)):
        if number:
            say("")
        say(f"> {safe_text(case.question)}")
        calls = [() if one is None else one.tool_calls for one in row]
        marks = marked(["" if one is None else one.text for one in row], tokens, labels, calls)
        for place, (label, answer) in enumerate(zip(labels, row, strict=True)):
            say(f"\n{safe_line(label, 100)}")
            _print_answer(answer, marks.pieces(place, 1), marks.call_pieces(place, 1))
        for sentence in filter(None, marks.words):
            say(f"\n{sentence}")


def _print_answer(
    answer: EvalAnswer | None, pieces: Sequence[Piece] | None, calls: Sequence[Piece] | None
) -> None:
    from tui.evals.compare.marks import LOOKED_AT

    if answer is None:
        say("(no answer)")
        return
    if pieces is None or len(answer.text) > LOOKED_AT:
        say(answer.text)
    else:
        # Safe already, and the gate would take the marks out.
        click.echo("".join(_marked(one) for one in pieces))
    if calls and answer.tool_calls:
        click.echo("".join(_marked(one) for one in calls))


def _marked(piece: Piece) -> str:
    return click.style(piece.text, bold=True, underline=True) if piece.differs else piece.text


def print_standing(rating: BlindRating) -> None:
    """Print how a blind comparison stands, with the names."""
    from tui.evals.compare.standing import standing_words

    first, second = rating.comparison.sides
    say(f"First {safe_line(first.model, 100)}, second {safe_line(second.model, 100)}.")
    for line in standing_words(rating):
        say(line)


def print_comparisons(found: Sequence[BlindRating]) -> None:
    """Print blind comparisons as a table."""
    rows = []
    for one in found:
        count = one.ratings()
        first, second = one.comparison.sides
        rows.append([
            one.comparison.id, first.model, second.model, f"{count.total:,} of {len(one.rounds):,}",
            count.losses, count.wins, count.ties, count.both_bad,
            f"{datetime.fromtimestamp(one.comparison.created_at, UTC):%Y-%m-%d %H:%M}", one.comparison.source,
        ])  # fmt: skip
    print_table(
        [
            "ID",
            "FIRST",
            "SECOND",
            "RATED",
            "FIRST WON",
            "SECOND WON",
            "TIES",
            "BOTH BAD",
            "BEGUN",
            "PROMPTS OF",
        ],
        rows,
        below=["FIRST", "SECOND", "BEGUN", "PROMPTS OF"],
    )
