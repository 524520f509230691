"""Makes rows fit a model's limit of tokens: exchanges go, or a long conversation becomes several rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui.datasets.fixes.json_text import JsonText
from tui.datasets.formats import DatasetFormat, format_of_row
from tui.datasets.layout_tokens import row_counter
from tui.datasets.locate import JsonPath
from tui.datasets.parsing import parse_line
from tui.datasets.quoting import quoted
from tui.datasets.reshape.keys import refuse_longest_lines
from tui.datasets.reshape.plan import MOST_LOST_LISTED, Lost, Output, Part, Plan, Rewritten, source_notes
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.reshape.turns import Conversation, CutHow, is_learned, kept_exchanges
from tui.datasets.row_order import line_tokens
from tui.datasets.row_tokens import RowTokens
from tui.datasets.tokens import TextTokenizer, TiktokenCounter, encoding_for
from tui.errors import TunedeckError
from tui.safe_text import safe_line

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

_QUOTED = 60
_SMALL = 1 << 20
"""Files up to it are counted here: starting processes would take longer."""
_TOLD_EVERY = 200


@dataclass(frozen=True, slots=True)
class CutWish:
    """What is too long, and what to do about it."""

    model: str
    """Whose vocabulary."""
    limit: int
    """Most tokens of a row, as `tunedeck count` counts them."""
    how: CutHow = CutHow.MIDDLE
    tokenizer: TextTokenizer | None = None
    """Counts instead of the vocabulary that tiktoken has for the model."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A row before and after."""

    before: int
    after: tuple[int, ...]
    """Tokens of each new row."""
    still_too_long: int
    """How many of them."""
    rewritten: Rewritten


class Cutter:
    """Cuts the rows of a table that are too long and can be cut."""

    def __init__(self, wish: CutWish, read_as: DatasetFormat | None = None) -> None:
        self._read_as = read_as
        self._how = wish.how
        self._limit = wish.limit
        self._counter = row_counter(wish.tokenizer or TiktokenCounter(encoding_for(wish.model)), wish.limit)
        self.positions: Array

    def rewrite(self, table: RowTable, position: int) -> Rewritten:
        """Return what becomes of a row that is to be cut."""
        cut = self.cut(table.content(position))
        return cut.rewritten if isinstance(cut, Cut) else Rewritten((table.content(position),))

    def is_too_long(self, line: bytes) -> bool:
        """Say whether the limit would cut a row; what is no row is not too long."""
        value, _ = parse_line(line)
        return self._exceeds(self._counter.row(value, format_of_row(value, self._read_as)))

    def cut(self, line: bytes) -> Cut | str:
        """Return a row that fits, or a sentence on why it can't be made to."""
        value, _ = parse_line(line)
        if not isinstance(value, dict):
            return "no JSON object"
        dataset_format = format_of_row(value, self._read_as)
        place = _messages_place(dataset_format)
        messages = _at(value, place)
        if not isinstance(messages, list):
            return f"a {dataset_format.value} row has no exchanges to leave out"
        if self._how is CutHow.SPLIT and dataset_format is not DatasetFormat.CHAT:
            return f"a {dataset_format.value} row can't become several"
        conversation = Conversation.of(messages)

        def tokens(exchanges: Sequence[range]) -> RowTokens:
            chosen = [messages[index] for index in conversation.indexes(exchanges)]
            return self._counter.row(_with(value, place, chosen), dataset_format)

        before = tokens(conversation.exchanges).total
        kept = kept_exchanges(conversation, lambda some: not self._exceeds(tokens(some)), self._how)
        if kept is None:
            return f"{before:,} tokens, and its last exchange with what stands before all is too long"
        if dataset_format is DatasetFormat.CHAT and is_learned(messages):
            new = ([messages[index] for index in conversation.indexes(some)] for some in kept)
            if not all(map(is_learned, new)):
                which = "one of its new rows" if self._how is CutHow.SPLIT else "what stays of it"
                return f"{before:,} tokens, and nothing in {which} would be trained on"
        try:
            rows = _rewritten(line, place, len(messages), [set(conversation.indexes(some)) for some in kept])
        except (ValueError, IndexError, StopIteration, RecursionError) as error:
            return f"it can't be rewritten: {error}"
        stays = {index for some in kept for index in conversation.indexes(some)}
        lost = tuple(
            {"index": index, "message": messages[index]}
            for index in range(len(messages))
            if index not in stays
        )
        after = [tokens(some) for some in kept]
        return Cut(
            before,
            tuple(one.total for one in after),
            sum(self._exceeds(one) for one in after),
            Rewritten(rows, lost),
        )

    def _exceeds(self, tokens: RowTokens) -> bool:
        return tokens.total > self._limit if tokens.cut is None else tokens.cut > 0


def _rewritten(line: bytes, place: JsonPath, messages: int, kept: Sequence[set[int]]) -> tuple[bytes, ...]:
    rows = []
    for indexes in kept:
        text = JsonText(line.decode())
        for index in range(messages):
            if index not in indexes:
                text.remove((*place, index))
        rows.append(text.text().encode())
    return tuple(rows)


