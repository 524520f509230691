"""Takes a job along: as text that starts it again, or the weights that it made."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from screens.ask_text import AskTextScreen
from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.text_dialog import TextDialog
from tui.errors import TunedeckError
from tui.records.jobs import Job
from tui.safe_text import safe_line, safe_text
from tui.widgets.table import Column
from tui.widgets.words import size

if TYPE_CHECKING:
    from tui.jobs.weights_found import Exportable

_COLUMNS = (Column("As", 16), Column("For", tone="muted"))
_TEXTS = {
    "toml": ("job file", "tunedeck launch --from FILE"),
    "curl": ("curl", "a shell, with the key from the environment"),
    "python": ("Python", "the openai package, with the key from the environment"),
}
_WEIGHTS = {
    "peft float32": ("PEFT adapter", "the adapter alone"),
    "merged float16": ("merged weights", "transformers, vLLM"),
    "gguf f16": ("GGUF, 16 bits", "llama.cpp, LM Studio"),
    "gguf q8_0": ("GGUF, 8 bits", "the same in half the room"),
    "ollama f16": ("Ollama", "GGUF with a Modelfile"),
}
"""Form and how its numbers are stored -> words; the command line has every combination."""


class ExportsJob(DeckScreen, inherit_bindings=False):
    """A screen with a job that can be taken along."""

    def chosen_job(self) -> Job | None:
        """Return the job that keys act on."""
        raise NotImplementedError

    @work(group="export-job", exclusive=True, exit_on_error=False, description="export a job")
    async def action_export_job(self) -> None:
        """Choose a form: text goes to the clipboard and is shown, weights go into a folder."""
        job = self.chosen_job()
        if job is None:
            return
        if self.services.exports.state.is_running:
            await self._show_writing()
            return
        found = await asyncio.to_thread(_weights_of, job)
        dialog = ChooseScreen(
            "Take this job along as", _COLUMNS, _options(found), hint="part of a form's name"
        )
        chosen = await self.app.push_screen_wait(dialog)
        if chosen in _TEXTS:
            await self._copy_text(job, chosen)
        elif chosen is not None and found is not None:
            await self._write_weights(found, chosen)

    async def _copy_text(self, job: Job, form: str) -> None:
        from tui.jobs.job_export import ExportForm, export_job  # TOML and requests; only for this key

        try:
            text = await asyncio.to_thread(export_job, self.services, job, ExportForm(form))
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.navigator.copy_text(text, _TEXTS[form][0])
        self.app.push_screen(TextDialog(f"Copied: {_TEXTS[form][0]}", safe_text(text)))

    async def _write_weights(self, found: Exportable, chosen: str) -> None:
        from tui.jobs.weights_found import WeightsForm, WeightsPlan

        name, _, stored = chosen.partition(" ")
        form = WeightsForm(name)
        facts = [
            ("Model", safe_line(found.model, 200)),
            ("Size", f"about {size(found.bytes_of(form, stored))}"),
        ]
        typed = await self.app.push_screen_wait(
            AskTextScreen(
                f"Write {_WEIGHTS[chosen][0]} into", value=str(_folder(found.folder_name)),
                hint="a folder", facts=facts,
            )
        )  # fmt: skip
        if not typed:
            return
        try:
            self.services.exports.start(WeightsPlan(found, form, stored, _folder(typed)))
        except TunedeckError as error:
            self.tell_error(error)
            return
        await self._show_writing()

    async def _show_writing(self) -> None:
        from screens.weights_dialog import WeightsDialog, tell_end

        run = self.services.exports
        await self.app.push_screen_wait(WeightsDialog(run))
        if run.state.is_running:
            self.tell("The weights go on being written; e on a job shows how far they are.")
            tell_end(self.app, run)


def _folder(typed: str) -> Path:
    return Path(typed).expanduser().absolute()


def _weights_of(job: Job) -> Exportable | None:
    from tui.jobs.weights_found import find_exportable

    try:
        return find_exportable(job)
    except TunedeckError:
        return None  # it has none here, so only its texts are offered


def _options(found: Exportable | None) -> list[Option]:
    shown = _TEXTS if found is None else {**_TEXTS, **_WEIGHTS}
    return [Option(key, cells, " ".join(cells)) for key, cells in shown.items()]
