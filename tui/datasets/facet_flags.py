"""What one row has, as bits; the pass that finds them for every row of a file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from enum import IntFlag
from hashlib import blake2b
from typing import Any

import orjson

from tui.datasets.parsing import BYTE_ORDER_MARK


class Has(IntFlag):
    """What a row may have; 16 bits are kept for each row."""

    SYSTEM = 1
    DEVELOPER = 2
    USER = 4
    ASSISTANT = 8
    TOOL = 16
    """Messages of a tool, or of the older "function"."""
    TOOLS = 32
    """Definitions of tools, or calls of them."""
    IMAGES = 64
    THINKING = 128
    WEIGHT_0 = 256
    """An answer that is not trained on."""
    SEVERAL_ANSWERS = 512
    UNREADABLE = 1024
    """No JSON, or no object."""
    BLANK = 2048


_ROLES = {
    "system": Has.SYSTEM,
    "developer": Has.DEVELOPER,
    "user": Has.USER,
    "assistant": Has.ASSISTANT,
    "tool": Has.TOOL,
    "function": Has.TOOL,
}
THINKING_KEYS = ("reasoning_content", "reasoning", "thinking")
"""Where providers put a model's reasoning beside its answer."""
THINKING_PARTS = frozenset({"thinking", "reasoning"})
"""Types of content parts that hold reasoning."""


def row_flags(row: object) -> Has:
    """Return what a parsed row has; nothing of its shape is taken for granted."""
    if not isinstance(row, dict):
        return Has.UNREADABLE
    flags = Has(0)
    if row.get("tools") or row.get("functions"):
        flags |= Has.TOOLS
    answers = 0
    for message in _messages(row):
        flags |= _message_flags(message)
        answers += message.get("role") == "assistant"
    if "preferred_output" not in row and answers > 1:
        flags |= Has.SEVERAL_ANSWERS
    if "prompt" in row:
        flags |= Has.USER
    if "completion" in row:
        flags |= Has.ASSISTANT
    return flags


def _messages(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    source = row.get("input")
    lists = [
        row.get("messages"),
        source.get("messages") if isinstance(source, dict) else None,
        row.get("preferred_output"),
        row.get("non_preferred_output"),
    ]
    for messages in lists:
        if isinstance(messages, list):
            yield from (message for message in messages if isinstance(message, dict))


def _message_flags(message: dict[str, Any]) -> Has:
    role = message.get("role")
    flags = _ROLES.get(role, Has(0)) if isinstance(role, str) else Has(0)
    if message.get("tool_calls") or message.get("function_call"):
        flags |= Has.TOOLS
    if message.get("weight") == 0:
        flags |= Has.WEIGHT_0
    if any(message.get(key) for key in THINKING_KEYS):
        flags |= Has.THINKING
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            if "image_url" in part:
                flags |= Has.IMAGES
            if part.get("type") in THINKING_PARTS:
                flags |= Has.THINKING
    return flags


def row_hash(stripped: bytes) -> bytes:
    """Return 64 bits of a row without mark and blanks around it, as rows are compared by `duplicate-row`."""
    return blake2b(stripped, digest_size=8).digest() if stripped else bytes(8)


class FacetJob:
    """Reads each row once; the payload is 16 bits of flags for each line, then a 64-bit hash for each."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        """Need nothing of the job."""

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return the payload; the hash is that of the rule `duplicate-row`, 0 for a blank line."""
        flags, hashes = array("H"), bytearray()
        for number, line in enumerate(lines):
            if is_first and number == 0:
                line = line.removeprefix(BYTE_ORDER_MARK)
            stripped = line.strip()
            if not stripped:
                flags.append(Has.BLANK)
                hashes += bytes(8)
                continue
            hashes += row_hash(stripped)
            try:
                flags.append(row_flags(orjson.loads(line)))
            except ValueError:
                flags.append(Has.UNREADABLE)
        return {}, flags.tobytes() + bytes(hashes)
