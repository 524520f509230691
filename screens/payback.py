"""Is it worth it: a long prompt on a plain model against a short one on a tuned one, live as keys turn it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from screens.base import DeckScreen
from screens.greyed_keys import GreyedKeys
from screens.payback_sliders import PaybackSetting
from screens.text_dialog import TextScroll
from tui.datasets.check import CheckCancelled
from tui.errors import TunedeckError
from tui.money.payback import Payback, PaybackCase, PaybackChoice, Verdict, payback
from tui.money.payback_words import formula_lines, notes, verdict_line
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.meter import bar
from tui.widgets.slider_list import SliderList
from tui.widgets.tones import Line, Part, Tone, content, content_lines

if TYPE_CHECKING:
    from tui.jobs.payback_file import PaybackFile

_TONES: dict[Verdict, Tone] = {
    Verdict.PAYS: "good", Verdict.ONLY_IF: "warning", Verdict.NEVER: "bad", Verdict.UNKNOWN: "muted"
}  # fmt: skip
_BAR_WIDTH = 24


class PaybackScreen(GreyedKeys, inherit_bindings=False):
    """Sliders, the verdict, the formula with its numbers.

    Args:
        path: The training file.
        base: (service, model) of the base that is tuned; None takes the first that costs something.
        plain: Of the plain model; None takes the same.
        training_paid: The model is there already.
    """

    PLACE = "check"
    CSS_PATH = "payback.tcss"
    AUTO_FOCUS = "#sliders"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("payback"), *DeckScreen.BINDINGS]
    HELP = """
    Whether fine-tuning on this file is worth its money. Up and down choose a number, left and right turn it.
    The calls are the file's own, in tokens. Prices carry the day on which they were read, and one that nobody
    published is never made up. s compares the tuned model with its own base.
    """

    @dataclass
    class Measured(Message):
        """The file was counted for both models."""

        case: PaybackCase
        setting: PaybackSetting

    @dataclass
    class Failed(Message):
        """There is nothing to reckon with."""

        error: TunedeckError

    def __init__(
        self,
        path: Path,
        base: tuple[str, str] | None = None,
        plain: tuple[str, str] | None = None,
        *,
        training_paid: bool = False,
    ) -> None:
        super().__init__()
        self._path = path
        self._base, self._plain = base, plain
        self._paid = training_paid
        self._file: PaybackFile | None = None
        self._setting: PaybackSetting | None = None
        self._usual = PaybackChoice()
        self._case: PaybackCase | None = None
        self._found: Payback | None = None

    def compose_body(self) -> ComposeResult:
        """Yield the verdict, the sliders and the formula."""
        yield Static("", id="payback-verdict", markup=False)
        with Container(id="payback-body"):
            yield SliderList(id="sliders", ascii_only=self.services.settings.ascii)
            with TextScroll(id="payback-formula", classes="pane"):
                yield Static("", id="payback-lines", markup=False)

    def on_mount(self) -> None:
        """Name the panes and count."""
        self.query_one("#sliders").border_title = content(f"Worth it? {safe_line(self._path.name, 60)}")
        self.query_one("#payback-formula").border_title = "How it comes about"
        self.query_one("#payback-verdict", Static).update("Counting the file's calls…")
        self._begin()

    @work(thread=True, group="payback", exclusive=True, exit_on_error=False, description="count the calls")
    def _begin(self) -> None:
        from tui.jobs.payback_file import (
            PaybackFile,
            payback_models,
        )  # counting and prices; not for the paint

        try:
            models = payback_models(self.services)
            keys = [(model.provider, model.id) for model in models]
            priced = [index for index, model in enumerate(models) if model.training_price_per_million]
            first = priced[0] if priced else 0
            tuned = keys.index(self._base) if self._base in keys else first
            plain = keys.index(self._plain) if self._plain in keys else tuned
            self._file = PaybackFile(self.services, self._path)
            setting = PaybackSetting(models, tuned, plain, PaybackChoice())
            self._measure(setting, is_first=True)
        except TunedeckError as error:
            self.post_message(self.Failed(error))

    @work(thread=True, group="payback", exclusive=True, exit_on_error=False, description="count for a model")
    def _measure_again(self, setting: PaybackSetting) -> None:
        try:
            self._measure(setting)
        except TunedeckError as error:
            self.post_message(self.Failed(error))

    def _measure(self, setting: PaybackSetting, *, is_first: bool = False) -> None:
        """Count for the models of a setting; in a worker."""
        file, worker = self._file, get_current_worker()
        assert file is not None
        try:
            for model in (setting.plain_model, setting.tuned_model):
                file.measure(model, cancelled=lambda: worker.is_cancelled)
            if is_first:
                usual = replace(file.usual_choice(setting.tuned_model), training_paid=self._paid)
                setting = replace(setting, choice=usual)
            case = file.case(setting.plain_model, setting.tuned_model)
        except CheckCancelled:
            return
        if not worker.is_cancelled:
            self.post_message(self.Measured(case, setting))

    @on(Measured)
    def _take(self, message: Measured) -> None:
        if self._setting is None:
            self._usual = message.setting.choice
        elif (message.setting.tuned, message.setting.plain) != (self._setting.tuned, self._setting.plain):
            return  # the person has turned on since
        else:
            message.setting = self._setting
        self._setting, self._case = message.setting, message.case
        self._show()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say where the verdict would be that there will be none."""
        if group == "payback":
            self.post_message(self.Failed(error))
        return False

    @on(Failed)
    def _tell_failure(self, message: Failed) -> None:
        words = safe_line(f"{message.error.message} {message.error.remedy}", 300)
        self.query_one("#payback-verdict", Static).update(content((words, "bad")))
        sliders = self.query_one(SliderList)
        sliders.empty_text = ""
        sliders.refresh()

    # Showing

    def _show(self) -> None:
        setting, case = self._setting, self._case
        if setting is None or case is None:
            return
        hosting = case.tuned.highest_hosting_price_per_hour or case.tuned.hosting_price_per_hour
        self.query_one(SliderList).set_sliders(setting.sliders(hosting))
        found = self._found = payback(case, setting.choice)
        why = f" {found.reasons[0]}" if found.verdict is Verdict.NEVER and found.reasons else ""
        self.query_one("#payback-verdict", Static).update(
            content((verdict_line(found), _TONES[found.verdict]), (safe_line(why, 200), "muted"))
        )
        lines: list[Line] = []
        for name, words in formula_lines(found, case):
            lines.append([(f"{name}: ", "accent"), (safe_line(words, 300), "")])
        lines.append(self._life_line(found))
        lines += [[(safe_line(note, 300), "warning" if note in found.reasons else "muted")]
                  for note in notes(found, case)]  # fmt: skip
        self.query_one("#payback-lines", Static).update(content_lines(line for line in lines if line))
        self.refresh_bindings()

    def _life_line(self, found: Payback) -> list[Part]:
        """Draw how much of the model's remaining life goes by until the break-even."""
        left, days = found.life.days_left, found.break_even_days
        if left is None or days is None or left <= 0:
            return []
        share = min(Decimal(1), days / left)
        words = "under 1 %" if share < Decimal("0.01") else f"{float(share):.0%}"
        full, empty = bar(float(share), _BAR_WIDTH, ascii_only=self.services.settings.ascii)
        return [(full, "warning" if share < 1 else "bad"), (empty, "good"),
                (f" {words} of its remaining life until break-even", "muted")]  # fmt: skip

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action in ("reset_sliders", "same_model", "launch_file", "copy_formula") and self._setting is None:
            return "The file is still being counted."
        if (
            action == "same_model"
            and self._setting is not None
            and self._setting.tuned == self._setting.plain
        ):
            return "Both are the same model already."
        if action == "launch_file" and self._case is not None and not self._case.permission:
            return self._case.permission.reason
        return ""

    @on(SliderList.Turned)
    def _turn(self, message: SliderList.Turned) -> None:
        if self._setting is not None:
            self._change(self._setting.turned(message.index, message.steps))

    def _change(self, setting: PaybackSetting) -> None:
        old, self._setting = self._setting, setting
        case, file = self._case, self._file
        if case is None or file is None:
            return
        if old is None or (old.tuned, old.plain) != (setting.tuned, setting.plain):
            self.query_one(SliderList).set_sliders(setting.sliders(None))
            self.query_one("#payback-verdict", Static).update("Counting…")
            self._measure_again(setting)
        else:
            self._show()

    def action_reset_sliders(self) -> None:
        """Turn every number back to where it began; the models stay."""
        if self._setting is not None:
            self._change(replace(self._setting, choice=self._usual))

    def action_same_model(self) -> None:
        """Compare the tuned model with its own base."""
        if self._setting is not None:
            self._change(replace(self._setting, plain=self._setting.tuned))

    def action_launch_file(self) -> None:
        """Start a job on this file."""
        self.navigator.open_launch(self._path)

    def action_copy_formula(self) -> None:
        """Copy the verdict and the formula."""
        if self._found is not None and self._case is not None:
            lines = [f"{name}: {words}" for name, words in formula_lines(self._found, self._case)]
            text = "\n".join([verdict_line(self._found), *lines, *notes(self._found, self._case)])
            self.navigator.copy_text(text, "formula")
