"""Chooses the jobs of an overlay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual import work

from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.job_words import ago, state_part
from tui.chat.model_names import job_title, short_model_name
from tui.jobs.run_overlay import Run
from tui.records.jobs import Job
from tui.safe_text import safe_line
from tui.store.model_queries import ModelKey
from tui.widgets.table import Column

_MOST_JOBS = 500
_SEPARATOR = "\n"
_JOBS = (
    Column("Job", cut="middle"),
    Column("State", 11),
    Column("Model", 20, tone="muted", drop_below=70),
    Column("Started", 11, align="right", tone="muted"),
)
_RUNS = (Column("", 3), Column("Job", cut="middle"))


class OverlaysJob(DeckScreen, inherit_bindings=False):
    """A screen with a job that another one can be laid over."""

    def chosen_job(self) -> Job | None:
        """Return the job that keys act on."""
        raise NotImplementedError

    @work(group="overlay-job", exclusive=True, exit_on_error=False, description="choose a job to lay over")
    async def action_overlay_job(self) -> None:
        """Choose another job and show both."""
        job = self.chosen_job()
        if job is None:
            return
        mine = (job.account, job.id)
        other = await choose_job(self, "Lay over this job", without=(mine,))
        if other is not None:
            self.navigator.open_overlay((mine, other))


async def choose_job(screen: DeckScreen, title: str, *, without: Sequence[ModelKey]) -> ModelKey | None:
    """Let the person choose a job that is kept; None when they don't. To be awaited in a worker."""
    jobs = await asyncio.to_thread(screen.services.store.jobs, None, False, _MOST_JOBS)
    options = [_option(job) for job in jobs if (job.account, job.id) not in without]
    return _key(
        await screen.app.push_screen_wait(ChooseScreen(title, _JOBS, options, hint="part of a job's name"))
    )


async def choose_run(screen: DeckScreen, runs: Sequence[Run]) -> ModelKey | None:
    """Let the person choose one of the runs that are shown; None when they don't."""
    options = [
        Option(
            f"{run.job.account}{_SEPARATOR}{run.job.id}",
            (run.letter, safe_line(run.title, 100)),
            f"{run.letter} {run.title}",
        )
        for run in runs
    ]
    return _key(await screen.app.push_screen_wait(ChooseScreen("Take out", _RUNS, options, hint="letter")))


def _option(job: Job) -> Option:
    title = job_title(job)
    return Option(
        f"{job.account}{_SEPARATOR}{job.id}",
        [
            safe_line(title, 80),
            state_part(job),
            safe_line(short_model_name(job.model), 60),
            ago(job.created_at),
        ],
        f"{title} {job.id} {job.model} {job.account} {job.state}",
    )


def _key(chosen: str | None) -> ModelKey | None:
    if chosen is None:
        return None
    account, _, job_id = chosen.partition(_SEPARATOR)
    return account, job_id
