"""`tunedeck chat`: one question or a conversation, plain text line by line, with one model or several."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tui.chat.abilities import reason_against
from tui.chat.export import answer_json
from tui.chat.images import describe_image, read_image
from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.chat.models import default_lanes, find_lane
from tui.chat.parameters import NEW_CHAT, parse_parameters, stop_words
from tui.chat.session import AnswersNotKept, ChatSession
from tui.chat.spent import call_words, cost_of, spent
from tui.chat.tools_file import read_tools
from tui.chat.trained_prompt import trained_prompt
from tui.cli.chat_history import COMMANDS, open_chat, spent_json
from tui.cli.chat_print import FactsOf, Printer, ask_interruptibly
from tui.cli.output import json_option, narrate, print_json, report_error
from tui.errors import ExitCode, TunedeckError
from tui.records.chats import ChatParameters
from tui.records.models import Capability
from tui.safe_text import safe_line
from tui.services import Services

_NAMED = "a command of chat was named"
_PARAMETERS = ("temperature", "top_p", "max_tokens", "seed", "logprobs", "response_format")
_QUOTES = '"""'
_FILE = click.Path(path_type=Path)


class _ChatCommand(click.Group):
    """Takes any number of MODELs where a group takes the name of a command: the first word decides."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave everything after a command's name to it."""
        if args and args[0] in self.commands:
            ctx.meta[_NAMED] = True
            ctx.allow_interspersed_args = False
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Leave the MODELs out before a command."""
        params = super().get_params(ctx)
        return [one for one in params if not (ctx.meta.get(_NAMED) and isinstance(one, click.Argument))]


@click.group(
    cls=_ChatCommand,
    invoke_without_command=True,
    subcommand_metavar="| COMMAND ...",
    context_settings={"allow_interspersed_args": True},
)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--message", "-m", help="Ask this and end; left out, it is read from standard input.")
@click.option("--system", help="System prompt; left out, a tuned model's own from its training file.")
@click.option("--account", help="Whose models they are; left out, found by name.")
@click.option("--chat", "chat_id", help="Go on with this chat: its id, the beginning of one, or `last`.")
@click.option("--again", is_flag=True, help="With --chat: ask its last question again, in a branch.")
@click.option("--tool-result", "results", multiple=True, help="With --chat: what a called tool gave back.")
@click.option("--tools", type=_FILE, help="JSON file of the tools that may be called.")
@click.option("--image", "images", multiple=True, type=_FILE, help="Send a picture along.")
@click.option("--temperature", default="", help="0 to 2; 0 always takes the likeliest token.")
@click.option("--top-p", default="", help="0 to 1.")
@click.option(
    "--max-tokens", default=str(NEW_CHAT.max_tokens), show_default=True, help="Most tokens of an answer."
)
@click.option("--seed", default="", help="Makes an answer repeatable where the service can.")
@click.option("--stop", "stops", multiple=True, help="End the answer before this text; up to four.")
@click.option("--response-format", default="", help="`json`, or the file of a JSON schema.")
@click.option("--logprobs", default="", help="How sure of each token, with 0 to 20 others; for --json.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, models: tuple[str, ...] = (), **options: Any) -> int:
    """Talk to a MODEL, or to several that get the same questions.

    Without a MODEL, to the newest tuned one and its base. On a terminal and without --message, line after
    line until ctrl+d; what has several lines, a tool's result too, stands between two lines of \"\"\". The
    chat is kept and can be opened again in the app. The commands are about chats that were kept; `tunedeck
    chat -- history` talks to a model of that name.
    """
    if ctx.invoked_subcommand is not None:
        return int(ExitCode.DONE)
    with Services.open() as services:
        if options["chat_id"] is None:
            session = _new_chat(services, models, options)
        else:
            session = _kept_chat(services, models, options, _chosen(ctx))
        turn = _asked_turn(services, session, options)
        if turn is None:
            return int(_talk(services, session))
        return int(_ask_once(services, session, turn, as_json=options["as_json"]))


for _one in COMMANDS:
    command.add_command(_one)


def _new_chat(services: Services, models: Sequence[str], options: Mapping[str, Any]) -> ChatSession:
    if options["again"] or options["results"]:
        raise TunedeckError("--again and --tool-result need --chat.", "`tunedeck chat history` lists chats.")
    lanes = [find_lane(services, name, options["account"]) for name in models]
    lanes = lanes or list(default_lanes(services))
    system: str | None = options["system"]
    if system is None:
        system = trained_prompt(services.store, lanes)
        if system:
            narrate(f"System prompt, from the training file: {system}")
    return ChatSession(
        lanes, services.provider, services.store, system=system, parameters=_parameters(options),
        tools=read_tools(options["tools"]) if options["tools"] is not None else (),
    )  # fmt: skip


def _chosen(ctx: click.Context) -> list[str]:
    """Return the parameters that were named on the command line; others stay as a kept chat has them."""
    names = {"stops": "stop"} | {name: name for name in _PARAMETERS}
    return [
        name
        for option, name in names.items()
        if ctx.get_parameter_source(option) is not click.core.ParameterSource.DEFAULT
    ]


def _kept_chat(
    services: Services, models: Sequence[str], options: Mapping[str, Any], chosen: Sequence[str]
) -> ChatSession:
    session = open_chat(services, options["chat_id"])
    lanes = tuple(find_lane(services, name, options["account"]) for name in models)
    session.lanes = lanes or session.lanes
    given = _parameters(options)
    session.parameters = replace(session.parameters, **{name: getattr(given, name) for name in chosen})
    if options["system"] is not None:
        session.system = options["system"]
    if options["tools"] is not None:
        session.tools = read_tools(options["tools"])
    return session


def _parameters(options: Mapping[str, Any]) -> ChatParameters:
    texts = {name: options[name] for name in _PARAMETERS}
    return parse_parameters(texts | {"stop": stop_words(options["stops"])})


def _asked_turn(services: Services, session: ChatSession, options: Mapping[str, Any]) -> Turn | None:
    """Return what is to be asked once; None where a person types line after line."""
    images = [read_image(path) for path in options["images"]]
    _refuse_what_cannot_be(services, session, with_images=bool(images))
    for image in images:
        narrate(f"Sends {describe_image(image)}.")
    if options["again"]:
        return session.same_turn()
    if options["results"]:
        return _results_turn(session, options["results"])
    message: str | None = options["message"]
    if message is None and not sys.stdin.isatty():
        message = sys.stdin.read()
    return None if message is None else session.new_turn(message, images=images)


def _refuse_what_cannot_be(services: Services, session: ChatSession, *, with_images: bool) -> None:
    shape = session.parameters.response_format
    wanted = [Capability.CHAT_IMAGES] if with_images else []
    if shape is not None and "json_schema" in shape:
        wanted.append(Capability.CHAT_SCHEMA)
    for capability in wanted:
        reason = reason_against(services, session.lanes, capability)
        if reason:
            raise TunedeckError(reason, "Choose another model, or leave it out.")


def _results_turn(session: ChatSession, results: Sequence[str]) -> Turn:
    """Deal results to the calls of the last answers, in the order in which those are shown."""
    left = list(results)
    dealt: dict[Lane, list[str]] = {}
    for lane, calls in session.calling_lanes().items():
        dealt[lane], left = left[: len(calls)], left[len(calls) :]
    if left and dealt:
        raise TunedeckError(f"{len(left)} tool results are more than the last answer has calls.")
    return session.results_turn(dealt)


def _ask_once(services: Services, session: ChatSession, turn: Turn, *, as_json: bool) -> ExitCode:
    unkept: AnswersNotKept | None = None
    printer = Printer(session.asked_lanes(turn), _facts_of(services))
    try:
        turn = ask_interruptibly(session, turn, (lambda update: None) if as_json else printer)
    except AnswersNotKept as error:
        turn, unkept = error.turn, error
    if as_json:
        print_json({
            "chat_id": session.chat_id,
            "turn": turn.number,
            "answers": [
                _answer_json(services, lane, turn.answers[lane]) for lane in session.asked_lanes(turn)
            ],
            "chat_total": spent_json(spent(services, session.all_turns)),
        })  # fmt: skip
    elif session.calling_lanes():
        narrate(f"Answer the calls with `tunedeck chat --chat {session.chat_id} --tool-result RESULT`.")
    if unkept is not None:
        raise unkept
    return _exit_code(turn)


def _facts_of(services: Services) -> FactsOf:
    def facts(lane: Lane, answer: LaneAnswer) -> str:
        words = call_words(answer, cost_of(services, lane, answer.usage))
        return " · ".join(filter(None, (words, services.headroom(lane.account))))

    return facts


def _answer_json(services: Services, lane: Lane, answer: LaneAnswer) -> Mapping[str, Any]:
    cost = cost_of(services, lane, answer.usage)
    return {
        **answer_json(lane, answer),
        "cost": None if cost is None else str(cost.high),
        "currency": None if cost is None else cost.currency,
        "rate_limits": [
            {"name": one.name, "limit": one.limit, "remaining": one.remaining, "resets_at": one.resets_at}
            for one in services.rate_gauges(lane.account)
        ],
    }


def _exit_code(turn: Turn) -> ExitCode:
    answers = turn.answers.values()
    if any(answer.finish_reason == "stopped" for answer in answers):
        return ExitCode.INTERRUPTED
    return ExitCode.BAD if any(answer.is_broken for answer in answers) else ExitCode.DONE


def _talk(services: Services, session: ChatSession) -> ExitCode:
    """Ask line after line; ctrl+c stops an answer, ctrl+d ends."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives the line its editing keys and history

    narrate(
        f"Talking to {', '.join(lane.model for lane in session.lanes)}. Ctrl+c stops an answer, ctrl+d ends."
    )
    code = ExitCode.DONE
    while True:
        try:
            turn = _typed_turn(session)
        except EOFError:
            click.echo()
            return code
        if turn is None:
            continue
        try:
            printer = Printer(session.asked_lanes(turn), _facts_of(services))
            turn = ask_interruptibly(session, turn, printer)
        except AnswersNotKept as error:
            turn = error.turn
            report_error(error)
        broken = any(answer.is_broken for answer in turn.answers.values())
        code = ExitCode.BAD if broken else ExitCode.DONE
        narrate(f"chat: {spent(services, session.all_turns).words}")


def _typed_turn(session: ChatSession) -> Turn | None:
    """Return what is typed: a question, or what the tools that were just called give back."""
    calling = session.calling_lanes()
    if not calling:
        question = _typed_text("you> ")
        return session.new_turn(question) if question.strip() else None
    return session.results_turn({
        lane: [
            _typed_text(f"{safe_line(call.name, 40)}({safe_line(call.arguments, 400)})> ") for call in calls
        ]
        for lane, calls in calling.items()
    })  # fmt: skip


def _typed_text(prompt: str) -> str:
    """Return a line, or all lines between two lines of three quotes: results of tools often have many."""
    line = input(prompt)
    if line.strip() != _QUOTES:
        return line
    lines: list[str] = []
    while (line := input("... ")).strip() != _QUOTES:
        lines.append(line)
    return "\n".join(lines)
