"""Checks of an answer's text: equal, normalised, contained, matched, a number, its length, its form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from tui.datasets.pattern_search import compile_pattern
from tui.errors import TunedeckError
from tui.evals.cases import Case, Given
from tui.evals.checks.protocol import NOTHING_EXPECTED, Check, Grade, binary
from tui.evals.checks.spec import CheckSpec

_NUMBER = re.compile(
    r"(?<![\w.])[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?|(?<![\w.])[-+]?\.\d+"
)
_LONGEST_NUMBER_TEXT = 100_000
_SIGN = re.compile(r"(?<![^\W_])-(?=\.?\d)")
"""A hyphen that makes a number negative; in covid-19 and 2026-11-30 it is punctuation."""


def folded(text: str) -> str:
    """Return text in which letter case, kind of character and runs of blanks do not matter: NFKC, folded."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def normalised(text: str) -> str:
    """Return text without what does not matter: NFKC, case folded, no punctuation, single blanks.

    The sign of a number does matter.
    """
    signed = _SIGN.sub("\u2212", unicodedata.normalize("NFKC", text).casefold())
    kept = (" " if unicodedata.category(char)[0] in "PZC" else char for char in signed)
    return " ".join("".join(kept).split())


class Exact(Check):
    """The answer is the expected text, character by character but for blanks at both ends."""

    main = "text"
    known: ClassVar[Mapping[str, Any]] = {"text": str}

    def grade(self, case: Case, given: Given) -> Grade:
        """Compare."""
        wanted = (self.option("text", None),) if "text" in self._options else case.expected
        if not wanted:
            return NOTHING_EXPECTED
        return binary(given.text.strip() in [one.strip() for one in wanted], "differs from what is expected")


class Normalised(Check):
    """As exact, after NFKC, with case, punctuation and runs of blanks left out of account, but not signs."""

    main = "text"
    known: ClassVar[Mapping[str, Any]] = {"text": str}

    def grade(self, case: Case, given: Given) -> Grade:
        """Compare."""
        wanted = (self.option("text", None),) if "text" in self._options else case.expected
        if not wanted:
            return NOTHING_EXPECTED
        said = normalised(given.text)
        return binary(said in [normalised(one) for one in wanted], "differs from what is expected")


class Contains(Check):
    """The answer holds a text, or each of several; without one, any of the row's expected answers.

    With `absent` it must hold none of them.
    """

    main = "text"
    known: ClassVar[Mapping[str, Any]] = {"text": (str, list), "ignore_case": bool, "absent": bool}

    def grade(self, case: Case, given: Given) -> Grade:
        """Look for it."""
        fold: Callable[[str], str] = str.casefold if self.option("ignore_case", True) else str
        said = fold(given.text)
        absent = self.option("absent", False)
        if "text" not in self._options and not absent:
            if not case.expected:
                return NOTHING_EXPECTED
            return binary(any(fold(one) in said for one in case.expected), "holds no expected answer")
        texts = self.option("text", list(case.expected))
        wanted = [str(one) for one in (texts if isinstance(texts, list) else [texts])]
        if not wanted:
            return NOTHING_EXPECTED
        if absent:
            found = [one for one in wanted if fold(one) in said]
            return binary(not found, f"holds {', '.join(found)}")
        missing = [one for one in wanted if fold(one) not in said]
        return binary(not missing, f"lacks {', '.join(missing)}")


class Regex(Check):
    """The answer holds a match of a regular expression.

    google-re2 matches in linear time. A pattern that only Python's `re` knows is matched in a process that
    is ended when an answer takes too long.
    """

    main = "pattern"
    known: ClassVar[Mapping[str, Any]] = {"pattern": str, "ignore_case": bool, "seconds": (int, float)}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        pattern, ignore = self.needed("pattern"), self.option("ignore_case", False)
        self._pattern = compile_pattern(pattern, ignore_case=ignore)
        self._apart = None
        if isinstance(self._pattern, re.Pattern):
            from tui.evals.checks.program import PatternProgram  # only for such patterns

            self._apart = PatternProgram(pattern, ignore_case=ignore, seconds=self.option("seconds", 2))

    def grade(self, case: Case, given: Given) -> Grade:
        """Search."""
        if self._apart is not None:
            return self._apart.search(given.text)
        text = given.text.encode("utf-8", "replace").decode()  # re2 takes no unpaired surrogates
        return binary(self._pattern.search(text) is not None, "no match")

    def close(self) -> None:
        """End the process that matches, if there is one."""
        if self._apart is not None:
            self._apart.close()


