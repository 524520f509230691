"""Writes a conversation out: as a training file, as Markdown to read, as JSON with all its branches."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.chat.parameters import describe_parameters
from tui.chat.rows import trainable_messages
from tui.chat.session import ChatSession
from tui.chat.spent import usage_words
from tui.datasets.atomic import new_file
from tui.errors import TunedeckError
from tui.safe_text import safe_line, safe_text


class ExportFormat(StrEnum):
    """What a conversation is written as."""

    ROWS = "rows"
    """JSONL to train on: one line for each model that answered, in the chat format every check accepts."""
    MARKDOWN = "markdown"
    JSON = "json"

    @property
    def suffix(self) -> str:
        """The end of such a file's name."""
        return {"rows": ".jsonl", "markdown": ".md", "json": ".json"}[self]


def format_of(path: Path | None) -> ExportFormat:
    """Return what a file of this name is written as: rows to train on, unless its name ends as another's."""
    ending = path.suffix.lower() if path is not None else ""
    return next((one for one in ExportFormat if one.suffix == ending), ExportFormat.ROWS)


def export_lines(session: ChatSession) -> list[str]:
    """Return one JSON line per lane that has answered, up to its last whole answer.

    Only `messages`, and `tools` where there are any, since services refuse other keys.
    """
    tools = {"tools": list(session.tools)} if session.tools else {}
    return [
        json.dumps({"messages": messages, **tools}, ensure_ascii=False)
        for lane in session.lanes
        if (messages := trainable_messages(session.turns, lane, session.system))
    ]


def export_text(session: ChatSession, export_format: ExportFormat) -> str:
    """Return a conversation in a format; empty when nothing was answered yet."""
    if not any(answer.said for turn in session.all_turns for answer in turn.answers.values()):
        return ""
    writers: dict[ExportFormat, Callable[[ChatSession], str]] = {
        ExportFormat.ROWS: lambda one: "".join(f"{line}\n" for line in export_lines(one)),
        ExportFormat.MARKDOWN: _markdown,
        ExportFormat.JSON: lambda one: json.dumps(chat_json(one), ensure_ascii=False, indent=2) + "\n",
    }
    return writers[export_format](session)


def export_chat(session: ChatSession, path: Path, export_format: ExportFormat = ExportFormat.ROWS) -> int:
    """Write the conversation to `path`, all or nothing, and return how many lines it has.

    Raises:
        TunedeckError: Nothing was answered yet, the file exists already, or it can't be written.
    """
    text = export_text(session, export_format)
    if not text:
        raise TunedeckError("Nothing was answered yet, so there is nothing to export.")
    with new_file(path) as file:
        file.write(text.encode("utf-8", "replace"))
    return text.count("\n")


def chat_json(session: ChatSession) -> dict[str, Any]:
    """Return a conversation with all its branches for programs; pictures by name and size."""
    shown = {turn.number for turn in session.turns}
    return {
        "id": session.chat_id,
        "tags": list(session.tags),
        "models": [{"account": lane.account, "model": lane.model} for lane in session.lanes],
        "system_prompt": session.system,
        "parameters": describe_parameters(session.parameters),
        "tools": list(session.tools),
        "turns": [_turn_json(turn, turn.number in shown) for turn in session.all_turns],
    }


def _turn_json(turn: Turn, shown: bool) -> dict[str, Any]:
    return {
        "number": turn.number,
        "parent": turn.parent,
        "shown": shown,
        "question": turn.question,
        "images": [
            {"name": one.name, "media_type": one.media_type, "bytes": len(one.content)} for one in turn.images
        ],
        "tool_results": [
            {"account": lane.account, "model": lane.model, "results": list(said)}
            for lane, said in turn.results.items()
        ],
        "answers": [answer_json(lane, answer) for lane, answer in turn.answers.items()],
    }


def answer_json(lane: Lane, answer: LaneAnswer) -> dict[str, Any]:
    """Return an answer with all that was told of it, for programs."""
    return {
        "account": lane.account,
        "model": lane.model,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "error": answer.error or None,
        "tool_calls": [{"name": call.name, "arguments": call.arguments} for call in answer.tool_calls],
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
            "cached_tokens": answer.usage.cached_tokens,
        },
        "first_token_seconds": answer.first_token_seconds,
        "seconds": answer.seconds,
        "tokens_per_second": answer.tokens_per_second,
        **({"logprobs": _logprobs_json(answer)} if answer.logprobs else {}),
    }


def _logprobs_json(answer: LaneAnswer) -> list[dict[str, Any]]:
    return [
        {
            "token": one.token,
            "logprob": one.logprob,
            "alternatives": [{"token": token, "logprob": logprob} for token, logprob in one.alternatives],
        }
        for one in answer.logprobs
    ]


def _markdown(session: ChatSession) -> str:
    title = session.turns[0].question if session.turns else "Chat"
    models = ", ".join(f"`{safe_line(lane.model)}` ({safe_line(lane.account)})" for lane in session.lanes)
    parts = [f"# {safe_line(title, 80)}", f"Models: {models}"]
    settings = describe_parameters(session.parameters)
    if settings:
        parts.append(f"Parameters: {safe_line(settings)}")
    if session.tags:
        parts.append(f"Tags: {safe_line(', '.join(session.tags))}")
    parts.append(f"Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by tunedeck.")
    if session.system.strip():
        parts += ["## System prompt", safe_text(session.system)]
    for turn in session.turns:
        parts += _turn_markdown(turn)
    return "\n\n".join(parts) + "\n"


def _turn_markdown(turn: Turn) -> list[str]:
    parts = ["## Tool results"] if turn.results else ["## You"]
    for said in turn.results.values():
        parts += [safe_text(one) for one in said]
    if turn.question.strip():
        parts.append(safe_text(turn.question))
    parts += [f"*Picture: {safe_line(image.name)}*" for image in turn.images]
    for lane, answer in turn.answers.items():
        parts.append(f"## {safe_line(lane.label)}")
        if answer.text:
            parts.append(safe_text(answer.text))
        parts += [f"Calls `{safe_line(one.name)}({safe_line(one.arguments)})`" for one in answer.tool_calls]
        if answer.is_broken:
            parts.append(f"**{answer.finish_reason}: {safe_line(answer.error)}**")
        parts.append(f"*{usage_words(answer.usage)} · {answer.finish_reason}*")
    return parts
