"""The day by which dates of services, prices and models are judged."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

from tui.errors import TunedeckError

TODAY_VARIABLE = "TUNEDECK_TODAY"
"""Environment variable with another day (YYYY-MM-DD): what will be open, and to whom, on that day."""


def today() -> date:
    """Return the day it is in UTC, or the one that `TUNEDECK_TODAY` names.

    Raises:
        TunedeckError: The variable holds no date.
    """
    chosen = os.environ.get(TODAY_VARIABLE)
    if not chosen:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(chosen)
    except ValueError:
        raise TunedeckError(
            f"{TODAY_VARIABLE} is no date.", "Give it a day such as 2027-01-15, or unset it."
        ) from None
