"""The checkpoints of a job: talk to one, compare it with base and result, train it further, take its name."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import BindingType

from screens.greyed_keys import GreyedKeys
from tui.jobs.checkpoint_use import CheckpointUse
from tui.records.jobs import Checkpoint, Job
from tui.widgets.keys import bindings
from tui.widgets.table import Table

_ON_A_CHECKPOINT = ("compare_checkpoint", "train_on_checkpoint", "copy_checkpoint", "copy_checkpoint_id")


class CheckpointTable(Table):
    """The list, with the keys that act on the checkpoint under its cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("checkpoints")]


class ActsOnCheckpoints(GreyedKeys, inherit_bindings=False):
    """A screen that lists the checkpoints of a job in a `CheckpointTable` named `checkpoints`."""

    def chosen_job(self) -> Job | None:
        """Return the job whose checkpoints they are."""
        raise NotImplementedError

    def checkpoint(self, key: str) -> Checkpoint | None:
        """Return the checkpoint of a row."""
        raise NotImplementedError

    def checkpoint_use(self, checkpoint: Checkpoint) -> CheckpointUse:
        """Return what can be done with a checkpoint."""
        raise NotImplementedError

    def chosen_checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint under the cursor."""
        key = self.query_one("#checkpoints", CheckpointTable).row_key if self.is_mounted else None
        return self.checkpoint(key) if key is not None else None

    def reason_against(self, action: str) -> str:
        """Return why a key can't act on the checkpoint under the cursor, or on all of them."""
        if action == "scrub_job":
            return self._reason_against_scrubbing()
        if action not in _ON_A_CHECKPOINT:
            return super().reason_against(action)
        checkpoint = self.chosen_checkpoint()
        if checkpoint is None:
            return "There is no checkpoint here yet."
        use = self.checkpoint_use(checkpoint)
        match action:
            case "compare_checkpoint":
                return use.compare.reason
            case "train_on_checkpoint":
                return use.train.reason
            case "copy_checkpoint":
                return (
                    "" if checkpoint.model else "The service gives this checkpoint no name; i copies its id."
                )
        return ""

    def _reason_against_scrubbing(self) -> str:
        job = self.chosen_job()
        if job is None:
            return "There is no job here yet."
        table = self.query_one("#checkpoints", CheckpointTable)
        has_one = any((one := self.checkpoint(key)) is not None and one.model for key in table.keys)
        return "" if job.fine_tuned_model or has_one else "This job has no checkpoint yet that can be asked."

    @on(Table.Highlighted, "#checkpoints")
    def _came_to_checkpoint(self) -> None:
        self.refresh_bindings()

    @on(Table.Chosen, "#checkpoints")
    def _chat_with_checkpoint(self, message: Table.Chosen) -> None:
        job, checkpoint = self.chosen_job(), self.checkpoint(message.key)
        if job is None or checkpoint is None:
            return
        reason = self.checkpoint_use(checkpoint).chat.reason
        if reason:
            self.tell(reason, title="Chat: not now", severity="warning")
            return
        self.navigator.open_chat((job.account, job.model), (job.account, checkpoint.model))

    def action_compare_checkpoint(self) -> None:
        """Ask the base, the checkpoint and the final model side by side."""
        job, checkpoint = self.chosen_job(), self.chosen_checkpoint()
        if job is not None and checkpoint is not None and job.fine_tuned_model:
            models = (job.model, checkpoint.model, job.fine_tuned_model)
            self.navigator.open_chat(*((job.account, model) for model in models))

    def action_scrub_job(self) -> None:
        """Ask one prompt at every moment of the training."""
        job = self.chosen_job()
        if job is not None:
            self.navigator.open_scrub(job.account, job.id)

    def action_train_on_checkpoint(self) -> None:
        """Go to Launch with the checkpoint as the base of a new job."""
        job, checkpoint = self.chosen_job(), self.chosen_checkpoint()
        if job is not None and checkpoint is not None:
            self.navigator.open_launch_on((job.account, checkpoint.model))

    def action_copy_checkpoint(self) -> None:
        """Copy the name that the checkpoint is asked by."""
        checkpoint = self.chosen_checkpoint()
        if checkpoint is not None:
            self.navigator.copy_text(checkpoint.model, "checkpoint's name")

    def action_copy_checkpoint_id(self) -> None:
        """Copy the checkpoint's id."""
        checkpoint = self.chosen_checkpoint()
        if checkpoint is not None:
            self.navigator.copy_text(checkpoint.id, "checkpoint's id")
