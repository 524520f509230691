"""What is said in answers: refusals, contradictions, labels that are not balanced."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from typing import Any, Self

import orjson
import xxhash

from tui.datasets.findings import KEPT_PER_RULE, FindingCollector
from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.protocol import LintRow, RowLint

_LOOKED_AT = 240
_REFUSAL = re.compile(
    r"\W*(?:"
    r"(?:i['’]?m|i am|my apologies|sorry|unfortunately|i apologi[sz]e)\b.{0,30}?"
    r"\b(?:i )?(?:can['’]?t|can ?not|unable to|not able to|won['’]?t)\b"
    r"|i (?:can['’]?t|can ?not|won['’]?t|must decline to|refuse to) "
    r"(?:help|assist|provide|fulfil|comply|do that|answer|create|generate|engage|discuss|share|continue)"
    r"|as an ai\b|as a (?:large )?language model\b"
    r"|i['’]?m (?:just |only )?an ai\b"
    r"|(?:es tut mir leid|leider),? .{0,20}ich kann .{0,40}nicht"
    r"|je suis désolée?,? .{0,20}je ne peux pas"
    r"|lo siento,? (?:pero )?no puedo"
    r"|.{0,80}\bas an ai (?:language )?model\b"
    r")",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_LABEL = 40
_MOST_LABELS = 200
_FEWEST_ANSWERS = 50
_IMBALANCE = 10


_BEGINNINGS = frozenset(["i ", "i'", "i\u2019", "im", "so", "un", "my", "ap", "as", "es", "le", "je", "lo"])
"""The first two letters of all that the expression can match at the beginning."""


class Refusals(RowLint):
    """Answers that refuse."""

    def row(self, row: LintRow) -> None:
        """Look at the beginning of each text that is learned."""
        for said in row.text.said:
            if (said.role == "assistant" or said.role == "preferred") and refuses(said.text):
                row.findings.add(
                    "refusal-in-answer", "The answer refuses.", said.path, text=said.text[:_LOOKED_AT]
                )


def refuses(text: str) -> bool:
    """Return whether an answer begins as refusals do, in English, German, French or Spanish."""
    head = text[:_LOOKED_AT].lower()
    # The expression costs a microsecond a text; hardly any begins like this.
    if head[:2] not in _BEGINNINGS and head[:1].isalnum() and "as an ai" not in head:
        return False
    return _REFUSAL.match(head) is not None


class Contradictions:
    """The same question with different answers, at 24 bytes a row."""

    def __init__(self) -> None:
        self._prompts = array("Q")
        self._answers = array("Q")
        self._lines = array("Q")

    def row(self, row: LintRow) -> None:
        """Remember what is asked and what is answered."""
        parts = question_and_answer(row)
        if parts is None:
            return
        self._prompts.append(xxhash.xxh3_64_intdigest(parts[0]))
        self._answers.append(xxhash.xxh3_64_intdigest(parts[1]))
        self._lines.append(row.line)

    def merge(self, later: Self) -> None:
        """Take over what the later part asked and answered."""
        self._prompts.extend(later._prompts)
        self._answers.extend(later._answers)
        self._lines.extend(later._lines)

    def state(self) -> Any:
        """Return the hashes and lines."""
        return [self._prompts.tobytes(), self._answers.tobytes(), self._lines.tobytes()]

    def restore(self, state: Any) -> None:
        """Take the hashes and lines."""
        self._prompts, self._answers, self._lines = (array("Q", each) for each in state)

    def finish(self, findings: FindingCollector) -> None:
        """Report each row whose answer is not that of the first row with the same question."""
        if len(self._lines) < 2:
            return
        import numpy  # 80 ms that `--help` must not pay

        prompts = numpy.frombuffer(self._prompts, dtype=numpy.uint64)
        answers = numpy.frombuffer(self._answers, dtype=numpy.uint64)
        _, first_index, inverse = numpy.unique(prompts, return_index=True, return_inverse=True)
        first = first_index[inverse]
        differing = numpy.flatnonzero(answers != answers[first])
        for index in differing[:KEPT_PER_RULE].tolist():
            findings.add(
                "contradictory-answers",
                f"Line {self._lines[int(first[index])]:,} answers the same question differently.",
                line=self._lines[index],
                path="$",
                column=1,
            )
        findings.add_uncounted("contradictory-answers", max(0, len(differing) - KEPT_PER_RULE))


def question_and_answer(row: LintRow) -> tuple[bytes, bytes] | None:
    """Return the row without its answer, and the answer; None where nobody is asked anything."""
    if row.format is DatasetFormat.REINFORCEMENT:
        return None
    answer = row.text.answer
    if answer is None or row.format is DatasetFormat.PREFERENCE or answer.part is not None:
        return _written(row.value, row.format)
    content = orjson.dumps(answer.text)
    start = row.raw.rfind(content)
    if start < 0 or row.text.has_calls:
        return _written(row.value, row.format)  # written with other escapes than orjson's
    return row.raw[:start] + row.raw[start + len(content) :], content


def _written(value: dict[str, Any], dataset_format: DatasetFormat) -> tuple[bytes, bytes] | None:
    question: Any
    answer: Any
    if dataset_format is DatasetFormat.PREFERENCE:
        question, answer = value.get("input"), value.get("preferred_output")
    elif dataset_format is DatasetFormat.COMPLETION:
        question, answer = value.get("prompt"), value.get("completion")
    elif dataset_format is DatasetFormat.TEXT:
        return None  # nobody is asked anything
    else:
        messages = value.get("messages")
        last = messages[-1] if isinstance(messages, list) and len(messages) > 1 else None
        if not isinstance(messages, list) or not isinstance(last, dict) or last.get("role") != "assistant":
            return None
        question = [messages[:-1], value.get("tools"), value.get("functions")]
        answer = [last.get("content"), last.get("tool_calls"), last.get("function_call")]
    try:
        return orjson.dumps(question), orjson.dumps(answer)
    except TypeError:
        return None  # nested too deep to write; the rules say so


class Labels:
    """Short answers that are a classification's labels, and how often each stands."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first_lines: dict[str, int] = {}
        self._no_labels = False

    def row(self, row: LintRow) -> None:
        """Count the answer when it is short; one long answer says that these are no labels."""
        if self._no_labels:
            return
        answer = row.text.answer
        if answer is None or len(answer.text) > _LONGEST_LABEL or row.text.has_calls:
            self._give_up()
            return
        label = answer.text.strip()
        self._counts[label] += 1
        self._first_lines.setdefault(label, row.line)
        if len(self._counts) > _MOST_LABELS:
            self._give_up()

    def _give_up(self) -> None:
        self._no_labels = True
        self._counts.clear()
        self._first_lines.clear()

    def merge(self, later: Self) -> None:
        """Add the later part's counts."""
        if self._no_labels or later._no_labels:
            self._give_up()
            return
        self._counts.update(later._counts)
        for label, line in later._first_lines.items():
            self._first_lines.setdefault(label, line)
        if len(self._counts) > _MOST_LABELS:
            self._give_up()

    def state(self) -> Any:
        """Return the counts and where each label stands first."""
        counts = [[label, count, self._first_lines[label]] for label, count in self._counts.items()]
        return [self._no_labels, counts]

    def restore(self, state: Any) -> None:
        """Take the counts and first lines."""
        self._no_labels, counts = state
        self._counts = Counter({label: count for label, count, _ in counts})
        self._first_lines = {label: line for label, _, line in counts}

    def finish(self, findings: FindingCollector) -> None:
        """Report labels that stand for less than a tenth of the most frequent one."""
        total = self._counts.total()
        if total < _FEWEST_ANSWERS or not 2 <= len(self._counts) <= total // 5:
            return
        frequent, most = max(self._counts.items(), key=lambda item: item[1])
        for label, count in sorted(self._counts.items(), key=lambda item: (item[1], item[0])):
            if count * _IMBALANCE < most:
                findings.add(
                    "class-imbalance",
                    f'The label "{label}" stands {count:,} times, "{frequent}" {most:,} times of {total:,}.',
                    line=self._first_lines[label],
                    text=label,
                )
