"""What every check is, and how it reads its options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tui.errors import TunedeckError
from tui.evals.cases import Case, Given
from tui.evals.checks.spec import MAIN_OPTION, CheckSpec
from tui.safe_text import safe_line


@dataclass(frozen=True, slots=True)
class Grade:
    """What a check says of one answer."""

    score: float | None
    """1 right, 0 wrong, or between; None where the check does not apply to the row."""
    note: str = ""
    """Why, in a few words, safe to show."""
    labels: tuple[str, str] | None = None
    """(expected, given) of a check of labels."""


NOTHING_EXPECTED = Grade(None, "the row names no expected answer")


class Check(ABC):
    """A question that can be asked of an answer; used by one thread at a time.

    Args:
        spec: As written.
        cases: The rows it will be asked about.
    """

    main: ClassVar[str | None] = None
    """The option that a bare value stands for."""
    known: ClassVar[Mapping[str, type | tuple[type, ...]]] = {}
    """Option -> type."""

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        self.spec = spec
        self._options = _named(spec, self.main, self.known)

    def option(self, name: str, default: Any) -> Any:
        """Return an option as written, or the default."""
        return self._options.get(name, default)

    def needed(self, name: str) -> Any:
        """Return an option that the check can't do without.

        Raises:
            TunedeckError: It is not there.
        """
        if name not in self._options:
            raise TunedeckError(
                f"The check {self.spec.name} needs {name}.",
                f"Write {self.spec.name}:VALUE, or {name} = VALUE.",
            )
        return self._options[name]

    def file(self, name: str) -> Path:
        """Return the path that an option names, from the folder of the file that the check stands in."""
        path = Path(str(self.needed(name))).expanduser()
        return path if path.is_absolute() or self.spec.folder is None else self.spec.folder / path

    @abstractmethod
    def grade(self, case: Case, given: Given) -> Grade:
        """Judge an answer; never raises for anything that a model or a row may hold.

        Raises:
            TunedeckError: A person's own function or pattern goes on giving no verdict.
        """

    def try_out(self) -> None:  # noqa: B027 - most checks can't fail to start
        """Start what it needs, before any answer is paid for.

        Raises:
            TunedeckError: It can't be started.
        """

    def close(self) -> None:  # noqa: B027 - most checks hold nothing
        """Let go of what it holds."""


def _named(spec: CheckSpec, main: str | None, known: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    options = dict(spec.options)
    if MAIN_OPTION in options and MAIN_OPTION not in known:
        if main is None:
            raise TunedeckError(
                f"The check {spec.name} takes no value.", f"Write {spec.name} alone{_listed(known)}."
            )
        options[main] = _converted(options.pop(MAIN_OPTION), known[main])
    for name, value in options.items():
        if name not in known:
            raise TunedeckError(
                f"The check {spec.name} has no option {safe_line(str(name), 40)}.",
                f"It takes{_listed(known)}.",
            )
        wanted = known[name]
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise TunedeckError(
                f"The check {spec.name}: {name} is {safe_line(repr(value), 60)}.", f"It must be {names}."
            )
    return options


def _listed(known: Mapping[str, Any]) -> str:
    return f" {', '.join(known)}" if known else " no options"


def _converted(value: Any, wanted: type | tuple[type, ...]) -> Any:
    """Turn a flag's text into the number that the main option is."""
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    if isinstance(value, str) and str not in kinds:
        for kind in (int, float):
            if kind in kinds:
                try:
                    return kind(value)
                except ValueError:
                    continue
    return value


def binary(right: bool, note: str = "") -> Grade:
    """Return a grade of right or wrong; the note is for what is wrong."""
    return Grade(1.0 if right else 0.0, "" if right else safe_line(note, 200))
