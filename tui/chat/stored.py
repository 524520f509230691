"""Turns and answers as the store keeps them, and back."""

from __future__ import annotations

from tui.chat.lanes import CUT, Lane, LaneAnswer, Turn
from tui.records.chats import Answer
from tui.store.chat_rows import StoredChat, StoredTurn


def turns_from(stored: StoredChat) -> list[Turn]:
    """Return the turns of a kept conversation, those of every branch, with their answers."""
    turns = {
        kept.number: Turn(
            kept.number, kept.question, parent=kept.parent, images=kept.images,
            results={Lane(account, model): said for (account, model), said in kept.results.items()},
        )
        for kept in stored.turns
    }  # fmt: skip
    for answer in stored.answers:  # in the order they were given: an answer asked for again comes later
        if answer.turn in turns:
            turns[answer.turn].answers[Lane(answer.account, answer.model)] = answer_from_record(answer)
    return list(turns.values())


def kept_turn(turn: Turn) -> StoredTurn:
    """Return a turn as the store takes it."""
    results = {(lane.account, lane.model): tuple(said) for lane, said in turn.results.items()}
    return StoredTurn(turn.number, turn.parent, turn.question, turn.images, results)


def answer_from_record(record: Answer) -> LaneAnswer:
    """Return a kept answer as a lane shows it; an unfinished one was cut off with the program."""
    return LaneAnswer(
        text=record.text,
        finish_reason=record.finish_reason or CUT,
        usage=record.usage,
        first_token_seconds=record.first_token_seconds,
        seconds=record.seconds,
        error=record.error or ("" if record.finish_reason else "The program ended before the answer did."),
        tool_calls=record.tool_calls,
        logprobs=record.logprobs,
    )
