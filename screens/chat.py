"""Chat: one question, the answers of one or more models side by side, streamed and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from screens.base import HEADROOM_SECONDS, DeckScreen
from screens.chat_base import STILL_ANSWERING
from screens.chat_looks import ChatLooks
from screens.navigation import ModelChoice
from tui.chat.lanes import Lane, Turn
from tui.chat.models import default_lanes, refresh_models
from tui.chat.session import ChatSession
from tui.chat.streams import LaneUpdate
from tui.chat.trained_prompt import trained_prompt
from tui.errors import TunedeckError
from tui.widgets.keys import bindings
from tui.widgets.lane_view import LaneView
from tui.widgets.prompt_input import PromptInput

MOST_LANES = 4
INVITATION = "Ask something; enter sends, ctrl+j starts a new line"
ANSWERING = "Answering… esc stops"


_OF_A_TURN = frozenset({
    "retry", "copy_answer", "change_turn", "mark_turn", "step_branch", "keep_example", "keep_pair",
    "keep_case", "show_logprobs", "answer_calls",
})  # fmt: skip
_OF_THE_CHAT = frozenset({
    "choose_models", "add_model", "remove_lane", "new_chat", "show_history", "find_in_chats", "choose_tools",
})  # fmt: skip


class ChatScreen(ChatLooks, inherit_bindings=False):
    """A conversation with one or more models.

    Args:
        models: (account, model) pairs; the newest tuned model and its base when there are none.
    """

    PLACE = "chat"
    CSS_PATH = "chat.tcss"
    AUTO_FOCUS = "PromptInput"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("chat"), *DeckScreen.BINDINGS]
    HELP = """
