"""A model whose answers are written down beforehand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from tui.chat.session import Streamer
from tui.errors import TunedeckError
from tui.records.chats import ChatDelta, ChatRequest, ToolCall, Usage


class ScriptedModel:
    """Yields `pieces`, then a last delta with usage; may fail instead, or wait to be let go."""

    def __init__(
        self,
        *pieces: str,
        failure: TunedeckError | None = None,
        hold: threading.Event | None = None,
        calls: tuple[ToolCall, ...] = (),
        ends: bool = True,
    ) -> None:
        self.pieces = pieces
        self.calls = calls
        self.ends = ends
        """Whether it says that the answer is finished."""
        self.failure = failure
        self.hold = hold
        self.requests: list[ChatRequest] = []
        self.closed = threading.Event()
        self.first_piece_sent = threading.Event()

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        self.requests.append(request)
        try:
            for piece in self.pieces:
                yield ChatDelta(piece)
                self.first_piece_sent.set()
                while self.hold is not None and not self.hold.wait(0.01):
                    yield ChatDelta("")
            if self.failure is not None:
                raise self.failure
            if self.ends:
                reason = "tool_calls" if self.calls else "stop"
                yield ChatDelta("", reason, Usage(7, len(self.pieces)), self.calls)
        finally:
            self.closed.set()


def provider_of(**models: ScriptedModel) -> Callable[[str], Streamer]:
    """Look providers up by account name."""
    return models.__getitem__
