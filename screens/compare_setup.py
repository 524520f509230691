"""Keys of Side by side that change who answers what: models, settings, prompts from a file, blind rating."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from textual import work

from screens.ask_text import AskTextScreen
from screens.chat_choices import KEY_SEPARATOR, MODEL_COLUMNS, model_options
from screens.chat_settings import ChatSettings, ChatSettingsScreen
from screens.choose import ChooseScreen, choose_file
from screens.compare_base import NEW_SIDE, CompareBase
from screens.compare_blind import BlindScreen
from screens.compare_choices import COMPARISON_COLUMNS, comparison_options
from tui.chat.abilities import reason_against
from tui.chat.lanes import Lane
from tui.chat.models import known_models
from tui.errors import TunedeckError
from tui.evals.compare.blind import BlindRating
from tui.evals.compare.live import FEWEST_SIDES, MOST_SIDES
from tui.evals.test_set import TestSet, read_test_set
from tui.records.comparisons import Side
from tui.records.models import Capability
from tui.safe_text import safe_line
from tui.widgets.prompt_input import PromptInput

USUAL_PROMPTS = 50
"""Rated blind unless the person says another number: enough for an interval that says something."""
_ON_PANES = frozenset({
    "choose_model", "edit_settings", "rate_blind", "add_pane", "choose_file", "step_prompt", "remove_pane",
    "next_pane", "toggle_marks", "toggle_zoom", "copy_answer",
})  # fmt: skip
_NOT_WHILE_ASKING = frozenset({
    "choose_model", "edit_settings", "rate_blind", "add_pane", "choose_file", "step_prompt", "remove_pane"
})  # fmt: skip


class CompareSetup(CompareBase, inherit_bindings=False):
    """The keys of panes and prompts."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out the key that leads to where the keys are."""
        if action == "write" and isinstance(self.focused, PromptInput):
            return False
        return super().check_action(action, parameters)

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action in _ON_PANES and not self.sides:
            return "The models are being looked up."
        if action in _NOT_WHILE_ASKING and self.is_asking:
            return "The last prompt is still being answered: esc stops it."
        match action:
            case "add_pane" if len(self.sides) >= MOST_SIDES:
                return f"{MOST_SIDES} panes are the most."
            case "remove_pane" if len(self.sides) <= FEWEST_SIDES:
                return f"{FEWEST_SIDES} panes are the fewest; m puts another model here."
            case "rate_blind" if len(self.sides) != 2:
                return "Blind rating takes two: x takes a pane out."
            case "rate_blind" if _bare(self.sides[0]) == _bare(self.sides[1]):
                return "Both panes are the same model with the same settings: m or s changes one."
            case "step_prompt" if not self.cases:
                return "The prompts are typed: o takes them from a file."
            case "copy_answer" if not (answer := self.answer_of(self.active)) or not answer.text:
                return "There is no answer in this pane."
        return ""

    # Panes

    def action_write(self) -> None:
        """Go to the prompt."""
        self.query_one(PromptInput).focus()

    def action_next_pane(self, direction: int) -> None:
        """Give the keys to another pane."""
        self.active = (self.active + direction) % len(self.sides)
        self.show_all()
        if not isinstance(self.focused, PromptInput):
            self.panes[self.active].focus()

    def action_toggle_zoom(self) -> None:
        """Give the pane the whole screen, and back."""
        self.toggle_class("-zoomed")

    def action_copy_answer(self) -> None:
        """Copy the whole answer."""
        answer = self.answer_of(self.active)
        if answer is not None:
            self.navigator.copy_text(answer.text, "answer")

    def action_add_pane(self) -> None:
        """Let one more model answer."""
        self._choose(is_new=True)

    def action_choose_model(self) -> None:
        """Choose who answers in the active pane."""
        self._choose(is_new=False)

    @work(group="compare-model", exclusive=True, exit_on_error=False, description="choose a model")
    async def _choose(self, *, is_new: bool) -> None:
        models = known_models(self.services)
        options = model_options(models, self.services.accounts())
        chosen = await self.app.push_screen_wait(
            ChooseScreen(
                "Who answers in this pane?" if not is_new else "Who answers too?", MODEL_COLUMNS, options,
                hint="part of a model's name; a checkpoint's whole name", may_type=True,
            )
        )  # fmt: skip
        if not chosen:
            return
        account, _, model = chosen.rpartition(KEY_SEPARATOR)
        now = self.sides[self.active]
        if is_new:
            self.active = len(self.sides)
            self.set_sides((*self.sides, Side(account or now.account, model, now.system, NEW_SIDE)))
        else:
            self.change_side(replace(now, account=account or now.account, model=model))

    def action_remove_pane(self) -> None:
        """Take the active pane out."""
        self.set_sides(tuple(side for place, side in enumerate(self.sides) if place != self.active))

    @work(
        group="compare-settings", exclusive=True, exit_on_error=False, description="change a pane's settings"
    )
    async def action_edit_settings(self) -> None:
        """Ask for the system prompt and the parameters of the active pane."""
        side = self.sides[self.active]
        greyed = reason_against(self.services, [Lane(side.account, side.model)], Capability.CHAT_SCHEMA)
        found = await self.app.push_screen_wait(
            ChatSettingsScreen(ChatSettings(side.system or "", side.parameters), no_schema=greyed)
        )
        if found is not None:
            # Left empty as it was, the rows' own prompts go on to hold; emptied, there shall be none.
            system = None if side.system is None and not found.system.strip() else found.system.strip()
            self.change_side(replace(side, system=system, parameters=found.parameters))

    # Prompts

    @work(group="compare-file", exclusive=True, exit_on_error=False, description="choose prompts")
    async def action_choose_file(self) -> None:
        """Take prompts from a file and ask the first."""
        path = await choose_file(self, "Prompts to ask")
        found = await self._read(path) if path is not None else None
        if found is not None and path is not None:
            self.cases, self.place = found.cases, 0
            self.ask_case(str(path), found.cases[0])

    async def _read(self, path: Path, limit: int | None = None) -> TestSet | None:
        try:
            found = await asyncio.to_thread(read_test_set, path, limit=limit)
            if not found.cases:
                raise TunedeckError(f"{path.name} holds no prompt.", "Choose a JSONL file with messages.")
        except TunedeckError as error:
            self.tell_error(error)
            return None
        return found

    def action_step_prompt(self, direction: int) -> None:
        """Ask the next prompt of the file, or the one before."""
        place = self.place + direction
        if 0 <= place < len(self.cases):
            self.place = place
            self.ask_case(self.source, self.cases[place])
        else:
            self.tell("That is the last prompt." if direction > 0 else "That is the first prompt.")

    # Blind

    @work(group="compare-blind", exclusive=True, exit_on_error=False, description="begin a blind comparison")
    async def action_rate_blind(self) -> None:
        """Ask for prompts and their number, keep the order, and go to the blind screen."""
        path = Path(self.source) if self.cases else await choose_file(self, "Prompts to rate answers to")
        if path is None or await self._read(path, 1) is None:
            return
        typed = await self.app.push_screen_wait(
            AskTextScreen("How many prompts, from the beginning of the file?", value=str(USUAL_PROMPTS),
                          facts=[("File", safe_line(path.name, 100))])
        )  # fmt: skip
        if not typed:
            return
        if not typed.isdecimal() or not int(typed):
            self.tell("That is not a number of prompts.", severity="warning")
            return
        found = await self._read(path, int(typed))
        if found is None:
            return
        sides = (_bare(self.sides[0]), _bare(self.sides[1]))
        try:
            rating = await asyncio.to_thread(
                BlindRating.begin, self.services, str(path), found.cases, sides
            )  # fmt: skip
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.app.push_screen(BlindScreen(rating.comparison.id, ask=True))

    @work(group="compare-blind", exclusive=True, exit_on_error=False, description="choose a blind comparison")
    async def action_choose_comparison(self) -> None:
        """Go on with a blind comparison from before."""
        options = await asyncio.to_thread(comparison_options, self.services)
        if not options:
            self.tell("Nothing was compared blind yet: b begins.")
            return
        chosen = await self.app.push_screen_wait(
            ChooseScreen("Go on rating", COMPARISON_COLUMNS, options, hint="part of a file or a model")
        )
        if chosen:
            self.app.push_screen(BlindScreen(chosen))


def _bare(side: Side) -> Side:
    """Return a side that asks for no logprobs: nobody sees them blind, and not every service gives them."""
    return replace(side, parameters=replace(side.parameters, logprobs=None))
