"""How sure a model was of each token of its answer, with what else it thought of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from screens.base import DeckDialog
from tui.records.chats import TokenLogprob
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import Tone, content

_COLUMNS = (
    Column("#", 6, align="right", tone="muted"),
    Column("Token", 18),
    Column("Sure", 7, align="right"),
    Column("Instead", tone="muted"),
)
_SURE, _UNSURE, _GUESS = 0.9, 0.5, 0.1
"""Shares from which on a token is sure, from which on likelier than all others, below which a guess."""


class ChatTokensScreen(DeckDialog, inherit_bindings=False):
    """A list of tokens; esc closes it.

    Args:
        label: Of the model.
        tokens: Of its answer, in order.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dialog", "screen")]
    DEFAULT_CSS = """
    ChatTokensScreen #chat-tokens { width: 92%; max-width: 100; height: 80%; padding: 0 1;
        border: $frame $border; border-title-color: $text-accent; border-subtitle-color: $text-muted;
        background: $surface; }
    ChatTokensScreen #chat-tokens:ansi { background: $background; }
    ChatTokensScreen #token-sum { height: 1; }
    """

    def __init__(self, label: str, tokens: Sequence[TokenLogprob]) -> None:
        super().__init__()
        self._label = label
        self._tokens = tokens

    def compose(self) -> ComposeResult:
        """Yield the sum over the list."""
        with Vertical(id="chat-tokens") as frame:
            frame.border_title = content(f"{safe_line(self._label, 60)}: how sure of each token")
            frame.border_subtitle = "esc closes"
            yield Static(content((_sum_words(self._tokens), "muted")), id="token-sum")
            table = Table(*_COLUMNS, id="token-table", empty="No tokens.")
            table.set_rows([_row(number, token) for number, token in enumerate(self._tokens, 1)])
            yield table


def _sum_words(tokens: Sequence[TokenLogprob]) -> str:
    mean = sum(token.logprob for token in tokens) / len(tokens) if tokens else 0.0
    guesses = sum(_share(token.logprob) < _GUESS for token in tokens)
    return f"{len(tokens):,} tokens · {math.exp(-mean):.2f} perplexity · {guesses:,} below 10 %"


def _row(number: int, token: TokenLogprob) -> TableRow:
    share = _share(token.logprob)
    tone: Tone = "good" if share >= _SURE else ("" if share >= _UNSURE else "warning")
    tone = "bad" if share < _GUESS else tone
    others = [one for one in token.alternatives if one[0] != token.token]
    words = ", ".join(f"{_quoted(text)} {_share(logprob):.0%}" for text, logprob in others)
    return TableRow(
        str(number),
        [str(number), (_quoted(token.token), tone), (f"{share:.1%}", tone), safe_line(words, 300)],
    )


def _quoted(text: str) -> str:
    return f"‹{safe_line(text, 40)}›"


def _share(logprob: float) -> float:
    return math.exp(min(0.0, logprob))
