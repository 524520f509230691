"""What all screens have in common: top and bottom line, keys, help, messages that can't hurt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.events import Resize
from textual.screen import ModalScreen, Screen

from screens.broken_work import TellsBrokenWork
from screens.navigation import Navigator
from screens.size_hint import SizeHint
from tui.engine_watch import EngineState
from tui.errors import TunedeckError
from tui.safe_text import safe_text
from tui.widgets.deck_header import DeckHeader
from tui.widgets.key_footer import KeyFooter
from tui.widgets.keys import bindings
from tui.widgets.tones import Tone

if TYPE_CHECKING:
    from tui.services import Services

HEADROOM_SECONDS = 30.0
"""How often a screen looks whether what it says of rate limits still holds; only a change is drawn."""
Severity = Literal["information", "warning", "error"]


class _Shared(TellsBrokenWork):
    """Access to the app's services for full screens and dialogs alike."""

    @property
    def navigator(self) -> Navigator:
        """The app, as far as screens may know it."""
        return cast(Navigator, self.app)

    @property
    def services(self) -> Services:
        """Store, settings, providers and the job watcher."""
        return self.navigator.services

    def tell(self, message: str, *, title: str = "", severity: Severity = "information") -> None:
        """Show a passing message; anything may be in it."""
        self.notify(safe_text(message)[:600], title=safe_text(title), severity=severity, markup=False)

    def tell_error(self, error: TunedeckError) -> None:
        """Show what happened and what to do about it."""
        self.tell(
            error.remedy or error.message, title=error.message if error.remedy else "", severity="error"
        )

    def post_from_thread(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Run `callback` in the app's thread, unless the screen is gone by then.

        For workers, which never touch a widget by themselves.
        """

        def call() -> None:
            if self.is_attached:
                callback(*arguments)

        if self.app.is_running:
            self.app.call_later(call)


class DeckScreen(Screen[None], _Shared, inherit_bindings=False):
    """A screen of the app.

    Subclasses yield their widgets from `compose_body`, name their `PLACE`, and take their keys from
    `tui.widgets.keys.bindings("<area>")`, with `*DeckScreen.BINDINGS` after their own. `HELP` opens the help.
    `q` and esc call `go_back` first, for what is to be closed inside the screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("screen")]
    PLACE: ClassVar[str] = "home"
    """Mode this screen belongs to, marked in the top line."""
    HELP: ClassVar[str | None] = None
    AUTO_FOCUS: ClassVar[str | None] = "*"

    def __init__(self) -> None:
        super().__init__()
        # Textual adds the class for the width after the first layout, and would style and lay out all again.
        least_widths = sorted(self.HORIZONTAL_BREAKPOINTS or (), reverse=True)
        width = self.app.size.width
        for least, name in least_widths:
            if width >= least:
                self.add_class(name, update=False)
                break

    @property
    def keys_first(self) -> Sequence[str]:
        """Actions of the screen whose keys stand first in the bottom line now, by what has the focus."""
        return ()

    def compose(self) -> ComposeResult:
        """Yield the top line, the body, the bottom line."""
        header = DeckHeader(self.PLACE)
        header.status, header.status_tone = self.navigator.account_status
        yield header
        yield SizeHint()
        yield from self.compose_body()
        yield KeyFooter()

    def compose_body(self) -> ComposeResult:
        """Yield what is between the lines."""
        raise NotImplementedError

    def on_resize(self, event: Resize) -> None:
        """Say when there is too little room."""
        self.query_one(SizeHint).show_for(event.size)

    def show_status(self, text: str, tone: Tone) -> None:
        """Show the state of the account in use at the right of the top line."""
        for header in self.query(DeckHeader):
            header.status, header.status_tone = text, tone

    def engine_changed(self, state: EngineState) -> None:
        """Take note that the local engine's state changed; most screens need not."""

    def begin(self) -> None:
        """Start what can wait for the app's first paint; only the screen that is painted first is asked."""

    def go_back(self) -> bool:
        """Leave one level inside the screen (an open filter, a zoomed pane).

        Returns:
            True when there was such a level; the app leaves the screen otherwise.
        """
        return False


class DeckDialog(ModalScreen[Any], _Shared, inherit_bindings=False):
    """A dialog over a screen; esc and `q` close it with None and the focus goes back where it was."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dialog", "screen")]
    DEFAULT_CSS = """
    DeckDialog { align: center middle; background: transparent; }
    """

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Close with an answer, unless keys typed quickly have closed or left this dialog already."""
        if not self.is_active:
            return AwaitComplete()
        done: AwaitComplete = super().dismiss(result)
        return done

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
