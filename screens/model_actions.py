"""What can be done to the model under the cursor: talk, train further, tag, note, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from textual import work

from screens.ask_text import AskTextScreen
from screens.choose import choose_file
from screens.greyed_keys import GreyedKeys
from screens.model_deploy import DeploysModels
from tui.errors import TunedeckError
from tui.jobs.checkpoint_use import DROPPED
from tui.jobs.deployments import reason_against_deploying
from tui.jobs.model_family import FamilyModel, ModelKind
from tui.jobs.model_words import delete_model, read_tags, reason_against_deleting, set_note, set_tags
from tui.records.model_names import base_of
from tui.records.models import Capability, Permission
from tui.safe_text import safe_line

Permissions = Mapping[Capability, Permission]
ASKED: tuple[Capability, ...] = (Capability.CHAT, Capability.DELETE_MODEL, Capability.DEPLOY)
"""Capabilities that keys on a model depend on."""


def _training_file(model: FamilyModel) -> Path | None:
    """Return the file that a model was trained on, where it is still here."""
    path = Path(model.job.dataset) if model.job is not None and model.job.dataset else None
    return path if path is not None and path.is_file() else None


class ModelActions(DeploysModels, GreyedKeys, inherit_bindings=False):
    """A screen with a model under the cursor."""

    def permissions(self, account: str) -> Permissions:
        """Return what is known of an account's capabilities; missing ones count as allowed."""
        raise NotImplementedError

    def reason_against(self, action: str) -> str:
        """Return why a key can't act on the model under the cursor."""
        needs_model = (
            "chat_model",
            "compare_model",
            "train_further",
            "edit_tags",
            "edit_note",
            "open_job",
            "delete_model",
            "deploy_model",
            "show_payback",
            "record_model",
            "evaluate_model",
            "diet_model",
            "compare_recorded",
        )
        if action not in (*needs_model, "copy_name"):
            return ""
        model = self.chosen_model()
        if model is None:
            return "There is no model here yet."
        match action:
            case "chat_model" | "compare_model" | "evaluate_model" | "record_model" | "diet_model":
                return self._reason_against_chat(model)
            case "train_further":
                return "" if model.trainable else model.trainable.reason
            case "edit_tags" | "edit_note":
                return "" if model.is_model else "This job has made no model yet."
            case "open_job":
                return "" if model.job is not None else "No job of it is known here."
            case "deploy_model":
                reason = reason_against_deploying(model)
                return reason or self._permission(model, Capability.DEPLOY).reason
            case "delete_model":
                return reason_against_deleting(model, self._permission(model, Capability.DELETE_MODEL))
        return ""

    def _permission(self, model: FamilyModel, capability: Capability) -> Permission:
        return self.permissions(model.account).get(capability, Permission(True))

    def _reason_against_chat(self, model: FamilyModel) -> str:
        if model.kind is ModelKind.JOB:
            return "This job has made no model yet."
        if model.deleted_at is not None:
            return f"{model.id} was deleted."
        if model.lifetime.is_over:
            return f"{model.id} was shut down on {model.lifetime.shutdown_date}."
        if model.is_dropped:
            return DROPPED
        if not model.can_chat:
            return f"{model.id} is not for chats."
        permission = self._permission(model, Capability.CHAT)
        return "" if permission else permission.reason

    def ask_permissions(self, account: str) -> Permissions:
        """Ask an account what it can do; for workers, since the first call may load its client."""
        try:
            provider = self.services.provider(account)
            return {capability: provider.can(capability) for capability in ASKED}
        except TunedeckError as error:
            return {capability: Permission(False, error.message) for capability in ASKED}

    # Keys

    def action_chat_model(self) -> None:
        """Talk to the model, a tuned one beside its base."""
        model = self.chosen_model()
        if model is None:
            return
        base = [(model.account, model.base_model)] if model.base_model else []
        self.navigator.open_chat(*base, model.key)

    def action_compare_model(self) -> None:
        """Put the model beside its base, or beside itself with another prompt."""
        model = self.chosen_model()
        if model is not None:
            base = [(model.account, model.base_model)] if model.base_model else []
            self.navigator.open_compare(*base, model.key)

    def action_train_further(self) -> None:
        """Go to Launch with this model as the base of a new job."""
        model = self.chosen_model()
        if model is not None:
            self.navigator.open_launch_on(model.key)

    def action_open_job(self) -> None:
        """Show the job that made the model."""
        model = self.chosen_model()
        if model is not None and model.job is not None:
            self.navigator.open_job(model.account, model.job.id)

    def action_record_model(self) -> None:
        """Record what the model answers."""
        from screens.record import RecordScreen  # not needed before it is asked for

        model = self.chosen_model()
        if model is not None:
            self.app.push_screen(RecordScreen([model.key], _training_file(model)))

    def action_evaluate_model(self) -> None:
        """Measure the model, a tuned one against its base."""
        model = self.chosen_model()
        if model is not None:
            self.navigator.open_evaluation(model.key)

    def action_diet_model(self) -> None:
        """Try how short the model's system prompt may be."""
        model = self.chosen_model()
        if model is not None:
            self.navigator.open_diet(model.key)

    def action_show_past(self) -> None:
        """Show evaluations from before."""
        self.navigator.open_evaluations()

    def action_compare_recorded(self) -> None:
        """Compare what was recorded of the model with another, or of another with this one."""
        model = self.chosen_model()
        if model is not None:
            self.navigator.open_parity(model=model.key)

    @work(group="model-file", exclusive=True, exit_on_error=False, description="choose a file to reckon with")
    async def action_show_payback(self) -> None:
        """Reckon whether tuning this base pays back, with the file it was trained on or another."""
        from screens.payback import PaybackScreen  # not needed before it is asked for

        model = self.chosen_model()
        if model is None:
            return
        path = await asyncio.to_thread(_training_file, model) or await choose_file(self)
        if path is not None:
            service = self.services.account(model.account).provider
            base = (service, base_of(model.base_model or model.id))
            self.app.push_screen(PaybackScreen(path, base, training_paid=model.kind is ModelKind.TUNED))

    def action_copy_name(self) -> None:
        """Copy the model's whole name."""
        model = self.chosen_model()
        if model is not None:
            self.navigator.copy_text(model.id, "model name")

    def action_edit_tags(self) -> None:
        """Ask for the model's tags."""
        model = self.chosen_model()
        if model is not None:
            self._ask(
                AskTextScreen("Tags, parted by blanks", value=" ".join(model.tags), hint="none",
                              facts=[("Model", safe_line(model.id, 200))]),
                lambda text: set_tags(self.services, model, read_tags(text)),
            )  # fmt: skip

    def action_edit_note(self) -> None:
        """Ask for the note on the model."""
        model = self.chosen_model()
        if model is not None:
            self._ask(
                AskTextScreen("Note", value=safe_line(model.note), hint="none",
                              facts=[("Model", safe_line(model.id, 200))]),
                lambda text: set_note(self.services, model, text),
            )  # fmt: skip

    def action_delete_model(self) -> None:
        """Ask for the model's whole name, then delete it at its service."""
        model = self.chosen_model()
        if model is None:
            return

        def delete(typed: str) -> None:
            was_there = delete_model(self.services, model, typed)
            words = "is deleted" if was_there else "was gone already"
            self.post_from_thread(self.tell, f"{safe_line(model.id, 200)} {words}.")

        self._ask(
            AskTextScreen(
                "Delete this model for good?", exactly=model.id, hint="type the whole name of the model",
                facts=[("Model", safe_line(model.id, 200)), ("Account", model.account)],
                warning="No service brings a deleted model back, and its checkpoints may go with it.",
            ),
            delete,
        )  # fmt: skip

    @work(group="model-action", exit_on_error=False, description="change a model")
    async def _ask(self, dialog: AskTextScreen, act: Callable[[str], None]) -> None:
        typed = await self.app.push_screen_wait(dialog)
        if typed is None:
            return
        try:
            await asyncio.to_thread(act, typed)
        except TunedeckError as error:
            self.tell_error(error)
        self.model_changed()
