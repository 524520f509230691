"""The state of one check while lines arrive: of a whole file, or of one part of it that is merged later."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from tui.datasets.blank_lines import BlankLines
from tui.datasets.checks_messages import Conversation, kind_of
from tui.datasets.checks_rows import (
    check_chat_row,
    check_completion_row,
    check_preference_row,
    check_reinforcement_row,
    check_text_row,
)
from tui.datasets.duplicates import LineHashes
from tui.datasets.file_rules import FileFacts, check_whole_file, not_a_dictionary, report_start
from tui.datasets.findings import FindingCollector, RowFindings
from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.protocol import LintRow
from tui.datasets.lints.registry import make_lints
from tui.datasets.options import CheckOptions
from tui.datasets.parsing import BYTE_ORDER_MARK, ParseProblem, may_repeat_keys, repeated_keys
from tui.datasets.plain_rows import PlainRows
from tui.datasets.report import Report, Severity
from tui.datasets.scan_lines import Parsed, ReadLines
from tui.datasets.services import SERVICES
from tui.datasets.start_facts import StartFacts
from tui.datasets.token_totals import TokenTotals
from tui.datasets.tokens import encoding_for, training_limit
from tui.datasets.whole_file import has_old_mac_lines, holds_rows_of_old_mac

_OLD_MAC = "Lines end with a carriage return instead of a line feed."


class FileScan:
    """Everything known of a file, or of a part of it, so far; 20 bytes are kept per row, more with lints.

    Args:
        options: What to check for.
        start: What the file's beginning says.
        examples: Lines before this part that are not blank.
        full: Rules of which enough is kept already, in an earlier part of the file.
    """

    def __init__(
        self,
        options: CheckOptions,
        start: StartFacts,
        *,
        examples: int = 0,
        full: frozenset[str] = frozenset(),
    ) -> None:
        self._options = options
        self._start = start
        self._format = start.format
        self._findings = FindingCollector(options.ignored_rules, options.provider, full)
        self._row = RowFindings(self._findings)
        self._lints = make_lints(options)
        self._hashes = LineHashes()
        self._tokens = self._token_totals(options)
        self._examples_before = examples
        self._examples = 0
        self._blank = BlankLines()
        self._with_system = 0
        self._without_system = array("Q")
        self._image_examples = 0
        self._over_limit: Mapping[int, int] | None = None
        """Line -> tokens of plain rows that are too long; None while plain rows are counted one by one."""
        self._expects_plain = True
        """Most rows of the last lines were plain; else looking for them would cost more than it saves."""

    @staticmethod
    def _token_totals(options: CheckOptions) -> TokenTotals:
        limit = options.token_limit or training_limit(options.model)
        name = options.tokenizer.name if options.tokenizer else encoding_for(options.model)
        return TokenTotals(name, limit, options.tokenizer, enabled=options.count_tokens)

    def begin(self) -> None:
        """Report what is wrong with the beginning of the file; once for a file."""
        report_start(self._start, self._options.provider, self._findings)

    @property
    def full(self) -> frozenset[str]:
        """Rules of which no further finding will be kept."""
        return self._findings.full

    def batch(self, first_line: int, lines: list[bytes], too_long: Mapping[int, int]) -> None:
        """Check a batch of lines.

        Args:
            first_line: Number of the first of them, from 1.
            lines: Without line feeds.
            too_long: Line number -> bytes, of lines that were cut.
        """
        if self._start.is_wide:
            return
        if first_line == 1:
            lines = [lines[0].removeprefix(BYTE_ORDER_MARK), *lines[1:]]
        if not any(lines):
            self._blank.add(first_line, len(lines))
            return
        may_be_plain = self._expects_plain and self._format is DatasetFormat.CHAT
        read = ReadLines.of(first_line, lines, too_long, may_be_plain=may_be_plain)
        self._expects_plain = read.are_mostly_plain
        read.hash(self._hashes)
        self._over_limit = self._tokens.add_plain(first_line, read.plain)
        others = len(self._without_system)
        if self._lints or self._over_limit is None or not read.are_examples:
            self._every_line(read)
        else:
            self._unusual_lines(read, self._over_limit)
        self._note_systems(read, others)

    def _every_line(self, read: ReadLines) -> None:
        index_of = {place: index for index, place in enumerate(read.plain.places)}
        for place, line in enumerate(read.lines):
            number = read.first_line + place
            if place in index_of:
                self._plain(number, line, read.plain, index_of[place])
            elif (parsed := read.unusual[place]) is not None:
                self._example(number, line, parsed)
            elif number in read.too_long:
                self._too_long(number, read.too_long[number], line)
            else:
                self._blank.add(number)

    def _unusual_lines(self, read: ReadLines, over_limit: Mapping[int, int]) -> None:
        """Check the lines of which anything can be said, where each line is an example."""
        if self._blank:
            self._blank.report(self._findings)
        before = self._examples
        for place in sorted({*read.unusual, *(number - read.first_line for number in over_limit)}):
            number, line = read.first_line + place, read.lines[place]
            self._examples = before + place
            parsed = read.unusual.get(place)
            if parsed is not None:
                self._example(number, line, parsed)
            else:
                self._begin_example(number, line)
                self._tokens.report_plain(self._row, over_limit[number])
        self._examples = before + len(read.lines)

    def _note_systems(self, read: ReadLines, others: int) -> None:
        """Note which plain rows have a system message.

        Args:
            read: The lines; those of their other rows that have none are noted already.
            others: Where those begin.
        """
        without = read.without_system()
        self._with_system += len(read.plain.places) - len(without)
        in_order = sorted([*self._without_system[others:], *without])
        self._without_system[others:] = array("Q", in_order)

    def _too_long(self, number: int, length: int, beginning: bytes) -> None:
        if self._blank:
            self._blank.report(self._findings)
        self._examples += 1
        if number == 1 and has_old_mac_lines(beginning):
            self._findings.add("old-mac-lines", _OLD_MAC, line=number)
            return
        message = f"The line has {length / 1024 / 1024:,.0f} MB; it was not read."
        self._findings.add("line-too-long", message, line=number)

    def _example(self, number: int, line: bytes, parsed: Parsed) -> None:
        self._begin_example(number, line)
        value, problem = parsed
        if problem is not None:
            self._report_problem(number, line, problem)
            return
        if not isinstance(value, dict):
            shown = line[:200].decode("utf-8", "replace")
            self._findings.add(
                "not-an-object",
                f"The line is {kind_of(value)}, not an object.",
                line=number,
                path="$",
                column=1,
                text=shown,
                service_text=not_a_dictionary(number, line),
            )
            return
        try:
            self._check_object(number, line, value)
        except RecursionError:
            self._row.add("nested-too-deep", "Nested too deep to be checked.")

    def _check_object(self, number: int, line: bytes, value: dict[str, Any]) -> None:
        seen = self._check(value)
        if seen is not None:
            self._note_conversation(number, seen)
        if may_repeat_keys(line, value):
            for key in repeated_keys(line):
                self._row.add_repeat(key)
        self._tokens.add(self._row, value, self._format)
        self._lint(number, line, value)

    def _begin_example(self, number: int, line: bytes) -> None:
        if self._blank:
            self._blank.report(self._findings)
        self._examples += 1
        self._row.start(number, self._examples_before + self._examples, line)

    def _plain(self, number: int, line: bytes, plain: PlainRows, index: int) -> None:
        """Note a row that no rule has anything to say about."""
        self._begin_example(number, line)
        if self._over_limit is None:
            self._tokens.add(self._row, plain.value(index), self._format)
        elif number in self._over_limit:
            self._tokens.report_plain(self._row, self._over_limit[number])
        if self._lints:
            self._lint(number, line, plain.value(index))

    def _lint(self, number: int, line: bytes, value: dict[str, Any]) -> None:
        if self._lints:
            row = LintRow(number, line, value, self._format, self._row)
            for lint in self._lints:
                lint.row(row)

    def _is_of_old_mac(self, number: int, line: bytes) -> bool:
        if SERVICES[self._options.provider].splits_at_carriage_return:
            return holds_rows_of_old_mac(line)  # it reads them, so each must be right
        return number == 1 and has_old_mac_lines(line)

    def _report_problem(self, number: int, line: bytes, problem: ParseProblem) -> None:
        rule, message = problem.rule, problem.message
        if rule == "invalid-json" and b"\r" in line and self._is_of_old_mac(number, line):
            rule, message = "old-mac-lines", _OLD_MAC
        service = None
        if problem.service_error:
            service = (
                f"Invalid file format. Example {self._examples_before + self._examples} cannot be parsed. "
                f"Error: line contains invalid json: {problem.service_error} (line {number})"
            )
        self._findings.add(
            rule, message, line=number, column=problem.column, text=problem.text, service_text=service
        )

    def _check(self, value: dict[str, Any]) -> Conversation | None:
        match self._format:
            case DatasetFormat.PREFERENCE:
                return check_preference_row(self._row, value)
            case DatasetFormat.REINFORCEMENT:
                self._compare_item_keys(value)
                return check_reinforcement_row(self._row, value)
            case DatasetFormat.COMPLETION:
                check_completion_row(self._row, value)
                return None
            case DatasetFormat.TEXT:
                check_text_row(self._row, value)
                return None
            case _:
                return check_chat_row(self._row, value)

    def _compare_item_keys(self, value: dict[str, Any]) -> None:
        for key in sorted((self._start.item_keys or frozenset()) - value.keys()):
            self._row.add("item-keys-differ", f'The key "{key}" of the first row is missing.', text=key)

    def _note_conversation(self, number: int, seen: Conversation) -> None:
        if seen.images:
            self._image_examples += 1
        if seen.system:
            self._with_system += 1
        else:
            self._without_system.append(number)

    def merge(self, later: FileScan) -> None:
        """Take over what was found in the part of the file that follows.

        The result is what one scan of both parts would hold.
        """
        if later._examples and self._blank:
            self._blank.report(self._findings)
        self._findings.merge(later._findings)
        self._hashes.merge(later._hashes)
        self._tokens.merge(later._tokens)
        for ours, theirs in zip(self._lints, later._lints, strict=True):
            ours.merge(theirs)
        self._examples += later._examples
        self._blank.merge(later._blank)
        self._with_system += later._with_system
        self._without_system.extend(later._without_system)
        self._image_examples += later._image_examples

    def state(self) -> Any:
        """Return all of it as plain values, for another process or a file; `restore` reads them."""
        return {
            "findings": self._findings.state(),
            "hashes": self._hashes.state(),
            "tokens": self._tokens.state(),
            "lints": [lint.state() for lint in self._lints],
            "examples": self._examples,
            "blank": self._blank.state(),
            "system": [self._with_system, self._without_system.tobytes()],
            "images": self._image_examples,
        }

    def restore(self, state: Any) -> None:
        """Make a fresh scan what the one was that `state` came from, given the same options and start.

        Raises:
            ValueError, TypeError, KeyError: It is no such state.
        """
        self._findings.restore(state["findings"])
        self._hashes.restore(state["hashes"])
        self._tokens.restore(state["tokens"])
        for lint, each in zip(self._lints, state["lints"], strict=True):
            lint.restore(each)
        self._examples = state["examples"]
        self._blank.restore(state["blank"])
        self._with_system, without = state["system"]
        self._without_system = array("Q", without)
        self._image_examples = state["images"]

    def report(self, file: str, size: int, sha256: str) -> Report:
        """Apply the rules about the whole file and return the report.

        Args:
            file: Its name as it shall be shown.
            size: Bytes.
            sha256: Hex digest.
        """
        if self._start.document is not None and self._findings.knows("json-not-jsonl"):
            for rule in ("not-an-object", "invalid-json"):
                self._findings.drop(rule, self._start.document_line)
        facts = FileFacts(
            size, self._format, self._examples, self._image_examples, self._with_system, self._without_system
        )
        check_whole_file(facts, self._options, self._findings, readable=not self._start.is_wide)
        if not self._start.is_wide:
            self._hashes.report_repeated(self._findings)
            if self._options.training_file:
                self._hashes.report_shared(LineHashes.of_file(self._options.training_file), self._findings)
            for lint in self._lints:
                lint.finish(self._findings)
        counts = self._findings.counts
        return Report(
            file=file,
            format=self._format,
            rows=self._examples,
            bytes=size,
            sha256=sha256,
            valid=counts[Severity.ERROR.value] == 0,
            counts=counts,
            findings=self._findings.sorted(),
            findings_truncated=self._findings.truncated,
            tokens=self._tokens.summary(),
        )
