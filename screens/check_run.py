"""Checks a file in the background and posts what is found, piece by piece."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from textual import work
from textual.message import Message
from textual.worker import get_current_worker

from screens.check_facts import tokens_by_vocabulary
from screens.greyed_keys import GreyedKeys
from tui.datasets.check import CheckCancelled
from tui.datasets.estimate import FileEstimate
from tui.datasets.estimate_apart import LARGE_BYTES, EstimateCancelled, estimate_apart
from tui.datasets.formats import DatasetFormat
from tui.datasets.graders import Grader, read_grader
from tui.datasets.report import Report
from tui.datasets.tokens import encoding_for
from tui.errors import TunedeckError
from tui.jobs.reports import report_for
from tui.money.catalog import CatalogModel
from tui.money.catalog_model import MODEL_ENCODING

PROGRESS_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class CheckWish:
    """Which file is to be checked for which model."""

    path: Path
    model: CatalogModel
    fresh: bool = False
    """Read it again even where its report is kept."""
    provider: str | None = None
    """Service whose rules count; None for the model's own."""
    format: DatasetFormat | None = None
    """What the rows are read as; None finds it out."""
    grader: Path | None = None
    """JSON file of the grader that reinforcement rows are held to."""


class ChecksFile(GreyedKeys, inherit_bindings=False):
    """A screen that has files checked; one at a time."""

    @dataclass
    class Progressed(Message):
        """Some more of the file was read."""

        done: int
        total: int

    @dataclass
    class Finished(Message):
        """The report is there."""

        wish: CheckWish
        report: Report
        other_shape: str = ""
        """What the file may be when it is no dataset."""

    @dataclass
    class Priced(Message):
        """The tokens for every model's price are there."""

        wish: CheckWish
        tokens: dict[str, int]
        rates: list[float]
        is_all: bool = True
        """False while other vocabularies are still counted; free models have another's count until then."""

    @dataclass
    class Estimated(Message):
        """A sample of a large file was counted, long before the whole is."""

        wish: CheckWish
        estimate: FileEstimate

    @dataclass
    class Ended(Message):
        """There will be no report."""

        wish: CheckWish
        error: TunedeckError | None

    def trainable_models(self) -> list[CatalogModel]:
        """Return the models on which a job can be created today."""
        return self.services.catalog.trainable()

    @work(thread=True, group="check", exclusive=True, exit_on_error=False, description="check a file")
    def check_file(self, wish: CheckWish) -> None:
        """Check in the background; posts `Progressed`, `Finished`, `Priced`, or `Ended` when it can't."""
        worker = get_current_worker()
        last = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= PROGRESS_SECONDS:
                last = time.monotonic()
                self.post_message(self.Progressed(done, total))

        def report_of(model: CatalogModel, *, fresh: bool = False, provider: str | None = None) -> Report:
            return report_for(
                self.services,
                wish.path,
                model,
                provider=provider,
                dataset_format=wish.format,
                grader=grader,
                fresh=fresh,
                on_progress=progress,
                cancelled=lambda: worker.is_cancelled,
            )

        grader: Grader | None = None
        try:
            grader = read_grader(wish.grader) if wish.grader is not None else None
            report = report_of(wish.model, fresh=wish.fresh, provider=wish.provider)
            self.post_message(self.Finished(wish, report, _other_shape(wish.path, report)))
            rates = self.services.store.training_rates("local")
            counts = tokens_by_vocabulary(wish.model, report, self.trainable_models(), report_of)
            for tokens, is_all in counts:
                if is_all or (tokens and report.bytes >= LARGE_BYTES):
                    self.post_message(self.Priced(wish, tokens, rates, is_all))
        except CheckCancelled:
            self.post_message(self.Ended(wish, None))
        except TunedeckError as error:
            self.post_message(self.Ended(wish, error))

    @work(thread=True, group="estimate", exclusive=True, exit_on_error=False, description="estimate a file")
    def estimate_file(self, wish: CheckWish) -> None:
        """Estimate a large file in the background; posts `Estimated`, or nothing where that can't be."""
        worker = get_current_worker()
        encoding = (
            encoding_for(wish.model.id) if wish.model.encoding == MODEL_ENCODING else wish.model.encoding
        )
        try:
            if wish.path.stat().st_size < LARGE_BYTES:
                return
            found = estimate_apart(
                wish.path,
                encoding,
                wish.model.training_example_limit,
                cancelled=lambda: worker.is_cancelled,
            )
        except (OSError, TunedeckError, EstimateCancelled):
            return  # the check itself says what is wrong with the file
        if found.examples.value:
            self.post_message(self.Estimated(wish, found))


def _other_shape(path: Path, report: Report) -> str:
    from tui.datasets.convert.hint import other_shape  # only what is no dataset needs its readers

    return "" if report.format is not DatasetFormat.UNKNOWN else other_shape(path, report)
