"""Asks a model the held-out rows of an example and counts the answers that are exactly right."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.providers.protocol import Provider
from tui.records.chats import ChatMessage, ChatParameters, ChatRequest
from tui.safe_text import safe_line

_SAMPLING = ChatParameters(temperature=0, max_tokens=8)
"""The likeliest answer, cut where a one-word label must long be over."""


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out row: what is asked, and the answer that counts as right."""

    messages: tuple[ChatMessage, ...]
    text: str
    expected: str


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """What a model answered to a question, safe to show."""

    question: Question
    answer: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class ExamResult:
    """All answers of one model."""

    model: str
    answers: tuple[GradedAnswer, ...]

    @property
    def correct(self) -> int:
        """How many answers are right."""
        return sum(answer.is_right for answer in self.answers)

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0 to 1."""
        return self.correct / len(self.answers) if self.answers else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return {model, correct, n, accuracy}."""
        return {
            "model": self.model,
            "correct": self.correct,
            "n": len(self.answers),
            "accuracy": round(self.accuracy, 4),
        }


def read_questions(path: Path, limit: int | None = None) -> tuple[Question, ...]:
    """Return the questions of a chat dataset: everything before the last message, which is the right answer.

    Args:
        path: A dataset that the check has passed.
        limit: Most questions, taken in the order of the file.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_question(json.loads(line)["messages"]) for line in lines[:limit])


def _question(messages: Sequence[dict[str, Any]]) -> Question:
    asked = tuple(ChatMessage(message["role"], message["content"]) for message in messages[:-1])
    return Question(asked, safe_line(asked[-1].content), messages[-1]["content"])


def is_right(answer: str, expected: str) -> bool:
    """True when the whole answer is the expected one, but for case, blanks around it and a closing mark."""
    return answer.strip().rstrip(".!").casefold() == expected.casefold()


def examine(
    provider: Provider,
    model: str,
    questions: Sequence[Question],
    on_progress: Callable[[int, int], None] | None = None,
) -> ExamResult:
    """Ask every question and grade the free answers.

    Raises:
        ProviderError: The service did not answer.
    """
    answers = []
    for number, question in enumerate(questions, start=1):
        answer = _ask(provider, model, question)
        answers.append(GradedAnswer(question, safe_line(answer.strip()), is_right(answer, question.expected)))
        if on_progress is not None:
            on_progress(number, len(questions))
    return ExamResult(model, tuple(answers))


def _ask(provider: Provider, model: str, question: Question) -> str:
    request = ChatRequest(model, question.messages, _SAMPLING)
    return "".join(delta.text for delta in provider.stream_chat(request))
