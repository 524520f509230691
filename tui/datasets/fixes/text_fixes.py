"""Fixes of what stands in texts: controls, invisible characters, leftovers of other formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tui.datasets.checks_text import CHAT_MARKUP, SPECIAL_TOKENS
from tui.datasets.fixes.base import Fix, Repair
from tui.datasets.fixes.json_text import JsonText
from tui.datasets.fixes.row_rules import RowVerdict, Wrong
from tui.datasets.locate import JsonPath

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)
_TEXT_KEYS = frozenset({"content", "text", "refusal", "prompt", "completion"})


def _each_text(change: Callable[[str], str]) -> Repair:
    """Return a repair that changes the texts of messages, and of nothing else."""

    def fix(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
        if not verdict.was_checked:
            return None
        changes = [(path, new) for path, old in _texts(verdict.value) if (new := change(old)) != old]
        if not changes or not all(new.strip() for _, new in changes):
            return None
        text = JsonText(line.decode("utf-8"))
        for path, new in changes:
            text.replace(path, new)
        return text.text().encode()

    return fix


def _texts(row: dict[str, Any]) -> Iterator[tuple[JsonPath, str]]:
    """Yield the texts that a model reads; a grader's own keys and tools are none."""
    waiting: list[tuple[Any, JsonPath]] = [
        (row[key], (key,))
        for key in ("messages", "input", "preferred_output", "non_preferred_output", "prompt", "completion")
        if key in row
    ]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, str) and path[-1] in _TEXT_KEYS:
            yield path, value
        elif isinstance(value, list):
            waiting.extend((item, (*path, index)) for index, item in enumerate(value))
        elif isinstance(value, dict):
            waiting.extend(
                (child, (*path, key))
                for key, child in value.items()
                if key in _TEXT_KEYS or key == "messages"
            )


def _without_controls(text: str) -> str:
    return _CONTROL.sub("", _ESCAPE_SEQUENCE.sub("", text).replace("\r\n", "\n"))


def _without_ends(tokens: tuple[str, ...]) -> Callable[[str], str]:
    """Return what takes leftovers off both ends of a text; in the middle they may be its subject."""
    ends = "|".join(re.escape(token) for token in tokens)
    around = re.compile(rf"^\s*(?:{ends})\s*|\s*(?:{ends})\s*$")

    def change(text: str) -> str:
        while (cut := around.sub("", text)) != text:
            text = cut
        return text

    return change


def _without_spaces_at_end(text: str) -> str:
    return text.rstrip()


FIXES = (
    Fix(
        "control-characters",
        "Remove control characters",
        "Escape sequences of terminals, backspaces and other controls go; tabs and line breaks stay.",
        _each_text(_without_controls),
        finds_itself=True,
    ),
    Fix(
        "invisible-characters",
        "Remove invisible characters",
        "Zero-width spaces, soft hyphens, byte order marks inside texts, bidirectional controls and tag "
        "characters go. Joiners stay: emoji and some scripts need them.",
        _each_text(lambda text: _INVISIBLE.sub("", text)),
        finds_itself=True,
    ),
    Fix(
        "special-token",
        "Take reserved tokens off the ends",
        "At the beginning or end of a text they are left over from another format and go. In the middle they "
        "may be its subject, and the row is left alone.",
        _each_text(_without_ends(SPECIAL_TOKENS)),
    ),
    Fix(
        "chat-markup",
        "Take chat markup off the ends",
        "At the beginning or end of a text it is left over from another format and goes. In the "
        "middle it may "
        "be its subject, and the row is left alone.",
        _each_text(_without_ends(CHAT_MARKUP)),
    ),
)
