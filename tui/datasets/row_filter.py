"""Rows for which a JMESPath expression holds, asked of the whole file.

An expression holds as in JMESPath itself: not when it gives false, null, "", [] or {}. So `tools` keeps rows
with tools and `length(messages) > `4`` long conversations. The language: jmespath.org (read 2026-11-25).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.row_pass import ask_every_line
from tui.errors import TunedeckError
from tui.safe_text import safe_line

SECONDS_FOR_PART = 60.0
_EXAMPLES = (
    "Examples: tools   length(messages) > `4`   messages[?role=='tool']   contains(to_string(@), 'refund')"
)
_MOST_EXPRESSION = 4_000


@dataclass(slots=True)
class Filtered:
    """Lines whose rows an expression holds for; grows while the filter runs."""

    lines: array[int] = field(default_factory=lambda: array("I"))
    asked: int = 0
    """Rows that were asked."""
    refused: int = 0
    """Rows the expression does not apply to, such as the length of a number."""
    first_refusal: str = ""
    """Why the first of them, with its line; safe to show."""


def compile_expression(expression: str) -> Any:
    """Return a compiled expression.

    Raises:
        TunedeckError: It is none; a sentence with the position.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError, LexerError, ParseError

    if len(expression) > _MOST_EXPRESSION:
        raise TunedeckError("This expression is too long.", f"At most {_MOST_EXPRESSION:,} characters.")
    if not expression.strip():
        raise TunedeckError("There is no expression.", _EXAMPLES)
    try:
        compiled = jmespath.compile(expression)
        compiled.search({})
    except LexerError as error:
        raise _no_expression(error.lexer_position, error.message) from error
    except ParseError as error:
        raise _no_expression(error.lex_position, _parse_words(error)) from error
    except JMESPathError as error:
        if type(error).__name__ == "JMESPathTypeError":
            return compiled  # of the empty row; others may have the right types
        raise TunedeckError(f"{safe_line(str(error), 200)}.".replace("..", "."), _EXAMPLES) from error
    except RecursionError as error:
        raise TunedeckError("This expression is nested too deep.", "Make it simpler.") from error
    return compiled


def _parse_words(error: Any) -> str:
    if type(error).__name__ == "IncompleteExpressionError":
        return "something is missing"
    return f'"{error.token_value}" can\'t stand there'


def _no_expression(position: int | None, words: str) -> TunedeckError:
    where = f" at character {position + 1:,}" if position is not None else ""
    return TunedeckError(f"No JMESPath expression: {safe_line(words, 160)}{where}.", _EXAMPLES)


def filter_lines(
    path: Path,
    expression: str,
    filtered: Filtered | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    most: int | None = None,
) -> Filtered:
    """Return the lines whose rows the expression holds for.

    Args:
        path: A regular file.
        expression: JMESPath, asked of the parsed row; lines that hold no JSON are left out.
        filtered: Filled while the filter runs, for those who show it meanwhile.
        on_progress: Called with (bytes done, bytes in all).
        cancelled: True ends the filter.
        most: Ends after so many lines.

    Raises:
        TunedeckError: The expression is none, or the file can't be read or is rewritten meanwhile.
        PassCancelled: `cancelled` returned True.
    """
    compile_expression(expression)
    filtered = filtered if filtered is not None else Filtered()
    too_slow = TunedeckError("This expression takes too long for these rows.", "Make it simpler.")
    parts = ask_every_line(
        path,
        {"kind": "filter", "expression": expression},
        on_progress=on_progress,
        cancelled=cancelled,
        seconds_for_part=SECONDS_FOR_PART,
        too_slow=too_slow,
    )
    for part in parts:
        numbers = array("I")
        numbers.frombytes(part.payload)
        filtered.asked += part.facts["asked"]
        if part.facts["refused"] and not filtered.refused:
            line = part.first_line + part.facts["refused_line"]
            filtered.first_refusal = f"line {line:,}: {safe_line(part.facts['why'], 200)}"
        filtered.refused += part.facts["refused"]
        room = len(numbers) if most is None else most - len(filtered.lines)
        filtered.lines.extend(part.first_line + number for number in numbers[:room])
        if most is not None and len(filtered.lines) >= most:
            parts.close()
            break
    return filtered


class FilterJob:
    """Asks each row; the payload is the lines that it holds for, from 0 within the part."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._expression = compile_expression(job["expression"])

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return matching lines, and how many rows could not be asked."""
        found = array("I")
        facts: dict[str, Any] = {"asked": 0, "refused": 0, "refused_line": 0, "why": ""}
        for number, line in enumerate(lines):
            if is_first and number == 0:
                line = line.removeprefix(BYTE_ORDER_MARK)
            try:
                value = orjson.loads(line)
            except ValueError:
                continue
            facts["asked"] += 1
            try:
                holds = self.holds(value)
            except (ValueError, TypeError, RecursionError, ArithmeticError) as error:
                if not facts["refused"]:
                    facts["refused_line"], facts["why"] = number, str(error) or type(error).__name__
                facts["refused"] += 1
                continue
            if holds:
                found.append(number)
        return facts, found.tobytes()

    def holds(self, value: object) -> bool:
        """Say whether the expression is true of one value, as JMESPath means it."""
        return is_true(self._expression.search(value))


def is_true(result: object) -> bool:
    """Return JMESPath's truth: false, null and whatever is empty are not true, the number 0 is."""
    return not (result is None or result is False or result == "" or result == [] or result == {})
