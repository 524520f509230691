"""Preferred and rejected answers, with the prompt beside them or at the beginning of both."""

from __future__ import annotations

import re
from typing import Any

from tui.datasets.convert.example import Example, Message
from tui.datasets.convert.losses import LossList, RowProblem
from tui.datasets.convert.turns import read_turns, turns_in_text

_HUMAN_ASSISTANT = re.compile(r"\n\n(Human|Assistant):")
"""How Anthropic's helpful-harmless files write conversations as one text."""


def read_answers(
    example: Example, chosen: Any, rejected: Any, columns: tuple[str, str], losses: LossList
) -> None:
    """Put both answers into an example and, where no column has it, the prompt they share.

    Raises:
        RowProblem: An answer is not exactly one message after the prompt.
    """
    good = _turns(chosen, columns[0], losses)
    bad = _turns(rejected, columns[1], losses)
    prompt = example.messages
    if not prompt:
        shared = _shared_length(good, bad)
        prompt = good[:shared]
        good, bad = good[shared:], bad[shared:]
    else:
        good, bad = _without_prompt(good, prompt), _without_prompt(bad, prompt)
    if not prompt:
        raise RowProblem(f'"{columns[0]}" and "{columns[1]}" share no prompt, and no other column has one')
    example.messages = prompt
    example.preferred = _one_answer(good, columns[0], losses)
    example.rejected = _one_answer(bad, columns[1], losses)


def _turns(value: Any, column: str, losses: LossList) -> list[Message]:
    if isinstance(value, str):
        if _HUMAN_ASSISTANT.match(value):
            return _split_text(value)
        if (turns := turns_in_text(value)) is not None:
            return read_turns(turns, column, losses)
        return [{"role": "assistant", "content": value}]
    return read_turns(value, column, losses)


def _split_text(text: str) -> list[Message]:
    pieces = _HUMAN_ASSISTANT.split(text)
    roles = {"Human": "user", "Assistant": "assistant"}
    return [
        {"role": roles[speaker], "content": said.strip()}
        for speaker, said in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _shared_length(good: list[Message], bad: list[Message]) -> int:
    """Return how many messages both begin with, leaving each its last."""
    most = min(len(good), len(bad)) - 1
    return next((index for index in range(most) if good[index] != bad[index]), max(0, most))


def _without_prompt(turns: list[Message], prompt: list[Message]) -> list[Message]:
    """Return the turns after the prompt, where they repeat it (with or without the system message)."""
    spoken = [message for message in prompt if message["role"] not in ("system", "developer")]
    for beginning in (prompt, spoken):
        if beginning and len(turns) > len(beginning) and turns[: len(beginning)] == beginning:
            return turns[len(beginning) :]
    return turns


def _one_answer(turns: list[Message], column: str, losses: LossList) -> Message:
    if len(turns) != 1:
        raise RowProblem(f'"{column}" has {len(turns)} messages after the prompt; one answer is needed')
    answer = turns[0]
    if answer["role"] != "assistant":
        raise RowProblem(f'"{column}" is a message of {answer["role"]}, not the assistant\'s')
    if "weight" in answer:
        losses.note("weight", column, "left out: both answers always count")
        answer = {key: value for key, value in answer.items() if key != "weight"}
    return answer
