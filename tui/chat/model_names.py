"""Names of tuned models, short enough for a list."""

from __future__ import annotations

TUNED_PREFIX = "ft"
_TUNED_PARTS = 5


def short_model_name(model: str) -> str:
    """Return the part of a model's name that tells tuned models of one base apart.

    `ft:base:organisation:suffix:id` becomes `suffix:id` (`base:id` without a suffix); any other name stays.
    """
    parts = model.split(":", _TUNED_PARTS - 1)
    if len(parts) < _TUNED_PARTS or parts[0] != TUNED_PREFIX:
        return model
    _, base, _, suffix, identity = parts
    return f"{suffix or base}:{identity}"
