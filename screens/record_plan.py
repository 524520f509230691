"""What is to be recorded: marked models, questions of a file or of chats, and what that comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.widgets import Static

from screens.choose import choose_file
from screens.greyed_keys import GreyedKeys
from screens.record_lines import lane_key, model_row
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.table import Table
from tui.widgets.tones import Part, content
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.evals.record import RecordPlan
    from tui.evals.record_source import Questions, Recordable


class PlansRecording(GreyedKeys, inherit_bindings=False):
    """A screen with a list of models to mark, and a line that says what recording them comes to."""

    @dataclass
    class Planned(Message):
        """What recording would cost is known, or why not."""

        plan: RecordPlan | None
        problem: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        """Where questions are from."""
        self.from_chats = False
        self.models: Sequence[Recordable] = ()
        """Those that can be recorded."""
        self.marked: dict[Lane, None] = {}
        self.plan: RecordPlan | None = None
        self.problem = ""
        """Why there is no plan."""

    def plan_anew(self) -> None:
        """Reckon what recording what is marked comes to."""
        self.plan, self.problem = None, ""
        self.show_plan()
        if self.marked and (self.path is not None or self.from_chats):
            self._make_plan(list(self.marked), self.path, self.from_chats)

    @work(
        thread=True,
        group="plan-recording",
        exclusive=True,
        exit_on_error=False,
        description="price a recording",
    )
    def _make_plan(self, lanes: list[Lane], path: Path | None, from_chats: bool) -> None:
        from tui.evals.record import plan_recording
        from tui.evals.record_source import questions_of_chats, questions_of_file

        try:
            questions: Questions
            if from_chats or path is None:
                questions = questions_of_chats(self.services.store)
            else:
                questions = questions_of_file(path)
            plan = plan_recording(self.services, questions.source, questions.cases, lanes)
        except TunedeckError as error:
            self.post_message(self.Planned(None, f"{error.message} {error.remedy}"))
            return
        self.post_message(self.Planned(plan))

    @on(Planned)
    def _take_plan(self, message: Planned) -> None:
        self.plan, self.problem = message.plan, message.problem
        self.show_plan()

    def show_plan(self) -> None:
        """Show what is marked, and what it comes to."""
        parts: list[Part] = [(plural(len(self.marked), "model"), "strong")]
        if self.from_chats:
            parts.append(("  questions of your chats", ""))
        elif self.path is not None:
            parts.append((f"  questions of {safe_line(self.path.name, 60)}", ""))
        else:
            parts.append(("  f chooses a file of questions, h takes your chats", "accent"))
        if self.problem:
            parts.append((f"\n{safe_line(self.problem, 300)}", "bad"))
        elif self.plan is not None:
            parts.append((f"\n{safe_line(self.plan.words, 300)}", "accent"))
        self.query_one("#record-plan", Static).update(content(*parts))
        self.refresh_bindings()

    def show_models(self) -> None:
        """Show the models with their marks."""
        ascii_only = self.services.settings.ascii
        table = self.query_one("#record-models", Table)
        table.set_rows([model_row(one, self.marked, ascii_only=ascii_only) for one in self.models])
        table.refresh()

    def action_mark_model(self) -> None:
        """Mark the model under the cursor, or take its mark off."""
        key = self.query_one("#record-models", Table).row_key
        lane = next((one.lane for one in self.models if lane_key(one.lane) == key), None)
        if lane is None:
            return
        if lane in self.marked:
            del self.marked[lane]
        else:
            self.marked[lane] = None
        self.show_models()
        self.plan_anew()

    def action_mark_ending(self) -> None:
        """Mark every tuned model that ends within two months."""
        self.marked = {one.lane: None for one in self.models if one.is_tuned and one.lifetime.ends_soon}
        self.show_models()
        self.plan_anew()

    @work(group="choose-file", exclusive=True, exit_on_error=False, description="choose questions")
    async def action_choose_questions(self) -> None:
        """Choose a file of questions."""
        path = await choose_file(self, "Whose questions are asked")
        if path is not None:
            self.path, self.from_chats = path, False
            self.plan_anew()

    def action_take_chats(self) -> None:
        """Ask what was asked in the app's own chats."""
        self.from_chats = True
        self.plan_anew()
