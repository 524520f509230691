"""Answers of a chat as plain text, and asking so that ctrl+c can stop them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import click

from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.chat.session import ChatSession
from tui.chat.streams import LaneUpdate
from tui.cli.output import narrate, say
from tui.safe_text import safe_text

FactsOf = Callable[[Lane, LaneAnswer], str]


def ask_interruptibly(session: ChatSession, turn: Turn, on_update: Callable[[LaneUpdate], None]) -> Turn:
    """Ask a turn in a thread, so that ctrl+c can stop the answers and keep what has arrived."""
    result: list[Turn] = []
    failure: list[BaseException] = []

    done = threading.Event()

    def ask() -> None:
        try:
            result.append(session.answer(turn, on_update))
        except BaseException as error:  # handed to the caller's thread
            failure.append(error)
        finally:
            done.set()

    # A daemon: whatever holds it up (a locked store, a reader of the output that stands still), a second
    # ctrl+c ends the program all the same.
    threading.Thread(target=ask, name="chat", daemon=True).start()
    stopped = False
    # Not `Thread.join`: interrupted by ctrl+c, it takes a running thread for an ended one.
    while not done.is_set():
        try:
            done.wait(0.2)
        except KeyboardInterrupt:
            if stopped:
                raise
            stopped = True
            session.stop()
    if failure:
        raise failure[0]
    return result[0]


class Printer:
    """Prints answers as plain text: one as it comes; several whole, each under its model's name, in order.

    Args:
        lanes: Whose answers.
        facts_of: Says what an answer took and what is left of its account's rate limits.
    """

    def __init__(self, lanes: tuple[Lane, ...], facts_of: FactsOf = lambda lane, answer: "") -> None:
        self._facts_of = facts_of
        self._streams = len(lanes) == 1
        self._held = ""
        self._waiting = list(lanes)
        self._finished: dict[Lane, LaneAnswer] = {}

    def __call__(self, update: LaneUpdate) -> None:
        """Print what has newly arrived."""
        if self._streams:
            self._print_piece(update.text, last=update.finished)
        if not update.finished:
            return
        self._finished[update.lane] = update.answer
        while self._waiting and self._waiting[0] in self._finished:
            lane = self._waiting.pop(0)
            self._print_end(lane, self._finished[lane])

    def _print_piece(self, text: str, *, last: bool) -> None:
        text = self._held + text
        # A line end may be cut between its two bytes; a bare carriage return would be shown as a sign.
        self._held = "\r" if text.endswith("\r") and not last else ""
        text = text[: len(text) - len(self._held)]
        if text:
            click.echo(safe_text(text), nl=False)

    def _print_end(self, lane: Lane, answer: LaneAnswer) -> None:
        if self._streams:
            click.echo()
        else:
            say(f"{lane.model}:\n{answer.text}\n")
        for call in answer.tool_calls:
            say(f"→ {call.name}({call.arguments})")
        if answer.failed:
            narrate(f"{lane.model}: {answer.error} {answer.remedy}".rstrip())
        elif answer.is_cut:
            narrate(f"{lane.model}: the answer was cut off. {answer.error} {answer.remedy}".rstrip())
        facts = self._facts_of(lane, answer)
        if facts:
            narrate(f"{lane.label}: {facts}")
