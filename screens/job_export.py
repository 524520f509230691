"""Copies a job as a job file, as curl or as Python, and shows what was copied."""

from __future__ import annotations

import asyncio

from textual import work

from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.text_dialog import TextDialog
from tui.errors import TunedeckError
from tui.records.jobs import Job
from tui.safe_text import safe_text
from tui.widgets.table import Column

_COLUMNS = (Column("As", 10), Column("For", tone="muted"))
_FORMS = {
    "toml": ("job file", "tunedeck launch --from FILE"),
    "curl": ("curl", "a shell, with the key from the environment"),
    "python": ("Python", "the openai package, with the key from the environment"),
}


class ExportsJob(DeckScreen, inherit_bindings=False):
    """A screen with a job that can be taken along as text."""

    def chosen_job(self) -> Job | None:
        """Return the job that keys act on."""
        raise NotImplementedError

    @work(group="export-job", exclusive=True, exit_on_error=False, description="export a job")
    async def action_export_job(self) -> None:
        """Choose a form; the text goes to the clipboard and is shown."""
        job = self.chosen_job()
        if job is None:
            return
        options = [Option(key, cells, " ".join(cells)) for key, cells in _FORMS.items()]
        dialog = ChooseScreen("Copy this job as", _COLUMNS, options, hint="job file, curl or Python")
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is None:
            return
        from tui.jobs.job_export import ExportForm, export_job  # TOML and requests; only for this key

        try:
            text = await asyncio.to_thread(export_job, self.services, job, ExportForm(chosen))
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.navigator.copy_text(text, _FORMS[chosen][0])
        self.app.push_screen(TextDialog(f"Copied: {_FORMS[chosen][0]}", safe_text(text)))
