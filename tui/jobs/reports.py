"""The report of a dataset for one model, made once per content and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tui.datasets.cached_check import check_known
from tui.datasets.check import CheckOptions
from tui.datasets.formats import DatasetFormat
from tui.datasets.graders import Grader
from tui.datasets.report import Report
from tui.datasets.report_version import report_version
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.errors import TunedeckError
from tui.jobs.local_rows import reader_of, row_limit
from tui.jobs.ports import JobServices
from tui.money.catalog import CatalogModel
from tui.store.database import DiskFull

_CHUNK = 1 << 20
_RULES_OF = {"tunedeck-engine": "local"}
"""Service -> the one whose rules for files it shares."""
Progress = Callable[[int, int], None]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, read in pieces.

    Raises:
        TunedeckError: It can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise TunedeckError(f"{path} can't be read: {error.strerror or error}.", "Check the path.") from None
    return digest.hexdigest()


def check_options(
    model: CatalogModel,
    *,
    validation: bool = False,
    provider: str | None = None,
    lints: str = "none",
    dataset_format: DatasetFormat | None = None,
    grader: Grader | None = None,
) -> CheckOptions:
    """Return how a file is checked and counted for a model.

    A local base model that is not there yet is counted with OpenAI's vocabulary, which comes near enough for
    a free job's time; the report's encoding says so.

    Args:
        model: Whose limits and vocabulary count.
        validation: The file is for validation: a single example is enough, and few are no fault.
        provider: Whose rules count, of `tui.datasets.services.SERVICES`; None takes the model's service.
        lints: Quality lints, of `tui.datasets.lints.registry.LINT_SETS`.
        dataset_format: What the rows are read as; None finds it out.
        grader: What the rows of a reinforcement file must have for it.
    """
    tokenizer = reader_of(model)
    fewest = model.minimum_examples if provider is None else SERVICES[provider].minimum_examples
    own = _RULES_OF.get(model.provider, model.provider)
    return CheckOptions(
        model=model.id,
        format=dataset_format,
        minimum_examples=1 if validation else fewest or 1,
        token_limit=row_limit(model, tokenizer),
        tokenizer=tokenizer,
        validation=validation,
        provider=provider or (own if own in SERVICES else DEFAULT_SERVICE),
        lints=lints,
        grader=grader,
    )


def usual_model(services: JobServices) -> CatalogModel | None:
    """Return the model that files are checked for when nobody names one; None when none can be trained."""
    models = services.catalog.trainable()
    wanted = services.settings.default_model
    return next((model for model in models if model.id == wanted), models[0] if models else None)


def usual_options(services: JobServices, path: Path, model_id: str) -> CheckOptions:
    """Return what Check checks a file for.

    Args:
        services: The settings and the catalog.
        path: The file; a format that was chosen for it counts.
        model_id: A model; the usual one stands in for one that is not known.

    Raises:
        TunedeckError: No model can be trained.
    """
    model = services.catalog.find(model_id) or usual_model(services)
    if model is None:
        raise TunedeckError("The catalog has no model to check for.", "`tunedeck catalog` lists the models.")
    return check_options(model, lints=services.settings.lints, dataset_format=services.formats.of(path))


def options_key(options: CheckOptions) -> str:
    """Return the key under which a report made with these options is kept."""
    counted_by = options.tokenizer.name if options.tokenizer else "tiktoken"
    role = "validation" if options.validation else "training"
    limits = f"{options.minimum_examples}/{options.token_limit}"
    read_as = f"/{options.format.value}" if options.format is not None else ""
    if options.grader is not None:
        read_as += f"/{hashlib.sha256(repr(options.grader).encode()).hexdigest()[:16]}"
    kept = (
        f"{report_version()}/{options.provider}/{options.model}/{role}/{limits}/{options.lints}/{counted_by}"
    )
    return kept + read_as


def counts_for(key: str, model: str) -> bool:
    """Say whether a report kept under `key` counts a training file for `model` as this program does."""
    version, _, rest = key.partition("/")
    _, _, asked = rest.partition("/")
    return version == report_version() and asked.startswith(f"{model}/training/")


def report_for(
    services: JobServices,
    path: Path,
    model: CatalogModel,
    *,
    validation: bool = False,
    provider: str | None = None,
    dataset_format: DatasetFormat | None = None,
    grader: Grader | None = None,
    fresh: bool = False,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Report:
    """Return the report of a file for a model: the kept one while the content is the same, else a new one.

    Args:
        services: The settings (which lints), the store and the catalog.
        path: The file.
        model: What it is checked and counted for.
        validation: It is a validation file.
        provider: As in `check_options`.
        dataset_format: What the rows are read as; None takes what was chosen for this file, if anything.
        grader: As in `check_options`.
        fresh: Read the file again even where a report is kept.
        on_progress: Called with (bytes done, bytes in all) while the file is read.
        cancelled: Asked now and then; True ends the check.

    Raises:
        TunedeckError: The file can't be read.
        CheckCancelled: `cancelled` said so.
    """
    options = check_options(
        model,
        validation=validation,
        provider=provider,
        lints=services.settings.lints,
        dataset_format=dataset_format or services.formats.of(path),
        grader=grader,
    )
    key = options_key(options)
    report = check_known(
        path, options, fresh=fresh, on_progress=on_progress, cancelled=cancelled or (lambda: False)
    )
    known = services.store.dataset(path)
    is_known = known is not None and known.sha256 == report.sha256
    if not fresh and is_known and services.store.report(report.sha256, key) is not None:
        return report
    with suppress(DiskFull):  # it is kept for estimates; a person whose disk is full still gets it
        services.store.save_report(report.sha256, key, report.as_record())
        services.store.touch_dataset(
            path, sha256=report.sha256, size=report.bytes, rows=report.rows, format=report.format,
            valid=report.valid, counts=report.counts,
        )  # fmt: skip
    return report
