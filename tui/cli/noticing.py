"""Telling news from a command: its terminal, where it has one, and the wait for the last message."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tui.cli.output import narrate
from tui.jobs.notices.notifier import Notifier
from tui.services import Services

_LAST_SECONDS = 35.0
"""A message under way at the end is waited for so long; its own limit is 30 seconds."""


class StreamTerminal:
    """A terminal behind a stream.

    Args:
        stream: stderr or stdout.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def ring(self) -> None:
        """Ring the bell."""
        self.write("\a")

    def write(self, text: str) -> None:
        """Write at once."""
        self._stream.write(text)
        self._stream.flush()


def terminal_here() -> StreamTerminal | None:
    """Return the terminal that this process writes to, or None; data on stdout is kept clean if possible."""
    for stream in (sys.stderr, sys.stdout):
        if stream is not None and stream.isatty():
            return StreamTerminal(stream)
    return None


@contextmanager
def telling(services: Services) -> Iterator[None]:
    """Tell news while something goes on, and wait for the last message when that went well."""
    notifier = Notifier(services, terminal_here(), lambda words: narrate(f"Not told: {words}"))
    notifier.start()
    try:
        yield
        notifier.finish(_LAST_SECONDS)
    finally:
        notifier.stop()
