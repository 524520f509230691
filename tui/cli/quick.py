"""What `count --quick` and `cost --quick` print: figures of a sample, each with its range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tui.cli.output import print_json, print_table, say
from tui.datasets.estimate import FileEstimate, estimate_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.intervals import CONFIDENCE, Interval
from tui.datasets.token_ids import Vocabulary
from tui.datasets.tokens import encoding_for, training_limit
from tui.errors import ExitCode, TunedeckError
from tui.jobs.local_rows import row_limit
from tui.money.catalog_model import MODEL_ENCODING, CatalogModel
from tui.money.estimate_range import PriceRange, price_range, price_ranges
from tui.records.jobs import Method


def print_quick_count(
    file: Path,
    model: str,
    dataset_format: DatasetFormat | None,
    tokenizer: Vocabulary | None,
    limit: int | None,
    *,
    as_json: bool,
) -> int:
    """Print rows and tokens of a sample, and return the exit code."""
    found = estimate_file(
        file,
        encoding_for(model),
        limit=limit or training_limit(model),
        dataset_format=dataset_format,
        tokenizer=tokenizer,
    )
    if as_json:
        print_json(_count_json(model, found))
    else:
        say(f"{file} for {model} ({found.encoding})")
        for name, figure in (
            ("Examples", found.examples),
            ("Tokens in all", found.total_tokens),
            ("Trained tokens", found.trained_tokens),
            ("Tokens per epoch", found.tokens_per_epoch),
        ):
            say(f"{name}: {_words(figure)}")
        say(sample_sentence(found))
    return int(ExitCode.DONE if found.examples.value else ExitCode.BAD)


def _count_json(model: str, found: FileEstimate) -> dict[str, Any]:
    """Return the stable shape of `count --json`, and the ranges under "estimate"."""
    return {
        "model": model,
        "encoding": found.encoding,
        "examples": round(found.examples.value),
        "total_tokens": round(found.total_tokens.value),
        "trained_tokens": round(found.trained_tokens.value),
        "per_example": asdict(found.per_example),
        "estimate": found.ranges_json(),
    }


def _words(figure: Interval) -> str:
    if figure.is_exact:
        return f"{figure.value:,.0f}"
    return f"about {figure.value:,.0f} ({figure.low:,.0f} to {figure.high:,.0f})"


def sample_sentence(found: FileEstimate) -> str:
    """Say what the figures rest on."""
    if found.is_exact:
        return "The file is small enough to be counted whole: the figures are exact."
    return (
        f"Estimated from {found.windows} places, {found.bytes_read / 1e6:,.1f} of"
        f" {found.file_bytes / 1e6:,.0f} MB; the ranges hold the truth {CONFIDENCE * 100:.0f} % of the time."
        " Without --quick the figures are exact."
    )


def print_quick_cost(
    file: Path,
    models: Sequence[CatalogModel],
    model: CatalogModel | None,
    tokenizer: Vocabulary | None,
    epochs: int | None,
    method: Method,
    dataset_format: DatasetFormat | None = None,
    *,
    as_json: bool,
) -> None:
    """Print between which amounts training lies, on one model or on each of `models`.

    Raises:
        TunedeckError: The file can't be read or holds no examples, or the model has no price per token.
    """
    if model is not None:
        found = [
            price_range(
                _estimate(file, _encoding_of(model), model, tokenizer, dataset_format),
                model,
                epochs=epochs,
                method=method,
            )
        ]
    else:
        found = _compared(file, models, epochs, method, dataset_format)
    if as_json:
        values = [one.as_json() for one in found]
        print_json(values if model is None else values[0])
        return
    if model is not None:
        say(f"{model.id}: {found[0].text}")
        say(found[0].estimate.formula)
        say(f"Epochs: {found[0].estimate.epochs_source}.")
    else:
        print_table(
            ["SERVICE", "MODEL", "TOKENS/EPOCH", "EPOCHS", "TOTAL", "PRICE READ ON"],
            [
                [
                    one.estimate.provider,
                    one.estimate.model,
                    f"about {one.estimate.tokens_per_epoch:,}",
                    "auto" if one.estimate.epochs is None else one.estimate.epochs,
                    one.text,
                    one.estimate.price_read_on or "-",
                ]
                for one in found
            ],
        )
    say(sample_sentence(found[0].file))


def _compared(
    file: Path,
    models: Sequence[CatalogModel],
    epochs: int | None,
    method: Method,
    dataset_format: DatasetFormat | None,
) -> list[PriceRange]:
    encodings = dict.fromkeys(model.encoding for model in models if model.training_price_per_million != 0)
    if not encodings:
        raise TunedeckError("No model takes files of this method for money.", "Choose another --method.")
    found: list[PriceRange] = []
    for encoding in encodings:
        first = next(model for model in models if model.encoding == encoding)
        wanted = [model for model in models if model.encoding == encoding or not found]
        counted = _estimate(file, encoding, first, None, dataset_format)
        found += price_ranges(counted, wanted, epochs=epochs, method=method)
    return sorted(found, key=lambda one: (one.low is None, one.low or 0))


def _encoding_of(model: CatalogModel) -> str:
    return encoding_for(model.id) if model.encoding == MODEL_ENCODING else model.encoding


def _estimate(
    file: Path,
    encoding: str,
    model: CatalogModel,
    tokenizer: Vocabulary | None,
    dataset_format: DatasetFormat | None,
) -> FileEstimate:
    limit = row_limit(model, tokenizer)
    found = estimate_file(file, encoding, limit=limit, dataset_format=dataset_format, tokenizer=tokenizer)
    if not found.examples.value:
        raise TunedeckError(f"{file} holds no examples.", "A dataset has one JSON object per line.")
    return found
