"""Shows how a service itself reads the first rows of the training file, before anything is trained."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import work
from textual.widgets import Static

from screens.base import DeckScreen
from screens.confirm import ConfirmScreen
from screens.launch_form import LaunchForm
from screens.text_dialog import TextDialog, TextScroll
from tui.errors import TunedeckError
from tui.jobs.token_preview import held_file, preview_tokens, preview_words, row_words, shown_text
from tui.records.previews import TokenPreview
from tui.safe_text import safe_line
from tui.widgets.tones import Part, content

_ROWS = 5


class PreviewDialog(TextDialog):
    """Rows as a service reads them; what is trained on is marked.

    Args:
        title: Over the frame; safe.
        preview: The rows.
    """

    def __init__(self, title: str, preview: TokenPreview) -> None:
        super().__init__(title, "")
        self._preview = preview

    def on_mount(self) -> None:
        """Show the rows, what is trained on between marks, so that it is seen without colours too."""
        parts: list[Part] = [(f"{preview_words(self._preview)}\n", "muted")]
        for number, row in enumerate(self._preview.rows, 1):
            parts.append((f"\n{row_words(number, row)}\n", "accent"))
            parts += [(f"⟦{text}⟧", "good") if trained else (text, "") for text, trained in shown_text(row)]
            parts.append(("\n", ""))
        self.query_one(TextScroll).query_one(Static).update(content(*parts))


class PreviewsTokens(DeckScreen, inherit_bindings=False):
    """A screen with a launch form whose service may show how it reads rows."""

    form: LaunchForm

    def reason_against_preview(self) -> str:
        """Return why nothing can be shown."""
        if not self.form.service.previews_tokens:
            return f"{self.form.service.label} shows nobody how it reads a file; t in Check counts here."
        return (
            "" if self.form.training is not None and self.form.model else "Choose a file and a model first."
        )

    @work(group="preview", exclusive=True, exit_on_error=False, description="preview tokens")
    async def action_preview_tokens(self) -> None:
        """Ask the service how it reads the first rows; a file that is not there is sent after a yes."""
        path, account, model = self.form.training, self.form.account, self.form.model
        if path is None:
            return
        try:
            held = await asyncio.to_thread(held_file, self.services, account, path)
            if held is None and not await self._may_send(path, account):
                return
            self.tell("The service reads the first rows…" if held is not None else f"Sending {path.name}…")
            found = await asyncio.to_thread(
                preview_tokens, self.services, account, model, path, rows=_ROWS, send=True
            )
        except TunedeckError as error:
            self.tell_error(error)
            return
        title = f"{safe_line(path.name, 40)} as {safe_line(account, 30)} reads it"
        self.app.push_screen(PreviewDialog(title, found))

    async def _may_send(self, path: Path, account: str) -> bool:
        dialog = ConfirmScreen(
            f"Send {safe_line(path.name, 50)} to {safe_line(account, 40)}?",
            yes="send it",
            warning="It is kept there as a training file, and a launch sends it no more. Nothing is trained, "
            "and nothing is paid for.",
        )
        return bool(await self.app.push_screen_wait(dialog))
