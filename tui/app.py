"""The Textual app: keys, theme, leaving, the engine's state; the work is done elsewhere."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from screens.base import DeckScreen
from screens.broken_work import EndsInWords
from screens.copying import Copying
from screens.drawn_in_ascii import DrawnInAscii
from screens.noticing import Noticing
from screens.places import HasPlaces
from tui.config import settings_with_sources
from tui.engine_watch import EngineState, EngineWatch, Phase
from tui.errors import TunedeckError
from tui.leaving_threads import LeavingThreads
from tui.safe_text import safe_text
from tui.widgets.deck_header import DeckHeader, engine_headline
from tui.widgets.keymap import chosen_keymap
from tui.widgets.keys import bindings, shown_key
from tui.widgets.quit_guard import QuitGuard
from tui.widgets.themes import DARK, OWN_THEMES, PLAIN, TERMINAL_DARK, TERMINAL_LIGHT, default_theme
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from pathlib import Path

    from textual.command import Provider
    from textual.types import CSSPathType

    from tui.services import Services

_SECONDS_TO_DRAW = 0.05
"""What goes on in the background is not missed for so long."""


def _commands() -> type[Provider]:
    from screens.commands import DeckCommands  # the palette is not needed for the first paint

    return DeckCommands


class TunedeckApp(HasPlaces, DrawnInAscii, EndsInWords, inherit_bindings=False):
    """The deck: places by number, everything by keys."""

    TITLE = "tunedeck"
    # Home's styles are read with the app's: on their own they would cost a second parse before first paint.
    CSS_PATH: ClassVar[CSSPathType | None] = ["app.tcss", "../screens/home.tcss"]
    DEFAULT_MODE = "home"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    COMMAND_PALETTE_BINDING = "ctrl+p"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}

    def __init__(self, services: Services | None = None, first_file: Path | None = None) -> None:
        # NO_COLOR is read by Textual while it is built; with a theme of real colours it would draw greys, and
        # with the terminal's colours chosen later black on black. So the choice falls before.
        self._colourless = "NO_COLOR" in os.environ
        self._default_theme = default_theme(os.environ)
        super().__init__(ansi_color=True if self._colourless else None)
        self._services = services
        self._first_file = first_file
        if self.services.settings.ascii:
            self.draw_in_ascii()
        self._quit_guard = QuitGuard()
        self._engine_state = EngineState()
        self._noticing: Noticing | None = None
        for theme in (*OWN_THEMES, TERMINAL_DARK, TERMINAL_LIGHT):
            self.register_theme(theme)
        self.theme = self._chosen_theme()
        keymap = chosen_keymap()
        self.set_keymap(keymap)
        self._copying = Copying(self, save_key=shown_key("app.save-copy", keymap))
        # The styles are read once, with the colours chosen here; `refresh_css` reads them again from then on.
        self.stylesheet.set_variables(self.get_css_variables())
        self._styled_theme: str | None = self.theme
        self.animation_level = "none"

    def _chosen_theme(self) -> str:
        if self._colourless:
            return PLAIN.name
        wanted = self.services.settings.theme
        if wanted not in self.available_themes:
            return self._default_theme
        # Who wrote the usual theme's name into the settings gets it, whatever the terminal makes of it.
        is_chosen = wanted != DARK.name or settings_with_sources()["theme"][1] != "default"
        return wanted if is_chosen else self._default_theme

    @property
    def colourless(self) -> bool:
        """True when NO_COLOR asks for no colour at all."""
        return self._colourless

    def refresh_css(self, animate: bool = True) -> None:
        """Apply changed colours; until the first change there are none, and first paint is 30 ms sooner."""
        if self.theme == self._styled_theme:
            return
        self._styled_theme = None  # screens that are not shown now have to follow later
        super().refresh_css(animate)

    def use_theme(self, name: str) -> None:
        """Change the colours and remember them."""
        from tui.config import save_setting

        self.theme = name
        try:
            save_setting("theme", name)
        except TunedeckError as error:
            self.notify(safe_text(str(error)), severity="error", markup=False)

    def action_save_screenshot(self) -> None:
        """Write this screen to an SVG file in the current folder and say where."""
        path = self.save_screenshot()
        self.notify(safe_text(f"Saved {path}"), markup=False)

    @property
    def services(self) -> Services:
        """Store, settings, providers and the job watcher; opened when first needed."""
        if self._services is None:
            from tui.services import Services

            self._services = Services.open(to_paint=True)
        return self._services

    # Leaving

    def action_go_back(self) -> None:
        """Go back one level: inside the screen, then the screen below, then the place before."""
        self._go_back()

    def action_close(self) -> None:
        """Go back one level; on Home ask once more and leave."""
        if not self._go_back() and self._quit_guard.pressed():
            self.exit()
        elif self._quit_guard.armed:
            self.notify("Press q again to leave; jobs go on.", markup=False, timeout=QuitGuard.SECONDS)

    def _go_back(self) -> bool:
        screen = self.screen
        if isinstance(screen, DeckScreen) and screen.go_back():
            return True
        if len(self.screen_stack) > 1:
            self.leave_screen()
            return True
        if self.current_mode == "home":
            return False
        self.switch_mode(self._trail.pop() if self._trail else "home")
        return True

    def action_interrupt(self) -> None:
        """Leave when pressed twice."""
        if self._quit_guard.pressed():
            self.exit()
        else:
            self.notify("Press ctrl+c again to leave; jobs go on.", markup=False, timeout=QuitGuard.SECONDS)

    # Help, commands, clipboard

    def action_command_palette(self) -> None:
        """Open the list of everything that can be done here."""
        from tui.widgets.palette import DeckPalette

        if self.use_command_palette and not isinstance(self.screen, DeckPalette):
            self.push_screen(DeckPalette(id="--command-palette"))

    def action_show_help(self) -> None:
        """List every key that works here."""
        from screens.help import HelpScreen

        screen = self.screen
        active = [entry for entry in screen.active_bindings.values() if entry.binding.description]
        self.push_screen(HelpScreen(active, " ".join((screen.HELP or "").split())))

    def copy_text(self, text: str, what: str) -> None:
        """Put text on the clipboard, locally or through SSH and tmux, and say how that went."""
        self._copying.copy(text, what)

    def action_save_copy(self) -> None:
        """Write what was copied last to a file in the current folder, for who has no clipboard here."""
        self._copying.save()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out the saving of a copy as long as nothing was copied."""
        return None if action == "save_copy" and not self._copying.has_copied else True

    # The state of what runs the jobs

    def on_load(self) -> None:
        """Have background work done in threads that never hold up leaving."""
        asyncio.get_running_loop().set_default_executor(LeavingThreads())

    def on_ready(self) -> None:
        """Let the terminal draw, then start what goes on in the background.

        A callback after the refresh would not do: before the terminal's size is known it comes at once.
        """
        if self.is_headless:
            self._begin()
        else:
            # The first frame is written by a thread that waits its turn as long as this one is busy.
            self.set_timer(_SECONDS_TO_DRAW, self._begin)

    def _begin(self) -> None:
        gc.freeze()  # what was made so far stays: no need to look through it ever again
        gc.enable()
        self._noticing = Noticing(self, self.services)
        self._noticing.start()
        self.services.watcher.start()
        self.watch_engine()
        if isinstance(self.screen, DeckScreen):
            self.screen.begin()
        if self._first_file is not None:
            self.open_rows(self._first_file)
        for notice in self.services.notices:
            self.notify(safe_text(notice), severity="warning", markup=False, timeout=20)

    def test_channel(self, name: str) -> str | None:
        """Send a test message through one channel; returns why it failed. Blocks: for a thread."""
        return Noticing(self, self.services).test(name)

    @work(thread=True, group="engine", exclusive=True, exit_on_error=False, description="follow the engine")
    def watch_engine(self) -> None:
        """Start the local engine where it is wanted, and follow it until nothing is under way."""
        from textual.worker import get_current_worker

        worker = get_current_worker()
        watch = EngineWatch(lambda state: self.call_from_thread(self._engine_changed, state))
        watch.run(self.services.settings, lambda: worker.is_cancelled)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say that the engine's state is not known where its watch breaks off; it would start for ever."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            from tui.faults import fault_of  # only once something has gone wrong

            error = fault_of(event.worker.error, event.worker.description)
            if event.worker.group == "engine":
                self._engine_changed(EngineState(Phase.FAILED, error=error.message, remedy=error.remedy))
            else:
                self.notify(safe_text(f"{error.message} {error.remedy}"), severity="error", markup=False)

    def _engine_changed(self, state: EngineState) -> None:
        self._engine_state = state
        for screen in self.screen_stack:
            if isinstance(screen, DeckScreen):
                screen.show_status(*self.account_status)
                screen.engine_changed(state)

    @property
    def engine_state(self) -> EngineState:
        """What is known of the local engine."""
        return self._engine_state

    @property
    def account_status(self) -> Part:
        """State of the account in use, for the top line."""
        return engine_headline(self._engine_state)

    def on_deck_header_place_clicked(self, message: DeckHeader.PlaceClicked) -> None:
        """Go where the mouse pointed."""
        self.action_go(message.place)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Keep text cursors still: a blinking one sends bytes for ever."""
        widget: Widget = event.widget
        if hasattr(widget, "cursor_blink"):
            widget.cursor_blink = False

    def on_unmount(self) -> None:
        """Close the store and the connections."""
        if self._noticing is not None:
            self._noticing.stop()
        if self._services is not None:
            self._services.close()


def run_app(*, mouse: bool | None = None, first_file: Path | None = None) -> int:
    """Open the app until the person leaves it.

    Args:
        mouse: False leaves the mouse to the terminal; None takes the setting.
        first_file: A dataset whose rows are shown first; None shows Home.

    Returns:
        The exit code: 0, or 1 when the app ended by a fault of its own.
    """
    from tui.services import Services

    services = Services.open(to_paint=True)
    app = TunedeckApp(services, first_file)
    app.run(mouse=services.settings.mouse if mouse is None else mouse)
    return app.return_code or 0
