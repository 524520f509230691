"""Recorded answers as proposals: what a model that ends has said, looked through before it is trained on."""

from __future__ import annotations

from collections.abc import Iterator

from tui.datasets.formats import DatasetFormat
from tui.evals.ports import EvalServices
from tui.evals.recorded import RecordedRow, find_recording, recorded_rows, training_row
from tui.proposals.definition import Definition
from tui.proposals.rows import Made, judged


def recorded_sources(services: EvalServices, definition: Definition) -> Iterator[tuple[int, list[Made]]]:
    """Yield the rows of a recording, each under its number.

    Raises:
        TunedeckError: There is no such recording.
    """
    recording = find_recording(services, definition.recording)
    for number, row in enumerate(recorded_rows(services, recording, logprobs=False), 1):
        yield number, [_made(row, definition)]


def _made(row: RecordedRow, definition: Definition) -> Made:
    value, why_not = training_row(row)
    text = row.answer.text if row.answer is not None else ""
    if value is None:
        return Made(text.encode("utf-8", "replace"), f"{why_not[:1].upper()}{why_not[1:]}.")
    if definition.system:
        messages = value["messages"]
        kept = [one for one in messages if one.get("role") not in ("system", "developer")]
        value["messages"] = [{"role": "system", "content": definition.system}, *kept]
    return judged(value, text, DatasetFormat.CHAT)
