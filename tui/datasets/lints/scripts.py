"""Which writing systems questions and answers are in."""

from __future__ import annotations

import re
from typing import Any, Self

from tui.datasets.findings import FindingCollector
from tui.datasets.lints.protocol import LintRow

_SAMPLE = 400
_FEWEST_LETTERS = 8
LATIN = "Latin"
_RANGES: dict[str, str] = {
    LATIN: "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f",
    "Armenian": "\u0530-\u058f",
    "Hebrew": "\u0590-\u05ff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Thai": "\u0e00-\u0e7f",
    "Georgian": "\u10a0-\u10ff",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Kana": "\u3040-\u30ff",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f",
}
"""Script -> its letters, from Unicode's blocks; other scripts count as none."""
_LETTERS = {name: re.compile(f"[{ranges}]") for name, ranges in _RANGES.items()}
_OTHER = re.compile("[" + "".join(ranges for name, ranges in _RANGES.items() if name != LATIN) + "]")
_FEW_LATIN = re.compile(rf"(?:[^A-Za-z]*[A-Za-z]){{{_FEWEST_LETTERS}}}")


def script_of(text: str) -> str | None:
    """Return the script of most letters at the beginning of a text, or None when it has hardly any."""
    sample = text[:_SAMPLE]
    if sample.isascii() or not _OTHER.search(sample):
        return LATIN if _FEW_LATIN.match(sample) else None
    counts = {name: len(letters.findall(sample)) for name, letters in _LETTERS.items()}
    # A few Han letters say as much as many Latin ones, and Japanese mixes Han with Kana.
    counts["Kana"], counts["Han"] = (
        (counts["Kana"] + counts["Han"], 0) if counts["Kana"] else (0, counts["Han"])
    )
    name, count = max(counts.items(), key=lambda item: item[1])
    enough = 2 if name in ("Han", "Kana", "Hangul") else _FEWEST_LETTERS
    return name if count >= enough else None


class Scripts:
    """The script of each answer beside its question's."""

    def __init__(self) -> None:
        self._answers: dict[str, list[int]] = {}
        """Script -> [answers, first line]."""

    def row(self, row: LintRow) -> None:
        """Compare the answer with the last question."""
        answer = row.text.answer
        if answer is None:
            return
        script = script_of(answer.text)
        if script is None:
            return
        self._answers.setdefault(script, [0, row.line])[0] += 1
        asked = None
        for said in reversed(row.text.said):
            if said.role == "user":
                asked = script_of(said.text)
                break
        if asked is not None and asked != script:
            row.findings.add(
                "answer-script",
                f"The question is in {asked} script, the answer in {script}.",
                answer.path,
                text=answer.text[:_SAMPLE],
            )

    def merge(self, later: Self) -> None:
        """Add the later part's answers."""
        for script, (count, line) in later._answers.items():
            self._answers.setdefault(script, [0, line])[0] += count

    def state(self) -> Any:
        """Return the answers by script."""
        return self._answers

    def restore(self, state: Any) -> None:
        """Take the answers by script."""
        self._answers = {script: [count, line] for script, (count, line) in state.items()}

    def finish(self, findings: FindingCollector) -> None:
        """Report the scripts, when there are several."""
        if len(self._answers) < 2:
            return
        parts = [
            f"{script} {count:,} (first in line {line:,})"
            for script, (count, line) in sorted(
                self._answers.items(), key=lambda item: (-item[1][0], item[0])
            )
        ]
        findings.add("language-mix", f"Answers by script: {', '.join(parts)}.")
