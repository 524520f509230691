"""tiktoken: the reference, present everywhere, and what counts where a faster engine can't."""

from __future__ import annotations

from collections.abc import Sequence

from tui.datasets.tokens import TextTokenizer, TiktokenCounter


class OneByOne:
    """Any tokenizer that counts one text at a time, as an engine."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        self.name = tokenizer.name

    def count(self, text: str) -> int:
        """Return the tokens of one text."""
        return self._tokenizer.count(text)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text."""
        count = self._tokenizer.count
        return [count(text) for text in texts]


class TiktokenEngine(OneByOne):
    """Counts with tiktoken and a shipped vocabulary."""

    def __init__(self, name: str) -> None:
        super().__init__(TiktokenCounter(name))
