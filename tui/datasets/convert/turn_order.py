"""Fits the order of turns to services that take one system message, or no role twice in a row."""

from __future__ import annotations

from typing import Any

from tui.datasets.convert.example import Message
from tui.datasets.convert.losses import LossList, RowProblem
from tui.datasets.convert.targets import TargetRules


def fit_turns(messages: list[Message], rules: TargetRules, losses: LossList) -> None:
    """Join or leave out messages that stand where the service takes none; every one is listed.

    Raises:
        RowProblem: Two messages in a row say more than one could.
    """
    kept: list[Message] = []
    for message in messages:
        role = message["role"]
        before = kept[-1] if kept else None
        if rules.one_system and role == "system" and before is not None and before["role"] != "system":
            losses.note("system message", "", "left out in the middle of a conversation")
        elif before is not None and role == before["role"] and _must_join(role, rules):
            kept[-1] = _joined(before, message)
            losses.note(f"{role} message", "", "joined with the one before")
        else:
            kept.append(message)
    messages[:] = kept


def _must_join(role: str, rules: TargetRules) -> bool:
    # Answers of several tools follow each other whatever a service says of roles.
    return role == "system" or (rules.alternate and role in ("user", "assistant"))


def _joined(first: Message, second: Message) -> Message:
    others = [{key: one[key] for key in one if key != "content"} for one in (first, second)]
    if others[0] != others[1] or "tool_calls" in first:
        raise RowProblem(f"two messages of {first['role']} in a row differ in more than their text")
    texts = first.get("content"), second.get("content")
    if all(isinstance(text, str) for text in texts):
        return {**first, "content": f"{texts[0]}\n\n{texts[1]}"}
    return {**first, "content": [*_parts(texts[0]), *_parts(texts[1])]}


def _parts(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
