"""Settles a launch whose answer was lost: choose its job, or say that it made none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual import work

from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.confirm import ConfirmScreen
from screens.job_words import ago, state_part
from tui.chat.model_names import job_title
from tui.errors import TunedeckError
from tui.jobs.settle import adopt_job, launch_facts, likely_jobs, lost_launches, mark_not_created
from tui.records.jobs import Job
from tui.safe_text import safe_line
from tui.store.launch_rows import LaunchRecord
from tui.widgets.table import Column

_NO_JOB = "\n"
"""Key of the line that says so; no service has such an id."""
_LAUNCHES = (
    Column("File"),
    Column("Model", 24, cut="middle"),
    Column("Account", 10, tone="muted"),
    Column("Sent", 11, align="right", tone="muted"),
)
_JOBS = (Column("Job", cut="middle"), Column("State", 13), Column("Created", 11, align="right", tone="muted"))


class SettlesLaunches(DeckScreen, inherit_bindings=False):
    """A screen from which lost launches are settled."""

    def launch_settled(self) -> None:
        """Show what changed; the store has it already."""
        raise NotImplementedError

    @work(group="settle", exclusive=True, exit_on_error=False, description="settle a lost launch")
    async def action_settle_launch(self) -> None:
        """Choose a lost launch and what became of it."""
        try:
            records = await asyncio.to_thread(lost_launches, self.services)
            record = await self._chosen_launch(records)
            if record is not None:
                await self._settle(record)
        except TunedeckError as error:
            self.tell_error(error)
        self.launch_settled()

    async def _chosen_launch(self, records: Sequence[LaunchRecord]) -> LaunchRecord | None:
        if len(records) <= 1:
            return records[0] if records else None
        options = [
            Option(
                one.run_id,
                (one.dataset_path.name, str(one.request.get("model")), one.account, ago(one.created_at)),
                f"{one.dataset_path} {one.request.get('model')} {one.account}",
            )
            for one in records
        ]
        dialog = ChooseScreen("Launches that got no answer", _LAUNCHES, options, hint="part of a name")
        chosen = await self.app.push_screen_wait(dialog)
        return next((one for one in records if one.run_id == chosen), None)

    async def _settle(self, record: LaunchRecord) -> None:
        jobs = await asyncio.to_thread(likely_jobs, self.services, record)
        title = f"What became of the launch of {record.dataset_path.name}, {ago(record.created_at)}?"
        made_none = Option(_NO_JOB, ("It made no job", "", ""), "it made no job, none")
        dialog = ChooseScreen(
            safe_line(title, 90),
            _JOBS,
            [*(_option(job) for job in jobs), made_none],
            hint=f"the job, or the id of any job on {record.account}",
            may_type=True,
        )
        key = await self.app.push_screen_wait(dialog)
        if key == _NO_JOB:
            await self._call_off(record)
        elif key:
            job = await asyncio.to_thread(adopt_job, self.services, record, key)
            self.navigator.open_job(job.account, job.id)

    async def _call_off(self, record: LaunchRecord) -> None:
        confirmed = await self.app.push_screen_wait(
            ConfirmScreen(
                f"Has {record.account} really made no job?",
                yes="it made none",
                no="leave it open",
                facts=launch_facts(record),
                warning="Look at the service's own list first: the same can be launched again after this.",
            )
        )
        if not confirmed:
            return
        job = await asyncio.to_thread(mark_not_created, self.services, record)
        if job is None:
            self.tell("Settled: no job was made. The same may be launched again.")
        else:
            self.tell(f"The service knows the job after all: {job.id}.")
            self.navigator.open_job(job.account, job.id)


def _option(job: Job) -> Option:
    return Option(
        job.id, (job_title(job), state_part(job), ago(job.created_at)), f"{job.id} {job_title(job)}"
    )
