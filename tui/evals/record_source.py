"""Where questions to record come from: any test set or training file, or the app's own chats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.chat.lanes import Lane
from tui.chat.models import ChatServices, find_lane, known_models
from tui.chat.training_rows import training_examples
from tui.datasets.convert.example import Example
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.test_set import message_of, read_test_set
from tui.money.lifetime import Lifetime, Lifetimes
from tui.store.store import Store

CHATS = "chats"
"""Source name of the app's own conversations."""


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions with the name of their source."""

    source: str
    cases: tuple[Case, ...]
    skipped: tuple[tuple[int, str], ...] = ()
    """(line, why nothing can be asked of it)."""


def questions_of_file(path: Path, limit: int | None = None) -> Questions:
    """Return the questions of a JSONL file.

    Raises:
        TunedeckError: It can't be read, or no row of it can be asked.
    """
    test_set = read_test_set(path, limit=limit)
    return Questions(str(path.absolute()), test_set.cases, test_set.skipped)


def questions_of_chats(store: Store, model: str | None = None, limit: int | None = None) -> Questions:
    """Return every question of the kept conversations, each with what was said before it.

    Args:
        store: Where chats are kept.
        model: Only what this model answered; None takes all.
        limit: Only so many.

    Raises:
        TunedeckError: There are none.
    """
    cases = list(_chat_cases(training_examples(store, model)))[:limit]
    if not cases:
        whose = f" with {model}" if model else ""
        raise TunedeckError(f"There is no chat{whose} to take questions from.", "Name a file instead.")
    return Questions(CHATS, tuple(cases))


def _chat_cases(examples: Iterator[Example]) -> Iterator[Case]:
    number = 0
    for chat, example in enumerate(examples, 1):
        for place, message in enumerate(example.messages):
            if message.get("role") != "assistant" or not place:
                continue
            number += 1
            content = message.get("content")
            yield Case(
                line=number,
                id=f"chat {chat}, answer {place}",
                messages=tuple(message_of(one) for one in example.messages[:place]),
                expected=(content,) if isinstance(content, str) and content else (),
                tools=tuple(tool for tool in example.tools if isinstance(tool, dict)),
            )


@dataclass(frozen=True, slots=True)
class Recordable:
    """A model that can be recorded, with its end."""

    lane: Lane
    lifetime: Lifetime
    is_tuned: bool


def recordable_models(services: ChatServices, lifetimes: Lifetimes) -> list[Recordable]:
    """Return the models that can be asked, as last seen; tuned before base, the first to end first."""
    providers = {account.name: account.provider for account in services.accounts()}
    found = [
        Recordable(
            Lane(one.account, one.id),
            lifetimes.of(providers.get(one.account, one.account), one.id, one.shutdown_date),
            one.is_fine_tuned,
        )
        for one in known_models(services)
    ]
    alive = [one for one in found if not one.lifetime.is_over]

    def urgency(one: Recordable) -> tuple[bool, float, str]:
        left = one.lifetime.days_left
        return not one.is_tuned, float("inf") if left is None else left, one.lane.model

    return sorted(alive, key=urgency)


def lanes_named(services: ChatServices, names: tuple[str, ...], account: str | None) -> list[Lane]:
    """Return the lanes that names mean, each once.

    Raises:
        TunedeckError: No model, or several, are meant by one.
    """
    return list(dict.fromkeys(find_lane(services, name, account) for name in names))
