"""Who counts a model's tokens on the command line; says so on stderr where that is not the model itself."""

from __future__ import annotations

from pathlib import Path

from tui.cli.output import narrate
from tui.datasets.formats import DatasetFormat
from tui.datasets.options import USUAL_LINTS, CheckOptions
from tui.datasets.report import Report
from tui.datasets.row_facts import OptionsFor
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.datasets.token_ids import Vocabulary
from tui.datasets.tokens import encoding_for
from tui.errors import TunedeckError
from tui.jobs.local_rows import local_reader, row_limit
from tui.money.catalog import Catalog
from tui.money.catalog_model import MODEL_ENCODING


def counter_for(model: str) -> Vocabulary | None:
    """Return how a local model reads rows, or None where tiktoken's vocabulary for `model` counts.

    Raises:
        TunedeckError: The person's own catalog file is wrong.
    """
    known = Catalog.load().find(model)
    if known is not None and known.encoding != MODEL_ENCODING:
        return None
    tokenizer = local_reader(model)
    if tokenizer is None:
        why = "is not known here" if known is None else "is not on this machine yet"
        narrate(f"{model} {why}: counted with {encoding_for(model)}.")
    return tokenizer


def usual_options(dataset_format: DatasetFormat | None) -> OptionsFor:
    """Return what `tunedeck check FILE` checks for when nothing else is asked, by model.

    Args:
        dataset_format: What the rows are read as; None finds it out.
    """

    def options(model: str) -> CheckOptions:
        reader = counter_for(model)
        return CheckOptions(
            model=model,
            format=dataset_format,
            minimum_examples=SERVICES[DEFAULT_SERVICE].minimum_examples,
            token_limit=limit_for(model, reader),
            tokenizer=reader,
            lints=USUAL_LINTS,
        )

    return options


def limit_for(model: str, reader: Vocabulary | None) -> int | None:
    """Return the most tokens of an example of a model that the catalog knows; None leaves it to its name.

    Raises:
        TunedeckError: The person's own catalog file is wrong.
    """
    known = Catalog.load().find(model)
    return row_limit(known, reader) if known is not None else None


def refuse_uncounted(file: Path, report: Report) -> None:
    """Refuse to price a file of which nothing could be counted: no tokens would be said to be free.

    Raises:
        TunedeckError: It has no rows, or none that holds anything to count.
    """
    if report.rows == 0:
        raise TunedeckError(f"{file} holds no examples.", "A dataset has one JSON object per line.")
    if not report.tokens.total:
        raise TunedeckError(
            f"No line of {file} could be counted, so it has no price.", "`tunedeck check` says why."
        )
