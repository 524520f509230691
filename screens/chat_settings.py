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
from tui.chat.parameters import (
    JSON_WORD,
    PARAMETER_NAMES,
    PARAMETER_RANGES,
    TEXT_PARAMETERS,
    format_words,
    parse_parameter,
    parse_parameters,
    parse_response_format,
    parse_stop,
    stop_words,
)
from tui.errors import TunedeckError
from tui.records.chats import ChatParameters
from tui.safe_text import safe_line, safe_to_type
from tui.widgets.keys import bindings
from tui.widgets.tones import content

_LABELS = {
    "temperature": "Temperature", "top_p": "Top p", "max_tokens": "Most tokens", "seed": "Seed",
    "logprobs": "Logprobs", "stop": "Stop at", "response_format": "Answer as",
}  # fmt: skip
_HINTS = {
    "logprobs": "alternatives of each token, 0 to 20",
    "stop": "texts between |, \\n for a new line",
    "response_format": "json, or the path of a JSON schema",
}
_PLACEHOLDERS = {"logprobs": "none", "stop": "nothing", "response_format": "text"}
_NO_SCHEMA_HINT = "json; no schema:"


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What the dialog was left with."""

    system: str
    parameters: ChatParameters


class ChatSettingsScreen(DeckDialog, inherit_bindings=False):
    """Dismissed with ChatSettings, or with None when nothing is to change.

    Args:
        settings: What holds until now.
        no_schema: Why a model can't hold its answers to a schema; empty when all can.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("settings", "screen")]
    CSS_PATH = "chat_settings.tcss"
    AUTO_FOCUS = "#system"

    def __init__(self, settings: ChatSettings, *, no_schema: str = "") -> None:
        super().__init__()
        self._settings = settings
        self._no_schema = no_schema
        # A system prompt may come from a row of somebody's dataset, and a text area draws it as it is.
        self._shown_system = safe_to_type(settings.system)

    def compose(self) -> ComposeResult:
        """Yield the system prompt over the parameters."""
        with Vertical(id="chat-settings") as frame:
            frame.border_title = "System prompt and parameters"
            frame.border_subtitle = "^s takes them, esc leaves"
            yield TextArea(
                self._shown_system,
                id="system",
                compact=True,
                tab_behavior="focus",
                highlight_cursor_line=False,
                placeholder="How the models should behave; may stay empty.",
            )
            for name in (*PARAMETER_NAMES, *TEXT_PARAMETERS):
                with Horizontal(classes="row"):
                    yield Static(_LABELS[name], classes="label")
                    hint = _PLACEHOLDERS.get(name, "auto")
                    yield Input(self._written(name), id=name, compact=True, placeholder=hint)
                    yield Static(content((self._hint(name), "muted")), classes="note", id=f"note-{name}")

    def _written(self, name: str) -> str:
        parameters = self._settings.parameters
        if name == "stop":
            return stop_words(parameters.stop)
        if name == "response_format":
            return format_words(parameters.response_format)
        value = getattr(parameters, name)
        return "" if value is None else f"{value:g}"

    def _hint(self, name: str) -> str:
        if name == "response_format" and self._no_schema:
            return f"{_NO_SCHEMA_HINT} {safe_line(self._no_schema, 80)}"
        if name in _HINTS:
            return _HINTS[name]
        low, high = PARAMETER_RANGES[name]
        return f"{low:g} to {high:,}"

    def _parse(self, name: str, text: str) -> None:
        """Raise TunedeckError when a text can't be taken."""
        if name == "stop":
            parse_stop(text)
        elif name == "response_format":
            self._parse_format(text)
        else:
            parse_parameter(name, text)

    def _parse_format(self, text: str) -> None:
        shape = parse_response_format(text, self._settings.parameters.response_format)
        if self._no_schema and shape is not None and format_words(shape) != JSON_WORD:
            raise TunedeckError(self._no_schema, "Choose json, or other models.")

    @on(Input.Changed)
    def _judge(self, message: Input.Changed) -> None:
        name = message.input.id or ""
        note = self.query_one(f"#note-{name}", Static)
        try:
            self._parse(name, message.value)
        except TunedeckError as error:
            note.update(content((f"✗ {safe_line(error.message, 200)}", "bad")))
        else:
            note.update(content((self._hint(name), "muted")))

    @on(Input.Submitted)
    def _go_on(self) -> None:
        self.focus_next()

    def action_take(self) -> None:
        """Take what is written, unless something is wrong with it."""
        names = (*PARAMETER_NAMES, *TEXT_PARAMETERS)
        texts = {name: self.query_one(f"#{name}", Input).value for name in names}
        try:
            self._parse_format(texts["response_format"])
            parameters = parse_parameters(texts, self._settings.parameters)
        except TunedeckError as error:
            self.tell_error(error)
            return
        typed = self.query_one("#system", TextArea).text
        system = self._settings.system if typed == self._shown_system else typed
        self.dismiss(ChatSettings(system, parameters))