Every model gets the same question and goes on from its own answers. Esc stops the answers, then leaves the
message line, so that the letters below work; i goes back to it. Chats are kept as they go; h opens one again.
Keys about a turn act on the last one, or on the one that J and K mark. A changed or repeated question begins
a branch beside the old one; < and > show the others. The line over the message says what the chat has cost.
"""

    @dataclass
    class Grew(Message):
        """Something arrived in a lane."""

        session: ChatSession
        update: LaneUpdate

    @dataclass
    class Ended(Message):
        """A question is through, or could not be asked."""

        session: ChatSession
        error: TunedeckError | None

    def __init__(self, models: tuple[ModelChoice, ...] = ()) -> None:
        super().__init__()
        self._wanted = tuple(Lane(account, model) for account, model in models)
        self._session: ChatSession | None = None
        self._asking = False

    def compose_body(self) -> ComposeResult:
        """Yield a line about the chat, the lanes, what was spent, and the message line."""
        yield Static("", id="chat-line", markup=False)
        yield Horizontal(id="lanes")
        yield Static("", id="pending-line", markup=False)
        yield Static("", id="total-line", markup=False)
        yield PromptInput(placeholder=INVITATION, id="prompt")

    def on_mount(self) -> None:
        """Open the lanes that are wanted."""
        self.set_interval(HEADROOM_SECONDS, self._arrange_if_shown)
        self.open_session(self._new_session(self._wanted or default_lanes(self.services)))
        self._refresh_models()

    def show_models(self, models: tuple[ModelChoice, ...]) -> None:
        """Turn to these models: with the same ones the chat goes on, with others a new one begins."""
        lanes = tuple(Lane(account, model) for account, model in models)
        if lanes != self.session.lanes:
            self._stop()
            self.open_session(self._new_session(lanes))
        self.query_one(PromptInput).focus()

    @property
    def session(self) -> ChatSession:
        """The conversation on the screen."""
        assert self._session is not None
        return self._session

    @property
    def is_open(self) -> bool:
        """True once a conversation is shown."""
        return self._session is not None

    @property
    def is_asking(self) -> bool:
        """True while a question is being answered."""
        return self._asking

    def _new_session(self, lanes: tuple[Lane, ...]) -> ChatSession:
        """Begin with the former chat's settings; other models bring the prompt they were trained with."""
        former = self._session
        system = former.system if former is not None else ""
        if former is None or former.lanes != lanes:
            system = trained_prompt(self.services.store, lanes) or system
        return ChatSession(
            lanes[:MOST_LANES],
            self.services.provider,
            self.services.store,
            system=system,
            parameters=former.parameters if former is not None else None,
            tools=former.tools if former is not None else (),
        )

    def open_session(self, session: ChatSession) -> None:
        """Show a conversation in lanes of its own."""
        self._session = session
        self._asking = False
        self.forget_mark()
        self.pending_images.clear()
        self._active = min(self._active, len(session.lanes) - 1)
        lanes = self.query_one("#lanes", Horizontal)
        self._views = views = [
            LaneView(lane, look_of=self.turn_look, facts_of=self._facts, classes="pane")
            for lane in session.lanes
        ]
        with self.app.batch_update():
            lanes.remove_children()
            lanes.mount_all(views)
        for view in views:
            self.call_after_refresh(view.show_turns, session.turns)
        self.query_one(PromptInput).set_history([turn.question for turn in session.turns])
        self._arrange()
        self.show_line()
        self.show_pending()
        self._show_asking()

    # Asking

    @on(PromptInput.Sent)
    def _send(self, message: PromptInput.Sent) -> None:
        if self._asking:
            self.tell(STILL_ANSWERING, severity="warning")
            return
        try:
            turn = self.session.new_turn(message.text, images=self.pending_images, instead_of=self.changing)
        except TunedeckError as error:
            self.tell_error(error)
            return
        prompt = self.query_one(PromptInput)
        prompt.accept()
        if self.changing is not None:
            prompt.load_text(self.draft)
        self.pending_images.clear()
        self.ask_turn(turn)

    def ask_turn(self, turn: Turn) -> None:
        """Let the models answer a turn; what stood at its place and after it makes room."""
        kept = list(self.session.turns)
        numbers = [one.number for one in kept]
        place = numbers.index(turn.parent) + 1 if turn.parent in numbers else 0
        self._asking = True
        self.forget_mark()
        self.show_pending()
        asked = self.session.asked_lanes(turn)
        for view in self._views:
            if place < len(kept):
                view.show_turns(kept[:place])
            view.begin(turn, is_asked=view.lane in asked)
        self.show_line(turn)
        self._show_asking()
        self._ask(self.session, turn)

    @work(thread=True, group="ask", exit_on_error=False, description="ask the models")
    def _ask(self, session: ChatSession, turn: Turn) -> None:
        error: TunedeckError | None = None
        try:
            session.answer(turn, lambda update: self._grew(session, update))
        except TunedeckError as problem:
            error = problem
        self.post_message(self.Ended(session, error))

    def _grew(self, session: ChatSession, update: LaneUpdate) -> None:
        self.post_message(self.Grew(session, update))

    @on(Grew)
    def _grow(self, message: Grew) -> None:
        if message.session is not self._session:
            return
        for view in self._views:
            if view.lane == message.update.lane:
                view.grow(message.update.answer, finished=message.update.finished)
        if message.update.finished:
            self._arrange()  # its answer has told what is left of the rate limits
            self.show_line()  # and what it has cost

    @on(Ended)
    def _end(self, message: Ended) -> None:
        if message.session is not self._session:
            return
        self._asking = False
        if message.error is not None:
            self.tell_error(message.error)
            for view in self._views:
                view.show_turns(self.session.turns)
        self.show_line()
        self._show_asking()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Take back what no answer came to."""
        if group != "ask" or self._session is None:
            return super().work_broke_off(group, error)
        self._end(self.Ended(self._session, error))
        return True

    def _show_asking(self) -> None:
        self.query_one(PromptInput).placeholder = ANSWERING if self._asking else INVITATION
        self.refresh_bindings()

    def _stop(self) -> None:
        if self._session is not None and self._asking:
            self._session.stop()

    @on(PromptInput.Left)
    def _stop_or_leave(self) -> None:
        if self._asking:
            self._stop()
        elif self.changing is not None:
            self.forget_mark()
            self.pending_images.clear()
            self.query_one(PromptInput).load_text(self.draft)
            self.show_pending()
        elif self._views:
            self._views[self._active].focus()

    def go_back(self) -> bool:
        """Stop the running answers first."""
        running = self._asking
        self._stop()
        return running

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out the key that leads to where the keys are."""
        if action == "write" and isinstance(self.focused, PromptInput):
            return False
        return super().check_action(action, parameters)

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if self._session is None:
            return "The chat is being opened."
        if action in _OF_A_TURN:
            return self.reason_against_turn(action)
        if action == "export_chat":
            return "" if self.session.turns else "Nothing was answered yet."
        if action == "edit_tags":
            return "" if self.session.turns else "Nothing was asked yet."
        if action in _OF_THE_CHAT and self._asking:
            return STILL_ANSWERING
        if action == "add_picture":
            return self.reason_against_picture()
        if action == "drop_pictures":
            return "" if self.pending_images else "No picture goes along."
        if action == "add_model" and len(self.session.lanes) >= MOST_LANES:
            return f"{MOST_LANES} models at once are the most."
        if action in ("remove_lane", "next_lane") and len(self.session.lanes) < 2:
            return "There is only one model."
        return ""

    def action_write(self) -> None:
        """Go to the message line."""
        self.query_one(PromptInput).focus()

    def action_new_chat(self) -> None:
        """Begin a new chat with the same models."""
        self.open_session(self._new_session(self.session.lanes))
        self.query_one(PromptInput).focus()

    def active_lane(self) -> Lane:
        """Return the lane that has the keys, or had them last."""
        focused = self.focused
        return focused.lane if isinstance(focused, LaneView) else self.session.lanes[self._active]

    def action_next_lane(self, direction: int) -> None:
        """Give the keys to another lane, and show it where only one has room."""
        self._active = (self._active + direction) % len(self.session.lanes)
        self._arrange()
        if not isinstance(self.focused, PromptInput):
            self._views[self._active].focus()

    def action_load_more(self) -> None:
        """Show earlier messages."""
        for view in self._views:
            view.show_more()

    def action_compare_models(self) -> None:
        """Put these models side by side on prompts of their own."""
        self.navigator.open_compare(*((lane.account, lane.model) for lane in self.session.lanes))

    def action_remove_lane(self) -> None:
        """Take the active lane out of the chat; its answers stay in the store."""
        active = self.active_lane()
        self.set_lanes(tuple(lane for lane in self.session.lanes if lane != active))

    def set_lanes(self, lanes: tuple[Lane, ...]) -> None:
        """Let these models go on with the conversation."""
        self.session.lanes = lanes
        self.open_session(self.session)

    @work(thread=True, group="models", exclusive=True, exit_on_error=False, description="list models")
    def _refresh_models(self) -> None:
        refresh_models(self.services)  # what can't be asked now is said when it is talked to
