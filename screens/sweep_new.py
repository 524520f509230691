"""Where a new sweep comes from: its file, or one written around a job or a dataset in one's own editor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from screens.ask_text import AskTextScreen
from screens.base import DeckScreen
from screens.chat_base import typed_path
from screens.choose import ChooseScreen, Option, choose_file
from screens.overlay_choices import choose_job
from screens.own_editor import edit_in_own_editor
from tui.errors import TunedeckError
from tui.sweeps.promote import write_new
from tui.sweeps.suggested import suggested_text
from tui.widgets.table import Column

_FILE, _JOB, _DATASET = "file", "job", "dataset"
_WAYS: Sequence[tuple[str, str, str]] = (
    (_FILE, "From a sweep file", "a .toml that says what differs, how to search, and the caps"),
    (_JOB, "Around a job", "writes such a file with the job's settings, opens your editor"),
    (_DATASET, "Around a dataset", "the same with the settings that tunedeck would choose"),
)


async def choose_sweep_file(screen: DeckScreen) -> Path | None:
    """Let the person choose or write a sweep file; None when they don't. To be awaited in a worker."""
    options = [Option(key, (title, words), f"{title} {words}") for key, title, words in _WAYS]
    columns = (Column("", 18), Column("", tone="muted"))
    way = await screen.app.push_screen_wait(
        ChooseScreen("New sweep", columns, options, hint="file, job, dataset")
    )
    if way == _FILE:
        typed = await screen.app.push_screen_wait(
            AskTextScreen("Which sweep file?", value=str(typed_path("sweep.toml")), hint="a .toml file")
        )
        return typed_path(typed) if typed else None
    if way == _JOB:
        job = await choose_job(screen, "Search around which job?", without=())
        return await _written(screen, None, job[1]) if job is not None else None
    if way == _DATASET:
        path = await choose_file(screen, "Search on which training file?")
        return await _written(screen, path, None) if path is not None else None
    return None


async def _written(screen: DeckScreen, training: Path | None, like: str | None) -> Path | None:
    """Write a file to begin with, let the person change it, and return it."""
    name = training.stem if training is not None else f"around-{(like or '')[-8:]}"
    text = await asyncio.to_thread(
        suggested_text, screen.services, training, like, model=None, account=None, name=name[:40]
    )
    typed = await screen.app.push_screen_wait(
        AskTextScreen(
            "Keep the sweep file as",
            value=str(typed_path(f"{name[:40]}.sweep.toml")),
            hint="a new .toml file",
        )
    )
    if not typed:
        return None
    path = typed_path(typed)
    await asyncio.to_thread(write_new, path, text)
    try:
        text = edit_in_own_editor(screen.app, text, path.name)
    except TunedeckError as error:
        screen.tell_error(error)  # the file is there, and any editor can change it
        return None
    await asyncio.to_thread(path.write_text, text, "utf-8")
    return path
