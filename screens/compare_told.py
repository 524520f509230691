"""The result of a blind comparison with the names, line by line."""

from __future__ import annotations

from tui.evals.compare.blind import BlindRating
from tui.records.comparisons import Side
from tui.safe_text import safe_line
from tui.widgets.tones import Line


def told_lines(rating: BlindRating) -> list[Line]:
    """Return who is who and how often each was preferred."""
    count = rating.ratings()
    first, second = rating.comparison.sides
    wins = ((first, "first", count.losses), (second, "second", count.wins))
    lines: list[Line] = [
        [(f"{won:>5,} × ", "strong"), (safe_line(side.model, 100), "accent"),
         (f"  the {place}{_prompt(side)}", "muted")]
        for side, place, won in wins
    ]  # fmt: skip
    lines.append([(f"{count.ties:>5,} × ", "strong"), ("tie", "")])
    lines.append([(f"{count.both_bad:>5,} × ", "strong"), ("both bad", "")])
    lines.append([("", "")])
    lines.append([("e", "accent"), (" writes what you preferred as a file to train on, ", "muted"),
                  ("u", "accent"), (" takes the last rating back.", "muted")])  # fmt: skip
    return lines


def _prompt(side: Side) -> str:
    if side.system is None:
        return ""
    return f", prompted “{safe_line(side.system, 40)}”" if side.system else ", without a prompt"
