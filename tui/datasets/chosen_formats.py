"""Formats that a person reads files as, where those differ from what the rows look like."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.datasets.formats import DatasetFormat


class ChosenFormats:
    """File -> format, for as long as the program runs; every screen that reads a file asks here.

    A file is known by its absolute path. Any thread may ask.
    """

    def __init__(self) -> None:
        self._formats: dict[str, DatasetFormat] = {}

    def of(self, path: Path | None) -> DatasetFormat | None:
        """Return what a file is read as; None where the rows themselves say it."""
        return None if path is None else self._formats.get(os.path.abspath(path))

    def choose(self, path: Path, dataset_format: DatasetFormat | None) -> None:
        """Read a file as rows of this format from now on; None leaves it to the rows again."""
        from tui.datasets.formats import DatasetFormat  # Home paints without

        name = os.path.abspath(path)
        if dataset_format is None or dataset_format is DatasetFormat.UNKNOWN:
            self._formats.pop(name, None)
        else:
            self._formats[name] = dataset_format
