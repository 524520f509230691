"""Where a job is logged at Weights & Biases, as a person writes it."""

from __future__ import annotations

from tui.errors import TunedeckError
from tui.records.requests import WandbProject

_LONGEST = 128
_FORBIDDEN = frozenset("\\#?%:")
"""What no project's name may hold, beside the slash (Weights & Biases' own check)."""


def parse_wandb(text: str) -> WandbProject:
    """Return the project of `PROJECT` or `PROJECT/ENTITY`.

    Raises:
        TunedeckError: It is neither.
    """
    project, *more = (part.strip() for part in text.split("/"))
    names = [project, *more]
    wrong = len(names) > 2 or any(
        not name or len(name) > _LONGEST or not name.isprintable() or _FORBIDDEN & set(name) for name in names
    )
    if wrong:
        raise TunedeckError(
            f"{text[:60]!r} names no project at Weights & Biases.",
            f"Write PROJECT or PROJECT/ENTITY, each of 1 to {_LONGEST} characters and none of \\ # ? % :",
        )
    return WandbProject(project, more[0] if more else None)
