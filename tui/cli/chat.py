"""`tunedeck chat`: one question or a conversation, plain text line by line, with one model or several."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import click

from tui.chat.lanes import Lane, LaneAnswer, Turn, describe_speed
from tui.chat.models import default_lanes, find_lane
from tui.chat.parameters import NEW_CHAT, parse_parameters
from tui.chat.session import AnswersNotKept, ChatSession
from tui.chat.streams import LaneUpdate
from tui.chat.trained_prompt import trained_prompt
from tui.cli.output import json_option, narrate, print_json, report_error, say
from tui.errors import ExitCode
from tui.safe_text import safe_text
from tui.services import Services


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--message", "-m", help="Ask this and end; left out, it is read from standard input.")
@click.option("--system", help="System prompt; left out, a tuned model's own from its training file.")
@click.option("--account", help="Whose models they are; left out, found by name.")
@click.option("--temperature", default="", help="0 to 2; 0 always takes the likeliest token.")
@click.option("--top-p", default="", help="0 to 1.")
@click.option(
    "--max-tokens", default=str(NEW_CHAT.max_tokens), show_default=True, help="Most tokens of an answer."
)
@click.option("--seed", default="", help="Makes an answer repeatable where the service can.")
@json_option
def command(
    models: tuple[str, ...],
    message: str | None,
    system: str | None,
    account: str | None,
    as_json: bool,
    **parameters: str,
) -> int:
    """Talk to a MODEL, or to several that get the same questions.

    Without a MODEL, to the newest tuned one and its base. On a terminal and without --message, line after
    line until ctrl+d; the chat is kept and can be opened again in the app.
    """
    with Services.open() as services:
        lanes = [find_lane(services, name, account) for name in models] or list(default_lanes(services))
        if system is None:
            system = trained_prompt(services.store, lanes)
            if system:
                narrate(f"System prompt, from the training file: {system}")
        session = ChatSession(
            lanes, services.provider, services.store, system=system, parameters=parse_parameters(parameters)
        )
        if message is None and not sys.stdin.isatty():
            message = sys.stdin.read()
        if message is None:
            return int(_talk(session, services))
        return int(_ask_once(session, message, services, as_json=as_json))


def _ask_once(session: ChatSession, message: str, services: Services, *, as_json: bool) -> ExitCode:
    unkept: AnswersNotKept | None = None
    try:
        printer = Printer(session.lanes, services.headroom)
        turn = _ask(session, message, (lambda update: None) if as_json else printer)
    except AnswersNotKept as error:
        turn, unkept = error.turn, error
    if as_json:
        answers = [
            {**_answer_json(lane, turn.answers[lane]), "rate_limits": _limits_json(services, lane.account)}
            for lane in session.lanes
        ]
        print_json({"chat_id": session.chat_id, "answers": answers})
    if unkept is not None:
        raise unkept
    return _exit_code(turn)


def _exit_code(turn: Turn) -> ExitCode:
    answers = turn.answers.values()
    if any(answer.finish_reason == "stopped" for answer in answers):
        return ExitCode.INTERRUPTED
    return ExitCode.BAD if any(answer.is_broken for answer in answers) else ExitCode.DONE


def _talk(session: ChatSession, services: Services) -> ExitCode:
    """Ask line after line; ctrl+c stops an answer, ctrl+d ends."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives the line its editing keys and history

    narrate(
        f"Talking to {', '.join(lane.model for lane in session.lanes)}. Ctrl+c stops an answer, ctrl+d ends."
    )
    code = ExitCode.DONE
    while True:
        try:
            question = input("you> ")
        except EOFError:
            click.echo()
            return code
        if question.strip():
            try:
                turn = _ask(session, question, Printer(session.lanes, services.headroom))
            except AnswersNotKept as error:
                turn = error.turn
                report_error(error)
            code = (
                ExitCode.BAD if any(answer.is_broken for answer in turn.answers.values()) else ExitCode.DONE
            )


def _ask(session: ChatSession, question: str, on_update: Callable[[LaneUpdate], None]) -> Turn:
    """Ask in a thread, so that ctrl+c can stop the answers and keep what has arrived."""
    result: list[Turn] = []
    failure: list[BaseException] = []

    done = threading.Event()

    def ask() -> None:
        try:
            result.append(session.ask(question, on_update))
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
        headroom: Says how much of an account's rate limits is left; empty where that is not known.
    """

    def __init__(self, lanes: tuple[Lane, ...], headroom: Callable[[str], str] = lambda account: "") -> None:
        self._headroom = headroom
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
        if answer.failed:
            narrate(f"{lane.model}: {answer.error} {answer.remedy}".rstrip())
        elif answer.is_cut:
            narrate(f"{lane.model}: the answer was cut off. {answer.error} {answer.remedy}".rstrip())
        else:
            facts = filter(None, (describe_speed(answer), self._headroom(lane.account)))
            narrate(f"{lane.label}: {', '.join(facts)}")


def _limits_json(services: Services, account: str) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "limit": one.limit, "remaining": one.remaining, "resets_at": one.resets_at}
        for one in services.rate_gauges(account)
    ]


def _answer_json(lane: Lane, answer: LaneAnswer) -> Mapping[str, Any]:
    return {
        "account": lane.account,
        "model": lane.model,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "error": answer.error or None,
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
            "cached_tokens": answer.usage.cached_tokens,
        },
        "first_token_seconds": answer.first_token_seconds,
        "seconds": answer.seconds,
        "tokens_per_second": answer.tokens_per_second,
    }
