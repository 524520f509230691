"""Writes what was preferred in a blind comparison to a file."""

from __future__ import annotations

from pathlib import Path

from textual import work

from screens.ask_text import AskTextScreen
from screens.chat_base import typed_path
from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.evals.compare.blind import BlindRating
from tui.evals.compare.pairs import export_pairs
from tui.evals.compare.session import RatingSession
from tui.safe_text import safe_line


class ExportsPairs(GreyedKeys, inherit_bindings=False):
    """A screen over a blind comparison."""

    @property
    def session(self) -> RatingSession | None:
        """The comparison; None while it is read."""
        raise NotImplementedError

    @work(group="blind-export", exclusive=True, exit_on_error=False, description="choose where pairs go")
    async def action_export_pairs(self) -> None:
        """Ask for a file and write the preferences."""
        session = self.session
        if session is None:
            return
        name = f"{Path(session.rating.comparison.source).stem or 'ratings'}-pairs.jsonl"
        typed = await self.app.push_screen_wait(
            AskTextScreen("Write the pairs to", value=safe_line(name), hint="a new .jsonl file")
        )
        if typed:
            self._export(session.rating, typed_path(typed))

    @work(thread=True, group="blind-export", exit_on_error=False, description="write the pairs")
    def _export(self, rating: BlindRating, path: Path) -> None:
        try:
            written = export_pairs(rating, path)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        left = "; ".join(f"{count:,} left out ({why})" for why, count in written.left_out.items())
        words = f"{written.rows:,} pairs in {path}." + (f" {left}." if left else "")
        self.post_from_thread(self.tell, words)
