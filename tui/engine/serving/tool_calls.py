"""Reads a model's calls, `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, out of its text."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tui.engine.serving.stop_strings import overlap

OPENING, CLOSING = "<tool_call>", "</tool_call>"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call; `arguments` is JSON text, as OpenAI gives it."""

    name: str
    arguments: str


class ToolCallScanner:
    """Separates an answer that arrives in pieces into its text and its calls.

    White space before a call belongs to neither, and what is no proper call stays text.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> tuple[str, list[ToolCall]]:
        """Take the next piece; return text that may be shown now, and calls that are complete."""
        self._held += text
        shown = ""
        calls: list[ToolCall] = []
        while (start := self._held.find(OPENING)) >= 0:
            end = self._held.find(CLOSING, start)
            before = self._held[:start]
            if end < 0:
                shown += before.rstrip()
                self._held = self._held[len(before.rstrip()) :]
                return shown, calls
            call = parse_call(self._held[start + len(OPENING) : end])
            end += len(CLOSING)
            if call is None:
                shown += self._held[:end]
            else:
                shown += before.rstrip()
                calls.append(call)
            self._held = self._held[end:]
        kept = len(self._held) - overlap(self._held, OPENING)
        kept = len(self._held[:kept].rstrip())
        shown, self._held = shown + self._held[:kept], self._held[kept:]
        return shown, calls

    def finish(self) -> tuple[str, list[ToolCall]]:
        """Return what is left when the answer ends; a call may lack its closing mark."""
        rest, self._held = self._held, ""
        before, mark, inside = rest.partition(OPENING)
        call = parse_call(inside) if mark else None
        if call is not None:
            return before.rstrip(), [call]
        return rest, []


def parse_call(text: str) -> ToolCall | None:
    """Return the call written in `text`, or None when it is not one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments = value.get("arguments", value.get("parameters", {}))
    return ToolCall(
        value["name"], arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    )
