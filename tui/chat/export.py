"""Writes a conversation as a training file: one line per model, in the chat format every check accepts."""

from __future__ import annotations

from pathlib import Path

from tui.chat.session import ChatSession
from tui.datasets.atomic import new_file
from tui.errors import TunedeckError


def export_lines(session: ChatSession) -> list[str]:
    """Return one JSON line per lane that has answered; only `messages`, since services refuse other keys."""
    import json

    conversations = [session.messages(lane) for lane in session.lanes]
    return [
        json.dumps(
            {"messages": [{"role": message.role, "content": message.content} for message in conversation]},
            ensure_ascii=False,
        )
        for conversation in conversations
        if any(message.role == "assistant" for message in conversation)
    ]


def export_chat(session: ChatSession, path: Path) -> int:
    """Write the conversation to `path`, all or nothing, and return how many lines it has.

    Raises:
        TunedeckError: Nothing was answered yet, the file exists already, or it can't be written.
    """
    lines = export_lines(session)
    if not lines:
        raise TunedeckError("Nothing was answered yet, so there is nothing to export.")
    with new_file(path) as file:
        file.writelines(f"{line}\n".encode("utf-8", "replace") for line in lines)
    return len(lines)
