"""A token and a row of tokens in words."""

from __future__ import annotations

from tui.datasets.token_segments import RowReader
from tui.datasets.token_view import TokenSpan, TokenView
from tui.safe_text import safe_line
from tui.widgets.tones import Part
from tui.widgets.words import plural

_BYTES_SHOWN = 12


def token_parts(view: TokenView, number: int) -> list[Part]:
    """Return place, number, text and bytes of one span."""
    span = view.span(number)
    at = f"{span.index + 1:,}"
    if span.id is None and span.tokens > 1:
        return [(f"Tokens {at} to {span.index + span.tokens:,}", "strong"), (f"  {span.text}", "")]
    parts: list[Part] = [(f"Token {at} of {view.total:,}", "strong")]
    if span.id is None:
        return [*parts, (f"  {span.text}", ""), ("  its number is not known", "muted")]
    raw = view.raw(number)
    shown = " ".join(f"{byte:02x}" for byte in raw[:_BYTES_SHOWN])
    more = "…" if len(raw) > _BYTES_SHOWN else ""
    part = ", a part of a character" if span.is_part else ""
    return [
        *parts,
        (f"  id {span.id:,}", ""),
        (f"  “{safe_line(span.text, 60)}”", "accent"),
        (f"  {plural(len(raw), 'byte')} {shown}{more}{part}", "muted"),
    ]


def state_parts(span: TokenSpan) -> list[Part]:
    """Return whose token it is and what is done with it, in words."""
    who = [span.role] if span.role != "framing" else []
    who += [f"message {span.message + 1:,}"] if span.message >= 0 else []
    who += [span.kind.value] if span.kind.value not in who else []
    words = f"{', '.join(who)}: "
    if span.cut:
        lost = "learned" if span.trained else "read"
        return [(words, ""), (f"✗ cut by the limit, never {lost}", "bad")]
    if span.trained:
        return [(words, ""), ("✓ trained on", "good")]
    return [(words, ""), ("read, not trained on", "muted")]


def sum_parts(view: TokenView, reader: object) -> list[Part]:
    """Return how many tokens are trained on, and what the limit does."""
    share = f" ({view.trained / view.total:.0%})" if view.total else ""
    parts: list[Part] = [
        (f"{plural(view.total, 'token')}", "strong"),
        (f", {view.trained:,} trained on{share}", ""),
    ]
    if view.limit is None:
        parts.append(("; no limit is known", "muted"))
    elif view.lost:
        lost = f", {view.lost_trained:,} of them trained on" if view.lost_trained else ""
        parts.append((f"; the limit of {view.limit:,} cuts {view.lost:,}{lost}", "warning"))
    else:
        parts.append((f"; the limit of {view.limit:,} cuts nothing", "muted"))
    if view.total and view.trained == view.lost_trained and isinstance(reader, RowReader):
        parts.append(("; nothing is left to learn, so the engine leaves the row out", "warning"))
    return parts


LEGEND: list[Part] = [
    ("✓ trained on", "good"),
    ("   read only", ""),
    ("   framing", "muted"),
    ("   ✗ cut", "bad"),
]
"""What the signs and tones mean."""
