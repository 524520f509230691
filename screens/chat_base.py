"""What the parts of the Chat screen know of each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from screens.greyed_keys import GreyedKeys

if TYPE_CHECKING:
    from tui.chat.lanes import Lane, Turn
    from tui.chat.session import ChatSession
    from tui.records.chats import ChatImage

STILL_ANSWERING = "The last question is still being answered: esc stops it."


def typed_path(text: str) -> Path:
    """Return the file that a person typed; `~` is their home."""
    return Path(text).expanduser().absolute()


class ChatBase(GreyedKeys, inherit_bindings=False):
    """A screen with a chat; its parts are classes between this one and `ChatScreen`."""

    def __init__(self) -> None:
        super().__init__()
        self.pending_images: list[ChatImage] = []
        """Pictures that go with the next question."""

    @property
    def session(self) -> ChatSession:
        """The conversation on the screen."""
        raise NotImplementedError

    @property
    def is_asking(self) -> bool:
        """True while a question is being answered."""
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

    def ask_turn(self, turn: Turn) -> None:
        """Let the models answer a turn."""
        raise NotImplementedError

    def show_line(self, asked: Turn | None = None) -> None:
        """Show title and settings anew; a turn that has just been asked may not be the session's yet."""
        raise NotImplementedError

    def show_branch_line(self) -> None:
        """Show all turns anew, after another branch was chosen."""
        raise NotImplementedError

    def mark_number(self, number: int) -> None:
        """Mark the turn of that number, and bring it into view."""
        raise NotImplementedError

    def show_pending(self) -> None:
        """Show what goes with the next message."""
        raise NotImplementedError
