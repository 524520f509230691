"""Together's preview of rows, as its client's source describes it (together 3.1.1, read 2026-11-30)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from tui.records.previews import PreviewRow, TokenPreview
from tui.safe_text import safe_line, safe_text

_LONGEST_TOKEN = 400


def preview_from(raw: Mapping[str, Any]) -> TokenPreview:
    """Return what was answered; every part of it may be missing."""
    rows = raw.get("rows")
    longest, inputs = raw.get("max_seq_length"), raw.get("train_on_inputs")
    return TokenPreview(
        safe_line(str(raw.get("model") or ""), 200),
        safe_line(str(raw.get("dataset_format") or ""), 60),
        longest if _is_whole(longest) else None,
        inputs if isinstance(inputs, bool) else None,
        tuple(_row(one) for one in rows if isinstance(one, Mapping)) if isinstance(rows, list) else (),
    )


def _row(raw: Mapping[str, Any]) -> PreviewRow:
    texts, ids, spans, labels = (
        _list(raw, name) for name in ("tokens", "input_ids", "trained_spans", "labels")
    )
    tokens = tuple(safe_text(str(one)[:_LONGEST_TOKEN]) for one in texts)
    trained = tuple(
        (one[0], one[1])
        for one in spans
        if isinstance(one, list) and len(one) == 2 and all(_is_whole(end) for end in one) and one[0] < one[1]
    )
    if not trained and labels:
        trained = _spans_of(labels)
    count, trained_count = raw.get("num_tokens"), raw.get("num_trained_tokens")
    return PreviewRow(
        tokens,
        tuple(one for one in ids if _is_whole(one)),
        trained,
        count if _is_whole(count) else len(tokens),
        trained_count if _is_whole(trained_count) else sum(end - start for start, end in trained),
        raw.get("truncated") is True,
    )


def _spans_of(labels: list[Any]) -> tuple[tuple[int, int], ...]:
    """Return where labels are not -100, which is the mask."""
    spans: list[tuple[int, int]] = []
    start: int | None = None
    for index, label in enumerate([*labels, -100]):
        if label != -100 and start is None:
            start = index
        elif label == -100 and start is not None:
            spans.append((start, index))
            start = None
    return tuple(spans)


def _list(raw: Mapping[str, Any], name: str) -> list[Any]:
    value = raw.get(name)
    return value if isinstance(value, list) else []


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
