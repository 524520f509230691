"""The dialogs of a chat: who answers, with which settings, and which chat from before."""

from __future__ import annotations

from textual import work

from screens.chat_choices import CHAT_COLUMNS, KEY_SEPARATOR, MODEL_COLUMNS, chat_options, model_options
from screens.chat_settings import ChatSettings, ChatSettingsScreen
from screens.choose import ChooseScreen
from screens.greyed_keys import GreyedKeys
from tui.chat.lanes import Lane
from tui.chat.models import beside_its_base, known_models
from tui.chat.session import ChatSession
from tui.widgets.prompt_input import PromptInput

MOST_CHATS = 100


class ChatDialogs(GreyedKeys, inherit_bindings=False):
    """A screen with a chat that dialogs can change."""

    @property
    def session(self) -> ChatSession:
        """The conversation on the screen."""
        raise NotImplementedError

    def open_session(self, session: ChatSession) -> None:
        """Show a conversation."""
        raise NotImplementedError

    def set_lanes(self, lanes: tuple[Lane, ...]) -> None:
        """Let other models go on with the conversation."""
        raise NotImplementedError

    def active_lane(self) -> Lane:
        """Return the lane that keys act on."""
        raise NotImplementedError

    def show_line(self) -> None:
        """Show title and settings anew."""
        raise NotImplementedError

    @work(group="chat-dialog", exclusive=True, exit_on_error=False)
    async def action_toggle_settings(self) -> None:
        """Change system prompt and parameters; they hold from the next question on."""
        session = self.session
        dialog = ChatSettingsScreen(ChatSettings(session.system, session.parameters))
        chosen: ChatSettings | None = await self.app.push_screen_wait(dialog)
        if chosen is not None:
            session.system, session.parameters = chosen.system, chosen.parameters
            self.show_line()

    @work(group="chat-dialog", exclusive=True, exit_on_error=False)
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

    @work(group="chat-dialog", exclusive=True, exit_on_error=False)
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

    @work(group="chat-dialog", exclusive=True, exit_on_error=False)
    async def action_show_history(self) -> None:
        """Open a chat from before."""
        options = chat_options(self.services.store.chats(MOST_CHATS))
        dialog = ChooseScreen(
            "Chats", CHAT_COLUMNS, options, hint="part of the question or of a model's name"
        )
        chosen: str | None = await self.app.push_screen_wait(dialog)
        stored = self.services.store.chat(chosen) if chosen is not None else None
        if stored is not None:
            self.open_session(ChatSession.resume(stored, self.services.provider, self.services.store))
            self.query_one(PromptInput).focus()
