"""The state of one check while lines arrive, and the rules that only the whole file can answer."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Set
from typing import Any

from tui.datasets.checks_messages import Conversation, kind_of
from tui.datasets.checks_rows import (
    check_chat_row,
    check_completion_row,
    check_preference_row,
    check_reinforcement_row,
)
from tui.datasets.duplicates import LineHashes
from tui.datasets.findings import KEPT_PER_RULE, FindingCollector, RowFindings
from tui.datasets.formats import CHAT_KEYS, DatasetFormat, detect_format
from tui.datasets.lints.protocol import LintRow
from tui.datasets.lints.registry import make_lints
from tui.datasets.options import CheckOptions
from tui.datasets.parsing import BYTE_ORDER_MARK, ParseProblem, may_repeat_keys, parse_line, repeated_keys
from tui.datasets.report import Report, Severity
from tui.datasets.services import SERVICES
from tui.datasets.token_totals import TokenTotals
from tui.datasets.tokens import encoding_for, training_limit
from tui.datasets.whole_file import document_start, has_old_mac_lines, wide_codec

FEW_EXAMPLES = 50
MAX_REINFORCEMENT_EXAMPLES = 50_000
MAX_REINFORCEMENT_VALIDATION = 1_000
MAX_IMAGE_EXAMPLES = 50_000
LARGE_FILE_BYTES = 512 * 1024 * 1024
_SAMPLE_ROWS = 64
_OLD_MAC = "Lines end with a carriage return instead of a line feed."
_COMPLETION_MODELS = ("babbage-002", "davinci-002", "ft:babbage-002", "ft:davinci-002")


class FileScan:
    """Everything known of a file so far; 20 bytes are kept per row."""

    def __init__(self, options: CheckOptions) -> None:
        self._options = options
        self._findings = FindingCollector(options.ignored_rules, options.provider)
        self._row = RowFindings(self._findings)
        self._lints = make_lints(options)
        self._service = SERVICES[options.provider]
        self._hashes = LineHashes()
        self._tokens = self._token_totals(options)
        self._format = options.format or DatasetFormat.UNKNOWN
        self._examples = 0
        self._unreadable_encoding = False
        self._blank_lines: list[int] = []
        self._blank_count = 0
        self._with_system = 0
        self._without_system = array("Q")
        self._image_examples = 0
        self._item_keys: Set[str] | None = None

    @staticmethod
    def _token_totals(options: CheckOptions) -> TokenTotals:
        limit = options.token_limit or training_limit(options.model)
        name = options.tokenizer.name if options.tokenizer else encoding_for(options.model)
        return TokenTotals(name, limit, options.tokenizer, enabled=options.count_tokens)

    def batch(self, first_line: int, lines: list[bytes], too_long: Mapping[int, int]) -> None:
        """Check a batch of lines.

        Args:
            first_line: Number of the first of them, from 1.
            lines: Without line feeds.
            too_long: Line number -> bytes, of lines that were cut.
        """
        if first_line == 1:
            self._start_of_file(lines)
        if self._unreadable_encoding:
            return
        if not any(lines):
            self._blank_batch(first_line, len(lines))
            return
        if self._format is DatasetFormat.UNKNOWN:
            self._format = detect_format(parse_line(line)[0] for line in lines[:_SAMPLE_ROWS])
        for number, line in enumerate(lines, first_line):
            if number in too_long:
                self._too_long(number, too_long[number], line)
            elif not line or line.isspace():
                self._blank(number)
            else:
                self._example(number, line)

    def _start_of_file(self, lines: list[bytes]) -> None:
        if wide_codec(b"\n".join(lines[:4])[:256]):
            self._unreadable_encoding = True
            self._findings.add("wrong-encoding", "The file looks like UTF-16 or UTF-32, not UTF-8.", line=1)
            return
        if lines[0].startswith(BYTE_ORDER_MARK):
            self._findings.add(
                "byte-order-mark",
                "A byte order mark (EF BB BF) stands before the first line.",
                line=1,
                column=1,
            )
            lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
        elif self._service.byte_order_mark == "wanted":
            self._findings.add(
                "byte-order-mark-missing",
                "No byte order mark (EF BB BF) stands before the first line.",
                line=1,
            )
        start = document_start(lines)
        if start is not None:
            number, first = start
            self._findings.add(
                "json-not-jsonl",
                "The file holds one JSON document instead of one object per line.",
                line=number,
                column=1,
                text=first[:200].decode("utf-8", "replace"),
                service_text=_not_a_dictionary(number, first),
            )

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
        self._examples += 1
        if number == 1 and has_old_mac_lines(beginning):
            self._findings.add("old-mac-lines", _OLD_MAC, line=number)
            return
        message = f"The line has {length / 1024 / 1024:,.0f} MB; it was not read."
        self._findings.add("line-too-long", message, line=number)

    def _example(self, number: int, line: bytes) -> None:
        if self._blank_count:
            self._report_blank_lines()
        self._examples += 1
        value, problem = parse_line(line)
        if problem is not None:
            self._report_problem(number, line, problem)
            return
        self._hashes.add(number, line)
        if not isinstance(value, dict):
            shown = line[:200].decode("utf-8", "replace")
            self._findings.add(
                "not-an-object",
                f"The line is {kind_of(value)}, not an object.",
                line=number,
                path="$",
                column=1,
                text=shown,
                service_text=_not_a_dictionary(number, line),
            )
            return
        self._row.start(number, self._examples, line)
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
        if self._lints:
            row = LintRow(number, line, value, self._format, self._row)
            for lint in self._lints:
                lint.row(row)

    def _report_problem(self, number: int, line: bytes, problem: ParseProblem) -> None:
        rule, message = problem.rule, problem.message
        if rule == "invalid-json" and number == 1 and has_old_mac_lines(line):
            rule, message = "old-mac-lines", _OLD_MAC
        service = None
        if problem.service_error:
            service = (
                f"Invalid file format. Example {self._examples} cannot be parsed. Error: line contains "
                f"invalid json: {problem.service_error} (line {number})"
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
            case _:
                return check_chat_row(self._row, value)

    def _compare_item_keys(self, value: dict[str, Any]) -> None:
        if self._item_keys is None:
            self._item_keys = value.keys() - CHAT_KEYS
        for key in sorted(self._item_keys - value.keys()):
            self._row.add("item-keys-differ", f'The key "{key}" of the first row is missing.', text=key)

    def _note_conversation(self, number: int, seen: Conversation) -> None:
        if seen.images:
            self._image_examples += 1
        if seen.system:
            self._with_system += 1
        else:
            self._without_system.append(number)

    def report(self, file: str, size: int, sha256: str) -> Report:
        """Apply the rules about the whole file and return the report.

        Args:
            file: Its name as it shall be shown.
            size: Bytes.
            sha256: Hex digest.
        """
        self._check_size(size)
        if not self._unreadable_encoding:
            self._check_example_count()
            self._check_system_messages()
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

    def _check_size(self, size: int) -> None:
        shown = f"The file has {size / 1024**3:.1f} GB"
        most = self._service.maximum_bytes
        if most is not None and size > most:
            self._findings.add("file-too-large", f"{shown}; {most / 1024**3:.4g} GB is the most.")
        elif size > LARGE_FILE_BYTES:
            self._findings.add("large-file", f"{shown}: above 512 MB it is uploaded in parts.")

    def _check_example_count(self) -> None:
        found, needed = self._examples, self._options.minimum_examples
        service = None  # nobody has published what it says of a validation file
        if not self._options.validation:
            service = f"Training file has {found} example(s), but must have at least {needed} examples"
        if not found:
            self._findings.add("file-empty", "The file holds no example.", service_text=service)
        elif found < needed:
            message = f"The file has {found} of the {needed} examples that are needed."
            self._findings.add("not-enough-examples", message, service_text=service)
        elif found < FEW_EXAMPLES and not self._options.validation:
            self._findings.add("few-examples", f"The file has {found} examples; 50 or more are advised.")
        most = MAX_REINFORCEMENT_VALIDATION if self._options.validation else MAX_REINFORCEMENT_EXAMPLES
        if self._format is DatasetFormat.REINFORCEMENT and found > most:
            self._findings.add(
                "too-many-examples", f"The file has {found:,} examples; {most:,} are the most."
            )
        if self._service.maximum_examples is not None and found > self._service.maximum_examples:
            message = f"The file has {found:,} examples; {self._service.maximum_examples:,} are the most."
            self._findings.add("too-many-examples", message)
        if self._image_examples:
            self._findings.add("images-may-be-skipped", f"{self._image_examples:,} examples hold images.")
        if self._image_examples > MAX_IMAGE_EXAMPLES:
            message = f"{self._image_examples:,} examples hold images; 50,000 are the most."
            self._findings.add("too-many-examples", message)
        if self._format is DatasetFormat.COMPLETION and not self._options.model.startswith(
            _COMPLETION_MODELS
        ):
            self._findings.add(
                "completion-format",
                f"{self._options.model} can't learn from prompt and completion rows.",
                service_text="Invalid file format. Example 1 is missing key 'messages'.",
            )

    def _check_system_messages(self) -> None:
        if not self._with_system:
            return
        total = self._with_system + len(self._without_system)
        message = f"No system message, while {self._with_system:,} of {total:,} lines have one."
        for number in self._without_system[:KEPT_PER_RULE]:
            self._findings.add("missing-system", message, line=number)
        self._findings.add_uncounted("missing-system", max(0, len(self._without_system) - KEPT_PER_RULE))


def _not_a_dictionary(number: int, line: bytes) -> str:
    start = line[:3].decode("utf-8", "replace")
    return (
        "Expected file to have JSONL format, where every line is a JSON dictionary. "
        f'Line {number} is not a dictionary (HINT: line starts with: "{start}...").'
    )
