"""Checks of what kind of answer it is: a label among several, a call of a tool, a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from tui.datasets.lints.answers import refuses
from tui.errors import TunedeckError
from tui.evals.cases import Case, Given
from tui.evals.checks.protocol import NOTHING_EXPECTED, Check, Grade, binary
from tui.evals.checks.spec import MAIN_OPTION, CheckSpec
from tui.evals.checks.structured import compile_schema, plain_json, schema_grade
from tui.evals.checks.texts import folded, normalised
from tui.records.chats import ToolCall
from tui.safe_text import safe_line

OTHER = "(other)"
"""Stands for an answer that is none of the labels."""
_MOST_LABELS = 200


class Label(Check):
    """The answer is the expected label; the report adds macro F1 and the confusion grid.

    The labels are those given, else all that the test set expects. Case and punctuation do not matter, unless
    labels differ in nothing else. An answer that is none of them, but holds exactly one as a word, counts as
    that one unless `strict` is true.
    """

    main = "labels"
    known: ClassVar[Mapping[str, Any]] = {"labels": (list, str), "strict": bool}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        self._plain, self._labels = label_readings(spec, cases)
        if len(self._labels) > _MOST_LABELS:
            raise TunedeckError(
                f"The check label finds {len(self._labels):,} different labels; it takes {_MOST_LABELS}.",
                "Are the expected answers labels? Name them with label:{labels = [...]}.",
            )

    def grade(self, case: Case, given: Given) -> Grade:
        """Compare labels."""
        if not case.expected:
            return NOTHING_EXPECTED
        wanted = [self._label(one) for one in case.expected]
        said = self._label(given.text)
        shown = said if said in wanted else wanted[0]
        return Grade(float(said in wanted), "" if said in wanted else f"says {said}", (shown, said))

    def _label(self, text: str) -> str:
        plain = self._plain(text)
        if plain in self._labels:
            return self._labels[plain]
        if self.option("strict", False):
            return OTHER
        found = []
        # The longest first: who says "very good" does not say "good".
        for key in sorted(filter(None, self._labels), key=len, reverse=True):
            plain, count = re.subn(rf"(?<!\w){re.escape(key)}(?!\w)", " ", plain)
            if count:
                found.append(self._labels[key])
        return found[0] if len(found) == 1 else OTHER


def label_readings(spec: CheckSpec, cases: Sequence[Case]) -> tuple[Callable[[str], str], dict[str, str]]:
    """Return how the check reads a label, and its labels: as read -> as shown.

    It reads as loosely as it can without taking one label for another: C and C# are two.
    """
    given = spec.options.get("labels", spec.options.get(MAIN_OPTION))
    listed = given.split(",") if isinstance(given, str) else given
    names = [case.expected[0] for case in cases if case.expected] if listed is None else map(str, listed)
    shown = {name: safe_line(name.strip(), 60) for name in names}
    strict, loose = {folded(name) for name in shown}, {normalised(name) for name in shown}
    plain = normalised if len(loose) == len(strict) and "" not in loose else folded
    return plain, {plain(name): words for name, words in shown.items()}


class ToolCalls(Check):
    """The answer calls the expected tools with the expected arguments, in any order.

    `arguments` says how: equal (as JSON), subset (the expected ones are among them), schema (as the tool
    declares), any (names alone). A row that expects no call is right when none is made.
    """

    main = "arguments"
    known: ClassVar[Mapping[str, Any]] = {"arguments": str, "name": str}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        self._how = self.option("arguments", "equal")
        if self._how not in ("equal", "subset", "schema", "any"):
            raise TunedeckError(
                f'The check tool-call: arguments is "{self._how}".', "It is equal, subset, schema or any."
            )

    def grade(self, case: Case, given: Given) -> Grade:
        """Compare calls."""
        expected = case.expected_calls
        if "name" in self._options:
            expected = (ToolCall(self.option("name", ""), "{}"),)
        if expected is None:
            return Grade(None, "the row says nothing of tools")
        named, called = (sorted(call.name for call in calls) for calls in (expected, given.tool_calls))
        if named != called:
            return binary(False, f"calls {', '.join(called) or 'no tool'}, not {', '.join(named) or 'none'}")
        if self._how == "any":
            return binary(True)
        values = [_arguments(call) for call in given.tool_calls]
        if any(value is None for value in values):
            return binary(False, "arguments that are no JSON")
        if self._how == "schema" or "name" in self._options:
            return self._as_declared(case, given)
        return self._matched(expected, given)

    def _matched(self, expected: Sequence[ToolCall], given: Given) -> Grade:
        fitting = [
            [place for place, call in enumerate(given.tool_calls) if self._fits(wanted, call)]
            for wanted in expected
        ]
        taken: dict[int, int] = {}
        for number, wanted in enumerate(expected):
            if not _matches(number, fitting, taken, set()):
                same = next(
                    (call for place, call in enumerate(given.tool_calls)
                     if call.name == wanted.name and place not in taken),
                    given.tool_calls[0],
                )  # fmt: skip
                return binary(False, f"{wanted.name}: arguments {same.arguments}, not {wanted.arguments}")
        return binary(True)

    def _fits(self, wanted: ToolCall, call: ToolCall) -> bool:
        if wanted.name != call.name:
            return False
        one, other = _arguments(wanted), _arguments(call)
        if self._how == "subset" and isinstance(one, dict) and isinstance(other, dict):
            return all(key in other and _same(other[key], value) for key, value in one.items())
        return _same(one, other)

    def _as_declared(self, case: Case, given: Given) -> Grade:
        declared = {
            function.get("name"): function.get("parameters")
            for tool in case.tools
            if isinstance(function := tool.get("function"), Mapping)
        }
        for call in given.tool_calls:
            schema = declared.get(call.name)
            if not isinstance(schema, dict):
                continue
            try:
                grade = schema_grade(compile_schema(schema), _arguments(call))
            except TunedeckError as error:
                return Grade(None, safe_line(error.message, 200))
            if grade.score != 1:
                return grade
        return binary(True)


def _matches(number: int, fitting: Sequence[Sequence[int]], taken: dict[int, int], tried: set[int]) -> bool:
    """Give an expected call one that fits, moving others to another of theirs (Kuhn's augmenting paths).

    Args:
        number: Of the expected call.
        fitting: Of each expected call, the places of the calls that fit.
        taken: Place -> expected call; changed.
        tried: Places looked at already.
    """
    for place in fitting[number]:
        if place in tried:
            continue
        tried.add(place)
        if place not in taken or _matches(taken[place], fitting, taken, tried):
            taken[place] = number
            return True
    return False


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON: true is not 1, which in Python it is, and 1.0 is."""
    try:
        return plain_json(one) == plain_json(other)
    except RecursionError:
        return False  # a thousand brackets are no arguments


def _arguments(call: ToolCall) -> Any:
    try:
        return orjson.loads(call.arguments.encode("utf-8", "surrogatepass"))
    except orjson.JSONDecodeError:
        return None


class Refusal(Check):
    """The answer refuses, or with `refusal:no` does not; refusals are known by how they begin.

    The same words as the rule `refusal-in-answer` of `tunedeck check` (English, German, French, Spanish).
    """

    main = "wanted"
    known: ClassVar[Mapping[str, Any]] = {"wanted": (str, bool)}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        wanted = self.option("wanted", True)
        if wanted not in (True, False, "yes", "no"):
            raise TunedeckError(f"The check refusal: wanted is {wanted!r}.", "It is yes or no.")
        self._wanted = wanted in (True, "yes")

    def grade(self, case: Case, given: Given) -> Grade:
        """Look at how it begins."""
        refused = refuses(given.text.strip())
        return binary(refused is self._wanted, "refuses" if refused else "does not refuse")
