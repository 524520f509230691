"""The one family of errors that a person sees: what happened, and what to do about it."""

from __future__ import annotations

import errno
from enum import IntEnum

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


class ExitCode(IntEnum):
    """Documented exit codes of every subcommand."""

    DONE = 0
    BAD = 1
    """The thing examined is bad, or the job failed."""
    WRONG_USE = 2
    """Wrong arguments, or something could not be read or reached."""
    INTERRUPTED = 130


class TunedeckError(Exception):
    """An expected failure, told in a sentence with its remedy; never shown as a traceback.

    Args:
        message: What happened, naming the file and line or the service.
        remedy: What the person can do next; may be empty.
        exit_code: What a subcommand that ends with this error returns.
    """

    def __init__(self, message: str, remedy: str = "", *, exit_code: ExitCode = ExitCode.WRONG_USE) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


def is_out_of_space(error: OSError) -> bool:
    """True when a write failed because the disk is full, or the user's share or largest file of it."""
    return error.errno in _NO_ROOM
