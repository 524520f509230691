"""What a person writes: pictures that go with it, tools that may be called, their own editor."""

from __future__ import annotations

import asyncio

from textual import on, work
from textual.widgets import Static

from screens.chat_base import typed_path
from screens.chat_turns import ChatTurns
from screens.own_editor import edit_in_own_editor
from tui.chat.abilities import reason_against
from tui.chat.images import MOST_IMAGES, describe_image, read_image
from tui.chat.tools_file import read_tools, tool_names
from tui.errors import TunedeckError
from tui.records.chats import ChatImage
from tui.records.models import Capability
from tui.safe_text import safe_line, safe_to_type
from tui.widgets.prompt_input import PromptInput
from tui.widgets.tones import Part, content


class ChatWriting(ChatTurns, inherit_bindings=False):
    """The message line and what goes with it."""

    def show_pending(self) -> None:
        """Show what the next message will do beside asking: change a turn, take pictures along."""
        parts: list[Part] = []
        if self.changing is not None:
            parts.append(("a new branch beside it; esc leaves it", "warning"))
        parts += [
            (f"{' · ' if number or parts else ''}▣ {safe_line(describe_image(image), 120)}", "accent")
            for number, image in enumerate(self.pending_images)
        ]
        line = self.query_one("#pending-line", Static)
        line.display = bool(parts)
        line.update(content(*parts))
        self.refresh_bindings()

    def reason_against_picture(self) -> str:
        """Return why no picture can be taken along; empty when one can."""
        if len(self.pending_images) >= MOST_IMAGES:
            return f"{MOST_IMAGES} pictures are the most."
        return reason_against(self.services, self.session.lanes, Capability.CHAT_IMAGES)

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="add a picture")
    async def action_add_picture(self) -> None:
        """Take a picture along with the next question."""
        from screens.ask_text import AskTextScreen

        dialog = AskTextScreen("Picture to send along", hint="path of a PNG, JPEG, WebP or GIF, up to 10 MB")
        typed: str | None = await self.app.push_screen_wait(dialog)
        if not typed:
            return
        try:
            image: ChatImage = await asyncio.to_thread(read_image, typed_path(typed))
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.pending_images.append(image)
        self.show_pending()
        self.query_one(PromptInput).focus()

    def action_drop_pictures(self) -> None:
        """Take no picture along after all."""
        self.pending_images.clear()
        self.show_pending()

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="choose tools")
    async def action_choose_tools(self) -> None:
        """Declare the tools that the models may call, from a file; an empty path takes them away."""
        from screens.ask_text import AskTextScreen

        now = tool_names(self.session.tools)
        dialog = AskTextScreen(
            "Tools that the models may call", hint="path of a JSON file; empty takes them away",
            facts=[("now", safe_line(now, 200) or "none")],
        )  # fmt: skip
        typed: str | None = await self.app.push_screen_wait(dialog)
        if typed is None:
            return
        try:
            tools = await asyncio.to_thread(read_tools, typed_path(typed)) if typed else ()
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.session.tools = tools
        self.tell(
            f"{safe_line(tool_names(tools), 200)}: what they call is shown, and o answers it."
            if tools else "The models may call no tool.",
        )  # fmt: skip
        self.show_line()

    def action_write_outside(self) -> None:
        """Write the message in your own editor."""
        prompt = self.query_one(PromptInput)
        try:
            text = edit_in_own_editor(self.app, prompt.text, "message.md")
        except TunedeckError as error:
            self.tell_error(error)
            return
        prompt.load_text(safe_to_type(text.rstrip("\n")))
        prompt.move_cursor(prompt.document.end)
        prompt.focus()

    @on(PromptInput.OutsideWanted)
    def _write_outside(self) -> None:
        self.action_write_outside()
