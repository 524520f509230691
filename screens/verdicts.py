"""What is known of a dataset, in the words of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.widgets.tones import Part
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.store.rows import DatasetRecord


def verdict(record: DatasetRecord | None, size: int | None = None) -> Part:
    """Return the verdict of the last check: a sign and a word, so that it reads without colour.

    Args:
        record: What the store knows; None when the file was never checked.
        size: The file's size now; another one than then means it changed.
    """
    if record is None:
        return "not checked", "muted"
    if size is not None and size != record.bytes:
        return "changed since", "warning"
    errors, warnings = record.counts.get("error", 0), record.counts.get("warning", 0)
    if not record.valid:
        return f"✗ {plural(errors, 'error')}", "bad"
    if warnings:
        return f"! {plural(warnings, 'warning')}", "warning"
    return "✓ sound", "good"
