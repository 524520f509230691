"""How long a service asks to be left alone, read from the headers of its answers."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 86400.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait before the same request may be sent again; None where nothing is said."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue  # a date, which no service of this shape sends
        if 0 <= seconds <= _LONGEST:
            return seconds
    return None


def pause_before_next(headers: Mapping[str, str]) -> float:
    """Return the seconds until a limit that is used up is there again; 0 while none is."""
    pauses = [0.0]
    for what in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{what}") == "0":
            pauses.append(duration(headers.get(f"x-ratelimit-reset-{what}", "")))
    return max(pauses)


def duration(text: str) -> float:
    """Return the seconds of "1s", "6m0s", "120ms" or a bare number, as some send; 0 for anything else."""
    text = f"{text}s" if text[-1:].isdecimal() else text
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        return 0.0
    return min(_LONGEST, sum(float(number) * _SECONDS[unit] for number, unit in parts))
