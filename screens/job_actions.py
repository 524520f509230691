"""What can be done to a job, on the list of jobs and on the job's own screen alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from textual import work

from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from screens.job_elsewhere import LaunchesElsewhere
from screens.job_export import ExportsJob
from tui.chat.model_names import job_title
from tui.errors import TunedeckError
from tui.jobs.control import Control, control_job, reason_against
from tui.records.jobs import Job, JobState
from tui.records.models import Capability, Permission

if TYPE_CHECKING:
    from tui.jobs.elsewhere import Origin

Permissions = Mapping[Capability, Permission]
"""What the account of a job can do to it."""

ASKED: tuple[Capability, ...] = (Capability.CANCEL, Capability.PAUSE, Capability.RESUME, Capability.CHAT)
"""Capabilities that keys on a job depend on."""
ON_A_JOB = (
    "cancel_job", "pause_or_resume", "chat_model", "copy_id", "export_job", "launch_elsewhere",
    "overlay_job", "evaluate_model",
)  # fmt: skip
"""Actions that need a job, and may be impossible with this one."""


class JobActions(ExportsJob, LaunchesElsewhere, GreyedKeys, inherit_bindings=False):
    """A screen with a job under the cursor."""

    def chosen_job(self) -> Job | None:
        """Return the job that keys act on."""
        raise NotImplementedError

    def origin_asked_for(self) -> Callable[[], Origin] | None:
        """Return how the job becomes something to launch elsewhere."""
        job = self.chosen_job()
        if job is None:
            return None
        from tui.jobs.elsewhere import origin_of_job  # only for a job that is taken elsewhere

        return partial(origin_of_job, self.services, job)

    def permissions(self, account: str) -> Permissions:
        """Return what is known of an account's capabilities; missing ones count as allowed."""
        raise NotImplementedError

    def job_changed(self) -> None:
        """Show what an action changed; the store has it already."""
        raise NotImplementedError

    def reason_against(self, action: str) -> str:
        """Return why the job can't be cancelled, paused, talked to or launched elsewhere."""
        if action not in ON_A_JOB:
            return ""
        job = self.chosen_job()
        if job is None:
            return "There is no job here yet."
        match action:
            case "cancel_job":
                return self._reason_against_control(job, Control.CANCEL)
            case "pause_or_resume":
                paused = job.state is JobState.PAUSED
                return self._reason_against_control(job, Control.RESUME if paused else Control.PAUSE)
            case "chat_model" | "evaluate_model":
                return self._reason_against_chat(job)
            case "launch_elsewhere":
                others = any(one.ready and one.name != job.account for one in self.services.accounts())
                return "" if others else "No other account is ready: a on Home adds one."
        return ""

    def _reason_against_control(self, job: Job, control: Control) -> str:
        permission = self.permissions(job.account).get(control.capability, Permission(True))
        return reason_against(job, control, permission)

    def _reason_against_chat(self, job: Job) -> str:
        if not job.fine_tuned_model:
            return "There is no tuned model yet. Enter on a checkpoint, once there are any, talks to it."
        permission = self.permissions(job.account).get(Capability.CHAT, Permission(True))
        return "" if permission else permission.reason

    def action_chat_model(self) -> None:
        """Talk to the base and the tuned model side by side."""
        job = self.chosen_job()
        if job is not None and job.fine_tuned_model:
            self.navigator.open_chat((job.account, job.model), (job.account, job.fine_tuned_model))

    def action_evaluate_model(self) -> None:
        """Measure the tuned model against its base, on the rows held out of its training."""
        job = self.chosen_job()
        if job is not None and job.fine_tuned_model:
            self.navigator.open_evaluation((job.account, job.fine_tuned_model), job)

    def action_copy_id(self) -> None:
        """Copy the tuned model's name, or the job's id as long as there is none."""
        job = self.chosen_job()
        if job is not None:
            what = "model name" if job.fine_tuned_model else "job id"
            self.navigator.copy_text(job.fine_tuned_model or job.id, what)

    def action_cancel_job(self) -> None:
        """Ask, then stop the job for good."""
        job = self.chosen_job()
        if job is not None:
            self._ask(
                job,
                f"Cancel the job {job_title(job)}?",
                yes="cancel the job",
                warning="It can't be started again; checkpoints that exist already stay usable.",
                control=Control.CANCEL,
            )

    def action_pause_or_resume(self) -> None:
        """Ask, then pause the job; a paused one goes on at once."""
        job = self.chosen_job()
        if job is None:
            return
        if job.state is JobState.PAUSED:
            self._act(job, Control.RESUME)
        else:
            self._ask(
                job,
                f"Pause the job {job_title(job)}?",
                yes="pause it",
                warning="Its state is saved; p lets it go on.",
                control=Control.PAUSE,
            )

    def _ask(self, job: Job, question: str, *, yes: str, warning: str, control: Control) -> None:
        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._act(job, control)

        facts = [("Job", job.id), ("Model", job.model), ("Account", job.account)]
        self.app.push_screen(
            ConfirmScreen(question, yes=yes, no="let it run", facts=facts, warning=warning), answered
        )

    @work(thread=True, group="job-action", exit_on_error=False, description="act on a job")
    def _act(self, job: Job, control: Control) -> None:
        try:
            control_job(self.services, job, control)
            self.services.watcher.wake(job.account)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        self.post_from_thread(self.job_changed)

    def ask_permissions(self, account: str) -> Permissions:
        """Ask an account what it can do; for workers, since the first call may load its client."""
        try:
            provider = self.services.provider(account)
            return {capability: provider.can(capability) for capability in ASKED}
        except TunedeckError as error:
            return {capability: Permission(False, error.message) for capability in ASKED}
