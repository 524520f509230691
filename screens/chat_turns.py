"""What can be done with one turn of a chat: mark it, change it, ask again, keep it as a row."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work

from screens.chat_base import STILL_ANSWERING, typed_path
from screens.chat_dialogs import ChatDialogs
from tui.chat.keep import RowKind, keep_row
from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.chat.rows import case_row, preference_row, training_row
from tui.errors import TunedeckError
from tui.safe_text import safe_line, safe_to_type
from tui.widgets.lane_view import LaneView
from tui.widgets.prompt_input import PromptInput
from tui.widgets.turn_text import TurnLook

if TYPE_CHECKING:
    from screens.choose import Option

_WRITE = "\n"
"""Key of the choice to write the better answer; no answer's key is like it."""


class ChatTurns(ChatDialogs, inherit_bindings=False):
    """Keys that act on the marked turn: the last one, unless another was marked."""

    def __init__(self) -> None:
        super().__init__()
        self._marked: int | None = None
        """Number of the marked turn; None for the last one."""
        self.changing: Turn | None = None
        """The turn that what is written will stand beside."""
        self.draft = ""
        """What was being written when a change began."""
        self._files: dict[RowKind, Path] = {}

    def marked_turn(self) -> Turn | None:
        """Return the turn that keys act on; None while nothing was asked."""
        turns = self.session.turns
        found = [turn for turn in turns if turn.number == self._marked]
        return found[0] if found else (turns[-1] if turns else None)

    def turn_look(self, turn: Turn) -> TurnLook:
        """Return how a turn stands among its branches, and whether it is marked."""
        branch, branches = self.session.branches(turn)
        return TurnLook(branch, branches, turn.number == self._marked)

    def mark_number(self, number: int) -> None:
        """Mark the turn of that number, and bring it into view."""
        self._marked = number
        for view in self.query(LaneView):
            # After the turns themselves, which are laid out then too.
            self.call_after_refresh(view.show_marks, self.marked_turn())
        self.refresh_bindings()

    def forget_mark(self) -> None:
        """Let the last turn be the marked one, and change none."""
        self._marked = None
        self.changing = None

    def reason_against_turn(self, action: str) -> str:
        """Return why a key about a turn can't act now; empty when it can."""
        turn = self.marked_turn()
        if turn is None:
            return "Nothing was asked yet."
        if action in ("mark_turn", "show_logprobs"):
            answer = turn.answers.get(self.active_lane())
            if action == "show_logprobs" and (answer is None or not answer.logprobs):
                return "This answer has no logprobs: s asks for them from the next question on."
            return ""
        if self.is_asking:
            return STILL_ANSWERING
        if action == "step_branch" and self.session.branches(turn)[1] < 2:
            return "This turn has one branch: c changes it, r asks it again."
        if action == "change_turn" and turn.results:
            return "That turn holds tool results: r asks it again."
        if action == "answer_calls" and not self.session.calling_lanes():
            return "No tool was called in the last answer."
        return ""

    def action_mark_turn(self, direction: int) -> None:
        """Mark the turn before or after."""
        turn, turns = self.marked_turn(), self.session.turns
        if turn is None:
            return
        place = min(len(turns) - 1, max(0, turns.index(turn) + direction))
        self._marked = turns[place].number
        for view in self.query(LaneView):
            view.show_marks(turns[place])
        self.refresh_bindings()

    def action_step_branch(self, direction: int) -> None:
        """Show the branch before or after at the marked turn."""
        turn = self.marked_turn()
        if turn is None:
            return
        try:
            shown = self.session.show_branch(turn, direction)
        except TunedeckError as error:
            self.tell_error(error)
            return
        if shown is None:
            self.tell("There is no further branch in that direction.")
            return
        self._marked = shown.number
        self.show_branch_line()

    def action_change_turn(self) -> None:
        """Write the marked question anew; it begins a branch, and the old one stays."""
        turn = self.marked_turn()
        if turn is None:
            return
        self.pending_images = list(turn.images)
        prompt = self.query_one(PromptInput)
        if self.changing is None:
            self.draft = prompt.text
        self.changing = turn
        prompt.load_text(safe_to_type(turn.question))
        prompt.move_cursor(prompt.document.end)
        prompt.focus()
        self.show_pending()

    def action_retry(self) -> None:
        """Ask the marked question again; its answers stay in a branch of their own."""
        try:
            self.ask_turn(self.session.same_turn(self.marked_turn()))
        except TunedeckError as error:
            self.tell_error(error)

    def action_copy_answer(self) -> None:
        """Copy the active lane's answer to the marked turn."""
        lane, turn = self.active_lane(), self.marked_turn()
        answer = turn.answers.get(lane) if turn is not None else None
        if answer is None or not answer.text:
            self.tell(f"{lane.label} has not answered this.", severity="warning")
        else:
            self.navigator.copy_text(answer.text, "answer")

    def action_show_logprobs(self) -> None:
        """Show how sure the model was of each token of the marked answer."""
        from screens.chat_tokens import ChatTokensScreen

        lane, turn = self.active_lane(), self.marked_turn()
        answer = turn.answers.get(lane) if turn is not None else None
        if answer is not None and answer.logprobs:
            self.app.push_screen(ChatTokensScreen(lane.label, answer.logprobs))

    # Tools

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="answer tool calls")
    async def action_answer_calls(self) -> None:
        """Answer the tools that the models called, by hand; then they go on."""
        from screens.ask_lines import AskLinesScreen

        results: dict[Lane, list[str]] = {}
        for lane, calls in self.session.calling_lanes().items():
            for call in calls:
                dialog = AskLinesScreen(
                    f"What {safe_line(call.name, 40)} gives back",
                    hint="the tool's result, as the model is to see it; many lines can be pasted",
                    facts=[
                        ("model", safe_line(lane.label, 60)),
                        ("called with", safe_line(call.arguments, 400)),
                    ],
                )
                said: str | None = await self.app.push_screen_wait(dialog)
                if said is None:
                    return
                results.setdefault(lane, []).append(said)
        try:
            self.ask_turn(self.session.results_turn(results))
        except TunedeckError as error:
            self.tell_error(error)

    # Rows

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="keep an example")
    async def action_keep_example(self) -> None:
        """Add the conversation up to the marked answer to a file, as a row to train on."""
        await self._keep(RowKind.EXAMPLE, lambda turns, lane: training_row(
            turns, lane, self.session.system, self.session.tools))  # fmt: skip

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="keep a pair")
    async def action_keep_pair(self) -> None:
        """Say what the better answer is, and add both as a preference pair to a file."""
        better = await self._better_answer()
        if better is not None:
            await self._keep(RowKind.PAIR, lambda turns, lane: preference_row(
                turns, lane, self.session.system, better, self.session.tools))  # fmt: skip

    @work(group="chat-dialog", exclusive=True, exit_on_error=False, description="keep a test case")
    async def action_keep_case(self) -> None:
        """Add the marked question to a test set, with the answer that is right."""
        from screens.ask_lines import AskLinesScreen

        answer = self._marked_answer()
        given = answer.text if answer is not None else ""
        dialog = AskLinesScreen(
            "The right answer", value=given, hint="empty takes the answer as it was given"
        )
        typed: str | None = await self.app.push_screen_wait(dialog)
        if typed is not None:
            expected = typed or given
            await self._keep(RowKind.CASE, lambda turns, lane: case_row(
                turns, lane, self.session.system, expected, self.session.tools))  # fmt: skip

    def _marked_answer(self) -> LaneAnswer | None:
        turn = self.marked_turn()
        return turn.answers.get(self.active_lane()) if turn is not None else None

    async def _keep(self, kind: RowKind, make: Any) -> None:
        from screens.ask_text import AskTextScreen

        turn, lane = self.marked_turn(), self.active_lane()
        if turn is None:
            return
        turns = self.session.turns[: self.session.turns.index(turn) + 1]
        try:
            row = make(turns, lane)
        except TunedeckError as error:
            self.tell_error(error)
            return
        before = self._files.get(kind, Path.cwd() / kind.default_name)
        dialog = AskTextScreen(
            f"File for this {kind.words}", value=str(before), hint="a JSONL file; made when missing",
            facts=[("turn", safe_line(turn.question, 60)), ("answer of", safe_line(lane.label, 60))],
        )  # fmt: skip
        typed: str | None = await self.app.push_screen_wait(dialog)
        if not typed:
            return
        path = typed_path(typed)
        try:
            kept = await asyncio.to_thread(keep_row, path, kind, row)
        except TunedeckError as error:
            self.tell_error(error)
            return
        self._files[kind] = path
        if kept.warnings:
            self.tell(kept.warnings[0], title=f"Added to {path.name}; the rules say", severity="warning")
        else:
            self.tell(f"The rules find nothing wrong with this {kind.words}.", title=f"Added to {path.name}")

    async def _better_answer(self) -> str | None:
        from screens.choose import ChooseScreen
        from tui.widgets.table import Column

        options = self._other_answers()
        columns = (Column("Answer"), Column("Of", 24, tone="muted"))
        dialog = ChooseScreen(
            "The better answer is…", columns, options, hint="type it here, or choose", may_type=True
        )
        chosen: str | None = await self.app.push_screen_wait(dialog)
        if chosen != _WRITE:
            return chosen
        from screens.ask_lines import AskLinesScreen

        answer = self._marked_answer()
        writing = AskLinesScreen("The better answer", value=answer.text if answer is not None else "")
        written: str | None = await self.app.push_screen_wait(writing)
        return written or None

    def _other_answers(self) -> list[Option]:
        """Return what else was answered here: by other models, and in other branches."""
        from screens.choose import Option

        turn, lane = self.marked_turn(), self.active_lane()
        if turn is None:
            return []
        given = turn.answers.get(lane)
        found: dict[str, str] = {}
        for other in self.session.all_turns:
            if other.parent != turn.parent or other.question != turn.question:
                continue
            for who, answer in other.answers.items():
                if answer.is_whole and answer.text.strip() and (given is None or answer.text != given.text):
                    found.setdefault(answer.text, who.label)
        options = [
            Option(text, [(safe_line(text, 200), ""), safe_line(who, 60)], f"{text} {who}")
            for text, who in found.items()
        ]
        write = Option(
            _WRITE, [("✎ write it: any number of lines, $EDITOR too", "accent"), ""], "write editor"
        )
        return [*options, write]
