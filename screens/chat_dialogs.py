"""The dialogs of a chat: who answers, with which settings, and which chat from before."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from textual import work

from screens.chat_base import ChatBase
from screens.chat_choices import CHAT_COLUMNS, KEY_SEPARATOR, MODEL_COLUMNS, chat_options, model_options
from screens.chat_settings import ChatSettings, ChatSettingsScreen
from screens.choose import ChooseScreen, Option
from tui.chat.abilities import reason_against
from tui.chat.export import ExportFormat, export_chat
from tui.chat.lanes import Lane
from tui.chat.models import beside_its_base, known_models
from tui.chat.session import ChatSession
from tui.errors import TunedeckError
from tui.records.models import Capability
from tui.safe_text import safe_line
from tui.store.chat_rows import ChatHit
from tui.widgets.prompt_input import PromptInput
from tui.widgets.table import Column

MOST_CHATS = 100
_EXPORTS = {
    ExportFormat.ROWS: "a file to train on: one line for each model, up to its last whole answer",
    ExportFormat.MARKDOWN: "to read: the branch that is shown, with tokens",
    ExportFormat.JSON: "everything, with all branches, for programs",
}


class ChatDialogs(ChatBase, inherit_bindings=False):
    """A screen with a chat that dialogs can change."""

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="change the settings")
    async def action_toggle_settings(self) -> None:
        """Change system prompt and parameters; they hold from the next question on."""
        session = self.session
        greyed = reason_against(self.services, session.lanes, Capability.CHAT_SCHEMA)
        dialog = ChatSettingsScreen(ChatSettings(session.system, session.parameters), no_schema=greyed)
        chosen: ChatSettings | None = await self.app.push_screen_wait(dialog)
        if chosen is not None:
            session.system, session.parameters = chosen.system, chosen.parameters
            self.show_line()

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="choose models")
    async def action_choose_models(self) -> None:
        """Choose who answers in the active lane; the first choice of a tuned model brings its base."""
        lane = await self._pick_model("Who answers")
        if lane is None:
            return
        lanes = list(self.session.lanes)
        if len(lanes) == 1:
            info = {Lane(model.account, model.id): model for model in known_models(self.services)}.get(lane)
            self.set_lanes(beside_its_base(info) if info is not None else (lane,))
        else:
            lanes[lanes.index(self.active_lane())] = lane
            self.set_lanes(tuple(dict.fromkeys(lanes)))

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="add a model")
    async def action_add_model(self) -> None:
        """Let one more model answer."""
        lane = await self._pick_model("Who else answers", self.session.lanes)
        if lane is not None:
            self.set_lanes(tuple(dict.fromkeys((*self.session.lanes, lane))))

    async def _pick_model(self, title: str, without: tuple[Lane, ...] = ()) -> Lane | None:
        models = [
            model for model in known_models(self.services) if Lane(model.account, model.id) not in without
        ]
        options = model_options(models, self.services.accounts())
        dialog = ChooseScreen(title, MODEL_COLUMNS, options, hint="part of a name", may_type=False)
        chosen: str | None = await self.app.push_screen_wait(dialog)
        if chosen is None:
            return None
        account, _, model = chosen.partition(KEY_SEPARATOR)
        return Lane(account, model)

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="show the chats from before")
    async def action_show_history(self) -> None:
        """Open a chat from before."""
        options = chat_options(self.services.store.chats(MOST_CHATS))
        dialog = ChooseScreen(
            "Chats",
            CHAT_COLUMNS,
            options,
            hint="part of the question, a tag or a model's name; f finds words",
        )
        chosen: str | None = await self.app.push_screen_wait(dialog)
        self._open_chat(chosen)

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="find in chats")
    async def action_find_in_chats(self) -> None:
        """Find words in all chats, and open the chat where they are."""
        from screens.chat_find import ChatFindScreen

        found: ChatHit | None = await self.app.push_screen_wait(ChatFindScreen())
        if found is not None:
            self._open_chat(found.chat_id, found.turn)

    def _open_chat(self, chosen: str | None, turn: int = 0) -> None:
        """Open a kept chat; with a turn, in the branch that holds it, and marked."""
        stored = self.services.store.chat(chosen) if chosen is not None else None
        if stored is None:
            return
        session = ChatSession.resume(stored, self.services.provider, self.services.store)
        found = session.show_turn(turn) if turn else None
        self.open_session(session)
        if found is not None:
            self.mark_number(found.number)
        self.query_one(PromptInput).focus()

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="change the tags")
    async def action_edit_tags(self) -> None:
        """Tag this chat; tags are found with its words, and in the history."""
        from screens.ask_text import AskTextScreen

        dialog = AskTextScreen(
            "Tags of this chat", value=", ".join(self.session.tags), hint="words between commas"
        )
        typed: str | None = await self.app.push_screen_wait(dialog)
        if typed is None:
            return
        tags = [tag for part in typed.split(",") if (tag := safe_line(part.strip(), 40))]
        try:
            self.session.set_tags(tags)
        except TunedeckError as error:
            self.tell_error(error)
        self.show_line()

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="export the chat")
    async def action_export_chat(self) -> None:
        """Write the chat into a new file in the current folder, as what is chosen."""
        options = [Option(one.value, [one.value, words], one.value) for one, words in _EXPORTS.items()]
        columns = (Column("As", 12), Column("What is in it", tone="muted"))
        chosen: str | None = await self.app.push_screen_wait(
            ChooseScreen("Write this chat", columns, options, hint="part of a name")
        )
        if chosen is None:
            return
        export_format = ExportFormat(chosen)
        name = f"chat-{datetime.now():%Y%m%d-%H%M%S}{export_format.suffix}"  # noqa: DTZ005 - a name in local time
        try:
            lines = await asyncio.to_thread(export_chat, self.session, Path.cwd() / name, export_format)
        except TunedeckError as error:
            self.tell_error(error)
            return
        what = "line, one for each model" if lines == 1 else "lines, one for each model"
        self.tell(
            f"{lines} {what}." if export_format is ExportFormat.ROWS else f"{lines:,} lines.",
            title=f"Wrote {name}",
        )
