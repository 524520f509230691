"""Mends what the preflight tells: in the form, in a dialog, or at the place where it can be done."""

from __future__ import annotations

import asyncio
from decimal import ROUND_UP, Decimal, InvalidOperation
from pathlib import Path

from textual import work
from textual.widgets import Input

from screens.ask_text import AskTextScreen
from screens.choose import ChooseScreen, Option
from screens.job_elsewhere import LaunchesElsewhere
from screens.launch_choices import choose_grader, choose_model
from screens.launch_form import AUTO, NUMBERS, LaunchForm
from screens.launch_pane import TEXTS
from tui.errors import TunedeckError
from tui.jobs.budget import set_budget
from tui.jobs.mend import Mend, MendKind
from tui.jobs.plan import PreflightLine
from tui.jobs.run_places import HERE, RUN_ON
from tui.records.jobs import Method
from tui.safe_text import safe_line
from tui.widgets.table import Column


class MendsPlan(LaunchesElsewhere, inherit_bindings=False):
    """A screen with a launch form whose findings can be mended."""

    form: LaunchForm

    def form_changed(self) -> None:
        """Offer and judge anew what the form says now."""
        raise NotImplementedError

    def method_was_chosen(self) -> None:
        """Let the file's format choose the method no longer."""
        raise NotImplementedError

    @work(group="mend", exclusive=True, exit_on_error=False, description="mend a launch")
    async def mend_line(self, line: PreflightLine) -> None:
        """Mend a finding; with several ways, ask which."""
        mends = line.mends
        chosen: str | None = "0"
        if len(mends) > 1:
            options = [
                Option(str(index), (safe_line(mend.words, 70),), mend.words)
                for index, mend in enumerate(mends)
            ]
            dialog = ChooseScreen("Mend it by", (Column("What is done"),), options, hint="one of these")
            chosen = await self.app.push_screen_wait(dialog)
        if chosen is not None and mends:
            await self._mend(mends[int(chosen)])

    async def _mend(self, mend: Mend) -> None:
        match mend.kind:
            case MendKind.CHECK:
                self.navigator.open_check(Path(mend.value))
            case MendKind.RESHAPE:
                self.navigator.open_reshape(Path(mend.value))
            case MendKind.JOBS:
                self.navigator.go_to("jobs")
            case MendKind.ACCOUNTS:
                from screens.accounts import AccountsScreen  # few launches need it

                self.app.push_screen(AccountsScreen())
            case MendKind.ACCOUNT:
                self.action_launch_elsewhere()
            case MendKind.MODEL:
                await self.choose_model()
            case MendKind.GRADER:
                await self.choose_grader()
            case MendKind.BUDGET:
                await self._raise_budget(mend.value)
            case MendKind.FIELD:
                self.query_one(f"#{mend.value}").focus()
            case _:
                self._change_form(mend)

    def _change_form(self, mend: Mend) -> None:
        form = self.form
        match mend.kind:
            case MendKind.SPLIT:
                form.validation, form.split_share = "split", float(mend.value)
            case MendKind.METHOD:
                form.method = Method(mend.value)
                self.method_was_chosen()
            case MendKind.SUFFIX:
                self._set_text("suffix", mend.value)
            case MendKind.SEED:
                self._set_text("seed", mend.value or AUTO)
            case MendKind.EPOCHS if mend.value:
                self._set_text("n_epochs", mend.value)
            case MendKind.EPOCHS:
                self.query_one("#n_epochs").focus()
                return
            case MendKind.LEAVE_OUT:
                self._leave_out(mend.value)
        self.form_changed()

    def _set_text(self, name: str, value: str) -> None:
        """Write into a field; what it posts finds the form changed already."""
        if name in NUMBERS:
            self.form.numbers[name] = value
        else:
            setattr(self.form, name, value)
        self.query_one(f"#{name}", Input).value = value

    def _leave_out(self, name: str) -> None:
        if name == RUN_ON:
            self.form.run_on = HERE
        elif name == "grader":
            self.form.grader_file = self.form.grader = None
        elif name in NUMBERS:
            self._set_text(name, AUTO)
        elif name in TEXTS:
            self._set_text(name, "")
        else:
            kept = [one for one in self.form.extra.split() if one.partition("=")[0] != name]
            self._set_text("extra", " ".join(kept))

    async def choose_model(self) -> None:
        """Choose a model of the account; those that can't be trained are there with the reason."""
        found = await choose_model(self, self.form)
        if found is not None:
            self.form.from_model = (self.form.account, found)
            self.form.model, self.form.first_model = found, None
            self.form.models_chosen[self.form.account] = found
            self.form_changed()

    async def choose_grader(self) -> None:
        """Choose a grader file."""
        path = await choose_grader(self, self.form.training)
        if path is not None:
            self.form.grader_file, self.form.grader = path, None
            self.form_changed()

    async def _raise_budget(self, enough: str) -> None:
        account = self.form.account
        amount = Decimal(enough).quantize(Decimal("0.01"), rounding=ROUND_UP) if enough else ""
        dialog = AskTextScreen(
            f"Monthly budget of {safe_line(account, 40)}",
            value=str(amount),
            hint="amount, or none",
            warning="Launches that would go over it are stopped; nothing else changes.",
        )
        typed = await self.app.push_screen_wait(dialog)
        if not typed:
            return
        try:
            wanted = None if typed == "none" else Decimal(typed)
            await asyncio.to_thread(set_budget, self.services, account, wanted)
        except InvalidOperation:
            self.tell(f"{safe_line(typed, 40)} is no amount; write a number, such as 50.", severity="error")
        except TunedeckError as error:
            self.tell_error(error)
        self.form_changed()
