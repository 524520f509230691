"""What the command palette offers: what works on this screen, then files, jobs and models, then places."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from textual.binding import ActiveBinding, Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.markup import escape
from textual.screen import Screen

from screens.navigation import Navigator
from tui.jobs.recent_files import recent_files
from tui.safe_text import safe_line
from tui.widgets.keys import display
from tui.widgets.themes import OWN_THEMES, PLAIN, TERMINAL_THEMES

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
_FRAME_AREAS = ("app", "screen")
"""Areas of the key table that are there on every screen; they come after what this screen can do."""
_RECENT = 8


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the palette; anything may be in its words, none of it is markup."""

    title: str
    """`area: verb object`."""
    help: str
    run: Callable[[], object]


class Deck(Navigator, Protocol):
    """The app, as far as the palette's commands need it."""

    @property
    def colourless(self) -> bool:
        """True when NO_COLOR asks for no colour at all."""
        ...

    def use_theme(self, name: str) -> None:
        """Change the colours and remember them."""
        ...

    def action_save_screenshot(self) -> None:
        """Write this screen to an SVG file."""
        ...

    def run_action(self, action: str, default_namespace: DOMNode | None = None) -> Coroutine[Any, Any, bool]:
        """Do what a key would do."""
        ...


class DeckCommands(Provider):
    """Offers the deck's commands in their own order; Textual's own provider sorts them by name."""

    def _commands(self) -> Iterator[Command]:
        return deck_commands(cast(Deck, self.app), self.screen)

    async def discover(self) -> Hits:
        """Yield every command, before anything is typed."""
        for command in self._commands():
            yield DiscoveryHit(
                Content(command.title), command.run, text=command.title, help=escape(command.help)
            )

    async def search(self, query: str) -> Hits:
        """Yield the commands whose title holds what is typed, letter by letter."""
        matcher = self.matcher(query)
        for command in self._commands():
            score, places = matcher.fuzzy_search.match(query, command.title)
            if score > 0:
                # The matcher would draw it too, but takes what it draws for markup.
                title = Content(command.title)
                for place in places:
                    title = title.stylize(matcher.match_style, place, place + 1)
                yield Hit(
                    score,
                    title,
                    command.run,
                    text=command.title,
                    help=escape(command.help),
                )


def deck_commands(app: Deck, screen: Screen[Any]) -> Iterator[Command]:
    """Yield commands from where the person is outwards: this screen, the focus, the store, the frame."""
    entries = _named_bindings(screen)
    here = [entry for entry in entries if _area(entry.binding) not in _FRAME_AREAS]
    frame = [entry for entry in entries if _area(entry.binding) in _FRAME_AREAS]
    # A list's movements are the focus's, and there are many of them: what the screen is for goes before.
    for entry in sorted(here, key=lambda entry: entry.node is not screen):
        yield _key_command(app, entry)
    yield from _store_commands(app)
    for entry in frame:
        yield _key_command(app, entry)
    for theme in [*(theme.name for theme in OWN_THEMES if theme is not PLAIN), *TERMINAL_THEMES]:
        if not app.colourless:
            help_text = (
                "The terminal's own colours, kept."
                if theme in TERMINAL_THEMES
                else "Change the colours, and keep them."
            )
            yield Command(f"theme: use {theme}", help_text, partial(app.use_theme, theme))
    yield Command("evaluation: measure a model", "Against its base or another.", app.open_evaluation)
    yield Command("evaluation: list past ones", "Open, compare two, write, delete.", app.open_evaluations)
    yield Command("sweep: list searches over many jobs", "Begin, follow, promote the best.", app.open_sweeps)
    yield Command("diet: try shorter prompts", "How short the system prompt may be.", app.open_diet)
    yield Command("arms: is fine-tuning worth it", "A prompt, nearest rows, or tuning.", app.open_arms)
    yield Command("parity: compare old and new", "A recorded model and its successor.", app.open_parity)
    yield Command("rows: make training rows", "Let a model propose them, and review.", app.open_making)
    yield Command("compare: put models side by side", "Open, blind, or through a training.", app.open_compare)
    yield Command("queue: show what waits", "Order, priorities, start at night.", app.open_queue)
    yield Command("notifications: show rules", "Where you are told of what, and test it.", app.open_notices)
    yield Command("engine: look again", "Find or start the local engine and its model.", app.watch_engine)
    yield Command("app: save screenshot", "Write this screen to an SVG file.", app.action_save_screenshot)


def command_title(area: str, binding: Binding) -> str:
    """Return `area: verb object`, made of the first clause of the key's help."""
    clause = re.split(r"[.:;,]", binding.tooltip or binding.description)[0].strip()
    return f"{area}: {clause[:1].lower()}{clause[1:]}"


def _area(binding: Binding) -> str:
    return (binding.id or "app.").partition(".")[0]


def _named_bindings(screen: Screen[Any]) -> list[ActiveBinding]:
    """Return the keys that act now, each action once, without those that need no name."""
    found: dict[str, ActiveBinding] = {}
    for entry in screen.active_bindings.values():
        binding = entry.binding
        name = binding.action.partition("(")[0]
        if entry.enabled and binding.description and name not in _LEFT_OUT:
            found.setdefault(binding.action, entry)
    return list(found.values())


def _key_command(app: Deck, entry: ActiveBinding) -> Command:
    binding = entry.binding
    return Command(
        command_title(_area(binding), binding),
        f"Key: {display(binding.key)}",
        partial(app.run_action, binding.action, entry.node),
    )


def _store_commands(app: Deck) -> Iterator[Command]:
    store = app.services.store
    for job in store.jobs(limit=_RECENT):
        name = safe_line(job.fine_tuned_model or job.suffix or job.id, 60)
        yield Command(
            f"job: open {name}",
            f"{job.state} on {safe_line(job.account, 40)}",
            partial(app.open_job, job.account, job.id),
        )
    for dataset in recent_files(store, _RECENT):
        name = safe_line(dataset.path.name, 60)
        yield Command(
            f"dataset: show {name}", safe_line(str(dataset.path), 200), partial(app.open_rows, dataset.path)
        )
    for model in store.models()[:_RECENT]:
        name = safe_line(model.id, 60)
        yield Command(
            f"model: chat with {name}",
            f"on {safe_line(model.account, 40)}",
            partial(app.open_chat, (model.account, model.id)),
        )
