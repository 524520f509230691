"""The validating_files stage: the app's own rules, told as the service tells them in a failed job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

MINIMUM_TRAINING_EXAMPLES = 10
"""The service's own minimum (Developers guide, read 2026-11-21)."""


def file_error(
    path: Path, *, model: str, method: str, validation: bool, cancelled: Callable[[], bool]
) -> dict[str, str] | None:
    """Check a training or validation file and return the job error it causes, or None when it is sound.

    Only errors end a job, so rows that both files share are not looked for here: they are a warning.

    Args:
        path: The job's own copy of the file.
        model: Base model, which decides the rules that depend on one.
        method: "supervised" or "dpo", which decides the format the file must have.
        validation: True for the validation file, which may have a single example.
        cancelled: Asked now and then; True ends the check.

    Returns:
        {"code", "message", "param"}: the code is invalid_n_examples, invalid_file_format or
        invalid_training_file; the message is the service's sentence where that is known.

    Raises:
        CheckCancelled: `cancelled` said so.
    """
    from tui.datasets import service_errors  # loads the rules only when a job needs them
    from tui.datasets.check import CheckOptions, check_file
    from tui.datasets.formats import DatasetFormat

    options = CheckOptions(
        model=model,
        provider="local",
        format=DatasetFormat.PREFERENCE if method == "dpo" else DatasetFormat.CHAT,
        minimum_examples=1 if validation else MINIMUM_TRAINING_EXAMPLES,
        count_tokens=False,
        validation=validation,
    )
    report = check_file(path, options, cancelled=cancelled)
    error = service_errors.file_error(report, validation=validation)
    return None if error is None else asdict(error)
