"""The sampling parameters of a chat, from words that a person typed."""

from __future__ import annotations

from collections.abc import Mapping

from tui.errors import TunedeckError
from tui.records.chats import ChatParameters

PARAMETER_NAMES = ("temperature", "top_p", "max_tokens", "seed")
"""Parameters that can be typed, in the order in which they are shown."""

PARAMETER_RANGES: Mapping[str, tuple[float, float]] = {
    # OpenAI's API reference for chat completions; read 2026-11-21.
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_tokens": (1, 1_000_000),
    "seed": (0, 2**31 - 1),
}
_WHOLE = ("max_tokens", "seed")

NEW_CHAT = ChatParameters(max_tokens=512)
"""What a chat starts with: a small base model left to itself writes until its context is full."""


def parse_parameter(name: str, text: str) -> float | int | None:
    """Return the number that `text` says, or None for an empty text: the service chooses.

    Raises:
        TunedeckError: Not a number, or out of the parameter's range.
    """
    words = text.strip()
    if not words:
        return None
    low, high = PARAMETER_RANGES[name]
    kind = "a whole number" if name in _WHOLE else "a number"
    remedy = f"Give {kind} from {low:g} to {high:,}, or nothing to leave it to the service."
    try:
        number = int(words) if name in _WHOLE else float(words)
    except ValueError:
        raise TunedeckError(f"{name}: {words!r} is not {kind}.", remedy) from None
    if not low <= number <= high:
        raise TunedeckError(f"{name}: {words} is out of range.", remedy)
    return number


def parse_parameters(texts: Mapping[str, str]) -> ChatParameters:
    """Return the parameters that `texts` give by name; names left out are the service's choice.

    Raises:
        TunedeckError: One of them is not a number in its range.
    """
    temperature = parse_parameter("temperature", texts.get("temperature", ""))
    top_p = parse_parameter("top_p", texts.get("top_p", ""))
    max_tokens = parse_parameter("max_tokens", texts.get("max_tokens", ""))
    seed = parse_parameter("seed", texts.get("seed", ""))
    return ChatParameters(
        temperature=temperature,
        top_p=top_p,
        max_tokens=None if max_tokens is None else int(max_tokens),
        seed=None if seed is None else int(seed),
    )


def describe_parameters(parameters: ChatParameters) -> str:
    """Return the parameters that are set, as one line; empty when all are the service's choice."""
    values = ((name, getattr(parameters, name)) for name in PARAMETER_NAMES)
    return " · ".join(f"{name} {value:g}" for name, value in values if value is not None)
