"""The state of one check while lines arrive: of a whole file, or of one part of it that is merged later."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

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
from tui.datasets.findings import KEPT_PER_RULE, FindingCollector, RowFindings
from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.protocol import LintRow
from tui.datasets.lints.registry import make_lints
from tui.datasets.options import CheckOptions
from tui.datasets.parsing import BYTE_ORDER_MARK, ParseProblem, may_repeat_keys, parse_line, repeated_keys
from tui.datasets.plain_rows import PlainRow, plain_rows
from tui.datasets.report import Report, Severity
from tui.datasets.services import SERVICES
from tui.datasets.start_facts import StartFacts
from tui.datasets.token_totals import TokenTotals
from tui.datasets.tokens import encoding_for, training_limit
from tui.datasets.whole_file import has_old_mac_lines, holds_rows_of_old_mac

Parsed = tuple[Any, ParseProblem | None]
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
        self._blank_lines: list[int] = []
        self._blank_count = 0
        self._with_system = 0
        self._without_system = array("Q")
        self._image_examples = 0
        self._over_limit: Mapping[int, int] | None = None
        """Line -> tokens of plain rows that are too long; None while plain rows are counted one by one."""

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
            self._blank_batch(first_line, len(lines))
            return
        parsed: list[Parsed | None] = [
            None if not line or line.isspace() or number in too_long else parse_line(line)
            for number, line in enumerate(lines, first_line)
        ]
        plain = self._plain_rows(lines, parsed)
        self._over_limit = self._tokens.add_plain(first_line, plain)
        for number, (line, read, shortcut) in enumerate(zip(lines, parsed, plain, strict=True), first_line):
            if read is not None:
                self._example(number, line, read, shortcut)
            elif number in too_long:
                self._too_long(number, too_long[number], line)
            else:
                self._blank(number)

    def _plain_rows(self, lines: list[bytes], parsed: list[Parsed | None]) -> Sequence[PlainRow | None]:
        if self._format is not DatasetFormat.CHAT:
            return [None] * len(lines)
        return plain_rows(lines, [None if read is None else read[0] for read in parsed])

    def _blank(self, number: int) -> None:
        self._blank_count += 1
        if len(self._blank_lines) < KEPT_PER_RULE:
            self._blank_lines.append(number)

    def _blank_batch(self, first_line: int, count: int) -> None:
        room = KEPT_PER_RULE - len(self._blank_lines)
        self._blank_lines.extend(range(first_line, first_line + min(room, count)))
        self._blank_count += count

    def _report_blank_lines(self) -> None:
        """Report the blank lines met so far, once an example follows them."""
        for number in self._blank_lines:
            self._findings.add("blank-line", "The line is blank.", line=number)
        self._findings.add_uncounted("blank-line", self._blank_count - len(self._blank_lines))
        self._blank_lines.clear()
        self._blank_count = 0

    def _too_long(self, number: int, length: int, beginning: bytes) -> None:
        if self._blank_count:
            self._report_blank_lines()
        self._examples += 1
        if number == 1 and has_old_mac_lines(beginning):
            self._findings.add("old-mac-lines", _OLD_MAC, line=number)
            return
        message = f"The line has {length / 1024 / 1024:,.0f} MB; it was not read."
        self._findings.add("line-too-long", message, line=number)

    def _example(self, number: int, line: bytes, parsed: Parsed, plain: PlainRow | None) -> None:
        if self._blank_count:
            self._report_blank_lines()
        self._examples += 1
        value, problem = parsed
        if problem is not None:
            self._report_problem(number, line, problem)
            return
        self._hashes.add(number, line)
        self._row.start(number, self._examples_before + self._examples, line)
        if plain is not None:
            self._plain(number, plain, value)
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
                self._row.add("duplicate-key", f'The key "{key}" stands twice in one object.', text=key)
        self._tokens.add(self._row, value, self._format)
        self._lint(number, line, value)

    def _plain(self, number: int, plain: PlainRow, value: dict[str, Any]) -> None:
        """Note a row that no rule has anything to say about."""
        if plain.has_system:
            self._with_system += 1
        else:
            self._without_system.append(number)
        if self._over_limit is None:
            self._tokens.add(self._row, value, self._format)
        elif number in self._over_limit:
            self._tokens.report_plain(self._row, self._over_limit[number])
        self._lint(number, self._row.raw, value)

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
        if later._examples and self._blank_count:
            self._report_blank_lines()
        self._findings.merge(later._findings)
        self._hashes.merge(later._hashes)
        self._tokens.merge(later._tokens)
        for ours, theirs in zip(self._lints, later._lints, strict=True):
            ours.merge(theirs)
        self._examples += later._examples
        self._blank_lines += later._blank_lines[: KEPT_PER_RULE - len(self._blank_lines)]
        self._blank_count += later._blank_count
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
            "blank": [self._blank_lines, self._blank_count],
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
        self._blank_lines, self._blank_count = state["blank"]
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
