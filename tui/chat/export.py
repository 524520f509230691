"""Writes a conversation as a training file: one line per model, in the chat format every check accepts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tui.chat.session import ChatSession
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
    if path.exists():
        raise TunedeckError(f"{path} exists already.", "Choose another name: nothing is overwritten.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".export-")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(line + "\n" for line in lines)
        Path(name).replace(path)
    except OSError as error:
        raise TunedeckError(f"{path} can't be written: {error.strerror or error}") from error
    return len(lines)