def plan_cut(table: RowTable, wish: CutWish, tracker: Tracker | None = None) -> Plan:
    """Make rows that are too long fit; all others keep their bytes, and so does what stays of a cut row.

    What goes is written, whole, beside the new file. Rows that can't be made to fit stay as they are, are
    listed, and count as `still_bad`.

    Raises:
        TunedeckError: The limit makes no sense, a line has more than 256 MB, or the file can't be read.
        PassCancelled: The tracker was asked to stop.
    """
    import numpy

    if wish.limit < 1:
        raise TunedeckError("A limit below 1 token leaves no row.", "Give the model's limit, such as 65536.")
    tracker = tracker or Tracker()
    refuse_longest_lines(table)
    cutter = Cutter(wish, table.read_as)
    too_long = _too_long(table, wish, cutter, tracker)
    account = _Account()
    changed = []
    for position in too_long.tolist():
        tracker.tick(int(table.starts[position]), table.size)
        cut = cutter.cut(table.content(position))
        account.add(int(table.lines[position]), cut)
        if isinstance(cut, Cut):
            changed.append(position)
    cutter.positions = numpy.array(changed, numpy.int64)
    return account.plan(table, wish, cutter, len(too_long))


def _too_long(table: RowTable, wish: CutWish, cutter: Cutter, tracker: Tracker) -> Array:
    """Return the rows above the limit: by tiktoken's vocabulary in processes, or by the model's own here."""
    import numpy

    if wish.tokenizer is None and table.size > _SMALL:
        counts = line_tokens(
            table.path,
            encoding_for(wish.model),
            table.read_as or DatasetFormat.UNKNOWN,
            above=wish.limit,
            on_progress=tracker.on_progress,
            cancelled=tracker.cancelled,
        )
        table.check_unchanged()
        return numpy.flatnonzero(counts[table.lines.astype(numpy.int64) - 1] > wish.limit)
    found = []
    for position in range(len(table)):
        if not position % _TOLD_EVERY:
            tracker.tick(int(table.starts[position]), table.size)
        if cutter.is_too_long(table.content(position)):
            found.append(position)
    return numpy.array(found, numpy.int64)


class _Account:
    """Counts and lists what cutting does."""

    def __init__(self) -> None:
        self.listed: list[Lost] = []
        self.cut = self.new_rows = self.messages = self.tokens = self.unfit = 0

    def add(self, line: int, cut: Cut | str) -> None:
        if isinstance(cut, str):
            self.unfit += 1
            self._list(line, f"stays too long: {cut}")
            return
        lost = cut.rewritten.lost
        self.cut += 1
        self.new_rows += len(cut.rewritten.rows)
        self.messages += len(lost)
        self.tokens += cut.before - sum(cut.after) if lost else 0
        words = [f"{cut.before:,} tokens"]
        if len(cut.after) > 1:
            words.append(
                f"becomes {len(cut.after):,} rows of {' + '.join(f'{one:,}' for one in cut.after[:6])}"
            )
        else:
            words.append(f"becomes {cut.after[0]:,}")
        if lost:
            words.append(f"loses {_roles(lost)}: {_first_words(lost[0]['message'])}")
        if cut.still_too_long:
            self.unfit += 1
            words.append(f"{cut.still_too_long} of them still too long")
        self._list(line, ", ".join(words))

    def _list(self, line: int, why: str) -> None:
        if len(self.listed) < MOST_LOST_LISTED:
            self.listed.append(Lost(line, safe_line(why, 300)))

    def plan(self, table: RowTable, wish: CutWish, cutter: Cutter, too_long: int) -> Plan:
        import numpy

        notes = [*source_notes([table])]
        if self.unfit:
            notes.append(f"{self.unfit:,} row(s) stay too long; the service would cut or refuse them.")
        return Plan(
            operation="cut",
            outputs=(Output("cut", (Part(table, numpy.arange(len(table))),)),),
            rows=len(table),
            facts={
                "how": wish.how.value,
                "model": wish.model,
                "limit": wish.limit,
                "too_long": too_long,
                "cut": self.cut,
                "rows_after": len(table) - self.cut + self.new_rows,
                "messages_lost": self.messages,
                "tokens_lost": self.tokens,
                "still_too_long": self.unfit,
            },
            notes=tuple(notes),
            lost=self.listed,
            lost_rows=too_long,
            rewriter=cutter if self.cut else None,
            side_file="lost" if self.messages else "",
            still_bad=self.unfit,
        )


def _roles(lost: Sequence[dict[str, Any]]) -> str:
    roles = Counter(
        str(one["message"].get("role")) if isinstance(one["message"], dict) else "?" for one in lost
    )
    said = ", ".join(f"{count:,} {quoted(role, 20)}" for role, count in roles.items())
    return f"{len(lost):,} messages ({said})"


def _first_words(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else message
    return quoted(content, _QUOTED)


def _messages_place(dataset_format: DatasetFormat) -> JsonPath:
    return ("input", "messages") if dataset_format is DatasetFormat.PREFERENCE else ("messages",)


def _with(value: dict[str, Any], place: JsonPath, messages: list[Any]) -> dict[str, Any]:
    """Return a row with other messages."""
    if len(place) == 1:
        return {**value, "messages": messages}
    return {**value, "input": {**value["input"], "messages": messages}}


def _at(value: object, path: JsonPath) -> object:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
