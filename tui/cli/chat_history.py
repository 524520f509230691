"""Commands of `tunedeck chat` about chats that were kept: history, search, show, export, tag, keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tui.chat.export import ExportFormat, chat_json, export_chat, export_text, format_of
from tui.chat.keep import RowKind, keep_row
from tui.chat.lanes import Lane, Turn
from tui.chat.rows import case_row, preference_row, training_row
from tui.chat.session import ChatSession
from tui.chat.spent import Spent, spent
from tui.cli.job_lookup import when
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.services import Services
from tui.store.chat_rows import ChatSummary
from tui.store.chat_search_queries import FOUND_BEGINS, FOUND_ENDS

_LAST = "last"
_ID_LENGTH = 8
"""Characters of an id that are shown; the beginning of one is enough to name it."""

chat_argument = click.argument("chat_id", metavar="CHAT")


def open_chat(services: Services, name: str) -> ChatSession:
    """Return the chat of that id, of one that begins so, or the last one used.

    Raises:
        TunedeckError: There is none, or several begin so.
    """
    if name == _LAST:
        found = [chat.id for chat in services.store.chats(1)]
    else:
        found = services.store.chats_beginning(name)
    if len(found) > 1 and name not in found:
        raise TunedeckError(f"{len(found)} chats begin with {name!r}.", "Write more of the id.")
    stored = services.store.chat(name if name in found else found[0]) if found else None
    if stored is None:
        raise TunedeckError(f"There is no chat {name!r}.", "`tunedeck chat history` lists them.")
    return ChatSession.resume(stored, services.provider, services.store)


def spent_json(total: Spent) -> dict[str, Any]:
    """Return a sum of calls for programs."""
    return {
        "calls": total.calls,
        "prompt_tokens": total.usage.prompt_tokens,
        "cached_tokens": total.usage.cached_tokens,
        "completion_tokens": total.usage.completion_tokens,
        "cost": None if total.cost is None else str(total.cost.high),
        "currency": None if total.cost is None else total.cost.currency,
        "calls_without_price": total.unpriced,
        "calls_without_tokens": total.untold,
    }


@click.command()
@click.option("--tag", help="Only chats that have it.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@json_option
def history(tag: str | None, limit: int, as_json: bool) -> None:
    """List the chats that were kept, the last one used first."""
    with Services.open() as services:
        chats = services.store.chats(limit, tag)
    if as_json:
        print_json([_summary_json(chat) for chat in chats])
    elif not chats:
        say("No chats yet. `tunedeck chat MODEL` begins one.")
    else:
        print_table(
            ("CHAT", "LAST USED", "MODELS", "TAGS", "BEGINS WITH"),
            [
                (chat.id[:_ID_LENGTH], when(chat.updated_at), ", ".join(model for _, model in chat.models),
                 ", ".join(chat.tags), chat.title)
                for chat in chats
            ],
            below=["MODELS", "BEGINS WITH"],
        )  # fmt: skip


def _summary_json(chat: ChatSummary) -> Mapping[str, Any]:
    return {
        "id": chat.id,
        "title": chat.title,
        "models": [{"account": account, "model": model} for account, model in chat.models],
        "tags": list(chat.tags),
        "created_at": chat.created_at,
        "updated_at": chat.updated_at,
    }


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--tag", help="Only chats that have it.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@json_option
def search(words: Sequence[str], tag: str | None, limit: int, as_json: bool) -> None:
    """Find turns that hold all WORDS, or words that begin so, in every chat and every branch."""
    with Services.open() as services:
        hits = services.store.search_chats(" ".join(words), limit, tag)
    if as_json:
        print_json([
            {"chat_id": hit.chat_id, "turn": hit.turn or None, "title": hit.title,
             "excerpt": _marked(hit.excerpt), "updated_at": hit.updated_at}
            for hit in hits
        ])  # fmt: skip
    elif not hits:
        say("Nothing is found.")
    else:
        print_table(
            ("CHAT", "TURN", "LAST USED", "FOUND"),
            [
                (hit.chat_id[:_ID_LENGTH], hit.turn or "–", when(hit.updated_at),
                 safe_line(_marked(hit.excerpt), 200))
                for hit in hits
            ],
        )  # fmt: skip


def _marked(excerpt: str) -> str:
    return excerpt.replace(FOUND_BEGINS, "»").replace(FOUND_ENDS, "«").replace("\n", " ")


@click.command()
@chat_argument
@click.option("--turn", type=int, help="The branch that holds this turn; left out, the one shown last.")
@json_option
def show(chat_id: str, turn: int | None, as_json: bool) -> None:
    """Print a CHAT: one branch as Markdown, or with --json all of it, and what it cost."""
    with Services.open() as services:
        session = open_chat(services, chat_id)
        if turn is not None and session.show_turn(turn) is None:
            raise TunedeckError(f"The chat has no turn {turn}.", "`--json` shows all turns.")
        total = spent(services, session.all_turns)
    if as_json:
        print_json({**chat_json(session), "total": spent_json(total)})
        return
    say(export_text(session, ExportFormat.MARKDOWN).rstrip("\n") or "Nothing was answered in that chat.")
    narrate(f"chat {session.chat_id}: {total.words}")


@click.command()
@chat_argument
@click.option(
    "--as", "form", type=click.Choice([str(one) for one in ExportFormat]),
    help="Rows to train on (one for each model), Markdown to read, or JSON with all branches; left out, what"
    " --output's name ends with says it, else rows.",
)  # fmt: skip
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="A new file; left out, standard output."
)
@json_option
def export(chat_id: str, form: str | None, output: Path | None, as_json: bool) -> None:
    """Write a CHAT out."""
    with Services.open() as services:
        session = open_chat(services, chat_id)
    export_format = ExportFormat(form) if form else format_of(output)
    if output is not None:
        lines = export_chat(session, output, export_format)
        if as_json:
            print_json({"path": str(output), "lines": lines})
        else:
            say(f"Wrote {lines:,} line{'' if lines == 1 else 's'} to {output}.")
        return
    text = export_text(session, export_format)
    if not text:
        raise TunedeckError("Nothing was answered yet, so there is nothing to export.")
    if as_json:
        print_json({"chat_id": session.chat_id, "as": str(export_format), "text": text})
    else:
        say(text.rstrip("\n"))


@click.command()
@chat_argument
@click.argument("tags", nargs=-1)
@click.option("--none", "clear", is_flag=True, help="Take all tags away.")
@json_option
def tag(chat_id: str, tags: Sequence[str], clear: bool, as_json: bool) -> None:
    """Replace the tags of a CHAT; without any, print them."""
    with Services.open() as services:
        session = open_chat(services, chat_id)
        if tags or clear:
            session.set_tags([] if clear else [safe_line(one, 40) for one in tags])
    if as_json:
        print_json({"chat_id": session.chat_id, "tags": list(session.tags)})
    else:
        say(", ".join(session.tags) or "No tags.")


@click.command()
@chat_argument
@click.option(
    "--as", "form", type=click.Choice([str(one) for one in RowKind]), required=True,
    help="A row to train on, a pair with the better answer, or a case of a test set.",
)  # fmt: skip
@click.option(
    "--to", "path", type=click.Path(path_type=Path), required=True, help="JSONL file it is added to."
)
@click.option("--turn", type=int, help="Number of the turn, as --json shows it; left out, the last one.")
@click.option("--model", help="Whose answer; left out, the only one that answered.")
@click.option("--better", default="", help="With --as pair: the better answer.")
@click.option("--expected", default="", help="With --as case: the right answer; left out, the one given.")
@json_option
def keep(
    chat_id: str, form: str, path: Path, turn: int | None, model: str | None, better: str, expected: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Add a turn of a CHAT to a file, after our own check of the row."""
    with Services.open() as services:
        session = open_chat(services, chat_id)
    turns = _turns_to(session, turn)
    lane = _lane_of(turns[-1], model)
    kind = RowKind(form)
    match kind:
        case RowKind.EXAMPLE:
            row = training_row(turns, lane, session.system, session.tools)
        case RowKind.PAIR:
            row = preference_row(turns, lane, session.system, better, session.tools)
        case RowKind.CASE:
            given = turns[-1].answers[lane].text
            row = case_row(turns, lane, session.system, expected or given, session.tools)
    kept = keep_row(path, kind, row)
    if as_json:
        print_json({"path": str(kept.path), "kind": kind.value, "row": row, "warnings": list(kept.warnings)})
        return
    say(f"Added a {kind.words} to {path}.")
    for warning in kept.warnings:
        narrate(f"warning: {warning}")


def _turns_to(session: ChatSession, number: int | None) -> list[Turn]:
    """Return the turns that lead to one, which may stand in a branch that is not shown."""
    turns = {turn.number: turn for turn in session.all_turns}
    if not turns:
        raise TunedeckError("Nothing was asked in that chat.")
    if number is None:
        return session.turns
    if number not in turns:
        raise TunedeckError(f"The chat has no turn {number}.", f"Turns: {', '.join(map(str, turns))}.")
    path = []
    at: int | None = number
    while at is not None and at in turns:
        turn = turns.pop(at)
        path.append(turn)
        at = turn.parent
    return path[::-1]


def _lane_of(turn: Turn, model: str | None) -> Lane:
    lanes = [lane for lane in turn.answers if model in (None, lane.model, lane.label)]
    if len(lanes) == 1:
        return lanes[0]
    names = ", ".join(lane.model for lane in turn.answers)
    if not lanes:
        raise TunedeckError("No such model answered that turn.", f"Answered: {names or 'none'}.")
    raise TunedeckError("Several models answered that turn.", f"Name one with --model: {names}.")


COMMANDS = (history, search, show, export, tag, keep)
