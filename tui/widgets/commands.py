"""What the command palette offers: every key's action that works here, every place, every theme."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from tui.safe_text import safe_line
from tui.widgets.keys import display
from tui.widgets.recent_files import recent_files
from tui.widgets.themes import OWN_THEMES, PLAIN, TERMINAL_THEMES

if TYPE_CHECKING:
    from tui.app import TunedeckApp

_LEFT_OUT = {
    "command_palette",
    "interrupt",
    "go_back",
    "close",
    "cursor_down",
    "cursor_up",
    "scroll_down",
    "scroll_up",
}
"""Actions that need their key more than a name."""
_RECENT = 8


def deck_commands(app: TunedeckApp, screen: Screen[object]) -> Iterable[SystemCommand]:
    """Yield commands named `area: verb object`, from where the person is outwards."""
    yield from _key_commands(app, screen)
    yield from _store_commands(app)
    for theme in [*(theme.name for theme in OWN_THEMES if theme is not PLAIN), *TERMINAL_THEMES]:
        if not app.colourless:
            yield SystemCommand(
                f"theme: use {theme}", "Change the colours, and keep them.", partial(app.use_theme, theme)
            )
    yield SystemCommand(
        "engine: look again", "Find or start the local engine and its model.", app.watch_engine
    )
    yield SystemCommand(
        "app: save screenshot", "Write this screen to an SVG file.", app.action_save_screenshot
    )


def command_title(area: str, binding: Binding) -> str:
    """Return `area: verb object`, made of the first clause of the key's help."""
    clause = re.split(r"[.:;,]", binding.tooltip or binding.description)[0].strip()
    return f"{area}: {clause[:1].lower()}{clause[1:]}"


def _key_commands(app: TunedeckApp, screen: Screen[object]) -> Iterator[SystemCommand]:
    seen: set[str] = set()
    for entry in screen.active_bindings.values():
        binding = entry.binding
        name = binding.action.partition("(")[0]
        if not entry.enabled or binding.action in seen or name in _LEFT_OUT or not binding.description:
            continue
        seen.add(binding.action)
        area = (binding.id or "app.").partition(".")[0]
        yield SystemCommand(
            command_title(area, binding),
            f"Key: {display(binding.key)}",
            partial(app.run_action, binding.action, entry.node),
        )


def _store_commands(app: TunedeckApp) -> Iterator[SystemCommand]:
    store = app.services.store
    for job in store.jobs(limit=_RECENT):
        name = safe_line(job.fine_tuned_model or job.suffix or job.id, 60)
        yield SystemCommand(
            f"job: open {name}",
            f"{job.state} on {safe_line(job.account, 40)}",
            partial(app.open_job, job.account, job.id),
        )
    for dataset in recent_files(store, _RECENT):
        name = safe_line(dataset.path.name, 60)
        yield SystemCommand(
            f"dataset: show {name}", safe_line(str(dataset.path), 200), partial(app.open_rows, dataset.path)
        )
    for model in store.models()[:_RECENT]:
        name = safe_line(model.id, 60)
        yield SystemCommand(
            f"model: chat with {name}",
            f"on {safe_line(model.account, 40)}",
            partial(app.open_chat, (model.account, model.id)),
        )
