"""The `tunedeck` command and `python -m tui`."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn

_INTERRUPTED = 130
"""`tui.errors.ExitCode.INTERRUPTED`, without its import."""


def main() -> None:
    """Run the command line; without a verb it opens the app."""
    # click is imported where it is needed, and not between a person and the first paint.
    if len(sys.argv) > 1:
        from tui.cli.main import run

        _leave(run())
    from tui.cli.open_app import open_app

    try:
        code = open_app()
    except (Exception, KeyboardInterrupt) as error:
        from tui.cli.main import end_with

        code = end_with(error)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the program with an exit code; after an interrupt without taking the interpreter apart.

    An import that was interrupted half-way leaves classes that the last garbage collection of Python 3.13
    goes through without end.
    """
    if code == _INTERRUPTED:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with suppress(OSError, ValueError):  # a reader that left, or a stream that was closed
                    stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
