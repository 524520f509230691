"""One conversation as its model's template writes it: the whole, and where each answer begins and ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tui.engine.llama.chat_template import ChatTemplate, Message
from tui.errors import TunedeckError

_KEPT_UP_TO = 100
"""Turns of a conversation whose beginnings are kept once rendered; with more of them memory would grow.
Further turns are not asked whether they are written anew either: that time grows with their square."""
_STAND_IN = "standin7f3a9"


class Rendered:
    """A conversation's renderings; those of a beginning are made once where there are few.

    Args:
        template: The model's.
        messages: Guarded by a `SpecialGuard`.
        tools: Guarded likewise.
    """

    def __init__(
        self, template: ChatTemplate, messages: Sequence[Message], tools: Sequence[Any] | None
    ) -> None:
        self.messages = messages
        self._template = template
        self._tools = tools
        self._kept: dict[int, str] = {}
        self.whole = self.upto(len(messages))

    def upto(self, count: int) -> str:
        """Return the first `count` messages as text.

        Raises:
            TunedeckError: The template refuses them.
        """
        known = self._kept.get(count)
        if known is None:
            known = self._template.render(self.messages[:count], self._tools, False)
            if len(self.messages) <= _KEPT_UP_TO:
                self._kept[count] = known
        return known

    def only_grows(self) -> bool:
        """Say whether each answer stands in the whole text as it stood when it was the last one.

        Templates of models that think write an earlier answer otherwise than the last (2026-11: Qwen3 leaves
        the thinking out, gpt-oss ends it with another token), so that it is found at another place.

        Raises:
            TunedeckError: The template refuses a beginning of the conversation.
        """
        return all(
            self.whole.startswith(self.upto(index + 1))
            for index, message in enumerate(self.messages[:_KEPT_UP_TO])
            if message.get("role") == "assistant" and message.get("weight", 1) != 0
        )

    def answers(self) -> Iterator[tuple[int, int]]:
        """Yield where in the whole text each answer to learn begins, and where it ends.

        Raises:
            TunedeckError: The template hides where an assistant's turn begins, or writes it anew later.
        """
        for index, message in enumerate(self.messages):
            if message.get("role") == "assistant" and message.get("weight", 1) != 0:
                until = self.upto(index + 1)
                if not self.whole.startswith(until):
                    raise TunedeckError(
                        f"The model's chat template writes message {index + 1} otherwise once others follow, "
                        "so where it ends can't be told."
                    )
                yield len(self._before(index)), len(until)

    def _before(self, index: int) -> str:
        """Return what stands before the answer of turn `index`: what the model is given when asked."""
        asked = self._template.render(self.messages[:index], self._tools, True) if index else ""
        if index and self.whole.startswith(asked):
            return asked
        probe = [*self.messages[:index], {"role": "assistant", "content": _STAND_IN}]
        before, found, _ = self._template.render(probe, self._tools, False).partition(_STAND_IN)
        if not found or not self.whole.startswith(before):
            raise TunedeckError(
                f"The model's chat template hides where message {index + 1} begins, so it can't be learned."
            )
        return before
