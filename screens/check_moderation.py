"""Asks a free moderation about the file of a check, after a notice and a yes, and adds what it flags."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual import on, work
from textual.message import Message
from textual.worker import Worker, get_current_worker

from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from tui.datasets.report import Report
from tui.errors import TunedeckError
from tui.jobs.moderation import ModerationResult, moderate_file, with_moderation
from tui.jobs.moderation_asking import ModerationStopped
from tui.jobs.moderation_plan import ModerationPlan, moderating_account, plan_moderation, privacy_notice
from tui.records.models import Permission
from tui.widgets.meter import Meter
from tui.widgets.words import plural

_PROGRESS_SECONDS = 0.25


class ModeratesFile(GreyedKeys, inherit_bindings=False):
    """A screen with a checked file whose texts can be sent to a moderation; one round at a time."""

    _moderation: Worker[None] | None = None
    _may_moderate: Permission = Permission(False, "The accounts are still being looked at.")

    @dataclass
    class Planned(Message):
        """What would be sent was counted."""

        path: Path
        plan: ModerationPlan

    @dataclass
    class Asked(Message):
        """Some more was answered, or the service makes us wait."""

        done: int
        total: int
        note: str

    @dataclass
    class Moderated(Message):
        """The round is over: with a result, an error, or neither when it was stopped at once."""

        path: Path
        result: ModerationResult | None = None
        error: TunedeckError | None = None

    def checked_file(self) -> tuple[Path, Report] | None:
        """Return the file and its report, once there is one."""
        raise NotImplementedError

    def show_moderated(self, report: Report) -> None:
        """Show the report with what was flagged."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Find out which account can be asked; making a provider imports too much for the first paint."""
        self._find_moderator()

    @work(thread=True, group="moderator", exit_on_error=False, description="find a moderation")
    def _find_moderator(self) -> None:
        try:
            _, permission = moderating_account(self.services)
        except TunedeckError as error:
            permission = Permission(False, error.message)
        self.post_from_thread(self._set_permission, permission)

    def _set_permission(self, permission: Permission) -> None:
        self._may_moderate = permission
        self.refresh_bindings()

    @property
    def is_moderating(self) -> bool:
        """True from the key to the end of the round."""
        return self._moderation is not None

    def reason_against_moderation(self) -> str:
        """Return why no round can begin."""
        if self.is_moderating:
            return "It is being asked already: x stops that."
        if self.checked_file() is None:
            return "There is no report yet."
        return self._may_moderate.reason

    def stop_moderation(self) -> None:
        """End the round; what was answered is kept."""
        if self._moderation is not None:
            self._moderation.cancel()

    def action_moderate(self) -> None:
        """Count what would be sent, ask, send, and show what is flagged."""
        checked = self.checked_file()
        if checked is not None:
            self._moderation = self._plan(checked[0])
            self.refresh_bindings()

    @work(thread=True, group="moderate", exit_on_error=False, description="plan a moderation")
    def _plan(self, path: Path) -> None:
        worker = get_current_worker()
        try:
            plan = plan_moderation(
                self.services,
                path,
                on_progress=self._progress("reading"),
                cancelled=lambda: worker.is_cancelled,
            )
        except ModerationStopped:
            self.post_message(self.Moderated(path))
        except TunedeckError as error:
            self.post_message(self.Moderated(path, error=error))
        else:
            self.post_message(self.Planned(path, plan))

    @on(Planned)
    def _ask_and_send(self, message: Planned) -> None:
        if message.plan.unknown:
            self._confirm(message)
        else:
            self._moderation = self._send(message.path, message.plan)

    @work(group="confirm-moderation", exit_on_error=False, description="ask about a moderation")
    async def _confirm(self, message: Planned) -> None:
        plan = message.plan
        question = ConfirmScreen(
            f"Send the texts of {message.path.name} to {plan.account.label}?",
            yes="send them",
            facts=[
                ("Rows", f"{plan.rows:,}"),
                ("Texts to send", f"{plan.unknown_texts:,}"),
                ("Price", "free"),
            ],
            warning=privacy_notice(plan, images=False),
        )
        if await self.app.push_screen_wait(question):
            self._moderation = self._send(message.path, plan)
        else:
            self._finish()

    @work(thread=True, group="moderate", exit_on_error=False, description="ask a moderation")
    def _send(self, path: Path, plan: ModerationPlan) -> None:
        worker = get_current_worker()
        progress = self._progress("asked")
        self.post_message(self.Asked(0, 1, "asking; x stops"))
        try:
            result = moderate_file(
                self.services,
                path,
                plan,
                on_progress=progress,
                on_wait=self._note_wait,
                cancelled=lambda: worker.is_cancelled,
            )
        except TunedeckError as error:
            self.post_message(self.Moderated(path, error=error))
        else:
            self.post_message(self.Moderated(path, result))

    def _note_wait(self, seconds: float) -> None:
        self.post_message(self.Asked(-1, 0, f"waiting {seconds:.0f} s for the service; x stops"))

    def _progress(self, word: str) -> Callable[[int, int], None]:
        last = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _PROGRESS_SECONDS:
                last = time.monotonic()
                share = f"{100 * done // total if total else 100} % {word}; x stops"
                self.post_message(self.Asked(done, total, share))

        return tell

    @on(Asked)
    def _show_asked(self, message: Asked) -> None:
        if not self.is_moderating:
            return
        meter = self.query_one(Meter)
        meter.display = True
        if message.done >= 0:
            meter.fraction = message.done / message.total if message.total else 1.0
        meter.note = message.note

    @on(Moderated)
    def _show_moderation(self, message: Moderated) -> None:
        self._finish()
        if message.error is not None:
            self.tell_error(message.error)
            return
        checked = self.checked_file()
        if message.result is None or checked is None or checked[0] != message.path:
            return
        self.show_moderated(with_moderation(checked[1], message.result))
        self.tell(_summary(message.result), title="Moderation")

    def _finish(self) -> None:
        self._moderation = None
        self.query_one(Meter).display = False
        self.refresh_bindings()


def _summary(result: ModerationResult) -> str:
    flagged = plural(result.flagged_rows, "row")
    by_category = ", ".join(f"{name} {count:,}" for name, count in result.categories.items())
    words = f"{flagged} flagged: {by_category}." if result.flagged_rows else "No row is flagged."
    return words if result.complete else f"Stopped; so far: {words}"
