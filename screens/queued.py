"""Shows the launches that wait for a service's limit, and takes one out of the queue."""

from __future__ import annotations

import asyncio

from textual import work

from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.confirm import ConfirmScreen
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.store.launch_rows import QueuedLaunch
from tui.widgets.table import Column

_COLUMNS = (
    Column("File"),
    Column("Model", 24, cut="middle"),
    Column("Account", 10, tone="muted"),
    Column("Sent after", 20, align="right", tone="muted"),
)


class ShowsQueue(DeckScreen, inherit_bindings=False):
    """A screen from which launches are taken out of the queue."""

    def queue_changed(self) -> None:
        """Show what changed; the store has it already."""
        raise NotImplementedError

    @work(group="queue", exclusive=True, exit_on_error=False, description="show queued launches")
    async def action_show_queue(self) -> None:
        """Choose a launch that waits, and take it out of the queue."""
        store = self.services.store
        try:
            queued = await asyncio.to_thread(store.queued_launches)
            dialog = ChooseScreen(
                "Launches that wait for a limit; enter drops one",
                _COLUMNS, [_option(one) for one in queued], hint="part of a name",
            )  # fmt: skip
            chosen = await self.app.push_screen_wait(dialog)
            found = next((one for one in queued if one.record.run_id == chosen), None)
            if found is not None and await self._is_sure(found):
                await asyncio.to_thread(store.unqueue_launch, found.record.run_id)
                self.tell(f"The launch of {found.record.dataset_path.name} will not be sent.")
        except TunedeckError as error:
            self.tell_error(error)
        self.queue_changed()

    async def _is_sure(self, queued: QueuedLaunch) -> bool:
        from tui.jobs.settle import launch_facts  # names of a launch; not needed to list jobs

        dialog = ConfirmScreen(
            "Take this launch out of the queue?", yes="drop it", no="let it wait",
            facts=[(name, safe_line(value, 120)) for name, value in launch_facts(queued.record)],
            warning="It made no job, and will make none.",
        )  # fmt: skip
        return bool(await self.app.push_screen_wait(dialog))


def _option(queued: QueuedLaunch) -> Option:
    from tui.jobs.queue import when_due

    record = queued.record
    model = str(record.request.get("model"))
    cells = (record.dataset_path.name, model, record.account, when_due(queued.due_at))
    return Option(record.run_id, cells, f"{record.dataset_path} {model} {record.account}")
