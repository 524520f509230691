"""Ways from a checked file to its tokens and its price, and whose rules it is checked by."""

from __future__ import annotations

from pathlib import Path

from textual import work

from screens.check_run import ChecksFile
from screens.finding_list import FindingList
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Report
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.money.catalog import CatalogModel

NEED_FILE = (
    "launch_file",
    "reshape_file",
    "check_again",
    "next_model",
    "next_provider",
    "next_format",
    "choose_grader",
    "show_tokens",
    "show_money",
    "show_spread",
)
"""Actions that are about a file."""


class CheckViews(ChecksFile, inherit_bindings=False):
    """A screen with a file, the report of it and the model that it was checked for."""

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self._path = path
        self._report: Report | None = None
        self._model: CatalogModel | None = None
        self._provider: str | None = None
        """Service whose rules count; None for the model's own."""
        self._grader: Path | None = None
        """JSON file of the grader that reinforcement rows are held to."""

    @property
    def _format(self) -> DatasetFormat | None:
        """What the rows are read as, here and on every other screen; None finds it out."""
        return self.services.formats.of(self._path)

    @property
    def service(self) -> str:
        """Key of the service whose rules count."""
        own = self._model.provider if self._model is not None else ""
        return self._provider or (own if own in SERVICES else DEFAULT_SERVICE)

    def start_check(self, *, fresh: bool = False) -> None:
        """Check the file."""
        raise NotImplementedError

    @work(group="choose-file", exclusive=True, exit_on_error=False, description="choose a grader")
    async def action_choose_grader(self) -> None:
        """Choose the grader that the rows are held to; with one chosen, hold them to none again."""
        if self._grader is not None:
            self._grader = None
        else:
            from screens.launch_choices import choose_grader  # few files are for reinforcement

            self._grader = await choose_grader(self, self._path)
            if self._grader is None:
                return
        self.start_check()

    def action_next_provider(self, direction: int) -> None:
        """Check by the rules of the next service, with the same model's tokens."""
        names = list(SERVICES)
        self._provider = names[(names.index(self.service) + direction) % len(names)]
        self.start_check()

    def action_next_format(self) -> None:
        """Read the rows as the next format, and after the last as what they look like again."""
        formats: list[DatasetFormat | None] = [
            None,
            *(one for one in DatasetFormat if one is not DatasetFormat.UNKNOWN),
        ]
        if self._path is not None:
            chosen = formats[(formats.index(self._format) + 1) % len(formats)]
            self.services.formats.choose(self._path, chosen)
            self.start_check()

    def action_show_tokens(self) -> None:
        """Show the row under the cursor token by token; without one, the longest."""
        item = self.query_one(FindingList).current
        line = item.finding.line if item is not None and item.finding is not None else None
        if line is None and self._report is not None and self._report.tokens.longest:
            line = self._report.tokens.longest[0][0]
        if self._path is not None and self._model is not None:
            self.navigator.open_tokens(self._path, line or 1, self._model.id)

    def action_show_spread(self) -> None:
        """Show how the tokens spread over the rows."""
        from screens.token_spread import TokenSpreadScreen  # not needed before it is asked for

        if self._path is not None and self._report is not None and self._model is not None:
            self.app.push_screen(TokenSpreadScreen(self._path, self._report, self._model.id))

    def action_show_money(self) -> None:
        """Show what the file costs on every model."""
        from screens.money import MoneyScreen  # not needed before it is asked for

        if self._path is not None:
            self.app.push_screen(MoneyScreen(self._path))
