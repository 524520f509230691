"""Promoting a trial: what is done with the best that a sweep has found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from screens.ask_text import AskTextScreen
from screens.base import DeckScreen
from screens.chat_base import typed_path
from screens.choose import ChooseScreen, Option
from tui.config import save_setting
from tui.errors import TunedeckError
from tui.records.model_names import base_of
from tui.safe_text import safe_line
from tui.sweeps.board import Board
from tui.sweeps.promote import Promotion, promote, winner_file_text, write_new
from tui.sweeps.space import settings_words
from tui.widgets.table import Column

_CHAT, _ON, _ANEW, _FILE, _DEFAULT, _MARK = "chat", "on", "anew", "file", "default", "mark"
_WITH_MODEL: Sequence[tuple[str, str, str]] = (
    (_CHAT, "Talk to it", "beside its base, in Chat"),
    (_ON, "Train it on", "more epochs, in Launch; the price comes first"),
)
_ALWAYS: Sequence[tuple[str, str, str]] = (
    (_ANEW, "Train it anew", "from the base, in Launch; the price comes first"),
    (_FILE, "Write a job file", "its settings, for `tunedeck launch --from`"),
)
_LAST: Sequence[tuple[str, str, str]] = ((_MARK, "Only mark it", "promoted here, its model tagged"),)
_DEFAULT_WAY = (_DEFAULT, "Make it the default", "chats and launches begin with it")


async def promote_trial(screen: DeckScreen, board: Board, number: int) -> None:
    """Promote a trial, and do with it what the person chooses; to be awaited in a worker."""
    row = board.row(number)
    has_model = row is not None and row.job is not None and bool(row.job.fine_tuned_model)
    ways = [*(_WITH_MODEL if has_model else ()), *_ALWAYS, *((_DEFAULT_WAY,) if has_model else ()), *_LAST]
    options = [Option(key, (title, words), f"{title} {words}") for key, title, words in ways]
    columns = (Column("", 20), Column("", tone="muted"))
    chosen = await screen.app.push_screen_wait(
        ChooseScreen(f"Promote trial {number}", columns, options, hint="talk, train, write")
    )
    if chosen is None:
        return
    try:
        found = await asyncio.to_thread(promote, screen.services, board, number)
        await _do(screen, board, found, chosen)
    except TunedeckError as error:
        screen.tell_error(error)


async def _do(screen: DeckScreen, board: Board, found: Promotion, way: str) -> None:
    account = found.row.job.account if found.row.job is not None else ""
    model = found.model or ""
    match way:
        case "chat":
            base = base_of(model)
            beside = [(account, base)] if base != model else []
            screen.navigator.open_chat((account, model), *beside)
        case "on":
            screen.navigator.open_launch_on((account, model))
        case "anew":
            screen.navigator.open_launch_with(found.terms)
        case "file":
            await _write(screen, board, found)
        case "default":
            await asyncio.to_thread(save_setting, "default_model", model)
            await asyncio.to_thread(save_setting, "default_account", account)
            screen.tell(f"{safe_line(model, 80)} is what chats and launches begin with.")
        case _:
            screen.tell(safe_line(settings_words(found.row.trial.settings), 200), title="Promoted")


async def _write(screen: DeckScreen, board: Board, found: Promotion) -> None:
    number = found.row.trial.number
    typed = await screen.app.push_screen_wait(
        AskTextScreen(
            "Write the job file to", value=str(typed_path(f"trial-{number}.toml")), hint="a new file: .toml"
        )
    )
    if typed:
        await asyncio.to_thread(write_new, typed_path(typed), winner_file_text(board, found))
        screen.tell(f"Written: {typed_path(typed)}")
