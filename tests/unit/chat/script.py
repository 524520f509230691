"""A model whose answers are written down beforehand, and a log that keeps what it is given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from tui.chat.session import Streamer
from tui.errors import TunedeckError
from tui.records.chats import Answer, ChatDelta, ChatParameters, ChatRequest, Usage


class ScriptedModel:
    """Yields `pieces`, then a last delta with usage; may fail instead, or wait to be let go."""

    def __init__(
        self, *pieces: str, failure: TunedeckError | None = None, hold: threading.Event | None = None
    ) -> None:
        self.pieces = pieces
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
            yield ChatDelta("", "stop", Usage(7, len(self.pieces)))
        finally:
            self.closed.set()


class MemoryLog:
    """Keeps chats in lists, replacing by key as the store does."""

    def __init__(self) -> None:
        self.chats: dict[str, tuple[str, Sequence[tuple[str, str]], str]] = {}
        self.messages: dict[tuple[str, int, str], str] = {}
        self.answers: dict[tuple[str, int, str, str], Answer] = {}

    def create_chat(
        self, title: str, models: Sequence[tuple[str, str]], system: str, parameters: ChatParameters
    ) -> str:
        chat_id = f"chat-{len(self.chats) + 1}"
        self.chats[chat_id] = (title, models, system)
        return chat_id

    def add_message(self, chat_id: str, turn: int, role: str, content: str) -> None:
        self.messages[chat_id, turn, role] = content

    def add_answer(self, answer: Answer) -> None:
        self.answers[answer.chat_id, answer.turn, answer.account, answer.model] = answer


def provider_of(**models: ScriptedModel) -> Callable[[str], Streamer]:
    """Look providers up by account name."""
    return models.__getitem__
