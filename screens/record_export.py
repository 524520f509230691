"""Writes a recording to a file: golden answers, or rows to train a successor on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import work

from screens.ask_text import AskTextScreen
from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.records.recordings import Recording
from tui.safe_text import safe_line


class ExportsRecordings(GreyedKeys, inherit_bindings=False):
    """A screen with a recording under the cursor."""

    def chosen_recording(self) -> Recording | None:
        """Return the recording that keys act on."""
        raise NotImplementedError

    def action_write_golden(self) -> None:
        """Write the recording under the cursor as golden answers."""
        self._export("golden")

    def action_train_successor(self) -> None:
        """Write it as training rows and open Check with them."""
        self._export("training")

    @work(group="export-recording", exclusive=True, exit_on_error=False, description="write a recording")
    async def _export(self, kind: str) -> None:
        from tui.evals.recorded import ExportKind, export_recording

        chosen = self.chosen_recording()
        if chosen is None:
            return
        name = f"{kind}-{chosen.id}.jsonl"
        typed = await self.app.push_screen_wait(
            AskTextScreen("Write it to", value=str(_path_of(name)), hint="a new file",
                          facts=[("Model", safe_line(chosen.model, 200))])
        )  # fmt: skip
        if not typed:
            return
        target = _path_of(typed)
        wanted = ExportKind(kind)
        try:
            written = await asyncio.to_thread(export_recording, self.services, chosen, target, wanted)
        except TunedeckError as error:
            self.tell_error(error)
            return
        left_out = sum(written.left_out.values())
        self.tell(f"{written.rows:,} rows written" + (f", {left_out:,} left out." if left_out else "."))
        if wanted is ExportKind.TRAINING:
            self.navigator.open_check(target)


def _path_of(typed: str) -> Path:
    return Path(typed).expanduser().absolute()
