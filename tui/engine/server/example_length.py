"""How many tokens of a row a job reads: what is longer is cut at its end, where the answer stands."""

from __future__ import annotations

from tui.engine.api_errors import ApiError
from tui.engine.executors.commands import TRL

LONGEST_EXAMPLE = 2048
"""Tokens of a row that are trained on where nothing else is asked for; the embedded trainer takes no more."""
_NAME = "max_tokens_per_example"


def needs_trl(asked: int | None) -> bool:
    """Say whether another length than the embedded trainer's is asked for."""
    return asked not in (None, LONGEST_EXAMPLE)


def check_asked_length(asked: int | None, trainer: str, context: int | None) -> None:
    """Refuse a length that this trainer or this model can't have.

    Args:
        asked: `max_tokens_per_example` of the request; None says nothing.
        trainer: "embedded" or "trl", as it was chosen.
        context: Most tokens the base model reads; None while it is not on this machine.

    Raises:
        ApiError: 400 with what would do.
    """
    if not needs_trl(asked):
        return
    if trainer != TRL:
        raise ApiError(
            400,
            f"{_NAME} is for trainer 'trl'; the embedded trainer reads {LONGEST_EXAMPLE:,} tokens of a row. "
            "Leave it out, or ask for trainer 'trl'.",
            param=_NAME,
            code="unsupported_value",
        )
    if context is not None and asked is not None and asked > context:
        raise ApiError(
            400,
            f"Invalid '{_NAME}': {asked:,} tokens are more than the {context:,} that this base model reads.",
            param=_NAME,
            code="invalid_value",
        )


def length_of_examples(asked: int | None, context: int | None) -> int:
    """Return the tokens of a row that a job reads: as asked, else the usual, never above the context."""
    wanted = LONGEST_EXAMPLE if asked is None else asked
    return wanted if context is None else min(wanted, context)