class Number(Check):
    """The answer's number is the expected one within a tolerance; the last number of the answer is taken."""

    main = "tolerance"
    known: ClassVar[Mapping[str, Any]] = {
        "tolerance": (int, float), "relative": (int, float), "which": str, "expected": (int, float),
    }  # fmt: skip

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        self._which = self.option("which", "last")
        if self._which not in ("last", "first", "only"):
            raise TunedeckError(
                f'The check number: which is "{self._which}".', "It is last, first or only (no other number)."
            )

    def grade(self, case: Case, given: Given) -> Grade:
        """Compare as decimals, without the error of binary fractions."""
        wanted = [self.option("expected", None)] if "expected" in self._options else list(case.expected)
        targets = [numbers[-1] for one in wanted if (numbers := numbers_in(str(one)))]
        if not targets:
            return Grade(None, "the row names no expected number")
        found = numbers_in(given.text)
        if not found:
            return binary(False, "no number in the answer")
        if self._which == "only" and len(found) != 1:
            return binary(False, f"{len(found)} numbers in the answer")
        number = found[0] if self._which == "first" else found[-1]
        return binary(
            any(self._near(number, target) for target in targets), f"says {number}, not {targets[0]}"
        )

    def _near(self, number: Decimal, target: Decimal) -> bool:
        tolerance = Decimal(str(self.option("tolerance", 0)))
        relative = Decimal(str(self.option("relative", 0))) * abs(target)
        return abs(number - target) <= max(tolerance, relative)


def numbers_in(text: str) -> list[Decimal]:
    """Return the numbers of a text in order: 1,234.5 is one; a comma elsewhere is no part of a number."""
    found = []
    for match in _NUMBER.finditer(text[-_LONGEST_NUMBER_TEXT:]):
        try:
            number = Decimal(match.group().replace(",", "").replace("\u2212", "-"))
        except InvalidOperation:
            continue
        if number.is_finite():
            found.append(number)
    return found


class Length(Check):
    """The answer is neither too long nor too short, in words, characters or lines."""

    main = "max_words"
    known: ClassVar[Mapping[str, Any]] = {
        f"{end}_{unit}": int for unit in ("words", "characters", "lines") for end in ("min", "max")
    }

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        if not self._options:
            raise TunedeckError("The check length has no limit.", f"Give one of {', '.join(self.known)}.")

    def grade(self, case: Case, given: Given) -> Grade:
        """Count."""
        text = given.text.strip()
        counts = {"words": len(text.split()), "characters": len(text), "lines": len(text.splitlines())}
        for name, limit in self._options.items():
            end, unit = name.split("_")
            if (counts[unit] > limit) if end == "max" else (counts[unit] < limit):
                return binary(False, f"{counts[unit]:,} {unit}")
        return binary(True)


_FORMS: Mapping[str, Callable[[str], bool]] = {
    "one-line": lambda text: bool(text) and len(text.splitlines()) == 1,
    "one-word": lambda text: len(text.split()) == 1,
    "uppercase": lambda text: text.upper() == text and text.lower() != text,
    "lowercase": lambda text: text.lower() == text and text.upper() != text,
    "integer": lambda text: re.fullmatch(r"[-+]?\d{1,1000}", text) is not None,
    "date": lambda text: _is_date(text),
    "bullets": lambda text: (
        bool(text)
        and all(
            re.match(r"\s*(?:[-*\u2022]|\d+[.)])\s+\S", line) for line in text.splitlines() if line.strip()
        )
    ),
    "plain": lambda text: re.search(r"^\s{0,3}#{1,6} |\*\*\S|```|^\s*[-*] ", text, re.MULTILINE) is None,
}
"""What an answer may have to look like; `plain` is text without Markdown."""


def _is_date(text: str) -> bool:
    from datetime import date

    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


class Form(Check):
    """The answer looks as it should: one-line, one-word, uppercase, integer, date, bullets, plain ..."""

    main = "form"
    known: ClassVar[Mapping[str, Any]] = {"form": str, "starts": str, "ends": str, "items": int}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        form = self.option("form", None)
        if form is not None and form not in _FORMS:
            raise TunedeckError(f'The check format knows no form "{form}".', f"It knows {', '.join(_FORMS)}.")
        if not self._options:
            raise TunedeckError("The check format asks for nothing.", f"It knows {', '.join(_FORMS)}.")

    def grade(self, case: Case, given: Given) -> Grade:
        """Look."""
        text = given.text.strip()
        form, items = self.option("form", None), self.option("items", None)
        if form is not None and not _FORMS[form](text):
            return binary(False, f"not {form}")
        if not text.startswith(self.option("starts", "")):
            return binary(False, "begins otherwise")
        if not text.endswith(self.option("ends", "")):
            return binary(False, "ends otherwise")
        lines = sum(1 for line in text.splitlines() if line.strip())
        return binary(items is None or lines == items, f"{lines} lines, not {items}")
