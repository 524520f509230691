"""Compares a recorded model with its successor: choose it, see the price, then the worst rows first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from screens.ask_text import AskTextScreen
from screens.choose import ChooseScreen, Option
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from screens.record_lines import lane_key
from screens.text_dialog import TextDialog
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.records.recordings import Recording
from tui.safe_text import safe_line, safe_text
from tui.widgets.table import Column

if TYPE_CHECKING:
    from tui.evals.parity import ParityPlan, ParityReport

_COLUMNS = (Column("Model", cut="middle"), Column("Account", 12, tone="muted"))
_WORST_SHOWN = 10


class ComparesRecordings(GreyedKeys, inherit_bindings=False):
    """A screen with a recording under the cursor, and models that may take its place."""

    def chosen_recording(self) -> Recording | None:
        """Return the recording that keys act on."""
        raise NotImplementedError

    def known_lanes(self) -> list[Lane]:
        """Return the models that can be asked."""
        raise NotImplementedError

    @work(
        group="compare-recording", exclusive=True, exit_on_error=False, description="compare with a successor"
    )
    async def action_compare_successor(self) -> None:
        """Ask another model the recorded questions and show where it answers otherwise."""
        recording = self.chosen_recording()
        if recording is None:
            return
        new = await self._successor(recording)
        if new is None:
            return
        try:
            plan = await asyncio.to_thread(self._parity_plan, recording, new)
            if not plan.plan.is_free and not await self._is_sure(plan):
                return
            self.tell(f"{safe_line(plan.new.label, 100)}: {plan.plan.words}")
            report = await asyncio.to_thread(self._parity, plan)
        except TunedeckError as error:
            self.tell_error(error)
            return
        await self.app.push_screen_wait(
            TextDialog(safe_line(f"{recording.model} → {new.model}", 90), _text(report))
        )
        await self._offer_report(report, recording)

    async def _successor(self, recording: Recording) -> Lane | None:
        own = Lane(recording.account, recording.model)
        lanes = {lane_key(lane): lane for lane in self.known_lanes() if lane != own}
        options = [
            Option(key, (lane.model, lane.account), f"{lane.model} {lane.account}")
            for key, lane in lanes.items()
        ]
        chosen = await self.app.push_screen_wait(
            ChooseScreen("Who takes its place?", _COLUMNS, options, hint="part of a name")
        )
        return lanes.get(chosen) if chosen else None

    def _parity_plan(self, recording: Recording, new: Lane) -> ParityPlan:
        from tui.evals.parity import plan_parity
        from tui.evals.parity_old import old_answers
        from tui.evals.requests import Contender

        return plan_parity(self.services, old_answers(self.services, recording.id, None), Contender(new))

    def _parity(self, plan: ParityPlan) -> ParityReport:
        from tui.evals.parity import run_parity

        return run_parity(self.services, plan)

    async def _is_sure(self, plan: ParityPlan) -> bool:
        price = plan.plan.price
        dialog = ConfirmScreen(
            "Ask the new model?", yes="ask it",
            facts=[
                ("Model", safe_line(plan.new.label, 200)), ("To ask", f"{plan.plan.unknown:,} answers"),
                ("Price", "not published" if price is None else price.words),
            ],
        )  # fmt: skip
        return bool(await self.app.push_screen_wait(dialog))

    async def _offer_report(self, report: ParityReport, recording: Recording) -> None:
        from tui.evals.parity_report import write_parity

        typed = await self.app.push_screen_wait(
            AskTextScreen("Write the report to (.md, .html, .json); esc writes none",
                          value=str(_path_of(f"parity-{recording.id}.md")), hint="a new file")
        )  # fmt: skip
        if not typed:
            return
        try:
            await asyncio.to_thread(write_parity, report, _path_of(typed))
        except TunedeckError as error:
            self.tell_error(error)
        else:
            self.tell(f"Report: {typed}")


def _path_of(typed: str) -> Path:
    return Path(typed).expanduser().absolute()


def _text(report: ParityReport) -> str:
    from tui.evals.parity_report import parity_blocks, sentences
    from tui.evals.reports.blocks import Heading, Quoted

    lines = sentences(report)
    for block in parity_blocks(report, worst=_WORST_SHOWN):
        match block:
            case Heading(3, text):
                lines += ["", text]
            case Quoted(label, text):
                lines.append(f"{label}: {text}")
    return safe_text("\n".join(lines))
