"""Tokens of one training row, by one plainly stated definition.

Per example: 3, plus for each message 3 and the tokens of each of its string values (role, content, and so
on; one more for a `name`). That is the formula of OpenAI's cookbook (How_to_count_tokens_with_tiktoken, read
2026-11-21): three framing tokens around each message, three that prime the reply. Whether the last three are
billed in training is not published. What the cookbook leaves out is counted as follows.

- A text part of a list counts its text; an image what `tui.datasets.image_tokens` says: 85 at low detail, by
  tiles where the picture lies in the row, 765 where it lies behind a link.
- A tool call counts its function's name and its arguments. The tokens that stand around a call are not
  published and not counted, so rows with calls count a little low.
- `tools` and `functions` count by the cookbook's constants (`tui.datasets.tool_tokens`).
- A preference row is its input, then both answers, each counted once.
- A prompt and completion row counts its two texts and nothing else.

Trained are the content, refusal and tool calls of assistant messages whose weight is not 0; in a preference
row, of both answers; in a reinforcement row nothing, since it holds no answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.datasets.image_tokens import image_tokens
from tui.datasets.quoting import json_bytes
from tui.datasets.tokens import TextTokenizer
from tui.datasets.tool_tokens import tool_tokens

TOKENS_PER_MESSAGE = 3
TOKENS_PER_NAME = 1
TOKENS_PER_EXAMPLE = 3
_REMEMBERED_TEXTS = 4_096
_REMEMBERED_LENGTH = 4_000
_REMEMBERED_TOOLS, _LONGEST_TOOLS = 64, 100_000
"""Lists of definitions, and their bytes as JSON: files repeat them row by row."""
_KNOWN_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


@dataclass(slots=True)
class RowTokens:
    """Tokens of one row."""

    total: int = 0
    trained: int = 0
    billed: int | None = None
    """What an epoch reads of it, where the model's own layout is known; else up to the limit."""
    cut: int | None = None
    """Tokens that the limit cuts, where the layout is known; else what exceeds the limit."""


@dataclass(slots=True)
class RowTokenCounter:
    """Counts rows and keeps the sum per role; "framing" and "tools" are roles of their own there."""

    tokenizer: TextTokenizer
    by_role: Counter[str] = field(default_factory=Counter)
    _remembered: dict[str, int] = field(default_factory=dict)
    _remembered_tools: dict[bytes, int] = field(default_factory=dict)

    def text(self, text: str) -> int:
        """Return the tokens of a text; roles and repeated system texts are counted once."""
        known = self._remembered.get(text)
        if known is not None:
            return known
        count = self.tokenizer.count(text) if text else 0
        if len(self._remembered) < _REMEMBERED_TEXTS and len(text) < _REMEMBERED_LENGTH:
            self._remembered[text] = count
        return count

    def row(self, value: object, dataset_format: DatasetFormat) -> RowTokens:
        """Return the tokens of a parsed row; whatever has an impossible type counts nothing."""
        tokens = RowTokens()
        if not isinstance(value, dict):
            return tokens
        if dataset_format is DatasetFormat.COMPLETION:
            self._texts(value, ("prompt", "completion"), tokens)
        elif dataset_format is DatasetFormat.TEXT:
            self._texts(value, ("text",), tokens)
        elif dataset_format is DatasetFormat.PREFERENCE:
            self._preference(value, tokens)
        else:
            self._conversation(value, tokens, trained=dataset_format is not DatasetFormat.REINFORCEMENT)
        return tokens

    def _texts(self, row: dict[str, Any], keys: Sequence[str], tokens: RowTokens) -> None:
        for key in keys:
            text = row.get(key)
            count = self.text(text) if isinstance(text, str) else 0
            tokens.total += count
            self.by_role[key] += count
            if key != "prompt":
                tokens.trained += count

    def _preference(self, row: dict[str, Any], tokens: RowTokens) -> None:
        source = row.get("input")
        self._conversation(source if isinstance(source, dict) else {}, tokens, trained=False)
        for key in ("preferred_output", "non_preferred_output"):
            self._messages(row.get(key), tokens, trained=True)

    def _conversation(self, row: dict[str, Any], tokens: RowTokens, *, trained: bool) -> None:
        tokens.total += TOKENS_PER_EXAMPLE
        self.by_role["framing"] += TOKENS_PER_EXAMPLE
        self._messages(row.get("messages"), tokens, trained=trained)
        for key in ("tools", "functions"):
            if row.get(key):
                count = self._tools(row[key])
                tokens.total += count
                self.by_role["tools"] += count

    def _tools(self, definitions: object) -> int:
        written = json_bytes(definitions)
        if written is None or len(written) > _LONGEST_TOOLS:
            return tool_tokens(definitions, self.text, self.tokenizer.name)
        known = self._remembered_tools.get(written)
        if known is None:
            known = tool_tokens(definitions, self.text, self.tokenizer.name)
            if len(self._remembered_tools) < _REMEMBERED_TOOLS:
                self._remembered_tools[written] = known
        return known

    def _messages(self, messages: object, tokens: RowTokens, *, trained: bool) -> None:
        if not isinstance(messages, list):
            return
        for message in messages:
            if isinstance(message, dict):
                self._message(message, tokens, trained=trained)

    def _message(self, message: dict[str, Any], tokens: RowTokens, *, trained: bool) -> None:
        framing, content = TOKENS_PER_MESSAGE, 0
        for key, value in message.items():
            if key == "role" or key == "name" or key == "tool_call_id":
                framing += self.text(value) if isinstance(value, str) else 0
                framing += TOKENS_PER_NAME if key == "name" and value else 0
            elif isinstance(value, str):
                content += self.text(value)
            elif isinstance(value, (list, dict)):
                content += self._nested(value)
        role = message.get("role")
        self.by_role["framing"] += framing
        self.by_role[role if isinstance(role, str) and role in _KNOWN_ROLES else "other"] += content
        tokens.total += framing + content
        if trained and role == "assistant" and message.get("weight") != 0:
            tokens.trained += content

    def _nested(self, value: list[Any] | dict[str, Any]) -> int:
        parts = value if isinstance(value, list) else [value]
        return sum(self._part(part) for part in parts if isinstance(part, dict))

    def _part(self, part: dict[str, Any]) -> int:
        image = part.get("image_url")
        if image is not None:
            return image_tokens(image).tokens
        function = part.get("function", part)
        if not isinstance(function, dict):
            return 0
        texts = (function.get(key) for key in ("text", "refusal", "name", "arguments"))
        return sum(self.text(text) for text in texts if isinstance(text, str))
