"""What one call of a dataset is made of in tokens: instructions, tools, question, answer; the mean over rows.

Each assistant message that is trained on stands for a call, with all that goes before it as its question, as
a service bills it. A large file is sampled by `tui.datasets.sampling`, whose shares keep the mean unbiased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.datasets.files import open_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line
from tui.datasets.row_tokens import TOKENS_PER_EXAMPLE, RowTokenCounter
from tui.datasets.sampling import WINDOWS, WindowReader, draw_windows
from tui.datasets.tokens import TextTokenizer, TiktokenCounter
from tui.errors import TunedeckError

READ_WHOLE_BYTES = 4 << 20
"""Up to here every row is counted."""
_SYSTEM = ("system", "developer")


@dataclass(frozen=True, slots=True)
class CallTokens:
    """The mean call of a file, in tokens."""

    encoding: str
    """Name of the vocabulary that counted."""
    system: float
    """Of the instructions, framing included: what a fine-tuned model may do without."""
    tools: float
    """Of the tools' definitions, which every call needs."""
    question: float
    """Of everything else before the answer."""
    answer: float
    calls_per_row: float
    is_sampled: bool = False

    @property
    def asked(self) -> float:
        """All that goes in."""
        return self.system + self.tools + self.question


@dataclass(slots=True)
class _Sums:
    rows: float = 0.0
    calls: float = 0.0
    system: float = 0.0
    tools: float = 0.0
    question: float = 0.0
    answer: float = 0.0


def measure_calls(
    path: Path,
    encoding: str,
    tokenizer: TextTokenizer | None = None,
    *,
    seed: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> CallTokens:
    """Return the mean call of a file of training rows.

    Args:
        path: JSONL.
        encoding: Name of a shipped vocabulary.
        tokenizer: Counts instead of it.
        seed: Draws the windows of a large file.
        cancelled: Asked for each row; True ends with what was counted so far.

    Raises:
        TunedeckError: The file can't be read, or no row of it holds an answer.
    """
    counter = RowTokenCounter(tokenizer or TiktokenCounter(encoding))
    sums = _Sums()
    size = 0
    with open_file(path) as stream:
        size = path.stat().st_size
        reader = WindowReader(stream.fileno(), size)
        windows = [(0, size)] if size <= READ_WHOLE_BYTES else draw_windows(size, WINDOWS, seed)[0]
        for start, end in windows:
            for row in reader.rows(start, end):
                if cancelled():
                    break
                if not row.is_open:
                    _add(sums, counter, row.raw, row.share)
    if not sums.calls:
        raise TunedeckError(f"{path} holds no row with an answer.", "Choose a file of supervised rows.")
    return CallTokens(
        counter.tokenizer.name, sums.system / sums.calls, sums.tools / sums.calls, sums.question / sums.calls,
        sums.answer / sums.calls, sums.calls / sums.rows, is_sampled=size > READ_WHOLE_BYTES,
    )  # fmt: skip


def _add(sums: _Sums, counter: RowTokenCounter, raw: bytes, share: float) -> None:
    value, problem = parse_line(raw.removeprefix(BYTE_ORDER_MARK))
    if problem is not None or not isinstance(value, dict):
        return
    calls = list(_calls(value, counter))
    sums.rows += share if calls else 0
    for system, tools, question, answer in calls:
        sums.calls += share
        sums.system += share * system
        sums.tools += share * tools
        sums.question += share * question
        sums.answer += share * answer


def _calls(row: Mapping[str, Any], counter: RowTokenCounter) -> Iterator[tuple[int, int, int, int]]:
    """Yield (instructions, tools, question, answer) of each call that a row stands for."""
    if isinstance(row.get("prompt"), str) and isinstance(row.get("completion"), str):
        yield 0, 0, counter.text(row["prompt"]), counter.text(row["completion"])
        return
    source = row.get("input")
    if "preferred_output" in row and isinstance(source, dict):
        messages = [*_list(source.get("messages")), *_list(row["preferred_output"])]
        row = source
    else:
        messages = _list(row.get("messages"))
    tools = _tools(row, counter)
    system, question = 0, TOKENS_PER_EXAMPLE
    for message in messages:
        if not isinstance(message, dict):
            continue
        one = counter.row({"messages": [message]}, DatasetFormat.CHAT)
        tokens = one.total - TOKENS_PER_EXAMPLE
        if message.get("role") == "assistant" and message.get("weight") != 0:
            yield system, tools, question, one.trained
        if message.get("role") in _SYSTEM:
            system += tokens
        else:
            question += tokens


def _tools(row: Mapping[str, Any], counter: RowTokenCounter) -> int:
    kept = {key: row[key] for key in ("tools", "functions") if row.get(key)}
    if not kept:
        return 0
    return counter.row({"messages": [], **kept}, DatasetFormat.CHAT).total - TOKENS_PER_EXAMPLE


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text_tokens(text: str, encoding: str, tokenizer: TextTokenizer | None = None) -> int:
    """Return what a text costs as the instructions of a call, framing included."""
    counter = RowTokenCounter(tokenizer or TiktokenCounter(encoding))
    message = {"role": "system", "content": text}
    return counter.row({"messages": [message]}, DatasetFormat.CHAT).total - TOKENS_PER_EXAMPLE
