"""System prompt and parameters of a chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static, TextArea

from screens.base import DeckDialog
from tui.chat.parameters import PARAMETER_NAMES, PARAMETER_RANGES, parse_parameter, parse_parameters
from tui.errors import TunedeckError
from tui.records.chats import ChatParameters
from tui.widgets.keys import bindings
from tui.widgets.tones import content

_LABELS = {"temperature": "Temperature", "top_p": "Top p", "max_tokens": "Most tokens", "seed": "Seed"}


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What the dialog was left with."""

    system: str
    parameters: ChatParameters


class ChatSettingsScreen(DeckDialog, inherit_bindings=False):
    """Dismissed with ChatSettings, or with None when nothing is to change."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("settings", "screen")]
    CSS_PATH = "chat_settings.tcss"
    AUTO_FOCUS = "#system"

    def __init__(self, settings: ChatSettings) -> None:
        super().__init__()
        self._settings = settings

    def compose(self) -> ComposeResult:
        """Yield the system prompt over the parameters."""
        with Vertical(id="chat-settings") as frame:
            frame.border_title = "System prompt and parameters"
            frame.border_subtitle = "^s takes them, esc leaves"
            yield TextArea(
                self._settings.system,
                id="system",
                compact=True,
                tab_behavior="focus",
                highlight_cursor_line=False,
                placeholder="How the models should behave; may stay empty.",
            )
            for name in PARAMETER_NAMES:
                value = getattr(self._settings.parameters, name)
                low, high = PARAMETER_RANGES[name]
                with Horizontal(classes="row"):
                    yield Static(_LABELS[name], classes="label")
                    yield Input(
                        "" if value is None else f"{value:g}", id=name, compact=True, placeholder="auto"
                    )
                    yield Static(
                        content((f"{low:g} to {high:,}", "muted")), classes="note", id=f"note-{name}"
                    )

    @on(Input.Changed)
    def _judge(self, message: Input.Changed) -> None:
        name = message.input.id or ""
        low, high = PARAMETER_RANGES[name]
        note = self.query_one(f"#note-{name}", Static)
        try:
            parse_parameter(name, message.value)
        except TunedeckError as error:
            note.update(content((f"✗ {error.message}", "bad")))
        else:
            note.update(content((f"{low:g} to {high:,}", "muted")))

    @on(Input.Submitted)
    def _go_on(self) -> None:
        self.focus_next()

    def action_take(self) -> None:
        """Take what is written, unless a number is wrong."""
        texts = {name: self.query_one(f"#{name}", Input).value for name in PARAMETER_NAMES}
        try:
            parameters = parse_parameters(texts)
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.dismiss(ChatSettings(self.query_one("#system", TextArea).text, parameters))
